# SPDX-License-Identifier: Apache-2.0
#
# `portico upgrade manager`: porticod is replaced by the program on disk, as
# the same process, with the same listener and workers.  Under a load of 64
# connections no request fails, and nothing that a command has done is
# forgotten.  A program that cannot be run, is none of ours, or does not
# understand the state of this one changes nothing.

use strict;
use warnings;
use JSON::PP;
use Portico::Family qw(family await_workers strike);
use Portico::Load;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

# A porticod by a link that other programs can take the place of.
sub server
{
	my (%options) = @_;
	my $server = Portico::Server->new(
		applications => { '/' => { modules => ['load'], handlers =>
			[ { path => '*', module => 'load' } ] } }, %options);

	put($server, Portico::Server::program('porticod'));
	return $server;
}

sub program { my ($server) = @_; return $server->directory . '/porticod' }

# Another program: a file, or the text of a script.
sub put
{
	my ($server, $what) = @_;
	my $path = program($server);

	unlink "$path.new";
	if ($what =~ /^#!/) {
		open my $file, '>', "$path.new" or die $!;
		print $file $what;
		close $file or die $!;
		chmod 0755, "$path.new";
	} else {
		symlink $what, "$path.new" or die $!;
	}
	rename "$path.new", $path or die $!;
}

# Portico::Server runs porticod by its own path; the wrapper replaces it.
sub begin
{
	my ($server) = @_;

	$server->{wrapper} = ['/bin/sh', '-c', 'shift; exec "$0" "$@"',
		program($server)];
	return $server->start;
}

# The configuration is read after it, which is no time for another one.
sub upgrade
{
	my ($server) = @_;
	my $from = $server->log_position;
	my ($status, $output, $errors) = $server->command('--json', 'upgrade',
		'manager');

	is($status, 0, 'porticod is replaced') or diag($errors);
	ok($server->await_log(qr/is in force/, 10, $from), 'and reads its file');
	return $status ? {} : decode_json($output);
}

# All processes are those of before.
sub is_same_family
{
	my ($server, $before, $name) = @_;

	is_deeply({ %{ family($server) },
		takeOvers => $before->{takeOvers} }, $before, $name);
}

sub counts
{
	my ($server) = @_;
	my $pool = $server->command_json('pool', 'show', 'main');

	return { (map { $_ => $pool->{pool}{$_} }
			qw(state starts failures recycles generation)),
		records => [ map { $_->{worker} } @{ $pool->{starts} } ] };
}

subtest 'under load' => sub {
	my $server = begin(server(listener => { threads => 2 },
		pools => { main => { workers => 2, threads => 2,
			startMode => 'AlwaysRunning' }, other => {} }));
	my $before = await_workers($server, 2);
	my $counts = counts($server);
	my $load = Portico::Load->start($server, connections => 64,
		mix => 'pattern=1', bytes => '0-30000', delay => 5);

	is(($server->command('pool', 'stop', 'other'))[0], 0, 'a pool stops');
	ok($load->await_ready, '64 connections have had an answer');
	for my $round (1 .. $ENV{PORTICO_UPGRADES} // 3) {
		my $answer = upgrade($server);
		is($answer->{manager}{workers}, 2, 'it says what it has');
		my $seen = $load->totals->{good};
		ok(await_condition(seconds(10), sub {
			$load->totals->{good} > $seen + 300 }),
			'requests are answered');
	}
	is_same_family($server, $before, 'all processes are the same');
	is($before->{pid}, $server->pid, 'porticod itself, too');
	is_deeply(counts($server), $counts, 'what was counted, and how the '
		. 'workers started, is known');
	is($server->command_json('pool', 'show', 'other')->{pool}{state},
		'stopped', 'the pool that was stopped is');
	# It is their parent as before.
	strike('KILL', $before->{workers}[0]);
	ok($server->await_log(qr/unexpectedly: it was killed by signal 9/),
		'how a worker ends is seen');
	push @{ $server->{allow} }, qr/\bP5009\b/;
	ok(await_workers($server, 2), 'it is replaced');
	is(($server->command('reload'))[0], 0, 'reload');
	is(($server->command('upgrade', 'listener'))[0], 0,
		'the listener is replaced');
	my $end = $load->stop;
	# The worker that was killed may have had some.
	is($end->{wrong}, 0, 'none was answered wrongly');
	cmp_ok($end->{failed}, '<=', 64, 'none failed but for the kill');
	$server->stop;
};

subtest 'no request fails' => sub {
	my $server = begin(server(
		pools => { main => { startMode => 'AlwaysRunning' } }));
	await_workers($server, 1);
	my $load = Portico::Load->start($server, connections => 64,
		mix => 'pattern=1', bytes => '0-30000', delay => 5);

	ok($load->await_ready, '64 connections');
	upgrade($server) for 1 .. 2;
	my $end = $load->stop;
	is($end->{failed}, 0, "none of $end->{good} failed")
		or diag(Portico::Load::complaints($end));
	is($end->{wrong}, 0, 'none was answered wrongly');
	$server->stop;
};

subtest 'a program that cannot go on' => sub {
	my $server = begin(server(allow => [ qr/\bP5263\b/ ],
		pools => { main => { startMode => 'AlwaysRunning' } }));
	my $before = await_workers($server, 1);
	my $directory = $server->directory;
	my %programs = (
		'one that fails' => ["#!/bin/sh\necho broken >&2\nexit 1\n",
			qr/exited with status 1.*broken/s],
		'one that says nothing' => [ '/bin/true', qr/exited with/ ],
		'one that is killed' => [ "#!/bin/sh\nkill -9 \$\$\n",
			qr/signal 9/ ],
		'none at all' => [ "$directory/missing", qr/status 127/ ],
		'one of another version' => [ "#!/bin/sh\nsed "
			. "'s/\"version\":1/\"version\":99/' /proc/self/fd/3 "
			. ">$directory/state\nexec "
			. Portico::Server::program('porticod')
			. " --check-state 3<$directory/state\n",
			qr/version 99, and only version 1 is known/ ],
		'one for which something is missing' => [ "#!/bin/sh\nsed "
			. "'s/\"whyMarked\"/\"nothing\"/' /proc/self/fd/3 "
			. ">$directory/state\nexec "
			. Portico::Server::program('porticod')
			. " --check-state 3<$directory/state\n",
			qr/the state of a worker: .*whyMarked/ ],
	);

	for my $name (sort keys %programs) {
		my ($program, $why) = @{ $programs{$name} };
		put($server, $program);
		my ($status, undef, $errors) = $server->command('upgrade',
			'manager');
		is($status, 1, "$name: refused");
		like($errors, $why, 'it says why');
		is_same_family($server, $before, 'nothing has changed');
	}
	# One that says yes, and then cannot be executed.
	put($server, "#!/bin/sh\nrm -f " . program($server)
		. "\necho this program understands the state\n");
	my ($status, undef, $errors) = $server->command('upgrade', 'manager');
	is($status, 1, 'one that goes away meanwhile: refused');
	like($errors, qr/executing .*No such file/, 'it says why');
	is_same_family($server, $before, 'nothing has changed');

	put($server, Portico::Server::program('porticod'));
	upgrade($server);
	is_same_family($server, $before, 'a good one goes on');
	is($server->get('/')->{status} // 0, $server->get('/')->{status},
		'and serves');
	$server->stop;
};

# It says yes and dies: as if porticod had been killed.
subtest 'a program that lies' => sub {
	my $server = begin(server(
		pools => { main => { startMode => 'AlwaysRunning' } }));
	my $before = await_workers($server, 1);

	put($server, "#!/bin/sh\n[ \$1 = --check-state ] || exit 1\n"
		. "echo this program understands the state\n");
	my ($status) = $server->command('upgrade', 'manager');
	isnt($status, 0, 'the command ends');
	waitpid $server->pid, 0;
	like(($server->get('/pattern') // {})->{status}, qr/^[24]/,
		'requests are answered');
	put($server, Portico::Server::program('porticod'));
	$server->launch;
	ok($server->await_ready, 'another porticod');
	my $now = await_workers($server, 1);
	is($now->{listener}, $before->{listener}, 'the same listener');
	is_deeply($now->{workers}, $before->{workers}, 'the same worker');
	$server->stop;
};

subtest 'when it cannot be' => sub {
	my $server = begin(server(allow => [ qr/\bP5263\b/, qr/\bP5261\b/ ]));
	my $family = family($server);

	like($family->{listener} // '', qr{^[1-9]}, 'a listener') or return;
	strike('STOP', $family->{listener});
	my ($status, undef, $errors);
	my $command = fork // die $!;
	if ($command == 0) {
		$server->command('upgrade', 'listener');
		POSIX::_exit(0);
	}
	ok(await_condition(seconds(10), sub {
		2 == @{ $server->command_json('listener', 'show')->{listeners}
			// [] } || $server->pids_of('listener') == 2 }),
		'another listener starts') or $server->show_log;
	($status, undef, $errors) = $server->command('upgrade', 'manager');
	strike('CONT', $family->{listener});
	waitpid $command, 0;
	# Either it was in time, or that was over already.
	ok($status == 0 || $errors =~ /listener/, 'not while the listener is '
		. 'replaced, and it says so');
	$server->stop;
};

done_testing;
