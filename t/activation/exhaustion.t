# SPDX-License-Identifier: Apache-2.0
#
# porticod out of descriptors or processes: it still answers, does not spin,
# keeps what runs, says what is missing, and starts workers when it can again.

use strict;
use warnings;
use Portico::Limits qw(get_limit set_limit starve_descriptors cpu_seconds);
use Portico::Server;
use Portico::Stops;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'no prlimit(2) here' unless get_limit($$, 'NOFILE');

my @probe = (modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ]);
my @pools = qw(main descriptors processes);
my $stops = Portico::Stops->new;
my $server = Portico::Server->new(
	worker => 't/worker/stopping-worker',
	pools => { slow => { environment => $stops->environment },
		map { $_ => { activationTimeout => '1s',
		rapidFailProtectionMaxCrashes => 2 } } @pools },
	applications => { '/' => { @probe },
		'/slow' => { pool => 'slow', modules => [ 'start-steps',
			'probe' ], handlers => $probe[3] },
		map { ("/$_" => { pool => $_, @probe }) } @pools[1, 2] },
	allow => [qr/\[P(?:1001|5009|5093|52\d\d)\]/],
)->start;
my $worker = $server->get_json('/count')->{pid};
my $listener = $server->pid_of('listener');

sub is_idle
{
	my ($name) = @_;
	my $before = cpu_seconds($server->pid);
	my $start = time;
	select undef, undef, undef, 1;
	my $used = cpu_seconds($server->pid) - $before;
	cmp_ok($used, '<', 0.1, sprintf '%s is idle: %.2f s CPU in %.1f s',
		$name, $used, time - $start);
}

sub pool { return $server->command_json('pool', 'show', $_[0])->{pool} }

# The pool has no worker, for a reason that is said, until `restore`.
sub is_short
{
	my ($pool, $reason, $restore) = @_;

	is($server->get("/$pool/count")->{status}, 503,
		'a request that needs a worker gets 503');
	like($server->await_log(qr/pool "$pool" cannot have.*\[P5230\]/, 5)
		// '', $reason, 'the log says why');
	like((pool($pool) // {})->{degraded}, $reason, 'so does pool show');
	is($server->get('/count')->{status}, 200,
		'another pool goes on');
	ok(await_condition(seconds(10), sub { pool($pool)->{starts} >= 4 }),
		'it is tried again and again');
	is(scalar(() = $server->log =~ /$pool.*\[P5230\]/g), 1,
		'but told once');
	$restore->();
	ok(await_condition(seconds(10), sub {
		$server->get("/$pool/count")->{status} == 200;
	}), 'when there is enough again it answers');
	my $now = pool($pool);
	is($now->{degraded}, '', 'it is not degraded any more');
	is($now->{failures}, 0, 'and never failed');
	ok($server->await_log(qr/pool "$pool" has a worker again.*P5231/, 5),
		'the log says that it is over');
}

subtest 'no descriptors' => sub {
	my $before = starve_descriptors($server->pid, 0);
	is_idle('porticod');
	for my $time (1 .. 5) {
		my $start = time;
		my $answer = $server->command_json('status');
		is($answer->{state}, 'running', "status answers, time $time");
	}
	# Commands that wait to be accepted are no reason to spin.
	my @idle = map {
		IO::Socket::UNIX->new(Type => Socket::SOCK_SEQPACKET(),
			Peer => $server->socket_path) // die "connect: $!"
	} 1 .. 8;
	is_idle('porticod, with commands that wait,');
	close $_ for @idle;
	is($server->command_json('status')->{state}, 'running',
		'status answers after that');

	my ($status, undef, $err) = $server->command('reload');
	is($status, 1, 'a reload is refused');
	like($err, qr/Too many open files/, 'says why');
	is($server->pid_of('listener'), $listener, 'the listener goes on');
	($status) = $server->command('pool', 'recycle', 'main');
	is($status, 0, 'a recycle is tried');
	like(pool('main')->{degraded}, qr/Too many open files/,
		'says why it failed');
	is($server->get_json('/count')->{pid}, $worker,
		'and the old worker stays');

	is_short('descriptors', qr/Too many open files/, sub {
		set_limit($server->pid, 'NOFILE', $before) });
	($status) = $server->command('pool', 'recycle', 'main');
	ok(await_exit($worker, seconds(10)), 'now it can be recycled');
	ok(await_condition(seconds(5), sub { pool('main')->{degraded} eq '' }),
		'and is not degraded any more');
	($status) = $server->command('reload');
	is($status, 0, 'and a reload works');
	# Whatever the start of a worker needs one for.
	for my $left (1 .. 12) {
		starve_descriptors($server->pid, $left);
		$server->command('pool', 'recycle', 'main');
		set_limit($server->pid, 'NOFILE', $before);
		like(pool('main')->{degraded}, qr/^(?:$|.*Too many open files)/,
			"with $left descriptors it says so, too");
	}
	is(pool('main')->{failures}, 0, 'nothing counted as a failure');
	is($server->pid_of('listener'), $listener,
		'the listener went on through all of it');
};

# The reload waits for a worker that knows the new routes; when that is there,
# no descriptor is left to tell the listener.
subtest 'no descriptors in the middle of a reload' => sub {
	my $configuration = $server->configuration;
	my $old = $server->get_json('/slow/count')->{pid};
	$configuration->{pools}{slow}{environment}{COLOUR} = 'red';
	$server->write_configuration($configuration);
	$stops->arm('load');
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		POSIX::_exit(($server->command('reload'))[0]);
	}
	ok($stops->await('load'), 'the new worker is on its way');
	# Below what it has open: what the worker gives back is no help.
	my $before = set_limit($server->pid, 'NOFILE', 10);
	ok($stops->go, 'it goes on');
	like($server->await_log(qr/\[P5212\]/, 10) // '',
		qr/Too many open files/, 'the log says what is missing');
	is($server->get_json('/slow/count')->{pid}, $old, 'requests go on');
	set_limit($server->pid, 'NOFILE', $before);
	waitpid $pid, 0;
	is($?, 0, 'with descriptors again the reload is done');
	is($server->pid_of('listener'), $listener, 'the listener is the same');
	is($server->get('/slow/count')->{status}, 200, 'the pool serves');
};

subtest 'no processes' => sub {
	my $before = set_limit($server->pid, 'NPROC', 1);
	is_short('processes', qr/temporarily unavailable|EAGAIN/, sub {
		set_limit($server->pid, 'NPROC', $before) });
};

$server->stop;
done_testing;
