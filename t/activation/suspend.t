# SPDX-License-Identifier: Apache-2.0
#
# Idle workers are stopped instead of ended, with what they have started, and
# woken by the next request; whatever else is done to them meanwhile works.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;
use Time::HiRes qw(sleep time);

my @probe = (modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ]);
my %sleepy = (pingInterval => '50ms', idleTimeout => '200ms',
	idleTimeoutAction => 'Suspend', threads => 2);
# Seconds between pings, idleTimeout is a little more.
use constant LATE_PING => 0.5;
# Seconds between workers that are unwell.
use constant UNHEALTHY => 3;
my $server = Portico::Server->new(
	listener => { threads => 2 },
	pools => { main => { %sleepy, workers => 2 }, one => { %sleepy },
		busy => { %sleepy }, reads => { %sleepy, idleTimeout => '2s' },
		unwell => { %sleepy, recycling => {
			unhealthyInterval => UNHEALTHY . 's' } },
		late => { %sleepy, idleTimeout => '600ms',
			pingInterval => LATE_PING * 1000 . 'ms' } },
	applications => { '/' => { @probe }, '/one' => { pool => 'one', @probe },
		'/busy' => { pool => 'busy', @probe },
		'/reads' => { pool => 'reads', modules => ['static', 'confined'],
			handlers => [ { path => '/big/*', module => 'static' },
				{ path => '*', module => 'confined' } ] },
		'/unwell' => { pool => 'unwell', modules => ['confined'],
			handlers => [ { path => '*', module => 'confined' } ] },
		'/late' => { pool => 'late', @probe } },
	allow => [qr/listener|P5009|P5232/],
)->start;

sub workers { return @{ $server->command_json('pool', 'show', $_[0])->{pool}{workers} } }
sub pool_state { return $server->command_json('pool', 'show', $_[0])->{pool}{state} }

# The kernel's letter: T is stopped.
sub letter
{
	open my $file, '<', "/proc/$_[0]/stat" or return '';
	return join('', <$file>) =~ /\) (\S)/ ? $1 : '';
}

sub resident
{
	open my $file, '<', "/proc/$_[0]/status" or die $!;
	return join('', <$file>) =~ /VmRSS:\s+(\d+)/ ? $1 : 0;
}

# Until all workers of the pool are stopped.
sub asleep
{
	my ($pool) = @_;
	return await_condition(seconds(10), sub {
		my @workers = workers($pool);
		return @workers && !grep { $_->{state} ne 'suspended'
			|| letter($_->{pid}) ne 'T' } @workers;
	});
}

my $busy = $server->connect;
$busy->send("GET /busy/hold HTTP/1.1\r\nHost: a\r\n\r\n");

subtest 'one worker' => sub {
	my $pid = $server->get_json('/one/count')->{pid};
	my $awake = resident($pid);
	ok(asleep('one'), 'is stopped when it has been idle');
	is(pool_state('one'), 'suspended', '... which its pool says');
	my $count = $server->get_json('/one/count');
	is($count->{pid}, $pid, 'the next request wakes it');
	my @took;
	for (1 .. 5) {
		asleep('one');
		my $before = time;
		$server->get('/one/count');
		push @took, (time - $before) * 1000;
	}
	asleep('one');
	my ($least) = sort { $a <=> $b } @took;
	cmp_ok($least, '<', 100, sprintf '... in %.1f ms', $least);
	my @events = map { /"number":(522[23])/ ? $1 : () } split /\n/,
		($server->command('--json', 'events', '--pool', 'one'))[1];
	is("@events[0 .. 3]", '5222 5223 5222 5223', 'both are events');
	my $asleep = resident($pid);
	note("resident: $awake KiB awake, $asleep KiB asleep");
	is($server->command_json('pool', 'show', 'one')->{pool}{failures}, 0,
		'no ping fails by it');
};

# What its pool has read, or has started, is given back by the group that both
# are in; the worker's own where there is swap.
subtest 'memory of the group' => sub {
	my $directory = $server->root . '/big';
	my $file = "$directory/file";

	mkdir $directory;
	open my $out, '>', $file or die $!;
	print $out 'x' x (16 << 20);
	close $out or die $!;
	# Written by us, it would be ours.
	system 'dd', "of=$file", 'oflag=nocache', 'conv=notrunc,fdatasync',
		'count=0', 'status=none';
	my $worker = $server->get_json('/reads/self')->{pid};
	my ($group) = do {
		open my $groups, '<', "/proc/$worker/cgroup" or die $!;
		join('', <$groups>) =~ m{^0::(.*/portico-[0-9a-f]{8}/reads)$}m;
	};
	$group = '/sys/fs/cgroup' . ($group // '');
	plan skip_all => 'no group that gives memory back (version 2, '
		. 'Linux 5.19)' unless -e "$group/memory.reclaim"
		&& $group =~ /reads$/;
	my $cached = sub {
		open my $stat, '<', "$group/memory.stat" or return 1e9;
		return join('', <$stat>) =~ /^file (\d+)/m ? $1 >> 20 : 0;
	};
	# It is stopped without that when it takes too long on a busy machine.
	my ($before, $after);
	for my $try (1 .. 5) {
		is(length $server->get('/reads/big/file')->{body}, 16 << 20,
			'it reads a file');
		$before = $cached->();
		ok(asleep('reads'), '... and is stopped');
		$after = $cached->();
		last if $before >= 8 && $after < 4;
	}
	cmp_ok($before, '>=', 8, "the file was in memory: $before MiB");
	cmp_ok($after, '<', 4, "... and is not any more: $after MiB");
	is($server->get_json('/reads/self')->{pid}, $worker, 'it wakes');
};

subtest 'bursts of 64' => sub {
	my $failed = 0;
	for my $burst (1 .. 4) {
		ok(asleep('main'), "asleep before burst $burst") if $burst > 1;
		my @clients = map { $server->connect } 1 .. 64;
		$_->send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n") for @clients;
		for my $client (@clients) {
			my $response = $client->read_response;
			$failed++ unless $response && $response->{status} == 200;
		}
	}
	is($failed, 0, 'no request fails');
};

subtest 'who has a request' => sub {
	is((workers('busy'))[0]{state}, 'running', 'is not stopped');
	$busy->close;
	ok(asleep('busy'), '... until that is over');
};

# The last answer to a ping decides: the request was not there yet, and holds
# up that the worker is stopped, but nobody else.
subtest 'a request comes when it is to sleep' => sub {
	my ($slow, $caught);
	for my $try (1 .. 5) {
		$server->get('/late/count');
		# Between the last ping before its end and that.
		sleep 3.5 * LATE_PING;
		$slow = $server->connect;
		$slow->send("GET /late/hold HTTP/1.1\r\nHost: a\r\n\r\n");
		$caught = await_condition(LATE_PING, sub {
			(workers('late'))[0]{state} eq 'suspended' }) and last;
		$slow->close;
	}
	plan skip_all => 'the machine is too busy to hit that moment'
		unless $caught;
	isnt(letter((workers('late'))[0]{pid}), 'T', 'it is not stopped');
	my $response = eval { $server->get('/late/count') };
	is($response && $response->{status}, 200, 'others are answered');
	is((workers('late'))[0]{state}, 'running', '... by the same worker');
	$slow->close;
	ok(asleep('late'), 'and it sleeps when all is over');
	is(eval { $server->get('/late/count')->{status} }, 200, '... and wakes');
};

# It is to be replaced, but not so soon after another one.
subtest 'one that is unwell' => sub {
	my $first = $server->get_json('/unwell/self')->{pid};
	my $second = $first;
	$server->get('/unwell/tell?what=unhealthy');
	ok(await_condition(seconds(10), sub {
		$second = $server->get_json('/unwell/self')->{pid};
		return $second != $first }), 'is replaced');
	$server->get('/unwell/tell?what=unhealthy');
	ok(asleep('unwell'), 'the next one has to wait, and sleeps');
	return diag('too slow: it was replaced before it slept')
		if (workers('unwell'))[0]{pid} != $second;
	# Over that time.
	sleep 1.1 * UNHEALTHY;
	is((workers('unwell'))[0]{state}, 'suspended', '... for long enough');
	ok(await_condition(seconds(10), sub {
		$server->get_json('/unwell/self')->{pid} != $second }),
		'... and then it is not forgotten');
};

subtest 'what is done to it asleep' => sub {
	my $pid = $server->get_json('/one/count')->{pid};
	ok(asleep('one'), 'asleep');
	is(($server->command('pool', 'recycle', 'one'))[0], 0, 'recycled');
	ok(await_exit($pid, seconds(10)), '... it ends');
	my $next = $server->get_json('/one/count')->{pid};
	isnt($next, $pid, '... and another one is there');

	ok(asleep('one'), 'asleep');
	is(($server->command('upgrade', 'listener'))[0], 0, 'another listener');
	is($server->get_json('/one/count')->{pid}, $next, '... has it');

	ok(asleep('one'), 'asleep');
	my $listener = $server->pid_of('listener');
	kill 'KILL', $listener;
	await_exit($listener, seconds(5));
	is(eval { $server->get_json('/one/count')->{pid} } // 0, $next,
		'a listener that died: the next one has it')
		if ok(await_condition(seconds(10), sub {
			eval { $server->get('/one/count')->{status} } // 0 }),
			'a listener is back');

	ok(asleep('one'), 'asleep');
	kill 'KILL', $next;
	ok(await_exit($next, seconds(5)), 'killed');
	isnt($server->get_json('/one/count')->{pid}, $next, '... another comes');

	ok(asleep('one'), 'asleep');
	$server->command('pool', 'stop', 'one');
	ok(await_condition(seconds(10), sub { !workers('one') }), 'stopped');
	$server->command('pool', 'start', 'one');
	is($server->get('/one/count')->{status}, 200, '... and started');
	ok(asleep('one'), 'asleep again');
};

# porticod hears of the request first, and wakes a worker that is dead.
subtest 'killed when it is asked' => sub {
	my $pid = $server->get_json('/one/count')->{pid};
	ok(asleep('one'), 'asleep');
	kill 'STOP', $server->pid;
	my $client = $server->connect;
	$client->send("GET /one/count HTTP/1.1\r\nHost: a\r\n\r\n");
	sleep 0.3;
	kill 'KILL', $pid;
	sleep 0.2;
	kill 'CONT', $server->pid;
	my $response = eval { $client->read_response };
	is($response && $response->{status}, 200, 'another one answers');
};

subtest 'another porticod' => sub {
	my $pid = $server->get_json('/one/count')->{pid};
	ok(asleep('one'), 'asleep');
	$server->signal('KILL');
	ok($server->await_end(10), 'porticod is killed');
	$server->start;
	is($server->get_json('/one/count')->{pid}, $pid,
		'the next one wakes what sleeps');
	ok(asleep('one'), '... and lets it sleep again');
};

# It has told the listener to give the worker nothing, and ends before it has
# said so to the keeper: as a worker that serves is kept here, whatever it is.
subtest 'another porticod, which knows nothing of it' => sub {
	my $other = Portico::Server::test_program('t/activation/other-state');
	my $sleeper = Portico::Server->new(pools => { main => { %sleepy } },
		applications => { '/' => {@probe} },
		wrapper => ['/bin/sh', '-c', 'shift; exec "$0" "$@"', $other],
		environment => { PORTICO_TEST_STATE => 'worker/ state 2' },
	)->start;
	is($sleeper->get('/count')->{status}, 200, 'a worker serves');
	my $client = $sleeper->connect;
	$client->send("GET /sleep?ms=500 HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($sleeper->await_request(qr/sleep/), '... and is busy');
	my $listener = $sleeper->pid_of('listener');
	kill 'STOP', $listener;
	ok(await_condition(seconds(10), sub {
		$sleeper->command_json('pool', 'show', 'main')->{pool}{state}
			eq 'suspended' }), 'then it is to sleep');
	kill 'KILL', $sleeper->pid;
	waitpid $sleeper->pid, 0;
	kill 'CONT', $listener;
	is($client->read_response->{status}, 200, 'it has answered');
	$sleeper->{wrapper} = [];
	delete $sleeper->{environment};
	$sleeper->launch;
	ok($sleeper->await_ready, 'another porticod');
	my $response = eval { $sleeper->get('/count') };
	is($response && $response->{status}, 200, 'it is asked again');
	$sleeper->stop;
};

# And with all of them asleep.
ok(asleep('main'), 'all are asleep');
my $before = time;
$server->signal('TERM');
$server->await_end(20);
cmp_ok(time - $before, '<', seconds(5), 'the server ends at once');
$server->stop;
done_testing;
