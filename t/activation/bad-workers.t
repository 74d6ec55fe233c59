# SPDX-License-Identifier: Apache-2.0
#
# Workers that exit or hang in each step of their start, that get ready and
# never read, that block their loop in a module.  The control socket answers
# all the while, and each request gets its answer at the time that is
# configured, with the reason in the error log.

use strict;
use warnings;
use Portico::Control;
use Portico::Server;
use Portico::Stops;
use Portico::Wait qw(await_condition await_exit await_readable seconds
	stop_process);
use Test::More;
use Time::HiRes qw(time);

# Milliseconds in which the control socket answers.
use constant LIMIT => 100;

# How long a start may take; a good one has to fit in.
use constant START => seconds(0.7);

# Where a start can be stopped, and the step of its record that then failed.
my @steps = (
	[ configure => 'ready' ],
	[ dlopen => 'ready' ],
	[ load => 'ready' ],
	[ worker_init => 'ready' ],
	[ application_init => 'ready' ],
	[ ready => 'ready' ],
	[ attach => 'attached' ],
);

# Each pool has stops of its own, so that several can be stopped at once.
my (%stops, %pools);

sub add_pool
{
	my ($name, %settings) = @_;

	$stops{$name} = Portico::Stops->new;
	$pools{$name} = { environment => $stops{$name}->environment,
		shutdownTimeLimit => '1s', %settings };
}

sub milliseconds { return sprintf '%dms', $_[0] * 1000 }

# One failure, and the pool is disabled.
add_pool("strict-$_->[0]", rapidFailProtectionMaxCrashes => 1,
	startupTimeLimit => milliseconds(START)) for @steps;
# The request is given up before the worker is.
add_pool($_, activationTimeout => milliseconds(START))
	for 'hurry-dlopen', 'hurry-attach';
add_pool('patient');
# For workers that got ready.
add_pool('ready', queueTimeout => '800ms', executionTimeout => '1600ms');
add_pool('pair', workers => 2, queueTimeout => '5s');

my $server = Portico::Server->new(
	worker => 't/worker/stopping-worker',
	pools => \%pools,
	applications => {
		map {
			("/$_" => { pool => $_,
				modules => [ 'start-steps', 'steps', 'probe' ],
				handlers => [
					{ path => '/steps', module => 'steps' },
					{ path => '*', module => 'probe' } ] })
		} keys %pools
	},
	allow => [qr/worker|disabled|recycled|channel/],
)->start;

sub ask_control
{
	my ($answer) = Portico::Control::ask($server->socket_path, @_);
	return $answer;
}

sub show { return ask_control('pool-show', pool => $_[0]) }

# ---- the control socket, all the while -------------------------------------

# A process that asks without a pause and reports each time.
pipe my $stop, my $go_on or die $!;
pipe my $reader, my $writer or die $!;
my $sampler = fork // die $!;
if ($sampler == 0) {
	my @questions = ([ 'status' ], [ 'pool-show', pool => 'strict-load' ],
		[ 'request-list' ], [ 'worker-list' ], [ 'listener-show' ]);
	my @times;

	close $go_on;
	for (my $i = 0; !await_readable(0.01, $stop); $i++) {
		my ($text, $took) = Portico::Control::ask_text(
			$server->socket_path, @{ $questions[ $i % 5 ] });
		push @times, defined $text ? $took : 1e6;
	}
	print $writer join(' ', map { sprintf '%.2f', $_ } @times), "\n";
	close $writer;
	POSIX::_exit(0);
}
close $writer;

# ---- requests --------------------------------------------------------------

my $number = 0;

sub send_request
{
	my ($pool, $what) = @_;
	my $client = $server->connect;
	my $id = ++$number;
	my $began = time;

	$what //= 'steps?';
	$client->send("POST /$pool/$what&id=$id HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 0\r\n\r\n");
	return { client => $client, id => $id, began => $began };
}

# Reads the answers in the order in which they come, and notes when.
sub collect
{
	my %left = map { fileno $_->{client}->socket => $_ } @_;
	my $deadline = time + seconds(20);

	while (%left) {
		my @readable = await_readable($deadline - time,
			map { $_->{client}->socket } values %left) or last;
		for my $request (map { delete $left{ fileno $_ } } @readable) {
			$request->{response} =
				$request->{client}->read_response;
			$request->{took} = time - $request->{began};
		}
	}
}

# The answer comes with this status and reason, `at` seconds after it was sent
# (or up to `late` seconds after that).
sub is_answered
{
	my ($request, $status, $reason, $at, $late) = @_;

	collect($request) unless $request->{took};
	my $response = $request->{response};
	my $took = $request->{took} // 'never';

	is($response && $response->{status}, $status, "the answer is $status");
	ok($server->await_error_log(
		qr{id=$request->{id}\b\S* - $status \d+ $reason }),
		"$reason in the error log") if $reason;
	cmp_ok($took, '>=', $at, sprintf 'after %.2f s', $took);
	cmp_ok($took, '<', $at + seconds($late // 1.5), "not long after $at s");
	$request->{client}->close;
	return $response;
}

sub await_state
{
	my ($pool, $state) = @_;
	return await_condition(seconds(10), sub {
		show($pool)->{pool}{state} eq $state;
	});
}

# How the last start of the pool that has ended went.
sub last_start
{
	my ($pool) = @_;
	my ($start) = grep { $_->{ended} } @{ show($pool)->{starts} };
	my %state = map { $_->{step} => $_->{state} } @{ $start->{steps} };

	return ($start, \%state);
}

sub end_workers
{
	my ($pool) = @_;
	my @pids = map { $_->{pid} } @{ show($pool)->{pool}{workers} };

	kill 'KILL', @pids;
	await_exit($_, seconds(10)) for @pids;
	return await_condition(seconds(10), sub {
		!@{ show($pool)->{pool}{workers} };
	});
}

# ---- starts ----------------------------------------------------------------

# The worker was stopped; its request gets 503 at that time, and the record
# says what happened.
sub has_failed
{
	my ($request, $where, $step, $outcome, $at) = @_;
	my $pool = "strict-$where";

	ok($stops{$pool}->await($where), 'it was there');
	is_answered($request, 503, 'AppOffline', $at);
	ok(await_state($pool, 'disabled'), 'the pool is disabled');
	my ($start, $state) = last_start($pool);
	like($start->{outcome}, $outcome, 'how it ended is kept');
	is($state->{exec}, 'done', 'it was executed');
	is($state->{$step}, 'failed', "and failed in the step \"$step\"");
	# The next one may do better.
	ok(ask_control('pool-start', pool => $pool)->{ok},
		'the pool is started again');
	is_answered(send_request($pool), 200, undef, 0, 5);
	ok(end_workers($pool), 'its worker is ended');
	ask_control('pool-start', pool => $pool);
}

for my $case ((map { [ @$_, 'exit', qr/status 9/ ] } @steps),
	[ worker_init => 'ready', 'crash', qr/signal 9/ ]) {
	my ($where, $step, $how, $outcome) = @$case;
	subtest "its start ends by $how: $where" => sub {
		$stops{"strict-$where"}->arm($where, $how);
		my $request = send_request("strict-$where");
		has_failed($request, $where, $step, $outcome, 0);
	};
}

# All of them at once, each in another step.
my %waiting;
for my $step (@steps) {
	$stops{"strict-$step->[0]"}->arm($step->[0]);
	$waiting{ $step->[0] } = send_request("strict-$step->[0]");
}
collect(values %waiting);
for my $case (@steps) {
	my ($where, $step) = @$case;
	subtest "its start hangs: $where" => sub {
		has_failed($waiting{$where}, $where, $step,
			qr/startupTimeLimit/, START);
	};
}

for my $where ('dlopen', 'attach') {
	$stops{"hurry-$where"}->arm($where);
	$waiting{$where} = send_request("hurry-$where");
}
collect(@waiting{ 'dlopen', 'attach' });
for my $where ('dlopen', 'attach') {
	my $pool = "hurry-$where";
	subtest "its start hangs longer than a request waits: $where" => sub {
		is_answered($waiting{$where}, 503, 'Timer_AppPool', START);
		is(show($pool)->{pool}{state}, 'starting',
			'the worker is still starting');
		my $request = send_request($pool);
		ok($stops{$pool}->go, 'it goes on');
		is_answered($request, 200, undef, 0, 5);
	};
}

subtest 'the next worker does better' => sub {
	$stops{patient}->arm('load', 'exit');
	my $request = send_request('patient');
	is_answered($request, 200, undef, 0, 5);
	is($stops{patient}->runs($request->{id}), 1, 'it was run once');
	is_deeply([ map { $_->{succeeded} ? 1 : 0 }
		@{ show('patient')->{starts} } ], [ 1, 0 ],
		'by the second worker');
};

# ---- ready, and then -------------------------------------------------------

sub worker_of
{
	my ($pool) = @_;
	my $answer = $server->get_json("/$pool/count");
	return $answer ? $answer->{pid} : undef;
}

subtest 'gets ready and never reads' => sub {
	my $pid = worker_of('ready');
	ok(stop_process($pid), 'its worker is stopped');
	my $request = send_request('ready');
	is_answered($request, 503, 'Timer_ReqQueue', 0.8);
	# It was not taken and never will be.
	kill 'CONT', $pid;
	is(worker_of('ready'), $pid, 'when it goes on, it serves');
	is($stops{ready}->runs($request->{id}), 0, 'but not what was answered');
};

subtest 'stops between taking and starting' => sub {
	my $pid = worker_of('ready');
	$stops{ready}->arm('start');
	my $request = send_request('ready');
	ok($stops{ready}->await('start'), 'it is there');
	is_answered($request, 504, 'Timer_Response', 1.6);
	ok($stops{ready}->go, 'it goes on');
	is(worker_of('ready'), $pid, 'and serves');
};

subtest 'blocks its loop in a module' => sub {
	my $pid = worker_of('ready');
	my $blocking = send_request('ready', 'block?ms=2500');
	ok(await_condition(seconds(5), sub {
		grep { $_->{target} =~ /block/ && $_->{state} eq 'started' }
			@{ ask_control('request-list')->{figures}{requests} };
	}), 'it is running');
	my ($shown) = grep { $_->{target} =~ /block/ }
		@{ ask_control('request-list')->{figures}{requests} };
	is($shown->{module}, 'probe', 'the module is named');
	is($shown->{event}, 'EXECUTE', 'and the event');
	# One that comes meanwhile is never taken.
	my $waiting = send_request('ready');
	is_answered($waiting, 503, 'Timer_ReqQueue', 0.8);
	is_answered($blocking, 504, 'Timer_Response', 1.6);
	ok(await_condition(seconds(10), sub {
		($server->get_json('/ready/count') // {})->{pid};
	}), 'it serves again when the module returns');
	is(worker_of('ready'), $pid, 'the same worker');
	is($stops{ready}->runs($waiting->{id}), 0,
		'what it had not taken was not run');
};

subtest 'another worker does what one leaves lying' => sub {
	ok(await_condition(seconds(10), sub {
		send_request('pair')->{client}->read_response;
		2 == grep { $_->{state} eq 'running' }
			@{ show('pair')->{pool}{workers} };
	}), 'two workers run');
	my ($stopped, $other) = map { $_->{pid} }
		@{ show('pair')->{pool}{workers} };
	ok(stop_process($stopped), 'one of them is stopped');
	my @requests = map { send_request('pair') } 1 .. 4;
	is_answered($_, 200, undef, 0, 4) for @requests;
	kill 'CONT', $stopped;
	is(join(' ', map { $stops{pair}->runs($_->{id}) } @requests), '1 1 1 1',
		'each was run once');
};

subtest 'a recycle does not wait for a worker that never reads' => sub {
	my $pid = worker_of('ready');
	ok(stop_process($pid), 'its worker is stopped');
	my $began = time;
	is(ask_control('pool-recycle', pool => 'ready')->{ok}, 1, 'it begins');
	ok(await_condition(seconds(10), sub {
		my @workers = @{ show('ready')->{pool}{workers} };
		grep { $_->{pid} != $pid && $_->{state} eq 'running' } @workers;
	}), 'a new worker runs');
	is_answered(send_request('ready'), 200, undef, 0);
	ok(await_exit($pid, seconds(10)), 'the old one is ended');
	cmp_ok(time - $began, '<', seconds(8), 'soon after shutdownTimeLimit');
};

# ---- what the sampler saw --------------------------------------------------

subtest 'the control socket answered all the while' => sub {
	close $go_on;
	my @times = split ' ', readline($reader) // '';
	waitpid $sampler, 0;
	my @slow = grep { $_ > LIMIT } @times;
	# A machine that is busy with something else is slow now and then; a
	# server that waits for a worker is slow for as long as it waits.
	my ($run, $longest) = (0, 0);
	for my $time (@times) {
		$run = $time > LIMIT ? $run + 1 : 0;
		$longest = $run if $run > $longest;
	}
	my @sorted = sort { $a <=> $b } @times;

	cmp_ok(scalar @times, '>', 200, scalar(@times) . ' answers');
	cmp_ok($sorted[ 0.99 * $#sorted ], '<', seconds(LIMIT), sprintf
		'median %.1f ms, 99 %% within %.1f ms, all within %.1f ms',
		@sorted[ $#sorted / 2, 0.99 * $#sorted, $#sorted ]);
	cmp_ok($longest, '<', seconds(3), scalar(@slow) . ' took longer than '
		. LIMIT . ' ms, never three one after the other');
};

$server->stop;
done_testing;
