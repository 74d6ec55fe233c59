# SPDX-License-Identifier: Apache-2.0
#
# Clients that stop talking: each of the listener's time-outs ends only what
# it is about, with its reason in the error log.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(seconds);
use Test::More;
use Time::HiRes qw(time);

my $server = Portico::Server->new(
	listener => { headerWaitTimeout => '1s', connectionTimeout => '2s',
		entityBodyTimeout => '1s', drainEntityBodyTimeout => '1s' },
	pools => { main => { maxRequestBody => 100_000 } },
)->start;
is($server->get('/count')->{status}, 200, 'a request is answered');

# The line of a client's port, which may have been that of an earlier client
# with another `request`.
sub reason
{
	my ($client, $request) = @_;
	my $port = $client->socket->sockport;
	$request //= '';
	my $line = $server->await_error_log(
		qr{^\S+ \S+ 127\.0\.0\.1 $port .*$request})
		or return 'no line';
	return (split / /, $line)[12];
}

subtest 'a head that does not end' => sub {
	my $client = $server->connect;
	my $start = time;
	$client->send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
	my $response = $client->read_response;
	is($response && $response->{status}, 408, 'answered with 408');
	ok($client->at_end, 'the connection ends');
	cmp_ok(time - $start, '>', 0.8, 'not before its time');
	is(reason($client), 'Timer_HeaderWait', 'the reason');
};

subtest 'a head that drips' => sub {
	my $client = $server->connect;
	my $start = time;
	my $answered;
	$client->send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
	# A byte now and then must not extend the time.
	while (time - $start < seconds(5) && !$answered) {
		$client->send('x') or last;
		$answered = Portico::Wait::await_readable(0.2, $client->socket);
	}
	ok($answered, 'is cut all the same');
	is($client->read_response->{status}, 408, 'answered with 408');
};

subtest 'a kept connection that is idle' => sub {
	my $client = $server->connect;
	is($client->request('GET', '/count')->{status}, 200, 'a request');
	my $start = time;
	ok($client->at_end, 'then the server closes');
	cmp_ok(time - $start, '>', 1.5, 'after connectionTimeout');
	is(reason($client), 'Timer_ConnectionIdle', 'the reason');
};

subtest 'a body that stalls' => sub {
	my $client = $server->connect;
	$client->send("POST /body HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 100\r\n\r\nhalf");
	my $response = $client->read_response;
	is($response && $response->{status}, 408, 'answered with 408');
	ok($client->at_end, 'the connection ends');
	is(reason($client, 'POST /body'), 'Timer_EntityBody', 'the reason');
};

subtest 'a body that nobody reads, and that does not end' => sub {
	my $client = $server->connect;
	$client->send("POST /count?drain HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 100\r\n\r\nhalf");
	my $response = $client->read_response;
	is($response && $response->{status}, 200, 'answered before');
	is($response->{header}{connection}, undef, 'and kept for the rest');
	my $start = time;
	ok($client->at_end, 'then the connection ends');
	cmp_ok(time - $start, '>', 0.8, 'after drainEntityBodyTimeout');
	is(reason($client, 'POST /count.drain'), 'Timer_EntityBody', 'the reason');
	like($server->await_error_log(qr{ POST /count[?]drain }),
		qr/ 200 \d+ Timer_EntityBody main Drain$/, 'and which of its kind');
	$client = $server->connect;
	$client->send("POST /count?late HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 8\r\n\r\nhalf");
	$client->read_response;
	$client->send('rest');
	is($client->request('GET', '/count')->{status}, 200,
		'who sends the rest in time goes on');
};

subtest 'a slow request is not an idle one' => sub {
	is($server->get('/sleep?ms=2500')->{body}, "slept\n",
		'a handler may take longer than all of these');
};

subtest 'a body that is too large' => sub {
	my $client = $server->connect;
	$client->send("POST /body HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 100001\r\n\r\n");
	my $response = $client->read_response;
	is($response && $response->{status}, 413, 'announced: 413 at once');
	is(reason($client), 'EntityTooLarge', 'the reason');
	$client = $server->connect;
	$client->send("POST /body HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n");
	$client->send(sprintf "%x\r\n%s\r\n", 40_000, 'x' x 40_000) for 1 .. 3;
	$client->send("0\r\n\r\n");
	$response = $client->read_response;
	is($response && $response->{status}, 413, 'chunked: 413 when it shows');
};

$server->stop;

# A server of its own: the time-outs above would make room on a slow machine.
subtest 'the number of connections' => sub {
	my $server = Portico::Server->new(
		listener => { maxConnections => 10 },
		allow => [qr/maxConnections|room for connections again/])
		->start;
	my @clients = map { $server->connect } 1 .. 10;
	my @answers = map { $_->request('GET', '/count') } @clients;
	is(scalar(grep { $_->{status} == 200 } @answers), 10,
		'as many as allowed are served');
	my @more = map { $server->connect } 1 .. 5;
	my @refused = grep {
		my $response = eval { $_->request('GET', '/count') };
		!$response || $response->{status} == 503;
	} @more;
	is(scalar @refused, 5, 'those beyond the limit are refused');
	like($server->await_error_log(qr/ConnLimit/) // '',
		qr/\S/, 'with a reason');
	$_->close for @clients, @more;
	ok(Portico::Wait::await_condition(seconds(5), sub {
		my $response = eval { $server->get('/count') };
		$response && $response->{status} == 200;
	}), 'and room comes back');
	$server->stop;
};

done_testing;
