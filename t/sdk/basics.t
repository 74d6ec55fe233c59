# SPDX-License-Identifier: Apache-2.0
#
# Facts of a request, work off the loop, clean-up, log lines and a filter.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Test::More;

my $server = Portico::Server->new(
	applications => { '/' => {
		modules => ['basics'],
		handlers => [
			map { { path => "/$_", module => 'basics',
				handler => $_ } } qw(facts offload cleanup),
		],
	} },
)->start;
my $http = Portico::Http->connect($server->port);
my $address = 'client 127.0.0.1 ' . $http->socket->sockport . " 4\n"
	. 'server 127.0.0.1 ' . $server->port . " 4\n";

my $first = $http->request('GET', '/facts')->{body};
like($first, qr/^\Q$address\Ebody 0\naborted 0\nid \d+\n\z/, 'facts');
like($http->request('POST', '/facts', body => 'x')->{body}, qr/^body 1$/m,
	'... of one with a body');
isnt($http->request('GET', '/facts')->{body}, $first, 'each has its own id');
is($http->request('GET', '/offload')->{body},
	"elsewhere 1\nback 1\nlater 1\n", 'work on a thread of the pool');
is($http->request('GET', '/offload', fields => ['X-Shout: yes'])->{body},
	"ELSEWHERE 1\nBACK 1\nLATER 1\n", 'a filter changes what passes');

is($http->request('GET', '/cleanup')->{body}, "clean\n", 'clean-up');
like($server->await_log(qr/here are first and second/),
	qr/ info .*request=\w+ module=basics\)/, 'a log line of a request');
ok($server->await_log(qr/first is gone/), 'clean-up has run');
like($server->log, qr/second is gone.*first is gone/s, '... the last one first');

$server->stop;
done_testing();
