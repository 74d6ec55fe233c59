# SPDX-License-Identifier: Apache-2.0
#
# Taking something away from a running process and giving it back: resource
# limits by prlimit(2).  And what the process does meanwhile: its CPU time.

package Portico::Limits;

use strict;
use warnings;
use Config;
use Exporter 'import';
use POSIX ();

our @EXPORT_OK = qw(get_limit set_limit starve_descriptors cpu_seconds);

my %resources = (FSIZE => 1, NPROC => 6, NOFILE => 7, AS => 9);
my %numbers = (x86_64 => 302, aarch64 => 261);

# (real uid, real gid) of a process.
sub owner_of
{
	my ($pid) = @_;
	my %ids;

	open my $status, '<', "/proc/$pid/status" or return;
	while (my $line = <$status>) {
		$ids{$1} = $2 if $line =~ /^([UG]id):\s+(\d+)/;
	}
	return ($ids{Uid}, $ids{Gid});
}

# As who the process runs as: root without CAP_SYS_RESOURCE may not do it.
sub prlimit
{
	my ($pid, $resource, $new) = @_;
	my ($uid, $gid) = owner_of($pid) or return;

	return call($pid, $resource, $new) if $uid == $<;
	pipe my $reader, my $writer or die "pipe: $!";
	my $child = fork // die "fork: $!";
	if ($child == 0) {
		POSIX::setgid($gid);
		POSIX::setuid($uid);
		my @old = call($pid, $resource, $new);
		print {$writer} "@old";
		close $writer;
		POSIX::_exit(0);
	}
	close $writer;
	my @old = split ' ', <$reader> // '';
	waitpid $child, 0;
	return @old;
}

sub call
{
	my ($pid, $resource, $new) = @_;
	my ($arch) = $Config{archname} =~ /^([^-]+)/;
	my $number = $numbers{$arch} // return;
	my $old = "\0" x 16;

	return if syscall($number, $pid + 0, $resources{$resource} // die,
		$new // 0, $old) != 0;
	return unpack 'QQ', $old;
}

# (soft, hard), or nothing when this machine cannot tell.
sub get_limit { my ($pid, $resource) = @_; return prlimit($pid, $resource) }

# The soft limit; returns the old one.
sub set_limit
{
	my ($pid, $resource, $soft) = @_;
	my (undef, $hard) = prlimit($pid, $resource) or return;
	my ($old) = prlimit($pid, $resource, pack 'QQ', $soft, $hard);

	die "prlimit $resource of $pid: $!" unless defined $old;
	return $old;
}

# From now on the process can open `left` more descriptors.  Returns the old
# limit, for set_limit.
sub starve_descriptors
{
	my ($pid, $left) = @_;
	my %open;

	opendir my $directory, "/proc/$pid/fd" or die "fd of $pid: $!";
	$open{$_} = 1 for grep { /^\d+$/ } readdir $directory;
	my $limit = 0;
	for (my $free = 0; $free < $left || $open{$limit}; $limit++) {
		$free++ unless $open{$limit};
	}
	return set_limit($pid, 'NOFILE', $limit);
}

# CPU time that it has used so far.
sub cpu_seconds
{
	my ($pid) = @_;

	open my $stat, '<', "/proc/$pid/stat" or return;
	my $line = <$stat> // '';
	my @fields = split ' ', $line =~ s/^.*\) //sr;
	return ($fields[11] + $fields[12]) / POSIX::sysconf(
		POSIX::_SC_CLK_TCK());
}

1;
