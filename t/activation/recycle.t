# SPDX-License-Identifier: Apache-2.0
#
# Overlapped recycling: the new worker takes what is new, the old one finishes
# what it has; after shutdownTimeLimit its requests are aborted, then it gets
# SIGTERM, then SIGKILL, and no step comes before its time.

use strict;
use warnings;
use Portico::Server;
use Portico::Stops;
use Portico::Wait qw(await_condition await_exit seconds process_is_alive);
use Test::More;
use Time::HiRes qw(time);

my @probe = (modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ]);
my @pools = qw(finishes lingers obeys ignores stubborn stopped);
my $stops = Portico::Stops->new;
my $server = Portico::Server->new(
	worker => 't/worker/stopping-worker',
	pools => { three => { workers => 3 }, finishes => {}, lingers => { shutdownTimeLimit => '5s',
		environment => $stops->environment },
		map { $_ => { shutdownTimeLimit => '1s' } } @pools[2 .. 5] },
	applications => {
		map { ("/$_" => { pool => $_, @probe }) } @pools, 'three' },
	allow => [qr/\[P(?:5013|4040|5009)\]/],
)->start;

sub pid_of { return $server->get_json("/$_[0]/count")->{pid} }

# Starts a request that the worker keeps; returns its connection.  One that was
# given to the worker only would go to the next one instead.
sub hold
{
	my ($pool, $path) = @_;
	my $client = $server->connect;

	$client->send("GET /$pool$path HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(await_condition(seconds(5), sub {
		grep { $_->{target} eq "/$pool$path"
			&& $_->{state} eq 'started' } $server->requests
	}), "$path runs");
	return $client;
}

# Recycles; when the new worker answers returns its pid.
sub recycle
{
	my ($pool, $old) = @_;
	my ($status) = $server->command('pool', 'recycle', $pool);

	is($status, 0, 'it is recycled');
	my $new = await_condition(seconds(10), sub {
		my $pid = pid_of($pool);
		return $pid != $old ? $pid : 0;
	});
	ok($new, 'a new worker answers');
	return $new;
}

# What the log says of a worker from `mark` on, step by step.
sub steps
{
	my ($mark, $pid) = @_;
	my @steps;

	for my $line (split /\n/, substr $server->log, $mark) {
		next unless $line =~ /process $pid\b|portico-worker\[$pid\]/;
		push @steps, 'abort' if $line =~ /are aborted/;
		push @steps, 'TERM' if $line =~ /gets SIGTERM/;
		push @steps, 'KILL' if $line =~ /gets SIGKILL/;
		push @steps, "exit $1" if $line =~ /exited with status (\d+)/;
		push @steps, "signal $1" if $line =~ /killed by signal (\d+)/;
	}
	return \@steps;
}

subtest 'a request finishes on the old worker' => sub {
	my $old = pid_of('finishes');
	my $client = hold('finishes', '/sleep?ms=1000');
	my $mark = $server->log_position;
	my $new = recycle('finishes', $old);
	ok(process_is_alive($old), 'the old one is still there');
	is(pid_of('finishes'), $new, 'new requests go to the new one');
	my $response = $client->read_response;
	is($response->{status}, 200, 'its request is answered');
	ok(await_exit($old, seconds(5)), 'then it ends');
	$server->await_log(qr/process $old\b.*has stopped/, 5, $mark);
	is_deeply(steps($mark, $old), ['exit 0'], 'by itself');
};

subtest 'a module that heeds the abort' => sub {
	my $old = pid_of('obeys');
	my $client = hold('obeys', '/hold');
	my $streaming = $server->connect(receive_buffer => 4096);
	$streaming->send("GET /obeys/stream?bytes=50000000 HTTP/1.1\r\n"
		. "Host: a\r\n\r\n");
	is($streaming->read_response(head_only => 1)->{status}, 200,
		'another response has begun');
	my $mark = $server->log_position;
	my $start = time;
	recycle('obeys', $old);
	my $response = $client->read_response;
	my $took = time - $start;
	is($response->{status}, 503, 'its request gets 503');
	cmp_ok($took, '>', 0.9, 'after shutdownTimeLimit');
	ok($server->await_error_log(
		qr{/obeys/hold - 503 .* AppShutdown obeys ShutdownTimeLimit$}),
		'AppShutdown in the error log');
	ok(await_exit($old, seconds(5)), 'the worker ends');
	my $rest = 0;
	while (defined(my $more = eval { $streaming->take(65_536, time + 10) })) {
		$rest += length $more;
	}
	cmp_ok($rest, '<', 49_000_000, 'the response that had begun is cut');
	$server->await_log(qr/process $old\b.*has stopped/, 5, $mark);
	is_deeply(steps($mark, $old), [ 'abort', 'exit 0' ],
		'it needed no signal');
};

# Its requests are over long before the limit: it gets no more time for its end.
subtest 'one that has finished its requests and does not exit' => sub {
	my $old = pid_of('lingers');
	my $client = hold('lingers', '/sleep?ms=4000');
	my $mark = $server->log_position;

	$stops->arm('stopped');
	recycle('lingers', $old);
	is($client->read_response->{status}, 200, 'its request is answered');
	ok($stops->await('stopped'), 'all is ended but the process');
	my $start = time;
	ok($server->await_log(qr/process $old\b.*gets SIGTERM/, 20, $mark),
		'it gets SIGTERM');
	my $took = time - $start;
	cmp_ok($took, '<', 4.7, sprintf 'after %.2f s', $took);
	kill 'KILL', $old;
	ok(await_exit($old, seconds(5)), 'it is ended');
};

# All at once, since each takes its time.
my %stubborn = (
	ignores  => { path => '/block?ms=60000', name => 'ignores the abort',
		steps => [ 'abort', 'TERM', 'exit 0' ] },
	stubborn => { path => '/block?ms=60000&term=ignore',
		name => 'ignores SIGTERM, too',
		steps => [ 'abort', 'TERM', 'KILL', 'signal 9' ] },
	stopped  => { path => '/hold', name => 'does nothing any more',
		steps => [ 'abort', 'TERM', 'KILL', 'signal 9' ] },
);
my $mark = $server->log_position;
for my $pool (sort keys %stubborn) {
	my $one = $stubborn{$pool};

	subtest "a worker that $one->{name}" => sub {
		$one->{old} = pid_of($pool);
		$one->{client} = hold($pool, $one->{path});
		kill 'STOP', $one->{old} if $pool eq 'stopped';
		$one->{new} = recycle($pool, $one->{old});
	};
}
for my $pool (sort keys %stubborn) {
	my $one = $stubborn{$pool};
	my $old = $one->{old};

	subtest "and in the end: $one->{name}" => sub {
		is($one->{client}->read_response->{status}, 503,
			'its request gets 503');
		ok(await_exit($old, seconds(10)), 'the worker ends');
		$server->await_log(qr/process $old\b.*has stopped/, 5, $mark);
		is_deeply(steps($mark, $old), $one->{steps},
			"steps: @{ $one->{steps} }");
		is(pid_of($pool), $one->{new}, 'the new worker goes on');
		my $now = $server->command_json('pool', 'show', $pool)->{pool};
		is($now->{failures}, 0, 'it does not count as a failure');
		is($now->{degraded}, '', 'nor is the pool degraded');
	};
}

subtest 'several workers, one after the other' => sub {
	my $running = sub {
		my $pool = $server->command_json('pool', 'show', 'three')->{pool};
		my @pids = map { $_->{pid} } grep { $_->{state} eq 'running' }
			@{ $pool->{workers} };
		return @pids == 3 && @{ $pool->{workers} } == 3 ? \@pids : 0;
	};
	pid_of('three');
	my %old = map { $_ => 1 }
		@{ await_condition(seconds(10), $running) || [] };
	is(scalar keys %old, 3, 'three workers');
	my $mark = $server->log_position;
	is(($server->command('pool', 'recycle', 'three'))[0], 0, 'recycled');
	ok(await_condition(seconds(20), sub {
		my $new = $running->() or return 0;
		return !grep { $old{$_} } @$new;
	}), 'all are replaced');
	$server->await_log(qr/pool "three" has been recycled/, 5, $mark);
	my @steps = map { /starting a worker/ ? 'start'
			: /is replaced by/ ? 'replace' : 'end' }
		grep { /pool=three/ && /starting a worker|is replaced by|has stopped/ }
		split /\n/, substr $server->log, $mark;
	is_deeply(\@steps, [ (qw(start replace end)) x 3 ],
		'never two at once');
};

subtest 'nothing is left' => sub {
	my $answer = $server->command_json('request', 'list');
	is_deeply($answer->{figures}{requests}, [], 'no request');
	for my $pool (@pools) {
		is($server->counters($pool)->{active}, 0, "no lease of $pool");
	}
};

$server->stop;
done_testing;
