# SPDX-License-Identifier: Apache-2.0
#
# `portico upgrade listener` when something goes wrong: a program that does not
# run, does not get ready or is of another version changes nothing and the
# command says why; whatever else happens or dies in the middle of an upgrade,
# somebody serves afterwards, with the same workers.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit await_readable seconds);
use Test::More;
use Time::HiRes qw(time);

# Stops before it becomes the real one: an upgrade that is held in the middle.
my $waiting = "#!/bin/sh\nkill -STOP \$\$\nexec "
	. Portico::Server::program('portico-listener') . " \"\$@\"\n";

sub server
{
	my (%options) = @_;
	my $server = Portico::Server->new(
		pools => { main => { workers => 2 } },
		allow => [qr/listener was not replaced/], %options,
	)->own_programs->start;

	$server->get('/count');
	await_condition(seconds(10), sub {
		2 == grep { $_->{state} eq 'running' }
			@{ $server->command_json('worker', 'list')->{workers} }
	});
	return $server;
}

# The command in a process of its own: a handle for its answer.
sub begin_upgrade
{
	my ($server) = @_;

	pipe my $from, my $to or die $!;
	my $pid = fork // die $!;
	if ($pid == 0) {
		my ($status, $output, $errors) = $server->command('upgrade',
			'listener');
		syswrite $to, "$status $output$errors";
		POSIX::_exit(0);
	}
	return [$pid, $from];
}

sub end_upgrade
{
	my ($command) = @_;
	local $/;
	my $text = await_readable(seconds(10), $command->[1])
		? readline $command->[1] : 'no answer';

	waitpid $command->[0], 0;
	return $text;
}

# The new listener, stopped before it has become one.
sub await_stopped
{
	my ($server) = @_;

	return await_condition(seconds(5), sub {
		for my $pid (Portico::Server::children($server->pid)) {
			open my $stat, '<', "/proc/$pid/stat" or next;
			return $pid if (<$stat> // '') =~ /^\d+ \(.*\) T/s;
		}
		return;
	});
}

# An upgrade that is held: the command, the pid of the new one.
sub hold_upgrade
{
	my ($server) = @_;
	my $command = begin_upgrade($server);
	my $pid = await_stopped($server);

	ok($pid, 'an upgrade is held in the middle');
	return ($command, $pid);
}

# ---- it cannot work --------------------------------------------------------

my $fails = server(
	allow => [qr/listener was not replaced/, qr/cannot attach channel/]);
my @workers = $fails->pids_of('worker');
my $listener = $fails->pid_of('listener');
my $client = $fails->connect;
is($client->request('GET', '/count')->{status}, 200, 'a client');
open my $garbage, '>', $fails->directory . '/garbage' or die $!;
print $garbage "\0garbage\n" x 100;
close $garbage;
chmod 0755, $fails->directory . '/garbage';
my $other = Portico::Server::test_program('t/activation/other-version');

my @cases = (
	['one that ends', "#!/bin/sh\necho not today >&2\nexit 3\n",
		qr/failed: it exited with status 3 before it served$/m,
		qr/It said: not today/],
	['none at all', '/nonexistent/portico-listener',
		qr/failed: it exited with status 127/, qr/It said: .*ENOENT/],
	['no program', $fails->directory . '/garbage',
		qr/failed: it exited with status 127/, qr/It said: .*ENOEXEC/],
	['one that dies', "#!/bin/sh\nkill -SEGV \$\$\n",
		qr/failed: it was killed by signal 11/, qr//],
	['one that never gets ready', "#!/bin/sh\nexec sleep 60\n",
		qr/failed: it did not serve within 0\.5 s: worker \d+ of pool /,
		qr//, '500ms'],
	['one of another version', $other,
		qr/failed: worker \d+ of pool "main" .*speaks version \d+, this/,
		qr/restart porticod/],
);
for my $case (@cases) {
	my ($name, $what, $reason, $hint, $limit) = @$case;
	my $configuration = $fails->configuration;

	subtest $name => sub {
		$configuration->{listener}{startupTimeLimit} = $limit // '30s';
		$fails->write_configuration($configuration);
		$fails->command('reload') if $limit;
		$fails->install('portico-listener', $what);
		my $start = time;
		my ($status, $output, $errors) = $fails->command('upgrade',
			'listener');
		cmp_ok(time - $start, '<', seconds(8), 'the answer comes soon');
		is($status, 1, 'the command fails');
		is($output, '', 'says nothing good');
		like($errors, $reason, 'but the reason');
		like($errors, $hint, 'and more');
		is_deeply([ $fails->pids_of('listener') ], [$listener],
			'the old listener goes on');
		is_deeply([ $fails->pids_of('worker') ], \@workers,
			'so do the workers');
		my $response = $client->request('GET', '/count');
		is($response->{status}, 200, 'a connection, too');
		is($response->{header}{connection}, undef, 'for longer');
		is($fails->get('/count')->{status}, 200, 'and a new one');
		ok(await_condition(seconds(5), sub {
			1 == @{ $fails->command_json('status')->{listeners} }
		}), 'nothing is left');
		$fails->write_configuration;
		$fails->command('reload') if $limit;
	};
}
subtest 'as JSON' => sub {
	$fails->install('portico-listener', $cases[0][1]);
	my ($status, $output, $errors) = $fails->command('--json', 'upgrade',
		'listener');
	my $answer = JSON::PP::decode_json($output);
	is($status, 1, 'the command fails');
	is($errors, '', 'nothing beside the JSON');
	ok(!$answer->{ok}, 'not ok');
	like($answer->{error}, $cases[0][2], 'the reason');
};
subtest 'the program on disk' => sub {
	mkdir $fails->directory . '/next';
	Portico::Server::open_copy(Portico::Server::program('portico-listener'),
		my $new = $fails->directory . '/next/portico-listener');
	$fails->install('portico-listener', $new);
	my ($status, $output) = $fails->command('upgrade', 'listener');
	is($status, 0, 'a good program is taken after all this');
	like($output, qr/^process (\d+) is the listener now/, 'it says which');
	my ($pid) = $output =~ /(\d+)/;
	is(readlink "/proc/$pid/exe", $new, 'what is on disk now');
	is($client->request('GET', '/count')->{header}{connection}, 'close',
		'the old connection ends');
	$client->close;
	ok(await_exit($listener, seconds(10)), 'and the old listener');
	is_deeply([ $fails->pids_of('worker') ], \@workers,
		'the workers are the same');
};
$fails->stop;

# ---- something else happens meanwhile --------------------------------------

subtest 'commands, reload, recycle, a crash of a worker' => sub {
	my $server = server(allow => [qr/not replaced|terminated unexp/]);
	my $old = $server->pid_of('listener');
	my @workers = $server->pids_of('worker');
	$server->install('portico-listener', $waiting);
	my ($command, $new) = hold_upgrade($server);
	my ($status, undef, $errors) = $server->command('upgrade', 'listener');
	is($status, 1, 'a second upgrade is refused');
	like($errors, qr/goes on already/, 'the reason is said');
	my $start = time;
	like(($server->command('status'))[1],
		qr/^listener +serving, process $old.*\n +starting, process $new/m,
		'status shows both');
	cmp_ok(time - $start, '<', seconds(2), 'at once');

	my $configuration = $server->configuration;
	$configuration->{sites}{main}{applications}{'/more'} =
		$configuration->{sites}{main}{applications}{'/'};
	$server->write_configuration($configuration);
	is(($server->command('reload'))[0], 0, 'a reload goes through');
	is($server->get('/more/count')->{status}, 200, 'the old one has it');
	ok(await_exit($_, seconds(10)), "worker $_ was replaced") for @workers;
	@workers = $server->pids_of('worker');
	is(scalar @workers, 2, 'by two others');
	kill 'KILL', $workers[0];
	ok(await_exit($workers[0], seconds(5)), 'one of them is killed');

	kill 'CONT', $new;
	like(end_upgrade($command), qr/^0 process $new is/,
		'the upgrade goes on and is done');
	ok(await_exit($old, seconds(10)), 'the old listener ends');
	is($server->get('/more/count')->{status}, 200,
		'the new one has the new configuration');
	ok(await_condition(seconds(10), sub {
		my @attached = map { $_->{pid} }
			grep { $_->{attached} && $_->{attached} == $_->{count} }
			@{ $server->counters('main')->{workers} };
		return @attached == 2
			&& grep { $_ == $workers[1] } @attached;
	}), 'and both workers');
	$server->stop;
};

subtest 'a worker that cannot attach now' => sub {
	my $server = server();
	$server->install('portico-listener');
	my $worker = $server->pid_of('worker');
	kill 'STOP', $worker;
	my $command = begin_upgrade($server);
	ok(await_condition(seconds(5), sub {
		grep { $_->{state} eq 'starting' }
			@{ $server->command_json('status')->{listeners} }
	}), 'the new listener waits for it');
	is($server->get('/count')->{status}, 200, 'while the old one serves');
	kill 'CONT', $worker;
	like(end_upgrade($command), qr/^0 /, 'then the new one takes over');
	$server->stop;
};

subtest 'the command is interrupted' => sub {
	my $server = server();
	my $old = $server->pid_of('listener');
	$server->install('portico-listener', $waiting);
	my ($command, $new) = hold_upgrade($server);
	kill 'KILL', Portico::Server::children($command->[0]), $command->[0];
	waitpid $command->[0], 0;
	like(($server->command('status'))[1],
		qr/^listener +serving, process $old/m, 'the server goes on');
	kill 'CONT', $new;
	ok(await_exit($old, seconds(10)), 'and so does the upgrade');
	is($server->get('/count')->{status}, 200, 'the new one serves');
	is_deeply([ $server->pids_of('listener') ], [$new], 'alone');
	$server->stop;
};

# What an operator does about a listener that hangs.
subtest 'the old one hangs' => sub {
	my $server = server(listener => { shutdownTimeLimit => '500ms' },
		allow => [qr/listener .*did not finish its requests in time/]);
	my @workers = $server->pids_of('worker');
	my $old = $server->pid_of('listener');
	kill 'STOP', $old;
	my ($status, undef, $errors) = $server->command('upgrade',
		'listener');
	is($status, 0, 'it can be replaced') or diag($errors);
	is($server->get('/count')->{status}, 200, 'the new one serves');
	ok(await_exit($old, seconds(10)), 'the old one is killed in the end');
	is_deeply([ $server->pids_of('worker') ], \@workers,
		'the workers are the same');
	$server->stop;
};

subtest 'the end of the server' => sub {
	my $server = server();
	$server->install('portico-listener', $waiting);
	my ($command, $new) = hold_upgrade($server);
	$server->signal('TERM');
	like(end_upgrade($command), qr/^1 .*the server is about to end/s,
		'the command says so');
	is($server->await_end, 0, 'the server ends');
	ok(await_exit($new, seconds(5)), 'and the new listener');
	$server->stop;
};

subtest 'the end of the server while the old one finishes' => sub {
	my $server = server();
	my $slow = $server->begin_request('slow');
	my $idle = $server->connect;
	$idle->request('GET', '/count');
	is(($server->command('upgrade', 'listener'))[0], 0, 'upgrade');
	$server->signal('TERM');
	ok($idle->at_end, 'an idle connection of the old one is closed');
	is($server->finish_request($slow)->{status}, 200,
		'the request in progress is finished');
	$slow->close;
	is($server->await_end, 0, 'then all ends');
	$server->stop;
};

subtest 'the old one is of another version' => sub {
	my $server = Portico::Server->new(allow => [qr/cannot attach channel/])
		->own_programs;
	$server->install('portico-listener', $other);
	$server->start;
	my $idle = $server->connect;
	ok(await_condition(seconds(5), sub {
		$server->command_json('status')->{counters}{connections}
			{active} }), 'it has a client');
	my $old = $server->command_json('status')->{listener}{pid};
	ok($server->listens($old), 'it takes connections');
	$server->install('portico-listener');
	is(($server->command('upgrade', 'listener'))[0], 0,
		'as long as there is no worker it can be replaced');
	ok(await_condition(seconds(10), sub { !$server->listens($old) }),
		'it takes no connections any more');
	# What it says of the worker shall come last.
	kill 'STOP', $old;
	my $worker = $server->get_json('/count')->{pid};
	kill 'CONT', $old;
	ok($server->await_log(qr/cannot attach channel/),
		'a new worker does not fit the old one');
	ok(!await_exit($worker, seconds(1.5)),
		'that is no reason to end it');
	is($server->get_json('/count')->{pid}, $worker, 'it serves');
	$idle->close;
	$server->stop;
};

# ---- a listener dies meanwhile ---------------------------------------------

subtest 'the new one dies' => sub {
	my $server = server();
	my $old = $server->pid_of('listener');
	$server->install('portico-listener', $waiting);
	my ($command, $new) = hold_upgrade($server);
	kill 'KILL', $new;
	like(end_upgrade($command), qr/^1 .*killed by signal 9.*before/s,
		'the command says so');
	is($server->get('/count')->{status}, 200, 'the old one goes on');
	is_deeply([ $server->pids_of('listener') ], [$old], 'alone');
	$server->stop;
};

subtest 'the old one dies' => sub {
	my $server = server(allow => [qr/listener \(process \d+\) term/]);
	my @workers = $server->pids_of('worker');
	$server->install('portico-listener', $waiting);
	my ($command, $new) = hold_upgrade($server);
	kill 'KILL', my $old = $server->pid_of('listener');
	ok(await_exit($old, seconds(5)), 'the old one dies');
	my $client = $server->connect;
	$client->send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n");
	kill 'CONT', $new;
	like(end_upgrade($command), qr/^0 process $new is.*ended by itself/s,
		'the new one takes its place');
	is($client->read_response->{status}, 200,
		'who came meanwhile is served');
	is_deeply([ $server->pids_of('listener') ], [$new], 'by one listener');
	is_deeply([ $server->pids_of('worker') ], \@workers,
		'and the same workers');
	$server->stop;
};

subtest 'both die' => sub {
	my $server = server(allow => [qr/not replaced|terminated unexp/]);
	my @workers = $server->pids_of('worker');
	$server->install('portico-listener', $waiting);
	my ($command, $new) = hold_upgrade($server);
	$server->install('portico-listener');
	kill 'KILL', my $old = $server->pid_of('listener');
	ok(await_exit($old, seconds(5)), 'the old one dies');
	kill 'KILL', $new;
	like(end_upgrade($command), qr/^1 .*killed by signal 9/s,
		'the command says that it failed');
	is($server->get('/count')->{status}, 200, 'a third one serves');
	is(scalar $server->pids_of('listener'), 1, 'alone');
	is_deeply([ $server->pids_of('worker') ], \@workers,
		'with the same workers');
	$server->stop;
};

subtest 'one dies while the old one finishes' => sub {
	my $server = server(allow => [qr/terminated unexpectedly/]);
	my @workers = $server->pids_of('worker');
	my $first = $server->begin_request('first');
	my $old = $server->pid_of('listener');
	is(($server->command('upgrade', 'listener'))[0], 0, 'upgrade');
	my ($new) = grep { $_ != $old } $server->pids_of('listener');
	kill 'KILL', $new;
	ok(await_exit($new, seconds(5)), 'the new one dies');
	is($server->get('/count')->{status}, 200, 'another takes its place');
	is($server->finish_request($first)->{status}, 200,
		'the old one finishes its request');
	$first->close;
	ok(await_exit($old, seconds(10)), 'and ends');

	my $current = $server->pid_of('listener');
	my $second = $server->connect;
	$second->send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($server->await_request(qr/hold/), 'a request runs for ever');
	is(($server->command('upgrade', 'listener'))[0], 0, 'upgrade');
	kill 'KILL', $current;
	ok(await_exit($current, seconds(5)), 'the old one dies');
	ok(!defined $second->read_response, 'with its connection');
	is($server->get('/count')->{status}, 200, 'the new one serves');
	is(scalar $server->pids_of('listener'), 1, 'alone');
	is_deeply([ $server->pids_of('worker') ], \@workers,
		'the workers have survived it all');
	$server->stop;
};

done_testing;
