# SPDX-License-Identifier: Apache-2.0
#
# HTTP/2 as a client of the wire sees it, through listener and worker: requests
# are what they are in HTTP/1, streams do not wait for one another, windows
# bound what is buffered, and whoever leaves is forgotten.

use strict;
use warnings;
use JSON::PP;
use Portico::Http2;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $server = Portico::Server->new(
	allow => [qr/worker|crash/],
	listener => { accessLog => { fields =>
		[qw(cs-version cs-method cs-uri-stem sc-status cs-bytes)] } },
)->start;
my $port = $server->port;

sub fnv1a
{
	use integer;
	my $hash = 0xcbf29ce4 << 32 | 0x84222325;
	for my $byte (unpack 'C*', $_[0]) {
		$hash = ($hash ^ $byte) * ((1 << 40) + 0x1b3);
	}
	return sprintf '%016x', $hash;
}

sub body_of
{
	my ($bytes) = @_;
	return substr join('', map { chr(($_ * 7 + ($_ >> 8)) & 255) }
		0 .. 65535) x ($bytes / 65536 + 1), 0, $bytes;
}

is($server->get('/count')->{status}, 200, 'the first request is answered');
my $listener = $server->pid_of('listener');
my $descriptors = Portico::Server::descriptor_count($listener);

subtest 'a request' => sub {
	my $client = Portico::Http2->connect($port);
	my $response = $client->request({ path => '/fields?a=%20b' },
		'x-one', 'first', 'cookie', 'a=1', 'x-one', 'second',
		'cookie', 'b=2', 'te', 'trailers');
	is($response->{status}, 200, 'it is answered');
	is($response->{header}{server}, 'Portico', 'names are in lower case');
	ok($response->{header}{date}, 'there is a date');
	ok(!grep({ /^(connection|transfer-encoding)$/ }
		keys %{$response->{header}}), 'nothing is said of HTTP/1');
	my $seen = decode_json($response->{body});
	is($seen->{host}, 'localhost', ':authority is the host');
	is($seen->{path}, '/fields', 'the path is cooked');
	is($seen->{query}, 'a=%20b', 'the query is not');
	is($seen->{scheme}, 'http', 'the scheme is the connection\'s');
	is_deeply($seen->{fields}, [[host => 'localhost'], ['x-one', 'first'],
		[cookie => 'a=1; b=2'], ['x-one', 'second'], [te => 'trailers']],
		'all fields arrive in order, the pieces of Cookie joined');
};

subtest 'Host and :authority' => sub {
	my $client = Portico::Http2->connect($port);
	my $id = $client->{next};
	$client->{next} += 2;
	$client->frame('HEADERS', 5, $id, Portico::Http2::hpack(
		':method', 'GET', ':scheme', 'http', ':path', '/fields',
		'host', 'other.example'));
	my $response = $client->response($id);
	is(decode_json($response->{body})->{host}, 'other.example',
		'Host alone does');
	is($client->request({}, 'host', 'localhost')->{status}, 200,
		'both may say the same');
	is($client->request({}, 'host', 'elsewhere')->{status}, 400,
		'but nothing else');
	is($client->request({ authority => 'a..b' })->{status}, 400,
		'a host that is none is refused');
	is($client->request({ authority => 'user@localhost' })->{status}, 400,
		'so is one with a user');
	is($client->request({})->{status}, 200,
		'the connection outlives all of it');
};

subtest 'streams do not wait for one another' => sub {
	my $client = Portico::Http2->connect($port);
	my $slow = $client->begin({ path => '/sleep?ms=300' });
	my @fast = map { $client->begin({ path => "/fields?n=$_" }) } 1 .. 20;
	for my $i (0 .. $#fast) {
		my $response = $client->response($fast[$i]);
		is(decode_json($response->{body})->{query}, 'n=' . ($i + 1),
			"stream $fast[$i] has its own answer");
	}
	ok(!$client->stream($slow)->{ended}, 'the slow one is not done');
	is($client->response($slow)->{body}, "slept\n", 'and then is');
};

subtest 'HEAD, statuses, lengths' => sub {
	my $client = Portico::Http2->connect($port);
	my $response = $client->request({ method => 'HEAD' });
	is($response->{status}, 200, 'HEAD is answered');
	ok($response->{header}{'content-length'}, 'with a length');
	is($response->{body}, '', 'and no body');
	$response = $client->request({ path => '/stream?bytes=100000&sized=1' });
	is($response->{header}{'content-length'}, 100000, 'a length is told');
	is(length $response->{body}, 100000, 'and kept');
	$response = $client->request({ path => '/stream?bytes=100001' });
	ok(!defined $response->{header}{'content-length'}, 'or is not known');
	is(length $response->{body}, 100001, 'and all comes');
	is($client->request({ path => '/status?code=204' })->{status}, 204,
		'204 has no body');
	is($client->request({ method => 'BREW!' })->{status} // 'none',
		$server->get('/count', method => 'BREW!')->{status},
		'an unknown method is as in HTTP/1');
	is($client->request({ path => '/../x' })->{status}, 400,
		'a way above the root is refused');
	is($client->request({ path => '/' . 'a' x 20000 })->{status}, 414,
		'a path that is too long is 414');
	is($client->request({}, map { ("x-$_", 'y') } 1 .. 120)->{status}, 431,
		'too many fields are 431');
	is($client->request({})->{status}, 200, 'the connection goes on');
};

subtest 'uploads' => sub {
	my $client = Portico::Http2->connect($port);
	my $body = body_of(3_000_000);
	for my $fields (['content-length', length $body], []) {
		my $id = $client->begin({ path => '/body', method => 'POST',
			end => 0 }, @$fields);
		my $room = 65536;
		my $all = 65535;
		my ($sent, $grown, $grown_all) = (0, 0, 0);
		while ($sent < length $body) {
			my $got = $client->stream($id)->{opened} // 0;
			my $got_all = $client->stream(0)->{opened}
				- ($client->{before} // 0);
			my $may = $room + $got - $sent;
			$may = $all + $got_all - $sent
				if $all + $got_all - $sent < $may;
			$may = 16384 if $may > 16384;
			$may = length($body) - $sent
				if $may > length($body) - $sent;
			if ($may <= 0) {
				$client->read_frame or last;
				next;
			}
			$client->data($id, substr($body, $sent, $may),
				$sent + $may == length $body);
			$sent += $may;
		}
		my $response = $client->response($id);
		is($response->{body}, length($body) . ' ' . fnv1a($body) . "\n",
			(@$fields ? 'with' : 'without')
			. ' a length: all bytes arrive, in order');
		$client = Portico::Http2->connect($port);
	}
	my $id = $client->begin({ path => '/body', method => 'POST', end => 0 });
	$client->data($id, 'abc');
	$client->data($id, '');
	$client->data($id, '', 1);
	is($client->response($id)->{body}, '3 ' . fnv1a('abc') . "\n",
		'an empty frame ends it');
	$id = $client->begin({ path => '/body', method => 'POST', end => 0 },
		'expect', '100-continue');
	$client->read_until(sub { @{$client->stream($id)->{heads}} });
	is($client->stream($id)->{heads}[0]{header}{':status'}, 100,
		'100 is sent to who waits for it');
	$client->data($id, 'x' x 10, 1);
	like($client->response($id)->{body}, qr/^10 /, 'and the body taken');
	$id = $client->begin({ path => '/body', method => 'POST', end => 0 });
	$client->frame('DATA', 9, $id, pack('C', 100) . 'y' x 50 . "\0" x 100);
	is($client->response($id)->{body}, '50 ' . fnv1a('y' x 50) . "\n",
		'padding is none of it');
	$id = $client->begin({ path => '/body', method => 'POST', end => 0 });
	$client->data($id, 'z');
	$client->frame('HEADERS', 5, $id, Portico::Http2::hpack('x-sum', '1'));
	is($client->response($id)->{body}, '1 ' . fnv1a('z') . "\n",
		'trailers end it');
};

sub aborts { return $server->get_json('/count')->{aborts} }
sub seen { return $server->get_json('/count')->{requests} }

# The worker has begun so many requests since it had seen $before: one that it
# has not, when the client leaves, never runs, and has nothing to abort.  Each
# look is a request, too.
sub await_begun
{
	my ($before, $count) = @_;
	my $looks = 0;

	return await_condition(seconds(5), sub {
		$looks++;
		return seen() == $before + $looks + $count;
	});
}

subtest 'a body that nobody reads' => sub {
	my $before = aborts();
	my $client = Portico::Http2->connect($port);
	my $id = $client->begin({ path => '/count', method => 'POST', end => 0 });
	$client->data($id, 'x' x 1000);
	my $response = $client->response($id);
	is($response->{status}, 200, 'the answer comes first');
	$client->read_until(sub { $client->stream($id)->{reset} });
	is($client->stream($id)->{reset}, 'NO_ERROR',
		'then the rest is not wanted');
	is($client->request({})->{status}, 200, 'others go on');
	my $seen = seen();
	$id = $client->begin({ path => '/hold', method => 'POST', end => 0 });
	$client->data($id, 'x' x 16384) for 1 .. 4;
	ok($client->ping, 'a body waits');
	ok(await_begun($seen, 1), 'for a request that runs');
	ok($client->stream($id)->{opened} == 0,
		'and its window is not opened');
	$client->close;
	ok(await_condition(seconds(5), sub { aborts() == $before + 1 }),
		'its request ends with the client');
};

subtest 'downloads' => sub {
	my $client = Portico::Http2->connect($port, windows => 0);
	my $id = $client->begin({ path => '/stream?bytes=1000000' });
	my $other = $client->begin({ path => '/count' });
	$client->read_until(sub {
		$client->stream($id)->{bytes} +
		$client->stream($other)->{bytes} >= 65535 });
	ok($client->ping, 'the connection lives');
	is($client->stream($id)->{bytes} + $client->stream($other)->{bytes},
		65535, 'no more is sent than the window allows');
	$client->{windows} = 1;
	$client->window(0, 65535);
	$client->window($id, 65535);
	is(length $client->response($id)->{body}, 1000000, 'then all of it');
	is($client->response($other)->{status}, 200, 'and the other one');
	$client = Portico::Http2->connect($port, settings => { 4 => 0 });
	$id = $client->begin({ path => '/count' });
	$client->read_until(sub { @{$client->stream($id)->{heads}} });
	ok($client->ping, 'a window of nothing');
	is($client->stream($id)->{body}, '', 'lets nothing pass');
	$client->frame('SETTINGS', 0, 0, pack 'nN', 4, 10);
	$client->read_until(sub { length $client->stream($id)->{body} });
	is(length $client->stream($id)->{body}, 10, 'until it is opened');
	$client->window($id, 1000);
	ok($client->response($id)->{complete}, 'and opened more');
};

subtest 'who leaves is forgotten' => sub {
	my ($before, $seen) = (aborts(), seen());
	my $client = Portico::Http2->connect($port);
	my $id = $client->begin({ path => '/hold' });
	my $other = $client->begin({ path => '/sleep?ms=100' });
	ok(await_begun($seen, 2), 'two requests run');
	$client->frame('RST_STREAM', 0, $id, pack 'N', 8);
	is($client->response($other)->{status}, 200, 'one goes on');
	ok(await_condition(seconds(5), sub { aborts() == $before + 1 }),
		'the worker of the other is told');
	$seen = seen();
	$client->begin({ path => '/hold' }) for 1 .. 3;
	ok(await_begun($seen, 3), 'three more run');
	$client->close;
	ok(await_condition(seconds(5), sub { aborts() == $before + 4 }),
		'the end of the connection ends them');
};

subtest 'a worker dies' => sub {
	my $client = Portico::Http2->connect($port);
	my $running = $client->begin({ path => '/hold', method => 'POST' });
	ok($client->ping, 'a request runs');
	my $id = $client->begin({ path => '/crash?how=segv', method => 'POST' });
	is($client->response($id)->{status}, 502, 'who crashed it gets 502');
	is($client->response($running)->{status}, 502, 'so does the other');
	is($client->request({})->{status}, 200, 'the connection goes on');
};

ok($server->await_access_log(qr{^HTTP/2\.0 POST /body 200 \d+$}),
	'the access log knows the version');

ok(await_condition(seconds(5), sub {
	Portico::Server::descriptor_count($listener) <= $descriptors }),
	'no descriptor stays') or diag Portico::Server::descriptor_count($listener) . " > $descriptors";
$server->stop;
done_testing;
