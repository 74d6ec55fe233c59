# SPDX-License-Identifier: Apache-2.0
#
# `portico upgrade listener`: another listener takes over the sockets and the
# workers, the old one finishes what it has.  Nothing is lost meanwhile: no
# request of a client that keeps its connection or of one that comes anew, no
# download and no upload in progress, no line of a log.  What happens to pools
# and configuration meanwhile reaches both.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit await_readable seconds);
use Test::More;
use Time::HiRes qw(time);

my $pattern = join '', 'a' .. 'w';

# The pid of the new listener, after the command has said that it serves.
sub upgrade
{
	my ($server, @options) = @_;
	my ($status, $output, $errors) = $server->command('--json', 'upgrade',
		'listener', @options);

	is($status, 0, 'the listener is replaced') or diag($errors);
	return JSON::PP::decode_json($output);
}

sub states
{
	my ($server) = @_;
	return map { $_->{pid} => $_->{state} }
		@{ $server->command_json('status')->{listeners} };
}

# ---- under load ------------------------------------------------------------

# A process that asks until `stop` is readable, half of the time on one
# connection, half of the time on new ones.  "good failed wrong".
sub client
{
	my ($server, $number, $stop) = @_;
	my ($good, $failed, $wrong) = (0, 0, 0);
	my $connection;

	for (my $i = 0; !await_readable(0, $stop); $i++) {
		undef $connection if $i % 20 >= 10;
		my ($target, $right) = @{ [
			["/stream?bytes=30000&sized=1&n=$number-$i", sub {
				$_[0] eq substr $pattern x 1400, 0, 30000 }],
			["/fields?n=$number-$i", sub {
				$_[0] =~ /"n=$number-$i"/ }],
			["/sleep?ms=2&n=$number-$i", sub {
				$_[0] eq "slept\n" }],
		]->[ $i % 3 ] };
		my $response = eval {
			$connection //= $server->connect;
			$connection->request('GET', $target);
		};
		if (!$response || !$response->{complete}
			|| $response->{status} != 200) {
			$failed++;
			undef $connection;
			next;
		}
		$right->($response->{body}) ? $good++ : $wrong++;
		undef $connection
			if ($response->{header}{connection} // '') =~ /close/i;
	}
	return "$good $failed $wrong\n";
}

# Runs `events` while clients ask; returns the sums.
sub under_load
{
	my ($server, $clients, $events) = @_;
	my (@results, @sums);

	pipe my $stop, my $go_on or die $!;
	for my $number (1 .. $clients) {
		pipe my $from, my $to or die $!;
		my $pid = fork // die $!;
		if ($pid == 0) {
			close $go_on;
			syswrite $to, client($server, $number, $stop);
			POSIX::_exit(0);
		}
		push @results, [$pid, $from];
	}
	$events->();
	close $go_on;
	for my $result (@results) {
		my @counts = split ' ', readline($result->[1]) // '0 0 1';
		waitpid $result->[0], 0;
		$sums[$_] += $counts[$_] for 0 .. 2;
	}
	return @sums;
}

# Until the listener that serves has had so many requests.
sub await_served
{
	my ($server, $count) = @_;

	return await_condition(seconds(10), sub {
		($server->command_json('status')->{listeners}[0]{connections}
			{requests} // 0) > $count });
}

subtest 'under load' => sub {
	my $upgrades = $ENV{PORTICO_UPGRADES} // 5;
	my $server = Portico::Server->new(listener => { threads => 2 },
		pools => { main => { workers => 2, threads => 2 } })->start;
	my $upload = 'some text ' x 100_000;
	my $expected = $server->get('/body', method => 'PUT',
		body => $upload)->{body};
	my $bytes = 8_000_000;
	my $download = $server->connect(receive_buffer => 8192);
	my $uploader = $server->connect;
	my $part = int length($upload) / ($upgrades + 1);
	await_condition(seconds(10), sub {
		2 == grep { $_->{state} eq 'running' }
			@{ $server->command_json('worker', 'list')->{workers} }
	});
	my @workers = $server->pids_of('worker');
	my @listeners = $server->pid_of('listener');

	$download->send("GET /stream?bytes=$bytes HTTP/1.1\r\nHost: a\r\n\r\n");
	$uploader->send("PUT /body HTTP/1.1\r\nHost: a\r\nContent-Length: "
		. length($upload) . "\r\n\r\n");
	my ($good, $failed, $wrong) = under_load($server, 6, sub {
		await_served($server, 50);
		for my $round (1 .. $upgrades) {
			$uploader->send(substr $upload, 0, $part, '');
			my $answer = upgrade($server);
			is($answer->{replaced}{pid}, $listeners[-1],
				'the last one is replaced');
			push @listeners, $answer->{listener}{pid};
			await_served($server, 50);
			# The first has the slow ones, and two may end later.
			await_condition(seconds(10), sub {
				$server->pids_of('listener') <= 4 });
		}
	});
	is($failed, 0, "of $good requests none failed");
	is($wrong, 0, 'none was answered wrongly');
	cmp_ok($good, '>', 50 * $upgrades, 'there were many');
	is_deeply([ $server->pids_of('worker') ], \@workers,
		'the same workers go on');
	my %states = states($server);
	is($states{ $listeners[0] }, 'draining',
		'the first listener still has the slow ones');
	is($states{ $listeners[-1] }, 'serving', 'the last one serves');

	$uploader->send($upload);
	my $response = $uploader->read_response;
	is($response->{body}, $expected, 'the slow upload arrived whole');
	is($response->{header}{connection}, 'close',
		'and its connection ends then');
	$response = $download->read_response;
	ok($response->{complete}, 'the slow download is complete');
	ok($response->{body} eq substr($pattern x ($bytes / 23 + 1), 0, $bytes),
		'and intact');
	$uploader->close;
	$download->close;
	ok(await_exit($_, seconds(20)), "listener $_ ends")
		for @listeners[ 0 .. $#listeners - 1 ];

	# They all wrote to one file; its last lines at its end.
	my (%seen, $broken);
	{
		local $server->{keep} = 1;
		$server->stop;
	}
	open my $log, '<', $server->access_log or die $!;
	while (<$log>) {
		next if /^#/;
		$broken //= $_ unless /^\S+ \S+ (?:\S+ ){5,}\S+\n\z/;
		$seen{$1}++ if /\bn=(\d+-\d+)/;
	}
	is($broken, undef, 'every line of the access log is whole');
	is(scalar keys %seen, $good, 'every request is there');
	is_deeply([ grep { $seen{$_} != 1 } keys %seen ], [], 'once');
	$server->remove;
};

# ---- what each connection sees ---------------------------------------------

subtest 'connections' => sub {
	my $server = Portico::Server->new(
		pools => { main => { maxConcurrentRequests => 1 } })->start;
	my $idle = $server->connect;
	is($idle->request('GET', '/count')->{header}{connection}, undef,
		'a connection is kept');
	my $fresh = $server->connect;
	my $running = $server->begin_request('running');
	my $queued = $server->begin_request('queued');
	ok(await_condition(seconds(5), sub {
		$server->counters('main')->{queued} }),
		'one request runs, another one waits');
	await_condition(seconds(5), sub { $server->command_json('status')
		->{counters}{connections}{active} == 4 });

	my $answer = upgrade($server);
	my $old = $answer->{replaced}{pid};
	my %states = states($server);
	is($states{$old}, 'draining', 'the old listener drains');
	is($states{ $answer->{listener}{pid} }, 'serving', 'the new one serves');
	like(($server->command('status'))[1],
		qr/draining, process $old, 4 connections, ends in/,
		'status shows it');
	like(($server->command('listener', 'show'))[1],
		qr/draining, process $old/, 'listener show, too');
	is_deeply([ sort map { "$_->{listener} $_->{state}" }
		$server->requests ], [ "$old queued", "$old started" ],
		'request list shows its requests');
	is($server->counters('main')->{queued}, 1,
		'they are in the sum of all figures');

	for my $connection ($running, $queued, $idle, $fresh) {
		my $response = $connection == $idle || $connection == $fresh
			? $connection->request('GET', '/count')
			: $server->finish_request($connection);
		is($response && $response->{status}, 200, 'it is answered');
		is($response->{header}{connection}, 'close',
			'the last time on this connection');
		ok($connection->at_end, 'which ends');
		$connection->close;
	}
	ok(await_exit($old, seconds(10)), 'then the old listener ends');
	is($server->get('/count')->{header}{connection}, undef,
		'the new one keeps connections');
	$server->stop;
};

# ---- what happens meanwhile reaches both -----------------------------------

subtest 'pools and configuration' => sub {
	my $probe = { modules => ['probe'],
		handlers => [ { path => '*', module => 'probe' } ] };
	my $server = Portico::Server->new(
		pools => { main => {}, other => {} },
		applications => { '/' => {%$probe},
			'/other' => { %$probe, pool => 'other' } })->start;
	my $first = $server->get_json('/count')->{pid};
	my @idle = map { $server->connect } 1 .. 5;
	my $running = $server->begin_request('running');
	await_condition(seconds(5), sub { $server->command_json('status')
		->{counters}{connections}{active} == 6 });
	my $old = upgrade($server)->{replaced}{pid};
	# One request on a connection of the old one.
	my $ask = sub {
		my $connection = shift @idle;
		my $response = $connection->request('GET', $_[0]);
		$connection->close;
		return $response;
	};

	my $started = JSON::PP::decode_json($ask->('/other/count')->{body});
	is($server->get_json('/other/count')->{pid}, $started->{pid},
		'a worker that the old one asked for serves both');

	is(($server->command('pool', 'recycle', 'main'))[0], 0, 'recycle');
	ok(await_condition(seconds(5), sub {
		$server->get_json('/count')->{pid} != $first }),
		'the new listener has the new worker');
	isnt(JSON::PP::decode_json($ask->('/count')->{body})->{pid}, $first,
		'and so has the old one');
	is($server->finish_request($running)->{status}, 200,
		'the old worker finishes what the old listener gave it');
	$running->close;
	ok(await_exit($first, seconds(10)), 'and ends then');

	is(($server->command('pool', 'stop', 'other'))[0], 0, 'stop');
	is($ask->('/other/count')->{status}, 503, 'the old listener knows');
	is($server->get('/other/count')->{status}, 503, 'the new one, too');

	my $configuration = $server->configuration;
	$configuration->{sites}{main}{applications}{'/more'} =
		$configuration->{sites}{main}{applications}{'/'};
	$server->write_configuration($configuration);
	is(($server->command('reload'))[0], 0, 'reload');
	is($server->get('/more/count')->{status}, 200,
		'the new listener has the new routes');
	is($ask->('/more/count')->{status}, 200, 'the old one, too');
	ok($ask->('/count'), 'the last connection');
	ok(await_exit($old, seconds(10)), 'the old listener ends');
	$server->stop;
};

# What both gave to one worker is aborted when its time is over.
subtest 'a recycle that aborts' => sub {
	my $server = Portico::Server->new(
		pools => { main => { shutdownTimeLimit => '500ms' } },
		allow => [qr/within shutdownTimeLimit .* are aborted/])->start;
	my $worker = $server->get_json('/count')->{pid};
	my @held;
	my $hold = sub {
		push @held, my $connection = $server->connect;
		my $target = '/hold?n=' . @held;
		$connection->send("GET $target HTTP/1.1\r\nHost: a\r\n\r\n");
		ok($server->await_request(qr/\Q$target\E/), "$target runs");
	};
	$hold->();
	my $old = upgrade($server)->{replaced}{pid};
	# The old one may still take what comes at that moment.
	ok(await_condition(seconds(10), sub {
		$hold->() if @held == $server->requests;
		return 2 == keys %{{ map { $_->{listener} => 1 }
			$server->requests }};
	}), 'one on each listener');
	is(($server->command('pool', 'recycle', 'main'))[0], 0, 'recycle');
	is_deeply([ map { $_->read_response->{status} } @held ],
		[ (503) x @held ], 'both are told');
	ok(await_exit($worker, seconds(5)), 'the worker ends');
	$_->close for @held;
	ok(await_exit($old, seconds(10)), 'and the old listener');
	unlike($server->log, qr/gets SIGTERM/, 'by themselves');
	$server->stop;
};

# ---- limits ----------------------------------------------------------------

subtest 'what does not end is cut' => sub {
	my $count = 40;
	my $server = Portico::Server->new(
		listener => { shutdownTimeLimit => '500ms' },
		allow => [qr/had to cut $count request/])->own_programs;
	# Its disk is slow, and it has much to write in the end.
	$server->install('portico-listener',
		Portico::Server::test_program('t/activation/slow-end'));
	$server->start;
	my $worker = $server->get_json('/count')->{pid};
	my $old = $server->command_json('status')->{listener}{pid};
	my @clients = map { $server->connect } 1 .. $count;
	$_->send("GET /hold?@{['x' x 8000]} HTTP/1.1\r\nHost: a\r\n\r\n")
		for @clients;
	ok(await_condition(seconds(5), sub { $server->requests == $count }),
		'requests run for ever');
	my ($status, $output) = $server->command('upgrade', 'listener',
		'--wait');
	is($status, 0, 'the command waits for the end of the old listener');
	like($output, qr/^process $old has ended, $count requests had/m,
		'and says what was cut');
	ok(!Portico::Wait::process_is_alive($old), 'it is gone');
	is_deeply([ grep { $_->read_response->{status} != 503 } @clients ], [],
		'the clients are told');
	like($server->await_log(qr/listener .*has stopped/) // '',
		qr/exited with status 0/, 'it was given the time to end');
	open my $log, '<', $server->error_log or die $!;
	is(scalar(grep { m{/hold\S* \S+ 503 \S+ AppShutdown} } <$log>), $count,
		'so the error log says why');
	is($server->get_json('/count')->{pid}, $worker,
		'the worker has not noticed');
	ok(await_condition(seconds(5), sub {
		$server->get_json('/count')->{aborts} == $count }),
		'but that nobody waits for the requests');
	$server->stop;
};

subtest 'not too many at once' => sub {
	my $server = Portico::Server->new->start;
	my @kept;
	for my $round (1 .. 4) {
		# For a moment the one before may still accept.
		ok(await_condition(seconds(5), sub {
			$kept[$round - 1] = $server->connect;
			$kept[$round - 1]->request('GET', '/count');
			return $server->command_json('status')->{listeners}[0]
				{connections}{active};
		}), "a client of listener $round");
		upgrade($server);
	}
	is(scalar $server->pids_of('listener'), 5, 'four old ones have clients');
	my ($status, undef, $errors) = $server->command('upgrade', 'listener');
	is($status, 1, 'then no more are replaced');
	like($errors, qr/4 that were replaced before have not finished/,
		'the reason is said');
	is((shift @kept)->request('GET', '/count')->{status}, 200,
		'the oldest still serves');
	upgrade($server) if ok(await_condition(seconds(10), sub {
		$server->pids_of('listener') == 4 }), 'when it has ended');
	# The server ends with all of them.
	$server->stop;
};

done_testing;
