# SPDX-License-Identifier: Apache-2.0
#
# What RFC 9113 (sections 3, 4, 5, 6 and 8) says that a server must do with
# frames that are wrong, out of place, or merely unusual.  Each case is a
# connection of its own; after an error of a stream the connection has to go on.

use strict;
use warnings;
use Portico::Http2 qw(hpack);
use Portico::Server;
use Portico::Wait qw(seconds);
use Test::More;

my $server = Portico::Server->new->start;
my $port = $server->port;
is($server->get('/count')->{status}, 200, 'there is a worker');

my @get = (':method', 'GET', ':scheme', 'http', ':authority', 'localhost',
	':path', '/count');

# A head with these fields on stream 1, which ends.
sub head { my @fields = @_; return sub { $_[0]->head(1, 1, hpack(@fields)) } }

sub get_but
{
	my (%change) = @_;
	my @fields;
	for (my $i = 0; $i < @get; $i += 2) {
		my ($name, $value) = @get[$i, $i + 1];
		$value = delete $change{$name} if exists $change{$name};
		push @fields, $name, $value if defined $value;
	}
	return head(@fields, %change);
}

# A frame, with its type, flags, stream and payload, on a connection on which
# stream 1 has been answered.
sub frame { my @frame = @_; return sub { $_[0]->frame(@frame) } }

sub after_request
{
	my @frame = @_;
	return sub {
		$_[0]->request({});
		$_[0]->frame(@frame);
	};
}

# On stream 1, which is open and whose request runs.
sub while_open
{
	my @frame = @_;
	return sub {
		$_[0]->begin({ path => '/hold', method => 'POST', end => 0 });
		$_[0]->frame(@frame);
	};
}

# On stream 1, of which the client has sent all, and whose request runs.
sub while_half_closed
{
	my @frame = @_;
	return sub {
		$_[0]->begin({ path => '/hold' });
		$_[0]->frame(@frame);
	};
}

sub setting { return frame('SETTINGS', 0, 0, pack 'nN', @_) }

my $long = 'x' x 16385;
my @cases = (
	# 3.4: the preface
	['3.4 another preface', 'closed|PROTOCOL_ERROR', sub {
		$_[0]{http}->send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n") },
		silent => 1, text => 1],
	['3.4 no SETTINGS behind it', 'PROTOCOL_ERROR', sub {
		$_[0]->raw($Portico::Http2::PREFACE);
		$_[0]->frame('PING', 0, 0, '12345678') }, silent => 1],
	# 4.1, 4.2: frames
	['4.1 a type that nobody knows is ignored', 'fine',
		frame(99, 255, 0, 'whatever')],
	['4.1 so it is on a stream', 'fine', frame(99, 255, 1, 'whatever')],
	['4.2 DATA larger than SETTINGS_MAX_FRAME_SIZE', 'FRAME_SIZE_ERROR',
		while_open('DATA', 0, 1, $long)],
	['4.2 HEADERS, too', 'FRAME_SIZE_ERROR', frame('HEADERS', 5, 1, $long)],
	['4.2 and SETTINGS', 'FRAME_SIZE_ERROR',
		frame('SETTINGS', 0, 0, "\0" x 16386)],
	['4.2 a frame of another type', 'FRAME_SIZE_ERROR',
		frame(99, 0, 0, $long)],
	# 4.3: field blocks
	['4.3 a block that is none', 'COMPRESSION_ERROR',
		frame('HEADERS', 5, 1, "\xff\xff\xff\xff\xff\xff\xff")],
	['4.3 an index that does not exist', 'COMPRESSION_ERROR',
		frame('HEADERS', 5, 1, "\xfe")],
	['4.3 another frame within a block', 'PROTOCOL_ERROR', sub {
		$_[0]->frame('HEADERS', 1, 1, hpack(@get));
		$_[0]->frame('PING', 0, 0, '12345678') }],
	['4.3 a block of another stream within it', 'PROTOCOL_ERROR', sub {
		$_[0]->frame('HEADERS', 1, 1, hpack(@get));
		$_[0]->frame('HEADERS', 5, 3, hpack(@get)) }],
	['4.3 a block in three frames', '200', sub {
		my $block = hpack(@get);
		$_[0]->frame('HEADERS', 1, 1, substr $block, 0, 10);
		$_[0]->frame('CONTINUATION', 0, 1, substr $block, 10, 10);
		$_[0]->frame('CONTINUATION', 4, 1, substr $block, 20) }],
	['4.3.1 a dynamic table larger than allowed', 'COMPRESSION_ERROR',
		sub { $_[0]->head(1, 1, "\x3f\xe2\x1f" . hpack(@get)) }],
	# 5.1: states of streams
	['5.1 DATA on an idle stream', 'PROTOCOL_ERROR',
		frame('DATA', 0, 1, 'x')],
	['5.1 RST_STREAM on an idle stream', 'PROTOCOL_ERROR',
		frame('RST_STREAM', 0, 1, pack 'N', 8)],
	['5.1 WINDOW_UPDATE on an idle stream', 'PROTOCOL_ERROR',
		frame('WINDOW_UPDATE', 0, 1, pack 'N', 1)],
	['5.1 CONTINUATION on an idle stream', 'PROTOCOL_ERROR',
		frame('CONTINUATION', 4, 1, hpack(@get))],
	['5.1 PRIORITY on an idle stream is ignored', 'fine',
		frame('PRIORITY', 0, 5, pack 'NC', 0, 15)],
	['5.1 DATA on a half-closed stream', 'STREAM_CLOSED',
		while_half_closed('DATA', 0, 1, 'x')],
	['5.1 HEADERS on a half-closed stream', 'STREAM_CLOSED',
		while_half_closed('HEADERS', 5, 1, hpack('x', 'y'))],
	['5.1 CONTINUATION on a half-closed stream', 'PROTOCOL_ERROR',
		while_half_closed('CONTINUATION', 4, 1, hpack('x', 'y'))],
	['5.1 WINDOW_UPDATE on a half-closed one', 'fine',
		while_half_closed('WINDOW_UPDATE', 0, 1, pack 'N', 1)],
	['5.1 PRIORITY on a half-closed one', 'fine',
		while_half_closed('PRIORITY', 0, 1, pack 'NC', 0, 15)],
	['5.1 DATA on a closed stream', 'fine|STREAM_CLOSED',
		after_request('DATA', 0, 1, 'x')],
	['5.1 HEADERS on a closed stream', 'fine|STREAM_CLOSED|PROTOCOL_ERROR',
		after_request('HEADERS', 5, 1, hpack(@get))],
	['5.1 WINDOW_UPDATE on a closed stream', 'fine',
		after_request('WINDOW_UPDATE', 0, 1, pack 'N', 1)],
	['5.1 RST_STREAM on a closed stream', 'fine',
		after_request('RST_STREAM', 0, 1, pack 'N', 8)],
	['5.1.1 an even number', 'PROTOCOL_ERROR',
		frame('HEADERS', 5, 2, hpack(@get))],
	['5.1.1 a number that was passed over', 'PROTOCOL_ERROR',
		sub {
			$_[0]->request({ id => 5 });
			$_[0]->frame('HEADERS', 5, 3, hpack(@get)) }],
	['5.1.1 gaps are no fault', 'fine', sub { $_[0]->request({ id => 9 }) }],
	['5.1.2 more streams than allowed', 'PROTOCOL_ERROR|REFUSED_STREAM', sub {
		# It knows the limit from then on.
		$_[0]->ping;
		$_[0]->begin({ path => '/hold' }) for 1 .. 101;
		my $id = 201;
		my $client = $_[0];
		$client->read_until(sub { $client->stream($id)->{reset}
			|| $client->{goaway} });
	}, stream => 201],
	# 6.1: DATA
	['6.1 DATA on stream 0', 'PROTOCOL_ERROR', frame('DATA', 0, 0, 'x')],
	['6.1 padding as long as the frame', 'PROTOCOL_ERROR',
		while_open('DATA', 8, 1, pack('C', 6) . 'x' x 5)],
	['6.1 padded and empty', 'FRAME_SIZE_ERROR|PROTOCOL_ERROR',
		while_open('DATA', 8, 1, '')],
	# 6.2: HEADERS
	['6.2 HEADERS on stream 0', 'PROTOCOL_ERROR',
		frame('HEADERS', 5, 0, hpack(@get))],
	['6.2 padding longer than the block', 'PROTOCOL_ERROR',
		frame('HEADERS', 13, 1, pack('C', 200) . hpack('a', 'b'))],
	['6.2 padding', '200',
		sub { $_[0]->frame('HEADERS', 13, 1,
			pack('C', 4) . hpack(@get) . "\0" x 4) }],
	['6.2 a priority', '200', sub { $_[0]->frame('HEADERS', 37, 1,
		pack('NC', 0, 15) . hpack(@get)) }],
	['6.2 a priority without room', 'FRAME_SIZE_ERROR',
		frame('HEADERS', 37, 1, "\0\0")],
	# 6.3: PRIORITY
	['6.3 PRIORITY on stream 0', 'PROTOCOL_ERROR',
		frame('PRIORITY', 0, 0, pack 'NC', 1, 15)],
	['6.3 PRIORITY of four bytes', 'FRAME_SIZE_ERROR',
		while_open('PRIORITY', 0, 1, "\0\0\0\0")],
	# 6.4: RST_STREAM
	['6.4 RST_STREAM on stream 0', 'PROTOCOL_ERROR',
		frame('RST_STREAM', 0, 0, pack 'N', 8)],
	['6.4 RST_STREAM of three bytes', 'FRAME_SIZE_ERROR',
		while_open('RST_STREAM', 0, 1, "\0\0\0")],
	['6.4 RST_STREAM is not answered', 'fine',
		while_open('RST_STREAM', 0, 1, pack 'N', 8)],
	# 6.5: SETTINGS
	['6.5 SETTINGS on a stream', 'PROTOCOL_ERROR',
		frame('SETTINGS', 0, 1, '')],
	['6.5 an ACK with something in it', 'FRAME_SIZE_ERROR',
		frame('SETTINGS', 1, 0, pack 'nN', 1, 1)],
	['6.5 five bytes', 'FRAME_SIZE_ERROR', frame('SETTINGS', 0, 0, 'x' x 5)],
	['6.5.2 ENABLE_PUSH 2', 'PROTOCOL_ERROR', setting(2, 2)],
	['6.5.2 INITIAL_WINDOW_SIZE 2^31', 'FLOW_CONTROL_ERROR',
		setting(4, 0x80000000)],
	['6.5.2 MAX_FRAME_SIZE 16383', 'PROTOCOL_ERROR', setting(5, 16383)],
	['6.5.2 MAX_FRAME_SIZE 2^24', 'PROTOCOL_ERROR', setting(5, 1 << 24)],
	['6.5.2 one that nobody knows', 'fine', setting(0x7777, 1)],
	['6.5.2 a table of fields that may hold nothing', 'fine', setting(1, 0)],
	['RFC 9218 2.1 NO_RFC7540_PRIORITIES 2', 'PROTOCOL_ERROR', setting(9, 2)],
	['RFC 9218 2.1 and one that comes late', 'PROTOCOL_ERROR', setting(9, 1)],
	['RFC 8441 3 ENABLE_CONNECT_PROTOCOL 2', 'PROTOCOL_ERROR', setting(8, 2)],
	['6.5 an ACK that nobody waits for', 'fine', frame('SETTINGS', 1, 0, '')],
	['6.5.3 each is acknowledged', 'fine', sub {
		my ($client) = @_;
		$client->frame('SETTINGS', 0, 0, '') for 1 .. 3;
		$client->read_until(sub { ($client->{acked} // 0) >= 4 })
			or die 'no ACK' }],
	# 6.6: PUSH_PROMISE
	['6.6 PUSH_PROMISE from a client', 'PROTOCOL_ERROR',
		while_open('PUSH_PROMISE', 4, 1, pack('N', 2) . hpack(@get))],
	# 6.7: PING
	['6.7 PING on a stream', 'PROTOCOL_ERROR',
		frame('PING', 0, 1, '12345678')],
	['6.7 PING of six bytes', 'FRAME_SIZE_ERROR', frame('PING', 0, 0, 'x' x 6)],
	['6.7 an answer to no PING', 'fine', frame('PING', 1, 0, '12345678')],
	# 6.8: GOAWAY
	['6.8 GOAWAY on a stream', 'PROTOCOL_ERROR',
		frame('GOAWAY', 0, 1, pack 'NN', 0, 0)],
	['6.8 after GOAWAY what runs is answered', '200', sub {
		$_[0]->begin({ path => '/sleep?ms=50' });
		$_[0]->frame('GOAWAY', 0, 0, pack 'NN', 0, 0) }, last => 1],
	# 6.9: WINDOW_UPDATE
	['6.9 WINDOW_UPDATE of nothing, of the connection', 'PROTOCOL_ERROR',
		frame('WINDOW_UPDATE', 0, 0, pack 'N', 0)],
	['6.9 and of a stream', 'PROTOCOL_ERROR',
		while_open('WINDOW_UPDATE', 0, 1, pack 'N', 0)],
	['6.9 three bytes', 'FRAME_SIZE_ERROR',
		frame('WINDOW_UPDATE', 0, 0, "\0\0\1")],
	['6.9.1 a window beyond 2^31-1', 'FLOW_CONTROL_ERROR',
		frame('WINDOW_UPDATE', 0, 0, pack 'N', 0x7fffffff)],
	['6.9.1 and of a stream', 'reset FLOW_CONTROL_ERROR',
		while_open('WINDOW_UPDATE', 0, 1, pack 'N', 0x7fffffff)],
	['6.9.1 more of a body than the window', 'FLOW_CONTROL_ERROR', sub {
		$_[0]->begin({ path => '/hold', method => 'POST', end => 0 });
		$_[0]->data(1, 'x' x 16384) for 1 .. 5 }],
	['6.9.2 SETTINGS that overflow a window', 'FLOW_CONTROL_ERROR', sub {
		$_[0]->begin({ path => '/hold' });
		$_[0]->window(1, 0x7fffffff - 65535);
		$_[0]->frame('SETTINGS', 0, 0, pack 'nN', 4, 0x7fffffff) }],
	# 6.10: CONTINUATION
	['6.10 CONTINUATION without HEADERS', 'PROTOCOL_ERROR',
		after_request('CONTINUATION', 4, 3, hpack(@get))],
	['6.10 CONTINUATION after the last one', 'PROTOCOL_ERROR', sub {
		$_[0]->frame('HEADERS', 5, 1, hpack(@get));
		$_[0]->frame('CONTINUATION', 4, 1, hpack('x', 'y')) }],
	['6.10 CONTINUATION on stream 0', 'PROTOCOL_ERROR', sub {
		$_[0]->frame('HEADERS', 1, 1, hpack(@get));
		$_[0]->frame('CONTINUATION', 4, 0, hpack('x', 'y')) }],
	# 8.1: messages
	['8.1 a second head that does not end the stream',
		'reset PROTOCOL_ERROR', while_open('HEADERS', 4, 1,
			hpack('x', 'y'))],
	['8.1 trailers with a pseudo-header field', 'reset PROTOCOL_ERROR',
		while_open('HEADERS', 5, 1, hpack(':path', '/'))],
	['8.1.1 a body longer than its length', 'reset PROTOCOL_ERROR', sub {
		$_[0]->begin({ path => '/hold', method => 'POST', end => 0 },
			'content-length', 3);
		$_[0]->data(1, 'four', 1) }],
	['8.1.1 a body shorter than its length', 'reset PROTOCOL_ERROR', sub {
		$_[0]->begin({ path => '/hold', method => 'POST', end => 0 },
			'content-length', 3);
		$_[0]->data(1, 'tw', 1) }],
	['8.1.1 none, with a length', 'reset PROTOCOL_ERROR',
		head(@get, 'content-length', 3)],
	['8.1.1 two lengths', 'reset PROTOCOL_ERROR',
		head(@get, 'content-length', 0, 'content-length', 1)],
	['8.1.1 a length that is none', 'reset PROTOCOL_ERROR',
		head(@get, 'content-length', '1x')],
	# 8.2: fields
	['8.2.1 upper case', 'reset PROTOCOL_ERROR', head(@get, 'X-Y', 'z')],
	['8.2.1 a blank in a name', 'reset PROTOCOL_ERROR',
		head(@get, 'x y', 'z')],
	['8.2.1 a colon in a name', 'reset PROTOCOL_ERROR',
		head(@get, 'x:y', 'z')],
	['8.2.1 a name of nothing', 'reset PROTOCOL_ERROR', head(@get, '', 'z')],
	['8.2.1 a line end in a value', 'reset PROTOCOL_ERROR',
		head(@get, 'x', "y\r\nz: 1")],
	['8.2.1 a NUL in a value', 'reset PROTOCOL_ERROR',
		head(@get, 'x', "y\0z")],
	['8.2.1 a blank before a value', 'reset PROTOCOL_ERROR',
		head(@get, 'x', ' y')],
	['8.2.1 and behind it', 'reset PROTOCOL_ERROR', head(@get, 'x', "y\t")],
	['8.2.2 Connection', 'reset PROTOCOL_ERROR',
		head(@get, 'connection', 'close')],
	['8.2.2 Keep-Alive', 'reset PROTOCOL_ERROR',
		head(@get, 'keep-alive', '1')],
	['8.2.2 Proxy-Connection', 'reset PROTOCOL_ERROR',
		head(@get, 'proxy-connection', 'close')],
	['8.2.2 Transfer-Encoding', 'reset PROTOCOL_ERROR',
		head(@get, 'transfer-encoding', 'chunked')],
	['8.2.2 Upgrade', 'reset PROTOCOL_ERROR', head(@get, 'upgrade', 'x')],
	['8.2.2 TE with a coding', 'reset PROTOCOL_ERROR',
		head(@get, 'te', 'gzip')],
	['8.2.2 TE: trailers', '200', head(@get, 'te', 'trailers')],
	# 8.3: pseudo-header fields
	['8.3 one that is not defined', 'reset PROTOCOL_ERROR',
		get_but(':other', 'x')],
	['8.3 that of a response', 'reset PROTOCOL_ERROR',
		get_but(':status', '200')],
	['8.3 one behind a field', 'reset PROTOCOL_ERROR',
		head('x', 'y', @get)],
	['8.3 twice the same', 'reset PROTOCOL_ERROR',
		head(@get, ':path', '/again')],
	['8.3.1 no :method', 'reset PROTOCOL_ERROR',
		get_but(':method', undef)],
	['8.3.1 no :scheme', 'reset PROTOCOL_ERROR', get_but(':scheme', undef)],
	['8.3.1 no :path', 'reset PROTOCOL_ERROR', get_but(':path', undef)],
	['8.3.1 an empty :path', 'reset PROTOCOL_ERROR', get_but(':path', '')],
	['8.3.1 a :path that does not begin with /', 'reset PROTOCOL_ERROR|400',
		get_but(':path', 'count')],
	['8.3.1 neither :authority nor Host', 'reset PROTOCOL_ERROR|400',
		get_but(':authority', undef)],
	['8.3.1 OPTIONS *', '404', get_but(':method', 'OPTIONS', ':path', '*')],
	['8.3.1 * of another method', 'reset PROTOCOL_ERROR|400',
		get_but(':path', '*')],
	# 8.5: CONNECT
	['8.5 CONNECT', '501|reset PROTOCOL_ERROR',
		head(':method', 'CONNECT', ':authority', 'localhost:1')],
	['8.5 CONNECT with :path', 'reset PROTOCOL_ERROR',
		get_but(':method', 'CONNECT')],
);

for my $case (@cases) {
	my ($name, $expected, $act, %options) = @$case;
	my $client = Portico::Http2->connect($port, silent => $options{silent},
		timeout => 5);
	my $id = $options{stream} // 1;
	my $stream = $client->stream($id);
	my $got;

	$act->($client);
	if ($options{text}) {
		my $answer = $client->{http}->read_response;
		like($answer ? $answer->{status} : 'closed', qr/^(?:505|400|closed)$/,
			$name);
		next;
	}
	if ($expected =~ /fine/) {
		$got = $client->ping ? 'fine' : $client->{goaway} // 'closed';
		$got = "reset $stream->{reset}" if $stream->{reset};
	} elsif ($expected =~ /^(?:reset|\d)/) {
		my $response = $client->response($id);
		$got = $response->{reset} ? "reset $response->{reset}"
			: $response->{status} // $client->{goaway} // 'closed';
		$got = "$got, then closed"
			unless $options{last} || $client->ping;
	} else {
		# An error of the stream may be one of the connection, and the
		# other way round where the state of one stream is concerned.
		eval { $client->read_until(sub { $client->{goaway}
			|| $stream->{reset} }) };
		$got = $client->{goaway} // $stream->{reset} // ($@ ? 'nothing' : 'closed');
	}
	ok(scalar(grep { $got eq $_ } split /\|/, $expected), $name)
		or diag "got: $got, expected: $expected";
	$client->close;
}
is($server->get('/count')->{status}, 200, 'the server goes on');
$server->stop;
done_testing;
