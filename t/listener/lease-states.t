# SPDX-License-Identifier: Apache-2.0
#
# A worker is killed, or hangs up and lives on, at every state of a lease:
# before it takes a request, between taking and starting it, when it was
# started, in the middle of the request's body, when the head of the response
# was sent, in the middle of the response.  For each kind of request the client
# gets what is specified, the module has run it as often as is specified, and
# afterwards the listener has in use what it had before.

use strict;
use warnings;
use Portico::Control;
use Portico::Server;
use Portico::Stops;
use Portico::Wait qw(await_condition await_exit await_readable seconds);
use Test::More;
use Time::HiRes qw(time);

use constant BODY => 20000;

my $stops = Portico::Stops->new;
my %pool = (
	environment => $stops->environment,
	rapidFailProtection => JSON::PP::false,
	shutdownTimeLimit => '5s',
);
my $server = Portico::Server->new(
	worker => 't/worker/stopping-worker',
	pools => {
		main => { %pool },
		careful => { %pool, replay => JSON::PP::false },
		hurry => { %pool, queueTimeout => '2s' },
		short => { %pool, executionTimeout => '300ms' },
	},
	applications => {
		'/files' => { modules => ['static'], handlers =>
			[ { path => '*', module => 'static' } ] },
		map {
			("/$_" => { pool => $_, modules => [ 'steps', 'probe' ],
				handlers => [
					{ path => '/steps', module => 'steps' },
					{ path => '*', module => 'probe' } ] })
		} qw(main careful hurry short)
	},
	allow => [qr/worker|channel/],
);
my $pattern = join '', map { chr(ord('a') + $_ % 23) } 0 .. BODY - 1;
my $number = 0;

# A worker of the pool is there, and no request is.
sub worker_of
{
	my ($pool) = @_;
	my $answer = $server->get_json("/$pool/count");
	return $answer ? $answer->{pid} : undef;
}

# What is in use when nothing is in progress, with one worker in each pool.
sub quiet
{
	worker_of($_) for qw(main careful hurry short);
	my $all = figures()->{resources};
	return { map { $_ => $all->{$_} } qw(active blocks blocksBySize channels
		descriptors files held lostChannels overflow requests slots) };
}

sub is_quiet_again
{
	my ($before, $name) = @_;
	my $after;

	await_condition(seconds(10), sub {
		$after = quiet();
		return JSON::PP->new->canonical->encode($after)
			eq JSON::PP->new->canonical->encode($before);
	});
	return is_deeply($after, $before, $name);
}

# The listener's figures.
sub figures
{
	my ($answer) = Portico::Control::ask($server->socket_path,
		'listener-show');
	return $answer->{counters};
}

sub pool
{
	my ($name) = @_;
	my ($found) = grep { $_->{name} eq $name } @{ figures()->{pools} };
	return $found;
}

# ---- one case --------------------------------------------------------------

# What is asked.  `body` is sent after the head.
my %requests = (
	GET => { pool => 'main', method => 'GET' },
	'GET without replay' => { pool => 'careful', method => 'GET' },
	'PUT, body not read' => { pool => 'main', method => 'PUT',
		body => 'x' x 1000 },
	'PUT, small body read' => { pool => 'main', method => 'PUT',
		body => 'x' x 1000, read => 1 },
	'PUT, large body read' => { pool => 'main', method => 'PUT',
		body => 'x' x 200_000, read => 1 },
	POST => { pool => 'main', method => 'POST', body => 'x' x 10 },
	'POST, body read' => { pool => 'main', method => 'POST',
		body => 'x' x 10, read => 1 },
	'GET, sized' => { pool => 'main', method => 'GET', sized => 1 },
	'GET, HTTP/1.0' => { pool => 'main', method => 'GET', version => '1.0' },
);

sub send_request
{
	my ($id, $request) = @_;
	my $client = $server->connect;
	my $target = "/$request->{pool}/steps?id=$id";
	my $body = $request->{body};

	$target .= "&$_=1" for grep { $request->{$_} } qw(read sized);
	$client->send("$request->{method} $target HTTP/"
		. ($request->{version} // '1.1') . "\r\nHost: a\r\n"
		. (defined $body ? 'Content-Length: ' . length($body) . "\r\n"
		: '') . "\r\n" . ($body // ''));
	return $client;
}

# Ends the worker that has stopped at `step`.
sub end_worker
{
	my ($pid, $how) = @_;

	# The listener has noticed when its figures of this worker are gone.
	kill $how eq 'is killed' ? 'KILL' : 'USR1', $pid;
	return await_condition(seconds(10), sub {
		!grep { $_->{pid} == $pid } @{ figures()->{workers} };
	});
}

# The client got: 200 from another worker, 502, or an answer that is cut.
my %outcomes = (
	'another worker' => sub {
		my ($id, $client) = @_;
		my $response = $client->read_response;
		is($response && $response->{status}, 200, 'it is answered');
		is($response->{body}, $pattern, 'by another worker, whole');
	},
	502 => sub {
		my ($id, $client) = @_;
		my $response = $client->read_response;
		is($response && $response->{status}, 502, 'it gets 502');
		ok($server->await_error_log(
			qr{id=$id\b\S* - 502 \d+ \S+ \w+ WorkerCrashed$}),
			'WorkerCrashed in the error log');
	},
	cut => sub {
		my ($id, $client, $head) = @_;
		my $response = $head;
		eval { $client->read_body($response, time + seconds(10), 'GET') };
		is($@, '', 'what came is well formed');
		is($response->{status}, 200, 'the head has come');
		ok(!$response->{complete}, 'the client can tell that it is '
			. 'not the whole answer');
		is($response->{body}, substr($pattern, 0,
			length $response->{body}), 'what came is right');
		ok($server->await_error_log(
			qr{id=$id\b\S* - 200 \d+ \S+ \w+ WorkerCrashed$}),
			'WorkerCrashed in the error log');
	},
);

sub run_case
{
	my ($step, $how, $kind, $outcome, $runs, $replayed) = @_;
	my $request = $requests{$kind};
	my $pool = $request->{pool};
	my $before = quiet();
	my $pid = worker_of($pool);
	my $counted = pool($pool);
	my $id = ++$number;
	my $head;

	$stops->arm($step);
	my $client = send_request($id, $request);
	ok($stops->await($step), "a worker is there: $step");
	# Not before the head was seen by the client.
	$head = $client->read_response(head_only => 1)
		if $outcome eq 'cut';
	ok(end_worker($pid, $how), "it $how");
	$outcomes{$outcome}->($id, $client, $head);
	$client->close;
	is($stops->runs($id), $runs, "it was run $runs times");
	if ($how eq 'hangs up') {
		if ($step eq 'take' || $step eq 'start') {
			my $mark = $server->log_position;
			ok($stops->go, 'the old worker goes on');
			ok($stops->await_note("$step.refused"),
				'and is not given the request');
			# It says so when it has done all that it could.
			ok($server->await_log(
				qr/worker\[$pid\]: channel of loop 0 ended/,
				10, $mark), 'it gives up');
			is($stops->runs($id), $runs, 'it has not run it');
		}
		kill 'KILL', $pid;
	}
	await_exit($pid, seconds(10));
	my $now = pool($pool);
	is($now->{replayed} - $counted->{replayed}, $replayed,
		$replayed ? 'counted as replayed' : 'not counted as replayed');
	is($now->{requeued} - $counted->{requeued},
		$outcome eq 'another worker' ? 1 : 0, 'requeued as often');
	is_quiet_again($before, 'blocks, slots, files, descriptors: as before');
}

$server->start;

# ---- the states ------------------------------------------------------------

for my $how ('is killed', 'hangs up') {
	for my $step ('take', 'start') {
		for my $kind ('GET', 'GET without replay', 'PUT, body not read',
			'POST') {
			subtest "$step, the worker $how: $kind" => sub {
				run_case($step, $how, $kind, 'another worker',
					1, 0);
			};
		}
	}
	for my $case (
		[ started => 'GET', 'another worker' ],
		[ started => 'GET without replay', 502 ],
		[ started => 'PUT, body not read', 'another worker' ],
		[ started => 'POST', 502 ],
		[ body => 'PUT, small body read', 'another worker' ],
		[ body => 'PUT, large body read', 502 ],
		[ body => 'POST, body read', 502 ],
		[ head => 'GET', 'cut' ],
		[ head => 'GET, sized', 'cut' ],
		[ middle => 'GET', 'cut' ],
		[ middle => 'GET, sized', 'cut' ],
		[ middle => 'GET, HTTP/1.0', 'cut' ],
		[ middle => 'POST', 'cut' ],
	) {
		my ($step, $kind, $outcome) = @$case;
		my $again = $outcome eq 'another worker';
		subtest "$step, the worker $how: $kind" => sub {
			run_case($step, $how, $kind, $outcome, 1 + $again,
				$again ? 1 : 0);
		};
	}
}

subtest 'one that has hung up and does not exit is killed' => sub {
	my $before = quiet();
	my $pid = worker_of('main');
	my $mark = $server->log_position;

	$stops->arm('take');
	my $client = send_request(++$number, $requests{GET});
	ok($stops->await('take'), 'it is offered a request');
	kill 'USR1', $pid;
	is($client->read_response->{status}, 200, 'another one answers');
	ok(await_exit($pid, seconds(10)), 'it is gone');
	ok($server->await_log(qr/process $pid\b.*SIGKILL/, 5, $mark),
		'the log says how');
	my ($how) = substr($server->log, $mark) =~
		/process $pid\) (did not .*? and gets SIGKILL)/;
	is($how, 'did not exit by itself and gets SIGKILL',
		'and speaks of no SIGTERM');
	$client->close;
	is_quiet_again($before, 'all is as before');
};

subtest 'it is replayed once only' => sub {
	my $before = quiet();
	my $id = ++$number;
	my $pid = worker_of('main');

	$stops->arm('started');
	my $client = send_request($id, $requests{GET});
	for my $time (1, 2) {
		ok($stops->await('started'), "started, time $time");
		my ($running) = grep { $_->{target} =~ /id=$id\b/ }
			$server->requests;
		($pid) = map { $_->{pid} } grep { $_->{id} == $running->{worker} }
			@{ $server->command_json('worker', 'list')->{workers} };
		$stops->arm('started') if $time == 1;
		kill 'KILL', $pid;
		await_exit($pid, seconds(10));
	}
	$outcomes{502}->($id, $client);
	$client->close;
	is($stops->runs($id), 2, 'it was run twice');
	is_quiet_again($before, 'all is as before');
};

subtest 'it keeps its deadline' => sub {
	my $before = quiet();
	my $pid = worker_of('hurry');
	my $id = ++$number;
	my $began = time;

	$stops->arm('start');
	my $client = send_request($id, { pool => 'hurry', method => 'POST' });
	ok($stops->await('start'), 'taken');
	# No other worker gets that far.
	$stops->arm('attach');
	# Most of its time is over when it goes back.
	select undef, undef, undef, 1.3 - (time - $began);
	kill 'KILL', $pid;
	my $response = $client->read_response;
	my $took = time - $began;
	is($response && $response->{status}, 503, 'it gets 503');
	ok($server->await_error_log(qr{id=$id\b\S* - 503 \d+ Timer_ReqQueue}),
		'Timer_ReqQueue in the error log');
	cmp_ok($took, '>=', 1.9, sprintf 'after %.2f s', $took);
	cmp_ok($took, '<', 1.3 + 2, 'which is less than anew');
	is($stops->runs($id), 0, 'it was never run');
	ok($stops->go, 'the next worker attaches');
	$client->close;
	is_quiet_again($before, 'all is as before');
};

subtest 'the reason is logged while the worker still has the request' => sub {
	my $before = quiet();
	my $id = ++$number;

	$stops->arm('start');
	my $client = send_request($id, { pool => 'short', method => 'GET' });
	ok($stops->await('start'), 'taken');
	my $response = $client->read_response;
	is($response && $response->{status}, 504, 'it gets 504');
	ok($server->await_error_log(qr{id=$id\b\S* - 504 \d+ Timer_Response}),
		'Timer_Response in the error log');
	is(pool('short')->{active}, 1, 'the slot is the worker\'s');
	ok($stops->go, 'it goes on');
	$client->close;
	is_quiet_again($before, 'all is as before');
};

# ---- what was handed over completely ---------------------------------------

# The client reads nothing at first, so that all but what the kernel takes
# waits in the listener.  Blocks that come behind a file wait with it.
my $large = $pattern x 600;
open my $file, '>', $server->root . '/large.bin' or die $!;
print $file $large;
close $file;

for my $case (
	[ 'a file', '/files/large.bin', $large, 'files' ],
	[ 'a file and blocks', '/main/steps?id=large&sized=1&file=1',
		"$large$pattern", 'held' ],
) {
	my ($what, $target, $body, $resource) = @$case;
	subtest "a whole answer, $what, outlives its worker" => sub {
		my $before = quiet();
		my $pid = worker_of('main');
		my $client = $server->connect(receive_buffer => 4096);
		$client->send("GET $target HTTP/1.1\r\nHost: a\r\n\r\n");
		ok(await_condition(seconds(10), sub {
			my $now = pool('main');
			return $now->{$resource} > 0 && $now->{active} == 0;
		}), 'the worker is done, the listener sends');
		kill 'KILL', $pid;
		await_exit($pid, seconds(10));
		ok(await_condition(seconds(10), sub {
			pool('main')->{lostChannels} > 0;
		}), 'the worker is gone');
		cmp_ok(pool('main')->{$resource}, '>', 0,
			'what it handed over is still there');
		is($server->get('/main/count')->{status}, 200,
			'another worker answers others');
		my $response = $client->read_response(timeout => seconds(60));
		is($response && $response->{status}, 200, 'the answer comes');
		is($response->{complete}, 1, 'to its end');
		ok($response->{body} eq $body, 'and is right');
		is($client->request('GET', '/main/count')->{status}, 200,
			'the connection goes on');
		$client->close;
		is_quiet_again($before, 'all is as before');
	};
}

$server->stop;
done_testing;
