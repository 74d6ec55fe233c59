# SPDX-License-Identifier: Apache-2.0
#
# Workers that do not get ready: they hang, exit, cannot be executed.  Nothing
# waits for them but the requests of their pool, which get 503 in the end;
# "pool show" says what happened.  A recycle whose new worker fails leaves the
# old one in place.

use strict;
use warnings;
use File::Path qw(make_path);
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

# A directory of programs where portico-worker is a script; the real one is
# behind it.
sub programs
{
	my ($server, $script) = @_;
	my $directory = $server->directory . '/bin';

	make_path($directory);
	symlink Portico::Server::program('portico-listener'),
		"$directory/portico-listener"
		unless -e "$directory/portico-listener";
	my $worker = Portico::Server::program('portico-worker');
	unlink "$directory/portico-worker";
	if (defined $script) {
		open my $file, '>', "$directory/portico-worker" or die $!;
		print $file "#!/bin/sh\n",
			"[ \"\$1\" = --check-config ] && exit 0\n",
			"real=$worker\n$script\n";
		close $file;
		chmod 0755, "$directory/portico-worker";
	}
	return $directory;
}

sub server_with
{
	my ($script, %pool) = @_;
	my $server = Portico::Server->new(
		pools => { main => { %pool }, other => {} },
		allow => [qr/worker|disabled|recycled|warning:/],
	);
	$server->{environment}{PORTICO_LIBEXEC_DIR} =
		programs($server, $script);
	return $server->start;
}

sub show
{
	my ($server) = @_;
	return $server->command_json('pool', 'show', 'main');
}

sub await_state
{
	my ($server, $state) = @_;
	return await_condition(seconds(20), sub {
		show($server)->{pool}{state} eq $state;
	});
}

# Asks for the pool's first request and lets it wait.
sub request
{
	my ($server) = @_;
	my $client = $server->connect;
	$client->send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n");
	return $client;
}

subtest 'it exits at once' => sub {
	my $server = server_with('echo "no licence" >&2; exit 7');
	my $client = request($server);
	is($client->read_response->{status}, 503,
		'the request gets 503 after the last try');
	ok(await_state($server, 'disabled'), 'the pool is disabled');
	my $shown = show($server);
	is($shown->{pool}{failures}, 5, 'after five failures');
	my $start = $shown->{starts}[0];
	like($start->{outcome}, qr/status 7/, 'how it ended is kept');
	is_deeply($start->{stderr}, ['no licence'], 'and what it said');
	my %state = map { $_->{step} => $_->{state} } @{ $start->{steps} };
	is($state{exec}, 'done', 'it was executed');
	is($state{ready}, 'failed', 'and did not get ready');
	is($state{attached}, 'not started', 'nor attached');
	$server->stop;
};

subtest 'it hangs' => sub {
	my $server = server_with('exec sleep 1000',
		startupTimeLimit => '300ms', rapidFailProtectionMaxCrashes => 2);
	my $client = request($server);
	ok(await_state($server, 'starting'), 'it is starting');
	my $began = time;
	is($server->command_json('status')->{state}, 'running',
		'status answers meanwhile');
	cmp_ok(time - $began, '<', seconds(1), 'without waiting');
	is($client->read_response->{status}, 503, 'the request gets 503');
	like(show($server)->{starts}[0]{outcome}, qr/startupTimeLimit/,
		'the limit is named');
	$server->stop;
};

subtest 'there is none' => sub {
	my $server = server_with(undef);
	my $client = request($server);
	is($client->read_response->{status}, 503, 'the request gets 503');
	like(show($server)->{starts}[0]{outcome}, qr/could not be executed/,
		'the reason is kept');
	like(join("\n", @{ show($server)->{starts}[0]{stderr} }),
		qr/portico-worker: ENOENT/, 'with the file');
	$server->stop;
};

subtest 'the third time is good' => sub {
	my $server = server_with('f=' . '$(dirname "$0")/count; '
		. 'echo x >>$f; [ $(wc -l <$f) -lt 3 ] && exit 1; '
		. 'exec "$real" "$@"');
	chmod 0777, $server->directory . '/bin';
	my $client = request($server);
	is($client->read_response->{status}, 200,
		'the request waits and is answered');
	is(show($server)->{pool}{starts}, 3, 'by the third worker');
	is_deeply([ map { $_->{succeeded} ? 1 : 0 } @{ show($server)->{starts} } ],
		[1, 0, 0], 'the record says so');
	$server->stop;
};

subtest 'enabled again' => sub {
	my $server = server_with('exit 1', rapidFailProtectionMaxCrashes => 1);
	is(request($server)->read_response->{status}, 503, 'disabled');
	programs($server, 'exec "$real" "$@"');
	my ($status) = $server->command('pool', 'start', 'main');
	is($status, 0, 'pool start');
	is($server->get('/count')->{status}, 200, 'it serves');
	$server->stop;
};

subtest 'a recycle that fails' => sub {
	my $server = server_with('exec "$real" "$@"', workers => 2);
	my $pid = $server->get_json('/count')->{pid};
	ok(await_condition(seconds(5), sub {
		2 == grep { $_->{state} eq 'running' }
			@{ show($server)->{pool}{workers} };
	}), 'two workers run');
	programs($server, 'echo "new version is broken" >&2; exit 9');
	my ($status) = $server->command('pool', 'recycle', 'main');
	is($status, 0, 'the recycle begins');
	ok(await_condition(seconds(5), sub {
		show($server)->{pool}{degraded} =~ /status 9/;
	}), 'the pool is degraded, with the reason');
	is(scalar(grep { $_->{state} eq 'running' }
		@{ show($server)->{pool}{workers} }), 2, 'both workers stay');
	is($server->get('/count')->{status}, 200, 'and serve');
	is(show($server)->{pool}{failures}, 0,
		'it does not count towards rapid-fail protection');
	programs($server, 'exec "$real" "$@"');
	$server->command('pool', 'recycle', 'main');
	ok(await_condition(seconds(5), sub {
		my $pool = show($server)->{pool};
		$pool->{degraded} eq '' && !grep { $_->{generation} < 4 }
			@{ $pool->{workers} };
	}), 'a later one succeeds and all is well');
	$server->stop;
};

subtest 'always running' => sub {
	my $server = server_with('exec "$real" "$@"',
		startMode => 'AlwaysRunning', workers => 2);
	ok(await_condition(seconds(5), sub {
		2 == grep { $_->{state} eq 'running' }
			@{ show($server)->{pool}{workers} };
	}), 'both workers run before the first request');
	my $old = show($server)->{pool}{workers}[0]{pid};
	kill 'KILL', $old;
	ok(await_condition(seconds(5), sub {
		my @running = grep { $_->{state} eq 'running' }
			@{ show($server)->{pool}{workers} };
		@running == 2 && !grep { $_->{pid} == $old } @running;
	}), 'one that is killed is replaced at once');
	$server->stop;
};

done_testing;
