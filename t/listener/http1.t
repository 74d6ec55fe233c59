# SPDX-License-Identifier: Apache-2.0
#
# HTTP/1.1 as a client of the wire sees it, through listener and worker:
# connections, framing of both bodies, 100-continue, cooked URLs, hosts.

use strict;
use warnings;
use JSON::PP;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $named_port = Portico::Server::free_port();
my $server = Portico::Server->new(sites => {
	named => {
		bindings => ["http://known.example:$named_port"],
		applications => { '/' => { pool => 'main', root => '/',
			modules => ['probe'],
			handlers => [ { path => '*', module => 'probe' } ] } },
	},
})->start;

sub fnv1a
{
	use integer;
	my $hash = 0xcbf29ce4 << 32 | 0x84222325;
	for my $byte (unpack 'C*', $_[0]) {
		$hash = ($hash ^ $byte) * ((1 << 40) + 0x1b3);
	}
	return sprintf '%016x', $hash;
}

sub pattern
{
	my ($length) = @_;
	my $unit = join '', 'a' .. 'w';
	return substr $unit x ($length / length($unit) + 1), 0, $length;
}

sub body_of
{
	my ($bytes) = @_;
	return join '', map { chr(($_ * 7 + ($_ >> 8)) & 255) } 0 .. $bytes - 1;
}

# The first request starts the worker; what is open after it is normal.
is($server->get('/count')->{status}, 200, 'the first request is answered');
my $listener = $server->pid_of('listener');
my $descriptors = Portico::Server::descriptor_count($listener);

subtest 'keep-alive' => sub {
	my $client = $server->connect;
	my @counts = map {
		decode_json($client->request('GET', '/count')->{body})
	} 1 .. 3;
	is($counts[2]{requests} - $counts[0]{requests}, 2,
		'three requests on one connection');
	my $response = $client->request('GET', '/count',
		fields => ['Connection: close']);
	is($response->{status}, 200, 'the last request is answered');
	like($response->{header}{connection} // '', qr/\bclose\b/i,
		'the answer says that the connection ends');
	ok($client->at_end, 'and it does');
};

subtest 'pipelining' => sub {
	my $client = $server->connect;
	my @targets = ('/sleep?ms=80', map { "/fields?n=$_" } 1 .. 20);
	$client->send(join '', map {
		"GET $_ HTTP/1.1\r\nHost: localhost\r\n\r\n" } @targets);
	is($client->read_response->{body}, "slept\n",
		'the slow first request is answered first');
	my @queries = map {
		decode_json($client->read_response->{body})->{query}
	} 1 .. 20;
	is_deeply(\@queries, [map { "n=$_" } 1 .. 20],
		'twenty more follow in their order');
};

subtest 'a request in pieces' => sub {
	my $client = $server->connect;
	$client->send($_) for split //,
		"GET /fields?slow HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\n\r\n";
	is(decode_json($client->read_response->{body})->{query}, 'slow',
		'byte by byte');
	$client->send("\r\n\r\nGET /fields?blank HTTP/1.1\r\nHost: a\r\n\r\n");
	is(decode_json($client->read_response->{body})->{query}, 'blank',
		'two empty lines before a request are skipped');
};

subtest 'sized request bodies' => sub {
	my $client = $server->connect;
	for my $length (0, 1, 4095, 65536, 300_001) {
		my $body = body_of($length);
		my $response = $client->request('POST', '/body', body => $body);
		is($response->{body}, "$length " . fnv1a($body) . "\n",
			"$length bytes arrive intact");
	}
};

subtest 'chunked request bodies' => sub {
	my $client = $server->connect;
	my $body = body_of(50_000);
	my ($chunked, $offset) = ('', 0);
	for (my $size = 1; $offset < length $body; $size = $size * 3 + 1) {
		my $piece = substr $body, $offset, $size;
		$chunked .= sprintf "%X;name=\"a;b\"\r\n%s\r\n", length $piece,
			$piece;
		$offset += length $piece;
	}
	my $head = "POST /body HTTP/1.1\r\nHost: localhost\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n";
	$client->send($head . $chunked . "0\r\n\r\n");
	is($client->read_response->{body}, "50000 " . fnv1a($body) . "\n",
		'chunks of many sizes with extensions');
	$client->send($head . "3\r\nabc\r\n0\r\nX-Trailer: 1\r\n"
		. "Host: evil\r\n\r\nGET /fields HTTP/1.1\r\nHost: good\r\n\r\n");
	is($client->read_response->{body}, "3 " . fnv1a('abc') . "\n",
		'a body with trailers');
	my $next = decode_json($client->read_response->{body});
	is($next->{host}, 'good', 'trailers do not leak into the next request');
	ok(!grep({ lc $_->[0] eq 'x-trailer' } @{ $next->{fields} }),
		'and are discarded');
	$client->send($head . "0\r\n\r\n");
	is($client->read_response->{body}, "0 " . fnv1a('') . "\n",
		'an empty chunked body');
};

subtest 'a body that nobody reads' => sub {
	my $client = $server->connect;
	my $response = $client->request('POST', '/count',
		body => 'x' x 100_000);
	is($response->{status}, 200, 'the answer comes');
	SKIP: {
		skip 'the server chose to close', 1
			if ($response->{header}{connection} // '') =~ /close/i;
		is($client->request('GET', '/count')->{status}, 200,
			'the next request on the connection is understood');
	}
};

subtest '100-continue' => sub {
	my $client = $server->connect;
	my $head = "POST /body HTTP/1.1\r\nHost: localhost\r\n"
		. "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n";
	$client->send($head);
	my $interim = $client->read_response(interim => 1);
	is($interim->{status}, 100, 'a handler that reads gets it sent');
	$client->send('hello');
	my $response = $client->read_response;
	is($response->{status}, 200, 'the final answer follows');
	is($response->{body}, '5 ' . fnv1a('hello') . "\n", 'with the body');

	$client->send($head =~ s{/body}{/status?code=403}r);
	$response = $client->read_response;
	is($response->{status}, 403, 'a handler that refuses');
	is(scalar @{ $response->{interim} }, 0, 'sends no 100 first');

	$client = $server->connect;
	$client->send($head . 'hello');
	is($client->read_response->{body}, '5 ' . fnv1a('hello') . "\n",
		'a client that does not wait is served');

	$client = $server->connect;
	$client->send($head =~ s/100-continue/200-maybe/r);
	is($client->read_response->{status}, 417, 'another expectation: 417');
};

SKIP: {
	skip 'curl is not installed', 2
		unless grep { -x "$_/curl" } split /:/, $ENV{PATH};
	my $upload = $server->directory . '/upload';
	open my $file, '>', $upload or die $!;
	print $file body_of(200_000);
	close $file;
	my ($status, $out, $err) = Portico::Server::run('curl', '-sv',
		'-H', 'Expect: 100-continue', '--data-binary', "\@$upload",
		'http://127.0.0.1:' . $server->port . '/body');
	like($err, qr{^< HTTP/1\.1 100 }m, 'curl waits for 100 and gets it');
	is($out, '200000 ' . fnv1a(body_of(200_000)) . "\n",
		"curl's upload arrives intact");
}

subtest 'HEAD' => sub {
	my $client = $server->connect;
	my $response = $client->request('HEAD',
		'/stream?bytes=100000&sized=1');
	is($response->{header}{'content-length'}, 100_000,
		'the length of what GET would send');
	is($client->request('GET', '/count')->{status}, 200,
		'no body follows: the next answer is the next answer');
	is($client->request('HEAD', '/status?code=404')->{status}, 404,
		'an error for HEAD');
	is($client->request('GET', '/count')->{status}, 200,
		'has no body either');
};

subtest 'streamed responses' => sub {
	my $client = $server->connect;
	my $response = $client->request('GET', '/stream?bytes=3000000');
	is($response->{header}{'transfer-encoding'}, 'chunked',
		'unknown length: chunked');
	ok($response->{body} eq pattern(3_000_000), '3 MB arrive intact');
	$response = $client->request('GET',
		'/stream?bytes=3000000&sized=1&chunk=1000');
	is($response->{header}{'content-length'}, 3_000_000,
		'announced length: sized');
	ok($response->{body} eq pattern(3_000_000), '3 MB arrive intact');
	is($client->request('GET', '/stream?bytes=0')->{body}, '',
		'nothing at all');
};

subtest 'HTTP/1.0' => sub {
	my $client = $server->connect;
	$client->send("GET /count HTTP/1.0\r\n\r\n");
	my $response = $client->read_response;
	is($response->{status}, 200, 'without Host, for the wildcard site');
	ok($client->at_end, 'the connection ends');

	$client = $server->connect;
	$client->send("GET /stream?bytes=100000 HTTP/1.0\r\n\r\n");
	$response = $client->read_response;
	ok(!defined $response->{header}{'transfer-encoding'},
		'no chunks for HTTP/1.0');
	ok($response->{body} eq pattern(100_000), 'the close ends the body');

	$client = $server->connect;
	for (1 .. 2) {
		$client->send("GET /count HTTP/1.0\r\n"
			. "Connection: keep-alive\r\n\r\n");
		$response = $client->read_response;
		is($response->{status}, 200, "kept alive on request, $_");
	}
	like($response->{header}{connection} // '', qr/keep-alive/i,
		'and it says so');
};

subtest 'what the module sees' => sub {
	my $client = $server->connect;
	my $response = $client->request('GET',
		'/fields/./a//b/../%63%20d?x=%41&y', host => 'LOCALHOST:1234',
		fields => ['X-One: 1', 'x-two:2', 'X-One:  3  ']);
	my $seen = decode_json($response->{body});
	is($seen->{path}, '/fields/a/c d', 'the path is cooked');
	is($seen->{target}, '/fields/./a//b/../%63%20d?x=%41&y',
		'the target is as sent');
	is($seen->{query}, 'x=%41&y', 'the query is as sent');
	is($seen->{host}, 'localhost', 'the host: lower case, no port');
	is($seen->{scheme}, 'http', 'the scheme');
	is($seen->{site}, 'main', 'the site');
	is($seen->{client}, '127.0.0.1', "the client's address");
	is($seen->{serverPort}, $server->port, "the server's port");
	is($seen->{greeting}, 'hello', "the directive's default");
	is_deeply([ grep { $_->[0] =~ /^x-/i } @{ $seen->{fields} } ],
		[ ['X-One', '1'], ['x-two', '2'], ['X-One', '3'] ],
		'fields in their order, values trimmed');
	$client->send('GET http://Other.example/fields?q HTTP/1.1'
		. "\r\nHost: ignored\r\n\r\n");
	$seen = decode_json($client->read_response->{body});
	is($seen->{host}, 'other.example', 'absolute-form: its host counts');
	is($seen->{path}, '/fields', 'absolute-form: the path');
};

subtest 'hosts' => sub {
	my $ask = sub {
		my ($host) = @_;
		my $client = Portico::Http->connect($named_port);
		return $client->request('GET', '/fields', host => $host);
	};
	is(decode_json($ask->('known.example')->{body})->{site}, 'named',
		'the bound host');
	is(decode_json($ask->("KNOWN.example:$named_port")->{body})->{site},
		'named', 'in capitals and with its port');
	is($ask->('unknown.example')->{status}, 400, 'an unknown host: 400');
	is($server->get('/fields', host => 'unknown.example')->{status}, 200,
		'but the wildcard site takes it');
};

subtest 'error pages' => sub {
	my $missing = $server->get('/no-such-thing');
	is($missing->{status}, 404, 'nothing there: 404');
	my $client = $server->connect;
	$client->send("GET / HTTP/1.1\r\n\r\n");
	my $malformed = $client->read_response;
	is($malformed->{status}, 400, 'malformed: 400');
	for my $page ($missing, $malformed) {
		like($page->{header}{'content-type'}, qr{^text/html\b}i,
			'a small HTML page');
		like($page->{body}, qr/$page->{status}/, 'with the status');
		like($page->{body}, qr/\b[0-9a-f]{8,16}\b/i,
			'and a request id');
		my $all = join "\n", $page->{body},
			map { "$_->[0]: $_->[1]" } @{ $page->{fields} };
		unlike($all, qr{portico/?\s*\d|\b0\.1\b}i, 'and no version');
		ok(length $page->{body} < 2048, 'in less than 2 KiB');
	}
	isnt($missing->{body}, $server->get('/no-such-thing')->{body},
		'each with an id of its own');
	like($missing->{header}{date} // '',
		qr/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/, 'Date');
};

subtest 'a client that closes its sending side' => sub {
	my $get = "GET /stream?bytes=500000&sized=1 HTTP/1.1\r\nHost: a\r\n\r\n";
	for my $case (
		[ 'a short answer', "GET /count HTTP/1.1\r\nHost: a\r\n\r\n", 1 ],
		[ 'one that takes a while',
			"GET /sleep?ms=300 HTTP/1.1\r\nHost: a\r\n\r\n", 1 ],
		[ 'a long one', $get, 1 ],
		[ 'three pipelined', $get x 3, 3 ],
		[ 'a body', "POST /body HTTP/1.1\r\nHost: a\r\n"
			. "Content-Length: 300000\r\n\r\n" . 'x' x 300_000, 1 ],
	) {
		my ($name, $bytes, $count) = @$case;
		my $complete = 0;
		for (1 .. 5) {
			my $client = $server->connect;
			$client->send($bytes);
			$client->finish;
			for (1 .. $count) {
				my $response = $client->read_response or last;
				$complete += $response->{complete}
					&& $response->{status} == 200;
			}
			$complete -= 100 unless $client->at_end;
		}
		is($complete, 5 * $count, "$name: answered, then the end");
	}
	my $before = $server->get_json('/count')->{aborts};
	my $client = $server->connect;
	$client->send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	$client->finish;
	$client->close;
	ok(await_condition(seconds(6), sub {
		$server->get_json('/count')->{aborts} == $before + 1;
	}), 'but nobody works for one that is gone');
	$client = $server->connect;
	$client->send("POST /body HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 100\r\n\r\nhalf");
	$client->finish;
	my $response = $client->read_response;
	ok(!$response || $response->{status} == 400,
		'an incomplete body is not taken for a complete one');
};

subtest 'a client that leaves' => sub {
	my $client = $server->connect;
	my $before = $server->get_json('/count')->{aborts};
	$client->send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($server->await_request(qr{^/hold$}),
		'the request runs and is listed');
	$client->reset;
	ok(await_condition(seconds(5), sub {
		$server->get_json('/count')->{aborts} == $before + 1;
	}), 'the module is told');
};

ok(await_condition(seconds(5), sub {
	Portico::Server::descriptor_count($listener) <= $descriptors
}), 'the listener has no more descriptors open than at the start')
	or diag Portico::Server::descriptor_count($listener) . " > $descriptors";
$server->stop;
done_testing;
