#!/usr/bin/env perl
# SPDX-License-Identifier: Apache-2.0
#
# What TLS costs in Portico and in nginx, side by side in one run: a request of
# 1 KiB on a connection that stays (kept by the listener's cache, and from the
# worker), and handshakes, full and resumed.  As in bench.pl the figure that
# counts is CPU time of all of a server's processes, and servers take turns.
# `script/bench tls` installs what is needed and calls this.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../t/lib";
use File::Temp ();
use Getopt::Long qw(GetOptions);
use JSON::PP;
use POSIX ();
use Bench::Process qw(family cpu_microseconds);
use Bench::Servers;
use Portico::Tls;

# `target`: Portico's CPU over nginx's.
my %case = (
	kept    => { path => '/kept/1k.bin', load => \&wrk, target => 0.9,
		what => 'a request, 1 KiB, kept by the listener' },
	'1KiB'  => { path => '/1k.bin', load => \&wrk,
		what => 'a request, 1 KiB, from the worker' },
	'16KiB' => { path => '/16k.bin', load => \&wrk,
		what => 'a request, 16 KiB' },
	'1MiB'  => { path => '/1m.bin', load => \&wrk,
		what => 'a request, 1 MiB' },
	full    => { path => '/kept/1k.bin', load => \&handshakes, target => 1.0,
		what => 'a handshake with one request' },
	resumed => { path => '/kept/1k.bin', load => \&handshakes, target => 1.0,
		what => 'a handshake from a ticket, with one request' },
);
my @order = qw(kept 1KiB 16KiB 1MiB full resumed);
my %option = (only => [], key => 'ec', duration => 4, rounds => 3,
	connections => 64, core => 0, 'load-core' => 1);

sub usage
{
	my ($status) = @_;
	print <<'END';
usage: script/bench tls [OPTION]...
  --only CASE          kept, 1KiB, 16KiB, 1MiB, full, resumed; may be repeated
  --key ec|rsa         of the certificate: ec
  --connections N      64; of handshakes 8 at most at a time
  --duration SECONDS   of one run: 4
  --rounds N           the median of so many: 3
  --perf               a profile of each server for each case
  --json               the results as JSON
  --core N, --load-core N   processors of the servers (0) and of the load (1)
END
	exit $status;
}

GetOptions(\%option, 'only=s@', 'key=s', 'connections=i', 'duration=i',
	'rounds=i', 'perf', 'json', 'core=i', 'load-core=i', 'help|h') && !@ARGV
	or usage(2);
usage(0) if $option{help};
my @cases = @{ $option{only} } ? @{ $option{only} } : @order;
for (@cases) { die "bench: no case $_, there are @order\n" unless $case{$_} }

my $directory = File::Temp->newdir('portico-bench-XXXXXXXX', TMPDIR => 1);
chmod 01777, "$directory";
my $root = "$directory/root";
mkdir $_ for $root, "$root/kept";
for ([qw(kept/1k.bin 1)], [qw(1k.bin 1)], [qw(16k.bin 16)], [qw(1m.bin 1024)]) {
	my ($name, $size) = @$_;

	open my $file, '>', "$root/$name" or die $!;
	print $file 'x' x 1024 for 1 .. $size;
	close $file or die $!;
}
my $tls = Portico::Tls->new("$directory/tls");
my $pair = $tls->issue('server', names => ['localhost'], key => $option{key});
my $servers = Bench::Servers->new(directory => "$directory", root => $root,
	core => $option{core}, logs => 0, pair => $pair);
$SIG{INT} = $SIG{TERM} = sub { exit 1 };
END { my $status = $?; $servers->stop_all if $servers; $? = $status }

# Both give what was done, of a command that prints a line RESULT.
sub result_of
{
	my @command = ('taskset', '-c', $option{'load-core'}, @_);

	open my $load, '-|', @command or die "$command[3]: $!\n";
	my ($line) = grep { /^RESULT/ } <$load>;
	close $load;
	die "@command gave no result\n" unless $line;
	return { $line =~ /(\w+)=(\d+)/g };
}

sub wrk
{
	my ($server, $case, $duration) = @_;
	my $result = result_of('wrk', '-t1', "-c$option{connections}",
		"-d${duration}s", '-s', "$FindBin::Bin/report.lua",
		"https://127.0.0.1:$server->{port}$case->{path}");

	for my $kind (qw(connect read write status timeout)) {
		die "$server->{name}: $result->{$kind} errors ($kind)\n"
			if $result->{$kind};
	}
	return $result->{requests};
}

sub handshakes
{
	my ($server, $case, $duration) = @_;
	my $count = $option{connections} < 8 ? $option{connections} : 8;
	my $result = result_of("$ENV{PORTICO_BUILDDIR}/bench/tls_load",
		$server->{port}, $case->{path}, $case->{name}, $duration, $count);

	die "$server->{name}: $result->{failed} failed\n" if $result->{failed};
	die "$server->{name}: only $result->{resumed} of $result->{handshakes} "
		. "are resumed\n" if $case->{name} eq 'resumed'
		&& $result->{resumed} < $result->{handshakes} - $count;
	return $result->{handshakes};
}

sub median { my @all = sort { $a <=> $b } @_; return $all[$#all / 2] }

sub profile
{
	my ($server, $case) = @_;
	my $data = "$directory/perf.data";
	my $pids = join ',', family($server->{pid});

	my $perf = fork // die "fork: $!";
	if ($perf == 0) {
		exec('perf', 'record', '-q', '-e', 'cpu-clock', '-F', '4000',
			'-g', '-o', $data, '-p', $pids, '--', 'sleep',
			$option{duration} * 0.8) or POSIX::_exit(127);
	}
	$case->{load}->($server, $case, $option{duration});
	waitpid $perf, 0;
	print "\n  where $server->{name}'s time goes (perf, own time)\n";
	for my $sort ('comm,dso', 'dso,symbol') {
		open my $report, '-|', 'perf', 'report', '-q', '--stdio',
			'--no-children', '-g', 'none', '--percent-limit', '0.7',
			'--sort', $sort, '-i', $data or die;
		my $count = 0;
		while (my $line = <$report>) {
			print "  $line" if $line =~ /%/ && $count++ < 40;
		}
		print "\n";
	}
}

sub run_case
{
	my ($name) = @_;
	my $case = { %{ $case{$name} }, name => $name };
	my @servers = map { $servers->start($_) } qw(portico_tls nginx_tls);
	my (%costs, %cost);

	$case->{load}->($_, $case, 1) for @servers;
	for my $round (1 .. $option{rounds}) {
		for my $server (@servers) {
			my @pids = family($server->{pid});
			my $before = cpu_microseconds(@pids);
			my $count = $case->{load}->($server, $case,
				$option{duration});

			push @{ $costs{ $server->{name} } },
				(cpu_microseconds(@pids) - $before) / $count;
		}
	}
	%cost = map { $_ => median(@{ $costs{$_} }) } keys %costs;
	my $ratio = $cost{portico} / $cost{nginx};
	unless ($option{json}) {
		printf "%-8s CPU us for %s\n", $name, $case->{what};
		printf "  %-8s %8.2f  (%s)\n", $_, $cost{$_},
			join ' ', map { sprintf '%.2f', $_ } @{ $costs{$_} }
			for sort keys %cost;
		printf "  %.2f x nginx%s\n\n", $ratio, !$case->{target} ? '' :
			sprintf ', target at most %.2f: %s', $case->{target},
				$ratio <= $case->{target} ? 'met' : 'NOT met';
		if ($option{perf}) { profile($_, $case) for @servers }
	}
	return { %cost, ratio => $ratio };
}

system('make', '-s', '-C', $ENV{PORTICO_BUILDDIR}, 'bench/tls_load') == 0
	or die "bench: cannot build bench/tls_load\n";
my %results = map { $_ => run_case($_) } @cases;
print JSON::PP->new->canonical->pretty->encode(\%results) if $option{json};
