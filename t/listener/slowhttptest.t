# SPDX-License-Identifier: Apache-2.0
#
# slowhttptest in its four modes at once: slow heads, slow bodies, many ranges,
# slow reading.  Other clients keep their latency, and the slow ones end with
# their reason in the error log.

use strict;
use warnings;
use POSIX ();
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

my ($program) = grep { -x } map { "$_/slowhttptest" }
	split(/:/, $ENV{PATH}), '/usr/bin';
plan skip_all => 'slowhttptest is not installed' unless $program;

my $count = 20; # connections of each mode
my $patience = 5; # seconds that they try
my $server = Portico::Server->new(
	listener => { headerWaitTimeout => '2s', entityBodyTimeout => '2s',
		minSendRate => 1_000_000, minSendRateWindow => '2s' },
	applications => {
		'/' => { modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] },
		'/files' => { modules => ['static'], handlers =>
			[ { path => '*', module => 'static' } ] },
	},
);
open my $file, '>', $server->root . '/big.bin' or die $!;
print $file 'x' x 8_000_000;
close $file;
$server->start;
my $url = 'http://127.0.0.1:' . $server->port;
my $client = $server->connect;

# The median of requests over so many seconds, in microseconds.
sub median
{
	my ($seconds) = @_;
	my $end = time + $seconds;
	my @times;

	while (time < $end || @times < 50) {
		my $start = time;
		my $response = $client->request('GET', '/count');

		die "no answer\n" unless $response && $response->{status} == 200;
		push @times, (time - $start) * 1e6;
		select undef, undef, undef, 0.005;
	}
	@times = sort { $a <=> $b } @times;
	return $times[@times / 2];
}

my %modes = (
	slow_heads => ['-H', '-i', 1, '-u', "$url/"],
	slow_bodies => ['-B', '-i', 1, '-u', "$url/body"],
	ranges => ['-R', '-u', "$url/files/big.bin"],
	slow_reading => ['-X', '-w', 256, '-y', 512, '-n', 1, '-z', 32, '-u',
		"$url/files/big.bin"],
);
my %running;

sub begin
{
	my ($mode) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', '/dev/null';
		exec $program, '-c', $count, '-r', 50, '-l', $patience,
			@{ $modes{$mode} } or POSIX::_exit(127);
	}
	$running{$pid} = $mode;
	return;
}

sub reasons
{
	my ($reason) = @_;

	open my $log, '<', $server->error_log or return 0;
	return scalar grep { / $reason / } <$log>;
}

my $before = median(1);
begin($_) for sort keys %modes;
ok(await_condition(seconds(20), sub {
	return $server->command_json('listener', 'counters')
		->{counters}{connections}{active} >= 2 * $count;
}), 'they are connected');
my $during = median(2);
# Twenty milliseconds are what a busy machine takes by itself.
cmp_ok($during, '<', 5 * $before + 20_000,
	sprintf 'others are answered after %.0f us, before %.0f us', $during,
	$before);
ok(await_condition(seconds(20), sub { reasons('Timer_HeaderWait') >= $count }),
	'slow heads end with Timer_HeaderWait');
ok(await_condition(seconds(20), sub { reasons('Timer_EntityBody') >= $count }),
	'slow bodies end with Timer_EntityBody');
ok(await_condition(seconds(20),
	sub { reasons('Timer_MinBytesPerSecond') >= $count }),
	'slow readers end with Timer_MinBytesPerSecond');
for my $pid (keys %running) {
	kill 'TERM', $pid if $running{$pid} eq 'slow_reading';
	waitpid $pid, 0;
}
ok(await_condition(seconds(20), sub {
	return !$server->requests;
}), 'nothing of them is left');
is($client->request('GET', '/count')->{status}, 200, 'and who was there still is');
$server->stop;
done_testing;
