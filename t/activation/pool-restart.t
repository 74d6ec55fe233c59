# SPDX-License-Identifier: Apache-2.0
#
# portico pool restart: what runs is finished, no worker of before and none of
# after are there at once, and requests wait in the queue meanwhile, also when
# porticod is killed in between.

use strict;
use warnings;
use Portico::Family qw(kill_porticod);
use Portico::Load;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;

my @probe = (modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ]);

sub workers
{
	my ($server) = @_;
	return map { $_->{pid} }
		@{ $server->command_json('worker', 'list')->{workers} // [] };
}

# Requests that run until `end` is called.
sub hold
{
	my ($server) = @_;
	my $connection = $server->connect;

	$connection->send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($server->await_request(qr/hold/), 'a request runs');
	return $connection;
}

# Of the log: the last end of one of these workers, and the first start after
# `mark` bytes.
sub end_and_start
{
	my ($server, $mark, @old) = @_;
	my $log = substr $server->log, $mark;
	my ($end, $start) = (-1, -1);

	for my $pid (@old) {
		$log =~ /the worker \(process $pid\) has stopped/ or return;
		$end = $+[0] if $+[0] > $end;
	}
	$log =~ /starting a worker, process/ and $start = $-[0];
	return ($end, $start);
}

subtest 'one after the other, and nobody is refused' => sub {
	my $server = Portico::Server->new(
		pools => { main => { workers => 2, startMode => 'AlwaysRunning' } },
		applications => { '/' => {@probe} })->start;
	await_condition(seconds(10), sub { 2 == workers($server) });
	my @old = workers($server);
	is(scalar @old, 2, 'two workers');
	my $slow = $server->connect;
	$slow->send("GET /sleep?ms=700 HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($server->await_request(qr/sleep/), 'one is busy');
	my $mark = length $server->log;
	my ($status, $output) = $server->command(qw(pool restart main));
	is($status, 0, 'pool restart');
	like($output, qr/main/, 'says of which');
	my $waiting = $server->connect;
	$waiting->send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n");
	is($slow->read_response->{status}, 200, 'what ran is finished');
	is($waiting->read_response->{status}, 200,
		'what came meanwhile is answered');
	ok(await_condition(seconds(10), sub {
		2 == grep { my $pid = $_; !grep { $_ == $pid } @old }
			workers($server)
	}), 'two others');
	my ($end, $start) = end_and_start($server, $mark, @old);
	cmp_ok($end // -1, '>', 0, 'all of before have ended');
	cmp_ok($start, '>', $end // 0, 'before the first of after starts');
	like(($server->command('events'))[1], qr/pool "main" is restarted/,
		'an event says so');
	$server->stop;
};

subtest '64 connections' => sub {
	my $server = Portico::Server->new(
		applications => { '/' => { modules => ['load'], handlers =>
			[ { path => '*', module => 'load' } ] } })->start;
	my $load = Portico::Load->start($server, connections => 64,
		mix => 'pattern=1', bytes => '0-30000', delay => 5);
	ok($load->await_ready, 'have had an answer');
	for (1 .. 3) {
		my ($old) = workers($server);
		is(($server->command(qw(pool restart main)))[0], 0, 'restart');
		ok(await_exit($old, seconds(10)), 'the worker ends');
		my $seen = $load->totals->{good};
		ok(await_condition(seconds(10), sub {
			$load->totals->{good} > $seen + 200 }), 'another serves');
	}
	kill 'TERM', $load->pid;
	my $end = $load->finish(seconds(20));
	is($end->{failed} + $end->{wrong}, 0, 'no request failed')
		or diag(explain($end));
	$server->stop;
};

subtest 'porticod is killed meanwhile' => sub {
	my $server = Portico::Server->new(
		applications => { '/' => {@probe} })->start;
	my ($old) = ($server->get_json('/count')->{pid});
	my $held = hold($server);
	is(($server->command(qw(pool restart main)))[0], 0, 'restart');
	my @running = $server->descendants;
	kill_porticod($server);
	$server->launch;
	ok($server->await_ready, 'another porticod gets ready')
		or $server->show_log;
	my $waiting = $server->connect;
	$waiting->send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(await_condition(seconds(10), sub {
		$server->counters('main')->{queued} }), 'a request waits');
	is_deeply([ workers($server) ], [$old],
		'no other worker, as long as the old one is there');
	$held->close;
	ok(await_exit($old, seconds(20)), 'which ends with its request');
	is($waiting->read_response->{status}, 200,
		'then another starts and answers');
	$server->stop;
};

subtest 'one that is stopped, one that has no worker, none' => sub {
	my $server = Portico::Server->new(
		applications => { '/' => {@probe} })->start;
	is(($server->command(qw(pool restart main)))[0], 0, 'no worker: fine');
	is(scalar(workers($server)), 0, 'nobody has asked for one');
	is($server->get('/count')->{status}, 200, 'it serves');
	is(($server->command(qw(pool stop main)))[0], 0, 'stopped');
	is($server->get('/count')->{status}, 503, 'nobody serves');
	isnt($server->command_json(qw(pool restart main))->{pool}{state},
		'stopped', 'restart starts it');
	is($server->get('/count')->{status}, 200, 'it serves again');
	my ($status, undef, $errors) = $server->command(qw(pool restart x));
	is($status, 1, 'no such pool');
	like($errors, qr/"x"/, 'which is named');
	$server->stop;
};

done_testing;
