# SPDX-License-Identifier: Apache-2.0
#
# What the error log says of HTTP/2: the stream of a request that ended badly, of
# one that was broken before it was a request, and of the frame that ended the
# connection.

use strict;
use warnings;
use Portico::Http2 qw(hpack);
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $server = Portico::Server->new->start;
my $port = $server->port;
is($server->get('/count')->{status}, 200, 'there is a worker');

# All lines of a client by its port, as soon as there are so many: their fields
# from the version on.
sub lines
{
	my ($client, $count) = @_;
	my $from = $client->socket->sockport;
	my @lines;

	await_condition(seconds(5), sub {
		open my $file, '<', $server->error_log or return;
		@lines = map { / 127\.0\.0\.1 $from \S+ \d+ (.*)/ ? $1 : () }
			<$file>;
		return @lines >= $count;
	});
	return \@lines;
}

like($server->await_error_log(qr/^#Fields: /) // '',
	qr/ cs-uri streamid sc-status /, 'the field is named');

subtest 'requests' => sub {
	my $client = Portico::Http2->connect($port);
	is($client->request({ path => '/count' })->{status}, 200, 'one is fine');
	is($client->request({ path => '/%zz' })->{status}, 400, 'one is not');
	is_deeply(lines($client, 1), ['HTTP/2.0 GET /%zz 3 400 - URL - -'],
		'and named by its stream');
	my $id = $client->begin({ path => '/sleep?ms=5000' });
	$client->frame('WINDOW_UPDATE', 0, $id, pack 'N', 0x7fffffff);
	is($client->response($id)->{reset}, 'FLOW_CONTROL_ERROR',
		'one whose window is too large is reset');
	is(lines($client, 2)->[1], "HTTP/2.0 GET /sleep?ms=5000 $id - 1"
		. ' Http2_Protocol main FLOW_CONTROL_ERROR', 'for this reason');
	$id = $client->begin({ path => '/sleep?ms=5001' });
	$client->frame('RST_STREAM', 0, $id, pack 'N', 8);
	like(lines($client, 3)->[2], qr{^\S+ GET /sleep\?ms=5001 $id - 1 \S+ main},
		'one that the client takes back is, too');
};

subtest 'streams that never were requests' => sub {
	my $client = Portico::Http2->connect($port);
	my $id = $client->begin({}, 'connection', 'close');
	is($client->response($id)->{reset}, 'PROTOCOL_ERROR', 'one is reset');
	is($client->request({})->{status}, 200, 'the connection goes on');
	is_deeply(lines($client, 1), ["- - - $id - - Http2_Protocol -"
		. ' PROTOCOL_ERROR'], 'the stream is named');
};

subtest 'connections' => sub {
	my $client = Portico::Http2->connect($port);
	is($client->request({})->{status}, 200, 'one is used');
	$client->begin({ id => 8 });
	is($client->end, 'PROTOCOL_ERROR', 'a stream that is not its own ends it');
	is_deeply(lines($client, 1), ['- - - 8 - - Http2_Protocol -'
		. ' PROTOCOL_ERROR'], 'it was stream 8');
	$client = Portico::Http2->connect($port);
	$client->frame('PING', 0, 0, 'short');
	is($client->end, 'FRAME_SIZE_ERROR', 'a PING that is none, too');
	is_deeply(lines($client, 1), ['- - - 0 - - Http2_Protocol -'
		. ' FRAME_SIZE_ERROR'], 'that was none of a stream');
	$client = Portico::Http2->connect($port);
	$client->raw(Portico::Http2::bytes('HEADERS', 4, 5, hpack(
			':method', 'POST', ':scheme', 'http',
			':authority', 'localhost', ':path', '/hold'))
		. Portico::Http2::bytes('DATA', 0, 5, '') x 10_000);
	is($client->end, 'ENHANCE_YOUR_CALM', 'a flood, too');
	is_deeply([grep { /EmptyFrames/ } @{lines($client, 2)}],
		['- - - 5 - - Http2_EmptyFrames - ENHANCE_YOUR_CALM'],
		'by the stream that brought it');
};

# The stream that a frame names gets the line, whatever becomes of the frame.
subtest 'faults in the head of a frame' => sub {
	my %faults = (
		'a stream that is idle' => [ 'DATA', 0, 7, 'x' ],
		'too many bytes' => [ 'HEADERS', 4, 7, 'x' x 16385 ],
		'too few' => [ 'RST_STREAM', 0, 7, 'x' ],
		'no beginning' => [ 'CONTINUATION', 4, 7, '' ],
	);
	for my $name (sort keys %faults) {
		my $client = Portico::Http2->connect($port);
		my $id = $client->begin({});
		is($client->response($id)->{status}, 200, 'one is answered');
		$client->raw(join '', map { Portico::Http2::bytes(@$_) }
			[ 99, 0, 5, 'unknown' ], [ 'DATA', 0, $id, 'closed' ],
			[ 'WINDOW_UPDATE', 0, $id, pack 'N', 1 ],
			[ 99, 0, 5, '' ], $faults{$name},
			[ 'PING', 0, 0, '12345678' ]);
		my $error = $client->end;
		is_deeply(lines($client, 1), ["- - - 7 - - Http2_Protocol -"
			. " $error"], "$name: the stream is named");
	}
	my $client = Portico::Http2->connect($port);
	$client->ping;
	my $bytes = Portico::Http2::bytes(99, 0, 5, 'unknown')
		. Portico::Http2::bytes('RST_STREAM', 0, 7, 'x');
	$client->raw($_) for split //, $bytes;
	is($client->end, 'FRAME_SIZE_ERROR', 'byte by byte');
	is_deeply(lines($client, 1), ['- - - 7 - - Http2_Protocol -'
		. ' FRAME_SIZE_ERROR'], 'as well');
};

my $plain = $server->connect;
is($plain->request('GET', '/%zz')->{status}, 400, 'and in HTTP/1.1');
ok($server->await_error_log(qr{ HTTP/1\.1 GET /%zz - 400 - URL - -$}),
	'there is no stream');

$server->stop;
done_testing;
