# SPDX-License-Identifier: Apache-2.0
#
# porticod is killed with SIGKILL.  Its listener and workers serve meanwhile,
# the next porticod goes on with them, and clients notice nothing: under a load
# of 64 connections no GET fails.  What cannot be done without porticod waits
# for it.  The keeper, which makes that possible, gives what it has to porticod
# alone, and is started again if it dies.

use strict;
use warnings;
use IO::Socket::UNIX;
use Portico::Family qw(family await_workers strike kill_porticod);
use Portico::Load;
use Portico::Server;
use Portico::Stops;
use Portico::Wait qw(await_condition await_exit process_is_alive seconds);
use Socket qw(AF_UNIX SOCK_SEQPACKET pack_sockaddr_un);
use Test::More;

my @running;

sub kill_it
{
	my ($server) = @_;

	push @running, $server->descendants;
	kill_porticod($server);
}

sub start_again
{
	my ($server, $before) = @_;

	$server->launch(@{ $server->{arguments} // [] });
	ok($server->await_ready, 'another porticod gets ready')
		or $server->show_log;
	my $now = await_workers($server, scalar @{ $before->{workers} })
		// family($server);
	is($now->{takeOvers}, $before->{takeOvers} + 1, 'it says what it did');
	is($now->{listener}, $before->{listener}, 'the same listener');
	is_deeply($now->{workers}, $before->{workers}, 'the same workers');
	like(($server->command('status'))[1],
		qr/taken over from another one, $now->{takeOvers} time/,
		'status tells');
	return $now;
}

sub server
{
	my (%options) = @_;

	return Portico::Server->new(
		applications => { '/' => { modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] } }, %options);
}

subtest 'under load' => sub {
	my $server = server(listener => { threads => 2 },
		pools => { main => { workers => 2, threads => 2,
			startMode => 'AlwaysRunning' } },
		applications => { '/' => { modules => ['load'], handlers =>
			[ { path => '*', module => 'load' } ] } })->start;
	my $before = await_workers($server, 2);
	my $load = Portico::Load->start($server, connections => 64,
		mix => 'pattern=1', bytes => '0-30000', delay => 5);

	ok($load->await_ready, '64 connections have had an answer');
	for my $round (1 .. $ENV{PORTICO_TAKEOVERS} // 2) {
		kill_it($server);
		my $seen = $load->totals->{good};
		ok(await_condition(seconds(10), sub {
			$load->totals->{good} > $seen + 500 }),
			'requests are answered without porticod');
		is(scalar(grep { !process_is_alive($_) } $before->{listener},
			@{ $before->{workers} }), 0, 'all children live');
		$before = start_again($server, $before);
		$seen = $load->totals->{good};
		ok(await_condition(seconds(10), sub {
			$load->totals->{good} > $seen + 500 }),
			'and with the next one');
	}
	# It does with them what it does with its own.
	is(($server->command('pool', 'recycle', 'main'))[0], 0, 'recycle');
	my $new = await_condition(seconds(15), sub {
		my $family = family($server);
		my %old = map { $_ => 1 } @{ $before->{workers} };
		return $family if @{ $family->{workers} } == 2
			&& !grep { $old{$_} } @{ $family->{workers} };
		return;
	});
	ok($new, 'they are replaced') or $server->show_log;
	is(($server->command('reload'))[0], 0, 'reload');
	is(($server->command('upgrade', 'listener'))[0], 0,
		'the listener is replaced');
	my $end = $load->stop;
	is($end->{failed}, 0, "none of $end->{good} failed")
		or diag(Portico::Load::complaints($end));
	is($end->{wrong}, 0, 'none was answered wrongly');
	$server->stop;
};

subtest 'what waits for porticod' => sub {
	my $server = server(pools => { main => {}, other => {} },
		applications => {
			'/' => { modules => ['probe'], handlers =>
				[ { path => '*', module => 'probe' } ] },
			'/other' => { pool => 'other', modules => ['probe'],
				handlers => [ { path => '*',
					module => 'probe' } ] } },
		allow => [ qr/terminated unexpectedly/ ])->start;

	is($server->get('/count')->{status}, 200, 'one pool has a worker');
	my $before = await_workers($server, 1);
	my $victim = $before->{workers}[0];
	kill_it($server);
	# No worker yet, and nobody who could start one.
	my $waiting = $server->connect;
	$waiting->send("GET /other/count HTTP/1.1\r\nHost: a\r\n\r\n");
	# A child that dies meanwhile is missed by the next one.
	strike('KILL', $victim);
	ok(await_exit($victim, seconds(5)) || !process_is_alive($victim),
		'a worker is killed');
	my $again = $server->connect;
	$again->send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n");
	$server->launch;
	ok($server->await_ready, 'another porticod');
	is(($waiting->read_response // {})->{status}, 200,
		'the request that waited is answered by a new worker');
	is(($again->read_response // {})->{status}, 200,
		'and the one of the worker that is gone by another');
	my $now = await_workers($server, 2);
	is($now->{listener}, $before->{listener}, 'the same listener');
	ok(!grep({ $_ == $victim } @{ $now->{workers} }), 'other workers');
	$server->stop;
};

# The listener says what it has of workers when it is asked by the next porticod,
# and that may be late: what it was given meanwhile is none that it has lost.
subtest 'a worker that gets ready meanwhile' => sub {
	my $stops = Portico::Stops->new;
	my $server = server(worker => 't/worker/stopping-worker',
		pools => { main => { environment => $stops->environment } })
		->start;
	my $listener = $server->pid_of('listener');
	my $client = $server->connect;
	my $worker = sub {
		my $pool = ($server->command_json('pool', 'show', 'main')
			// return {})->{pool};
		return $pool->{workers}[0] // {};
	};

	$stops->arm('ready');
	$client->send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($stops->await('ready'), 'it starts');
	my $pid = $worker->()->{pid};
	kill_it($server);
	ok($stops->go, 'and is ready when nobody hears it');
	strike('STOP', $listener);
	$server->launch;
	ok(await_condition(seconds(10), sub {
		($worker->()->{state} // '') eq 'ready' }),
		'the next porticod hears it') or $server->show_log;
	strike('CONT', $listener);
	ok($server->await_ready, 'and the listener');
	is(($client->read_response // {})->{status}, 200,
		'the request that waited is answered');
	is($server->get_json('/count')->{pid}, $pid, 'by that worker');
	# It would be killed a second after it was given up.
	ok(!await_exit($pid, seconds(1.5)), 'which stays');
	is($server->command_json('pool', 'show', 'main')->{pool}{starts}, 1,
		'no other was started');
	$server->stop;
};

# The moments in which one of them knows more than the keeper does.
for my $when (qw(before after)) {
	subtest "killed $when it has given a worker to the listener" => sub {
		my $server = server(wrapper => [ '/bin/sh', '-c',
				'shift; exec "$0" "$@"',
				Portico::Server::test_program(
					't/activation/dies-joining') ],
			environment => { PORTICO_TEST_DIE => $when })->start;
		my $listener = $server->pid_of('listener');
		my $client = $server->connect;

		push @running, $server->descendants;
		$client->send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n");
		is($server->await_end(10), 9, 'porticod dies');
		strike('STOP', $listener); # its answer comes last
		$server->{wrapper} = [];
		delete $server->{environment};
		$server->{ended} = 0;
		$server->launch;
		ok(await_condition(seconds(10), sub {
			my $pool = ($server->command_json('pool', 'show', 'main')
				// return)->{pool};
			# The listener may have said so before it was stopped.
			return ($pool->{workers}[0]{state} // '')
				=~ /^(?:ready|running)$/;
		}), 'the next porticod knows the worker') or $server->show_log;
		strike('CONT', $listener);
		ok($server->await_ready, 'it gets ready');
		is(($client->read_response // {})->{status}, 200,
			'the request that waited is answered');
		my $family = await_workers($server, 1);
		push @running, @{ $family->{workers} };
		my $links = $server->command_json('listener', 'show')
			->{counters}{workers};
		is_deeply([ map { $_->{pid} } @$links ], $family->{workers},
			'the listener has it once');
		is($server->command_json('pool', 'show', 'main')
			->{pool}{starts}, 1, 'no other was started');
		$server->stop;
	};
}

subtest 'what is remembered' => sub {
	my $second = Portico::Server::free_port();
	my $server = server(allow => [ qr/terminated unexpectedly/,
			qr/failed with signal/ ],
		pools => { main => { sharedMemory => '1MiB' }, off => {} });
	my $configuration = $server->configuration;
	$configuration->{sites}{second} = {
		bindings => ["http://*:$second"],
		applications => { '/' => { pool => 'main',
			root => $server->root, modules => ['probe'] } } };
	$server->write_configuration($configuration);
	$server->start;
	is($server->get('/count')->{status}, 200, 'a worker');
	my $first = await_workers($server, 1)->{workers}[0];
	strike('KILL', $first);
	ok($server->await_log(qr/unexpectedly/), 'it dies');
	is($server->get('/count')->{status}, 200, 'another');
	await_workers($server, 1);
	is(($server->command('pool', 'stop', 'off'))[0], 0, 'pool stop');
	is(($server->command('site', 'stop', 'second'))[0], 0, 'site stop');
	my $facts = sub {
		my $answer = $server->command_json('pool', 'show', 'main');
		my $pool = $answer->{pool};
		return { (map { $_ => $pool->{$_} } qw(state starts failures
				recentFailures recycles)),
			outcomes => [ map { [ @$_{qw(worker pid)} ] }
				@{ $answer->{starts} } ],
			off => $server->command_json('pool', 'show', 'off')
				->{pool}{state},
			second => [ map { $_->{state} } grep {
				$_->{name} eq 'second' } @{
				$server->command_json('site', 'list')
				->{sites} } ] };
	};
	my $before = $facts->();
	is($before->{recentFailures}, 1, 'a failure is counted');
	is_deeply($before->{second}, ['stopped'], 'a site is stopped');
	my $family = await_workers($server, 1);
	for my $how (qw(kill upgrade)) {
		my $from = $server->log_position;
		if ($how eq 'kill') {
			kill_it($server);
			start_again($server, $family);
		} else {
			is(($server->command('upgrade', 'manager'))[0], 0,
				'upgrade');
		}
		ok($server->await_log(qr/is in force/, 10, $from), 'ready');
		is_deeply($facts->(), $before, "all of it, after $how")
			or diag(explain($facts->()));
	}
	# The pool's memory is still there for the next worker.
	is(($server->command('pool', 'recycle', 'main'))[0], 0, 'recycle');
	$server->stop;
};

# No ping comes in this time that would tell.
subtest 'how long a worker has run' => sub {
	my $limit = seconds(4);
	my $server = server(pools => { main => { pingInterval => '1h',
		recycling => { time => "${limit}s" } } })->start;

	is($server->get('/count')->{status}, 200, 'a worker');
	my $before = await_workers($server, 1);
	select undef, undef, undef, $limit / 2;
	kill_it($server);
	start_again($server, $before);
	my $line = $server->await_log(qr/\bP5074\b/, 10) // '';
	my ($lived) = $line =~ /it has run for ([\d.]+) s/;
	cmp_ok($lived // 0, '>', 0.9 * $limit, 'it is replaced at its time');
	cmp_ok($lived // 1e9, '<', 1.4 * $limit,
		'... whoever has become porticod meanwhile');
	$server->stop;
};

subtest 'another configuration' => sub {
	my $server = server(allow => [ qr/\bP52(00|08)\b/ ])->start;
	my $file = $server->configuration_file;

	is($server->get('/count')->{status}, 200, 'a worker');
	my $before = await_workers($server, 1);
	my $good = do { local (@ARGV, $/) = $file; <> };

	kill_it($server);
	$server->write_configuration($good . 'and more');
	my $now = start_again($server, $before);
	ok($server->await_log(qr/\bP5208\b/), 'a broken one is told');
	is($server->get('/count')->{status}, 200, 'and the old one is in force');

	kill_it($server);
	my $other = JSON::PP::decode_json($good);
	my $applications = $other->{sites}{main}{applications};
	$applications->{'/new'} = { %{ $applications->{'/'} },
		pool => 'second' };
	$other->{pools}{second} = {};
	$server->write_configuration($other);
	start_again($server, $now);
	ok($server->await_log(qr/new configuration is in force/),
		'a good one is applied');
	is($server->get('/new/count')->{status}, 200, 'a new application');
	is_deeply(family($server)->{workers}[0], $before->{workers}[0],
		'the worker that it does not concern is the same');
	$server->stop;
};

subtest 'who may take over' => sub {
	my $server = server(allow => [ qr/\bP526[01]\b/ ])->start;
	my $path = $server->directory . '/run/keeper.sock';
	my $ask = sub {
		socket my $socket, AF_UNIX, SOCK_SEQPACKET, 0 or die $!;
		return "connect: $!"
			unless connect $socket, pack_sockaddr_un($path);
		send $socket, '{"type":"list","from":0}', 0;
		vec(my $bits = '', fileno $socket, 1) = 1;
		return 'nothing' unless select $bits, undef, undef, seconds(10);
		recv $socket, my $answer, 65536, 0;
		return length($answer // '') ? 'everything' : 'refused';
	};

	is($server->get('/count')->{status}, 200, 'a worker');
	my $before = await_workers($server, 1);
	is((stat $path)[2] & 0777, 0600, 'the socket is its own');
	is($ask->(), 'refused', 'a process of its user that is not porticod');
	ok($server->await_log(qr/$$ of user \d+ was turned away.*P5260/),
		'is told');
	SKIP: {
		skip 'not root', 1 if $>;
		chmod 0777, $path;
		my $pid = fork // die $!;
		if ($pid == 0) {
			$) = '65534 65534';
			$> = 65534;
			POSIX::_exit($ask->() eq 'refused' ? 0 : 1);
		}
		waitpid $pid, 0;
		is($?, 0, 'nor another user, even where the socket is open');
		chmod 0600, $path;
	}
	# Two at once.
	my ($status, undef, $errors) = Portico::Server::run(
		Portico::Server::program('porticod'), '--config',
		$server->configuration_file);
	is($status, 1, 'a second porticod does not start');
	like($errors, qr/another porticod/, 'and says why');
	is_deeply(family($server), $before, 'nothing has changed');

	# Without porticod they are refused as well.
	kill_it($server);
	is($ask->(), 'refused', 'nor when porticod is dead');
	my $now = start_again($server, $before);

	# The keeper itself.
	strike('KILL', $now->{keeper});
	my $new = await_condition(seconds(10), sub {
		my $family = family($server);
		return $family if ($family->{keeper} || $now->{keeper})
			!= $now->{keeper};
		return;
	});
	ok($new, 'a keeper that dies is started again') or $server->show_log;
	ok($server->await_log(qr/\bP5261\b/), 'which is told');
	kill_it($server);
	start_again($server, $new);
	$server->stop;
};

subtest 'both die' => sub {
	my $server = server()->start;

	is($server->get('/count')->{status}, 200, 'a worker');
	my $family = await_workers($server, 1);
	strike('STOP', $server->pid); # so that it starts no other
	strike('KILL', $family->{keeper});
	kill_it($server);
	ok(await_condition(seconds(10), sub {
		!grep { process_is_alive($_) } $family->{listener},
			@{ $family->{workers} } }),
		'without porticod and keeper the children end');
	$server->launch;
	ok($server->await_ready, 'another porticod starts anew');
	is(family($server)->{takeOvers}, 0, 'with nothing');
	is($server->get('/count')->{status}, 200, 'and serves');
	$server->stop;
};

ok(await_condition(seconds(10), sub {
	!grep { process_is_alive($_) } @running }), 'no process is left')
	or diag(`ps -o pid,args -p @{[ join ',', @running ]}`);

done_testing;
