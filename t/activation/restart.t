# SPDX-License-Identifier: Apache-2.0
#
# A worker that dies is replaced on demand; a listener that dies is back on
# the same sockets within a second, and the same workers go on.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;
use Time::HiRes qw(time);

# A pool for each way to die: none of them fails often enough to be disabled.
my @ways = qw(segv abort exit kill);
my $server = Portico::Server->new(
	pools => { map { $_ => {} } 'main', 'other', 'failing', @ways },
	applications => {
		'/' => { modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] },
		map { ("/$_" => { pool => $_, modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] }) }
			'other', 'failing', @ways,
	},
	allow => [qr/worker|listener|disabled/i],
)->start;

subtest 'on demand' => sub {
	is(scalar $server->pids_of('worker'), 0,
		'no worker before the first request');
	my $first = $server->get_json('/count');
	is_deeply([ $server->pids_of('worker') ], [ $first->{pid} ],
		'the first request starts one, of its pool only');
	is($server->get_json('/count')->{pid}, $first->{pid},
		'which answers the next one, too');
};

subtest 'an idle worker is killed' => sub {
	my $old = $server->get_json('/count')->{pid};
	my $mark = $server->log_position;
	kill 'KILL', $old;
	ok(await_exit($old, seconds(5)), 'it is gone');
	my $answer = $server->get_json('/count');
	ok($answer, 'the next request is answered');
	isnt($answer->{pid}, $old, 'by a new worker');
	like($server->await_log(qr/\b$old\b.*(?:signal|killed)/i, 5, $mark)
		// '', qr/\S/, 'the log says how the old one ended');
};

# Dies of what it was asked: the one request fails, nothing else does.
for my $how (@ways) {
	subtest "a worker dies of a request: $how" => sub {
		my $bystander = $server->connect;
		my $old = $server->get_json("/$how/count")->{pid};
		my $neighbour = $server->get_json('/other/count')->{pid};
		# Not idempotent: must not be run a second time elsewhere.
		my $response = $server->get("/$how/crash?how=$how",
			method => 'POST', body => '');
		is($response && $response->{status}, 502,
			'the request that did it gets 502');
		my $answer = $bystander->request('GET', "/$how/count");
		is($answer->{status}, 200, 'the next one is answered');
		isnt(JSON::PP::decode_json($answer->{body})->{pid}, $old,
			'by a new worker');
		is($server->get_json('/other/count')->{pid}, $neighbour,
			'another pool does not notice');
	};
}

subtest 'a pool that fails again and again' => sub {
	my $mark = $server->log_position;
	my $response;
	for my $time (1 .. 5) {
		$response = $server->get('/failing/crash', method => 'POST',
			body => '');
		is($response->{status}, 502, "failure $time");
	}
	ok($server->await_log(qr/failing.*disabled|disabled.*failing/, 5,
		$mark), 'is disabled, the log says so');
	is($server->get('/failing/count')->{status}, 503, 'answers 503');
	ok($server->await_error_log(qr/ AppOffline failing\b/),
		'AppOffline in the error log');
	is($server->get('/count')->{status}, 200, 'other pools go on');
	my ($status) = $server->command('pool', 'start', 'failing');
	is($status, 0, 'an operator starts it again');
	is($server->get('/failing/count')->{status}, 200, 'it answers');
};

subtest 'the listener is killed' => sub {
	my $worker = $server->get_json('/count')->{pid};
	my $neighbour = $server->get_json('/other/count')->{pid};
	my $listener = $server->pid_of('listener');
	my $start = time;
	kill 'KILL', $listener;
	# The port stays open: a connection made meanwhile waits in the
	# kernel's backlog instead of being refused.
	await_exit($listener, seconds(5));
	my $response = $server->get('/count');
	my $took = time - $start;
	is($response && $response->{status}, 200, 'the port answers again');
	cmp_ok($took, '<', seconds(1), sprintf 'after %.0f ms', $took * 1000);
	isnt($server->pid_of('listener'), $listener, 'by a new listener');
	is($server->get_json('/count')->{pid}, $worker,
		'the same worker goes on');
	is($server->get_json('/other/count')->{pid}, $neighbour,
		'and that of the other pool');
	is(scalar $server->pids_of('listener'), 1, 'one listener runs');
};

subtest 'the listener is killed while a request runs' => sub {
	my ($worker, $aborts) = @{ $server->get_json('/count') }{qw(pid aborts)};
	my $client = $server->connect;
	$client->send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($server->await_request(qr/hold/), 'it runs');
	kill 'KILL', $server->pid_of('listener');
	ok(!defined $client->read_response, 'its connection is lost');
	is($server->get_json('/count')->{pid}, $worker,
		'the worker survives it');
	ok(await_condition(seconds(5), sub {
		$server->get_json('/count')->{aborts} == $aborts + 1;
	}), 'and its request is aborted');
};

subtest 'again and again' => sub {
	my $worker = $server->get_json('/count')->{pid};
	for my $round (1 .. 3) {
		my $listener = $server->pid_of('listener');
		kill 'KILL', $listener;
		await_exit($listener, seconds(5));
		is(($server->get_json('/count') // {})->{pid}, $worker,
			"listener killed, time $round");
	}
};

$server->stop;
done_testing;
