# SPDX-License-Identifier: Apache-2.0
#
# The examples and a module with every kind of setting, behind a whole server.

use strict;
use warnings;
use JSON::PP ();
use POSIX ();
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_readable);
use Test::More;

my $server = Portico::Server->new(
	pools => { main => { maxRequestBody => 0, threads => 2 } },
	applications => {
		'/' => { handlers => [{ path => '*', module => 'hello' }] },
		'/morning' => {
			handlers => [{ path => '*', module => 'hello' }],
			hello => { greeting => "Good morn\x{ef}ng" },
		},
		'/echo' => { handlers => [{ path => '*', module => 'echo' }] },
		'/show' => {
			handlers => [{ path => '*', module => 'every-directive' }],
			'every-directive' => {
				enabled => JSON::PP::false, count => -3,
				limit => '1MiB', wait => '1500ms',
				text => 'words', colour => 'blue',
				list => ['a', 'b'], map => { k => 'v' },
				json => { deep => [1, 2] },
			},
		},
		'/defaults' => {
			handlers => [{ path => '*', module => 'every-directive' }],
		},
	},
)->start;

my $http = Portico::Http->connect($server->port);

# ---- hello -----------------------------------------------------------------

my $response = $http->request('GET', '/');
is($response->{status}, 200, 'hello answers');
is($response->{body}, "Hello, world\n", '... with its default greeting');
is($response->{header}{'content-type'}, 'text/plain', '... as text');
is($response->{header}{'content-length'}, 13, '... of known length');
is($http->request('GET', '/morning/x')->{body}, "Good morn\xc3\xafng\n",
	'... and as configured for another application');
$response = $http->request('HEAD', '/');
is("$response->{status} $response->{header}{'content-length'}", '200 13',
	'HEAD has the same length');
$response = $http->request('DELETE', '/');
is($response->{status}, 405, 'what it has no handler for is refused');
is($response->{header}{allow}, 'GET, HEAD', '... with what would be answered');

# ---- settings --------------------------------------------------------------

is($http->request('GET', '/defaults')->{body}, <<'END', 'defaults arrive');
enabled 1
count 7
limit 65536
wait 90000000000
text (none)
colour 1
json null
path /nowhere
pattern ^/[a-z]+$
password of 0 bytes
END
like($http->request('GET', '/show')->{body}, qr/\A\Qenabled 0
count -3
limit 1048576
wait 1500000000
text words
colour 2
json {\E.*"deep".*\}\npath.*\nlist a\nlist b\nmap k=v\n\z/s, 'settings arrive');

# ---- echo ------------------------------------------------------------------

for my $size (0, 1, 1000, 65536, 200_000, 3_000_000) {
	my $body = join '', map { chr(33 + $_ % 90) } 1 .. 997;
	$body = substr $body x (1 + $size / 997), 0, $size;
	my $connection = Portico::Http->connect($server->port);
	my $pid = fork // die "fork: $!";
	if ($pid == 0) { # so that both directions can move at once
		$connection->send("PUT /echo/x HTTP/1.1\r\nHost: a\r\n"
			. "Content-Type: text/x-test\r\n"
			. "Content-Length: $size\r\n\r\n$body");
		POSIX::_exit(0);
	}
	my $response = $connection->read_response;
	waitpid $pid, 0;
	ok($response->{status} == 200 && $response->{complete}
		&& $response->{body} eq $body, "$size bytes come back");
	is($response->{header}{'content-length'}, $size, '... of known length');
	is($response->{header}{'content-type'}, 'text/x-test',
		'... of the same type');
}

my $connection = Portico::Http->connect($server->port);
$connection->send("POST /echo HTTP/1.1\r\nHost: a\r\n"
	. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
$response = $connection->read_response(head_only => 1);
is($response->{status}, 200, 'the answer begins before the body has ended');
is($response->{header}{'transfer-encoding'}, 'chunked',
	'... of unknown length, like the request');
my $deadline = time + 10;
is($connection->take(8, $deadline), "5\r\nhello",
	'what was sent comes back before more is sent');
$connection->send("1\r\n!\r\n0\r\n\r\n");
is($connection->take(13, $deadline), "\r\n1\r\n!\r\n0\r\n\r\n",
	'... and the rest after that');
is($connection->request('GET', '/')->{status}, 200,
	'the connection can be used again');

$response = $http->request('GET', '/echo');
is("$response->{status} $response->{header}{allow}", '405 POST, PUT',
	'echo wants a body');

$server->stop;
done_testing();
