# SPDX-License-Identifier: Apache-2.0
#
# Waiting for things that happen in other processes, always with a deadline
# and always on an event: a readable descriptor, a process's end (pidfd), a
# change of a file (inotify).  Nothing here sleeps and hopes.

package Portico::Wait;

use strict;
use warnings;
use Config;
use Exporter 'import';
use IO::Handle;
use Time::HiRes qw(time);

our @EXPORT_OK = qw(await_readable await_exit await_file await_condition
	process_is_alive seconds stop_process);

# Numbers of Linux's system calls; pidfd_open is the same everywhere.
use constant PIDFD_OPEN => 434;
my %inotify = (
	x86_64  => [294, 254],
	aarch64 => [26,  27],
);
use constant { IN_MODIFY => 2, IN_MOVED_TO => 0x80, IN_CREATE => 0x100 };
use constant { O_NONBLOCK => 04000, O_CLOEXEC => 02000000 };

# Deadlines are stretched where sanitizers or a busy machine make all slow.
sub seconds
{
	my ($seconds) = @_;
	my $factor = ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes' ? 4 : 1;

	return $seconds * ($ENV{PORTICO_TEST_PATIENCE} // $factor);
}

# Waits until one of the handles is readable; returns those, or nothing when
# the time is over.
sub await_readable
{
	my ($timeout, @handles) = @_;
	my $deadline = time + $timeout;

	while (1) {
		my $wanted = '';
		vec($wanted, fileno($_), 1) = 1 for @handles;
		my $left = $deadline - time;
		my $found = select(my $ready = $wanted, undef, undef,
			$left > 0 ? $left : 0);
		return grep { vec($ready, fileno($_), 1) } @handles
			if $found > 0;
		return if $left <= 0;
	}
}

# A process that is gone, or a zombie that nobody has reaped yet, is not
# alive.
sub process_is_alive
{
	my ($pid) = @_;

	open my $stat, '<', "/proc/$pid/stat" or return 0;
	my $line = <$stat> // '';
	return $line =~ /^\d+ \(.*\) [ZX]/s ? 0 : $line ne '';
}

# Waits for the end of any process, child or not.  True when it has ended.
sub await_exit
{
	my ($pid, $timeout) = @_;
	my $fd = syscall(PIDFD_OPEN, $pid + 0, 0);

	return 1 if $fd < 0;
	open my $handle, '<&=', $fd or die "pidfd: $!";
	return scalar(await_readable($timeout, $handle)) ? 1 : 0;
}

# Calls `check` at once, and again whenever something in the directory of
# `path` changes, until it returns true or the time is over.  Returns what
# `check` returned last.
sub await_file
{
	my ($path, $timeout, $check) = @_;
	my ($directory) = $path =~ m{^(.*)/[^/]+$};
	my $deadline = time + $timeout;
	my $watch = watch_directory($directory);

	while (1) {
		my $result = $check->();
		return $result if $result;
		my $left = $deadline - time;
		return $result if $left <= 0;
		if ($watch) {
			await_readable($left, $watch);
			sysread $watch, my $events, 65536;
		} else {
			select undef, undef, undef, 0.02;
		}
	}
}

sub watch_directory
{
	my ($directory) = @_;
	my ($arch) = $Config{archname} =~ /^([^-]+)/;
	my $numbers = $inotify{$arch} or return;
	my $fd = syscall($numbers->[0], O_NONBLOCK | O_CLOEXEC);

	return if $fd < 0;
	open my $handle, '<&=', $fd or die "inotify: $!";
	my $path = "$directory\0";
	syscall($numbers->[1], $fd, $path,
		IN_MODIFY | IN_MOVED_TO | IN_CREATE) >= 0
		or die "inotify: $directory: $!";
	return $handle;
}

# For states that no descriptor announces (a counter seen through the control
# socket): asks again, each answer being the pace.  Returns the last answer.
sub await_condition
{
	my ($timeout, $check) = @_;
	my $deadline = time + $timeout;

	while (1) {
		my $result = $check->();
		return $result if $result || time >= $deadline;
		select undef, undef, undef, 0.01;
	}
}

# Stops it; true when no thread of it runs any more, which takes a moment.
sub stop_process
{
	my ($pid) = @_;

	kill 'STOP', $pid;
	return await_condition(seconds(5), sub {
		for my $path (glob "/proc/$pid/task/*/stat") {
			open my $file, '<', $path or next;
			return 0 unless (<$file> // '') =~ /^\d+ \(.*\) T/s;
		}
		return 1;
	});
}

1;
