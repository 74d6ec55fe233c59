# SPDX-License-Identifier: Apache-2.0
#
# Workers are killed, pools recycled and configurations reloaded while 64
# connections ask without a pause: not one request fails, and every byte of
# every answer is the right one.
#
# A request is run once more when its worker dies, not twice: one whose second
# worker is killed too gets 502.  The next kill therefore waits until the pool
# has both workers again.  Answers fit the window (128 KiB), so a worker hands
# each over at once: one that had left in part could only be cut.
#
# PORTICO_FAULTS_SCALE multiplies the numbers of events, PORTICO_FAULTS_SEED
# repeats a run.

use strict;
use warnings;
use Portico::Load;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;
use Time::HiRes qw(time);

my $scale = $ENV{PORTICO_FAULTS_SCALE} // 1;
my $sanitized = ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';
# What the issue of these tests demands; a sanitized build does a tenth.
my ($kills, $recycles, $reloads) = map {
	int($_ * $scale / ($sanitized ? 10 : 1))
} 200, 50, 50;
my $random = $ENV{PORTICO_FAULTS_SEED} // int rand 1 << 30;
srand $random;
my $threads = 1 + int rand 2;
note("PORTICO_FAULTS_SEED=$random: loops of a worker: $threads");

my @files = ([1, 700], [2, 9_000], [3, 300_000]);
my $server = Portico::Server->new(
	listener => { threads => 2 },
	pools => {
		main => { workers => 2, threads => $threads + 0,
			rapidFailProtection => JSON::PP::false },
		other => { workers => 1, startMode => 'AlwaysRunning' },
	},
	applications => {
		'/' => { modules => ['load'],
			handlers => [ { path => '*', module => 'load' } ] },
		'/files' => { modules => ['static'],
			handlers => [ { path => '*', module => 'static' } ] },
		'/other' => { modules => ['load'], pool => 'other',
			handlers => [ { path => '*', module => 'load' } ] },
	},
	# Killed workers are told of, and lost; nothing else is expected.
	allow => [qr/terminated unexpectedly: it was killed by signal 9/],
);
Portico::Load::write_file($server->root, @$_) for @files;
$server->start;

# Pids of the pool's workers that get requests.
sub running
{
	my $list = $server->command_json('worker', 'list') or return;

	return map { $_->{pid} } grep {
		$_->{pool} eq 'main' && $_->{state} eq 'running'
	} @{ $list->{workers} };
}

sub await_both
{
	my @pids;
	await_condition(seconds(10), sub { (@pids = running()) == 2 })
		or die "the pool has not got both workers\n";
	return @pids;
}

sub kill_one
{
	my @pids = await_both();
	my $pid = $pids[ rand @pids ];

	kill 'KILL', $pid;
	await_exit($pid, seconds(5)) or die "worker $pid cannot be killed\n";
}

sub recycle
{
	my @old = await_both();
	my ($status, undef, $errors) = $server->command('pool', 'recycle',
		'main');

	die "recycle: $errors" if $status != 0;
	for my $pid (@old) {
		await_exit($pid, seconds(20)) or die "worker $pid stays\n";
	}
}

my $configuration = $server->configuration;
sub reload
{
	my ($number) = @_;

	$configuration->{pools}{other}{queueLength} = 1000 + $number;
	$server->write_configuration($configuration);
	my ($status, undef, $errors) = $server->command('reload');
	die "reload: $errors" if $status != 0;
}

my $answered = 0;
sub under_load
{
	my ($what, $count, $event) = @_;
	my $load = Portico::Load->start($server, connections => 64,
		bytes => '0-100000', mix => 'pattern=9,file=1',
		file => [map { "$_->[0]-$_->[1]" } @files], seed => $random, delay => 2,
		requests_per_connection => 50);
	my $began = time;

	ok($load->await_ready, "$what: every connection is served");
	for my $number (1 .. $count) {
		if (!eval { $event->($number); 1 }) {
			fail("$what $number: $@");
			$server->show_log;
			last;
		}
	}
	my $seconds = time - $began;
	await_both();
	my $end = $load->stop;
	is($end->{failed}, 0, sprintf '%s (%d in %.1f s): none of %d requests '
		. 'failed', $what, $count, $seconds, $end->{good});
	is($end->{wrong}, 0, "$what: every byte was right");
	diag(Portico::Load::complaints($end)) if $end->{failed} + $end->{wrong};
	note("$what: p50 $end->{p50} us, p99 $end->{p99}, max $end->{max}");
	$answered += $end->{good};
}

under_load('kills', $kills, \&kill_one);
under_load('recycles', $recycles, \&recycle);
under_load('reloads', $reloads, \&reload);

# Nothing is left behind, and nothing was done that nobody asked for: each
# request was accepted once, however often its worker died, and has its line.
ok(await_condition(seconds(10), sub { !$server->requests }),
	'no request is left');
my $counters;
sub held
{
	$counters = $server->counters('main');
	my $sum = $counters->{queued} + $counters->{active};
	$sum += $_->{active} + $_->{blocks} + $_->{held}
		for map { @{ $_->{channels} } } @{ $counters->{workers} };
	return $sum;
}
ok(await_condition(seconds(10), sub { held() == 0 }),
	'every slot and every block is free');
is($counters->{accepted}, $answered, 'every request was accepted once');
note("replayed $counters->{replayed}, requeued $counters->{requeued}");
cmp_ok($counters->{replayed} + $counters->{requeued}, '>', 0,
	'some were run once more');
my $lines = 0;
ok(await_condition(seconds(10), sub {
	open my $log, '<', $server->access_log or return 0;
	$lines = grep { !/^#/ } <$log>;
	return $lines >= $answered;
}), 'every request has a line in the log');
is($lines, $answered, 'and only one');
$server->stop;
done_testing;
