#!/usr/bin/env perl
# SPDX-License-Identifier: Apache-2.0
#
# What a request costs in Portico and in its peers, side by side in one run.
# script/bench installs what is needed and calls this.
#
# The servers are pinned to one core and the load (wrk) to another.  The
# figure that counts is CPU time of all of a server's processes divided by
# the requests they answered: it does not depend on who waits for whom.
# Servers take turns (A B C, A B C, ...) and the median of the rounds is
# printed, so that what else the machine does hits all of them.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../t/lib";
use File::Temp ();
use Getopt::Long qw(GetOptions);
use JSON::PP;
use List::Util qw(min);
use POSIX ();
use Bench::Process qw(family cpu_microseconds memory_kilobytes
	made_kilobytes);
use Bench::Servers;
use Portico::Http;
use Portico::Tls;
use Time::HiRes qw(sleep time);

my %case = (
	hello     => { path => '/hello', bytes => 0,
		servers => [qw(portico nginx haproxy)] },
	'1KiB'    => { path => '/1k.bin', bytes => 1024,
		servers => [qw(portico nginx h2o)] },
	kept      => { path => '/kept/1k.bin', bytes => 1024,
		servers => [qw(portico nginx h2o)] },
	# HTTP/2 with prior knowledge: 16 connections of 32 streams each.
	h2        => { path => '/kept/1k.bin', bytes => 1024, h2 => 1,
		servers => [qw(portico nginx h2o)] },
	'100KiB'  => { path => '/100k.bin', bytes => 100 * 1024,
		servers => [qw(portico nginx h2o)] },
	'10MiB'   => { path => '/10m.bin', bytes => 10 * 1024 * 1024,
		servers => [qw(portico nginx h2o)] },
);
my @case_order = qw(pipeline hello 1KiB kept h2 100KiB 10MiB idle);
# Connections that are idle, and the servers that keep them.
my @idle_servers = qw(portico nginx h2o);
my @idle_tls_servers = qw(portico nginx);

# What must be reached at 64 connections: Portico's CPU per request over
# nginx's; and over h2o's.
my %target = (hello => 1.0, '1KiB' => 1.0, kept => 0.8, h2 => 0.9, '100KiB' => 1.1,
	'10MiB' => 1.1);
my %target_h2o = (kept => 0.95, h2 => 1.0);
my ($h2_connections, $h2_streams) = (16, 32);

my %option = (only => [], server => [], connections => '1,64,256',
	duration => 5, rounds => 3, core => 0, 'load-core' => 1, idle => 10_000);

sub usage
{
	my ($status) = @_;
	print <<'END';
usage: script/bench [OPTION]...
  --quick              one round of 2 seconds at 64 connections
  --only CASE          pipeline, hello, 1KiB, kept (by the listener), h2
                       (the same by HTTP/2), 100KiB, 10MiB or idle; may be repeated
  --server NAME        portico, nginx, h2o or haproxy; may be repeated
  --connections LIST   1,64,256; of h2 always 16, with 32 streams each
  --idle N             idle connections: 10000
  --duration SECONDS   of one run: 5
  --rounds N           the median of so many: 3
  --logs on|off        access logs of all servers: off
  --perf               a profile of Portico's processes for each case
  --json               the results as JSON
  --core N, --load-core N   processors of the servers (0) and the load (1)
END
	exit $status;
}

GetOptions(\%option, 'quick', 'only=s@', 'server=s@', 'connections=s',
	'duration=i', 'rounds=i', 'logs=s', 'perf', 'json', 'core=i',
	'load-core=i', 'idle=i', 'help|h') && !@ARGV or usage(2);
usage(0) if $option{help};
@option{qw(duration rounds connections)} = (2, 1, '64') if $option{quick};
my @connections = split /,/, $option{connections};
my @cases = @{ $option{only} } ? @{ $option{only} } : @case_order;
for (@cases) {
	die "bench: no case $_, there are @case_order\n"
		unless $case{$_} || $_ eq 'pipeline' || $_ eq 'idle';
}
-d "/sys/devices/system/cpu/cpu$_"
	or die "bench: this machine has no processor $_\n"
	for @option{qw(core load-core)};

my $directory = File::Temp->newdir('portico-bench-XXXXXXXX', TMPDIR => 1);
chmod 01777, "$directory"; # servers drop to other users
mkdir "$directory/root";
mkdir "$directory/root/kept";
for my $case (grep { $_->{bytes} } values %case) {
	open my $file, '>', "$directory/root$case->{path}" or die $!;
	my $block = join '', map { chr(33 + $_ % 90) } 0 .. 1023;
	print $file $block for 1 .. $case->{bytes} / 1024;
	close $file or die $!;
}

my $servers = Bench::Servers->new(directory => "$directory",
	root => "$directory/root", core => $option{core},
	logs => ($option{logs} // 'off') eq 'on', body => 'Hello, world!');
$SIG{INT} = $SIG{TERM} = sub { exit 1 };
END { my $status = $?; $servers->stop_all if $servers; $? = $status }

# One response, read by our own client: the case works, and how long its body
# is.
sub probe
{
	my ($server, $case) = @_;
	my $response = Portico::Http->connect($server->{port})
		->request('GET', $case->{path});

	die "$server->{name} answers $case->{path} with "
		. ($response ? $response->{status} : 'nothing') . "\n"
		unless $response && $response->{status} == 200;
	die "$server->{name} sends the wrong length\n"
		if $case->{bytes} && length $response->{body} != $case->{bytes};
	return $response->{body};
}

# One run of h2load; it does not say percentiles.
sub measure_h2
{
	my ($server, $case, $connections, $duration) = @_;
	my @pids = family($server->{pid});
	my $port = $server->{h2_port} // $server->{port};
	my $run = sub {
		my ($requests) = @_;
		open my $load, '-|', 'taskset', '-c', $option{'load-core'},
			'h2load', "-c$connections", "-m$h2_streams", '-t1',
			"-n$requests", "http://127.0.0.1:$port$case->{path}"
			or die "h2load: $!\n";
		return join '', <$load>;
	};

	# So many as take about the time.
	my ($fast) = $run->(20_000) =~ /([\d.]+) req\/s/
		or die "h2load does not work\n";
	my $before = cpu_microseconds(@pids);
	my $output = $run->(int($fast * $duration));
	my $cpu = cpu_microseconds(@pids) - $before;
	my ($pss, $private) = memory_kilobytes(@pids);

	my ($done, $failed) = $output =~
		/(\d+) succeeded, (\d+) failed/ or die "h2load: $output\n";
	my ($rate) = $output =~ /([\d.]+) req\/s/;
	return { cpu => $cpu / ($done || 1), rate => $rate, p50 => 0, p99 => 0,
		pss => $pss, private => $private, failed => $failed,
		requests => $done };
}

# One run of wrk; the costs of the server's processes meanwhile.
sub measure
{
	my ($server, $case, $connections, $duration) = @_;
	return measure_h2(@_) if $case->{h2};
	my @pids = family($server->{pid});
	my @command = ('taskset', '-c', $option{'load-core'}, 'wrk', '-t1',
		"-c$connections", "-d${duration}s", '--timeout', '10s',
		'-s', "$FindBin::Bin/report.lua",
		"http://127.0.0.1:$server->{port}$case->{path}");

	my $before = cpu_microseconds(@pids);
	open my $wrk, '-|', @command or die "wrk: $!\n";
	sleep $duration * 0.7;
	my ($pss, $private) = memory_kilobytes(@pids);
	my ($line) = grep { /^RESULT/ } <$wrk>;
	close $wrk;
	my $cpu = cpu_microseconds(@pids) - $before;

	die "wrk gave no result for $server->{name}\n" unless $line;
	my %result = $line =~ /(\w+)=(\d+)/g;
	my $failed = 0;
	$failed += $result{$_} for qw(connect read write status timeout);
	return {
		cpu      => $cpu / ($result{requests} || 1),
		rate     => $result{requests} / ($result{microseconds} / 1e6),
		p50      => $result{p50}, p99 => $result{p99},
		pss      => $pss, private => $private, failed => $failed,
		requests => $result{requests},
	};
}

sub median
{
	my (@values) = sort { $a <=> $b } @_;
	return $values[$#values / 2];
}

sub summary
{
	my (@runs) = @_;
	my %summary = map {
		my $key = $_;
		$key => median(map { $_->{$key} } @runs);
	} qw(cpu rate p50 p99 pss private);

	$summary{failed} = 0;
	$summary{failed} += $_->{failed} for @runs;
	return \%summary;
}

sub print_row
{
	my ($name, $row, $base) = @_;
	printf "  %-10s %10.2f %7s %11.0f %10s %10s %9.1f %9.1f%s\n", $name,
		$row->{cpu},
		$base ? sprintf('%.2f', $row->{cpu} / $base->{cpu}) : '-',
		$row->{rate}, map({ duration($row->{$_}) } qw(p50 p99)),
		$row->{pss} / 1024, $row->{private} / 1024,
		$row->{failed} ? "  $row->{failed} failed" : '';
}

sub duration
{
	my ($us) = @_;
	return '-' unless $us;
	return $us < 10_000 ? "$us us" : sprintf '%.1f ms', $us / 1000;
}

sub profile
{
	my ($server, $case, $connections) = @_;
	my $data = "$directory/perf.data";
	my $pids = join ',', family($server->{pid});

	my $url = "http://127.0.0.1:$server->{port}$case->{path}";
	my @load = $case->{h2} ? ('h2load', "-c$h2_connections",
		"-m$h2_streams", "-D$option{duration}", $url)
		: ('wrk', '-t1', "-c$connections", "-d$option{duration}s", $url);

	open my $wrk, '-|', 'taskset', '-c', $option{'load-core'}, @load or die;
	# No cycle counter in most virtual machines: the clock has to do.
	system 'perf', 'record', '-q', '-e', 'cpu-clock', '-F', '4000', '-g',
		'-o', $data, '-p', $pids, '--', 'sleep', $option{duration} * 0.8;
	() = <$wrk>;
	close $wrk;
	print "\n  where Portico's time goes (perf, own time)\n";
	for my $sort ('comm,dso', 'comm,dso,symbol') {
		open my $report, '-|', 'perf', 'report', '-q', '--stdio',
			'--no-children', '-g', 'none', '--percent-limit', '0.7',
			'--sort', $sort, '-i', $data or die;
		my $count = 0;
		while (my $line = <$report>) {
			print "  $line" if $line =~ /%/ && $count++ < 30;
		}
		print "\n";
	}
}

# Without servers: the worker's part of a tiny request in one process, with 120
# subscribers that do nothing, and with none.
sub run_pipeline
{
	my $program = build_program('pipeline_bench');
	my $output = qx(taskset -c $option{core} $program --json);
	die "bench: $program failed\n" if $? != 0;
	my $result = decode_json($output);
	my $none = min(@{$result}{qw(none noneAgain)});
	my $cost = ($result->{subscribers} - $none) / 1000;
	return $result if $option{json};
	print "pipeline, CPU of the worker per request\n";
	printf "  %-36s %6.3f us (again: %.3f us)\n", 'no subscriber',
		$result->{none} / 1000, $result->{noneAgain} / 1000;
	printf "  %-36s %6.3f us\n", '12 events with 10 subscribers each',
		$result->{subscribers} / 1000;
	printf "  120 calls: %.3f us; target: at most 1 us: %s\n\n", $cost,
		$cost <= 1 ? 'met' : 'NOT met';
	return $result;
}

# A program of the build tree that is not built by default.
sub build_program
{
	my ($name) = @_;

	system('make', '-s', '-C', $ENV{PORTICO_BUILDDIR}, "bench/$name") == 0
		or die "bench: cannot build bench/$name\n";
	return "$ENV{PORTICO_BUILDDIR}/bench/$name";
}

# Memory of a server's processes for each of so many idle connections, in
# bytes: each has made one request.  Fresh servers, since memory that was used
# before would hide what is measured; and before them one that is configured
# for a few, since nginx takes memory for all at the start.
sub measure_idle
{
	my ($name, $program, @tls) = @_;
	$servers->stop_all;
	$servers->{connections} = 64;
	my $before = made_kilobytes(family($servers->start($name)->{pid}));
	$servers->stop_all;
	$servers->{connections} = $option{idle} + 100;
	my $server = $servers->start($name);
	my @pids = family($server->{pid});

	pipe my $reader, my $writer or die "pipe: $!";
	pipe my $stay, my $go or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		close $go;
		open STDIN, '<&', $stay;
		open STDOUT, '>&', $writer;
		exec 'taskset', '-c', $option{'load-core'}, $program,
			$server->{port}, $option{idle}, '/kept/1k.bin', @tls
			or POSIX::_exit(127);
	}
	close $writer;
	close $stay;
	my $ready = (<$reader> // '') eq "ready\n";
	sleep 1; # what servers put away when nothing happens
	my $after = made_kilobytes(@pids);
	close $go;
	waitpid $pid, 0;
	die "bench: $option{idle} connections to $name failed\n" unless $ready;
	return ($after - $before) * 1024 / $option{idle};
}

sub print_idle
{
	my ($what, $names, $result) = @_;

	printf "idle, %d connections%s, memory of the server\n", $option{idle},
		$what;
	printf "  %-10s %8.0f bytes each%s\n", $_, $result->{$_},
		$result->{nginx} ? sprintf('  %.2f x nginx',
			$result->{$_} / $result->{nginx}) : '' for @$names;
	printf "  target: at most 1.00 x nginx: %s\n\n",
		$result->{portico} <= $result->{nginx} ? 'met' : 'NOT met'
		if $result->{portico} && $result->{nginx};
}

sub run_idle
{
	my $program = build_program('idle_clients');
	my $chosen = sub { grep { my $one = $_; !@{ $option{server} }
		|| grep { $_ eq $one } @{ $option{server} } } @_ };
	my @names = $chosen->(@idle_servers);
	my @tls_names = $chosen->(@idle_tls_servers);
	my (%result, %tls);

	$servers->{pair} = Portico::Tls->new("$directory/tls")
		->issue('server', names => ['localhost']);
	$result{$_} = measure_idle($_, $program) for @names;
	$tls{$_} = measure_idle("${_}_tls", $program, 'tls') for @tls_names;
	$servers->stop_all;
	delete $servers->{connections};
	return { %result, tls => \%tls } if $option{json};
	print_idle('', \@names, \%result);
	print_idle(' of TLS 1.3', \@tls_names, \%tls);
	return { %result, tls => \%tls };
}

sub run_case
{
	my ($name) = @_;
	my $case = $case{$name};
	my @names = grep { my $one = $_; !@{ $option{server} }
		|| grep { $_ eq $one } @{ $option{server} } } @{ $case->{servers} };
	my @all = map { $servers->start($_) } @names;
	my %result;

	for my $server (@all) {
		probe($server, $case);
	}
	for my $connections ($case->{h2} ? $h2_connections : @connections) {
		my %runs;
		measure($_, $case, $connections, 1) for @all;
		for my $round (1 .. $option{rounds}) {
			for my $server (@all) {
				push @{ $runs{ $server->{name} } }, measure(
					$server, $case, $connections,
					$option{duration});
			}
		}
		$result{$connections}{$_} = summary(@{ $runs{$_} })
			for keys %runs;
		print_table($name, $connections, \@names, $result{$connections})
			unless $option{json};
	}
	my ($portico) = grep { $_->{portico} } @all;
	profile($portico, $case, $connections[$#connections / 2])
		if $option{perf} && $portico;
	return \%result;
}

sub print_target
{
	my ($rows, $peer, $target) = @_;
	my ($portico, $other) = @$rows{'portico', $peer};

	return unless $portico && $other && $target;
	printf "  target: at most %.2f x %s: %s (%.2f)\n", $target, $peer,
		$portico->{cpu} <= $target * $other->{cpu} ? 'met' : 'NOT met',
		$portico->{cpu} / $other->{cpu};
}

sub print_table
{
	my ($name, $connections, $names, $rows) = @_;
	my $nginx = $rows->{nginx};

	printf "%s, %d connection%s\n", $name, $connections,
		$connections == 1 ? '' : 's';
	printf "  %-10s %10s %7s %11s %10s %10s %9s %9s\n", '', 'CPU us/req',
		'x nginx', 'requests/s', 'p50', 'p99', 'Pss MiB', 'own MiB';
	print_row($_, $rows->{$_}, $nginx) for @$names;
	if ($connections == 256 && $nginx && $rows->{portico}) {
		printf "  target: p99 at most nginx's: %s (%.2f)\n",
			$rows->{portico}{p99} <= $nginx->{p99} ? 'met'
			: 'NOT met', $rows->{portico}{p99} / $nginx->{p99};
	}
	if ($connections == 64 || $case{$name}{h2}) {
		print_target($rows, 'nginx', $target{$name});
		print_target($rows, 'h2o', $target_h2o{$name});
	}
	print "\n";
}

# The tiny answer's length is the example module's; the peers repeat it.
if (!@{ $option{server} } || grep { $_ eq 'portico' } @{ $option{server} }) {
	if (grep { $_ eq 'hello' } @cases) {
		my $body = probe($servers->start('portico'), $case{hello});
		$servers->{body} = 'x' x length $body;
	}
}
my %run = (pipeline => \&run_pipeline, idle => \&run_idle);
my %results = map { $_ => $run{$_} ? $run{$_}->() : run_case($_) } @cases;
print JSON::PP->new->canonical->pretty->encode(\%results) if $option{json};
