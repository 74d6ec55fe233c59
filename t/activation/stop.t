# SPDX-License-Identifier: Apache-2.0
#
# SIGTERM drains: what runs is finished, what is new is refused, then all
# processes end.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

my $application = { modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ] };

subtest 'a running request is finished' => sub {
	my $server = Portico::Server->new(
		applications => { '/' => {%$application} })->start;
	$server->get('/count');
	my $busy = $server->connect;
	my $idle = $server->connect;
	is($idle->request('GET', '/count')->{status}, 200,
		'an idle keep-alive connection is there');
	$busy->send("GET /sleep?ms=700 HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($server->await_request(qr/sleep/), 'a slow request runs');
	$server->signal('TERM');
	ok($idle->at_end, 'the idle connection is closed');
	my $response = $busy->read_response;
	is($response && $response->{status}, 200,
		'the slow request is answered');
	is($response && $response->{body}, "slept\n", 'completely');
	ok($busy->at_end, 'then its connection ends');
	is($server->await_end, 0, 'porticod ends with status 0');
	ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $server->port), 'the port is closed');
	$server->stop;
};

subtest 'one that never ends is cut' => sub {
	my $server = Portico::Server->new(
		pools => { main => { shutdownTimeLimit => '1s' } },
		applications => { '/' => {%$application} },
		allow => [qr/./])->start;
	my $client = $server->connect;
	$client->send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($server->await_request(qr/hold/), 'a request runs that nobody will complete');
	my $start = time;
	$server->signal('TERM');
	is($server->await_end(15), 0, 'porticod ends all the same');
	cmp_ok(time - $start, '<', seconds(8), 'soon after the limit');
	$server->stop;
};

subtest 'SIGINT, and no worker at all' => sub {
	my $server = Portico::Server->new(
		applications => { '/' => {%$application} })->start;
	$server->signal('INT');
	is($server->await_end, 0, 'it ends with status 0');
	$server->stop;
};

done_testing;
