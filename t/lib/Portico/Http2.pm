# SPDX-License-Identifier: Apache-2.0
#
# One raw connection of HTTP/2 for tests: sends exactly the frames it is told,
# right or wrong, and keeps what comes back.  It encodes heads without
# compression and asks the server to do without a dynamic table, so that the
# decoder needs none.

package Portico::Http2;

use strict;
use warnings;
use Portico::Http;
use Portico::Wait qw(seconds);
use Time::HiRes qw(time);
use Exporter 'import';

our @EXPORT_OK = qw(hpack hpack_integer);

my @types = qw(DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING
	GOAWAY WINDOW_UPDATE CONTINUATION);
my %number = map { $types[$_] => $_ } 0 .. $#types;
my @errors = qw(NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR
	SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR REFUSED_STREAM CANCEL
	COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM INADEQUATE_SECURITY
	HTTP_1_1_REQUIRED);

use constant { END_STREAM => 1, ACK => 1, END_HEADERS => 4, PADDED => 8,
	PRIORITY => 32 };

our $PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

# ---- heads (RFC 7541) --------------------------------------------------------

sub hpack_integer
{
	my ($first, $bits, $value) = @_;
	my $most = (1 << $bits) - 1;

	return pack 'C', $first | $value if $value < $most;
	my $out = pack 'C', $first | $most;
	for ($value -= $most; $value >= 128; $value >>= 7) {
		$out .= pack 'C', $value & 127 | 128;
	}
	return $out . pack 'C', $value;
}

# Literals without indexing, by name and value in turn.
sub hpack
{
	my (@fields) = @_;
	my $out = '';

	while (my ($name, $value) = splice @fields, 0, 2) {
		$out .= "\0" . hpack_integer(0, 7, length $name) . $name
			. hpack_integer(0, 7, length $value) . $value;
	}
	return $out;
}

# Appendix A; the first entry is number 1.
my @static = map { [/^(\S+)(?: (.*))?$/] } split /\n/, <<'END';
:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate
END

# Appendix B: the bits of each byte's code.  The codes are canonical: those of
# one length count up in the order of the bytes, each length where the last
# one ended.
my @bits = map { my ($n, $times) = split /x/; ($n) x ($times // 1) } qw(13 23
	28x7 24 30 28x2 30 28x8 30 28x9 6 10x2 12 13 6 8 11 10x2 8 11 8 6x3
	5x3 6x7 7 8 15 6 12 10 13 6 7x22 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6x3
	5 7x2 6x3 5 6 7 6 5x2 6 7x5 15 11 14 13 28 20 22 20x2 22x3 23 22 23x5
	24 23 24x2 22 23 24 23x4 21 22 23 22 23x2 24 22 21 20 22x2 23x2 21 23
	22x2 24 21 22 23x2 21x2 22 21 23 22 23x2 20 22x3 23 22x2 23 26x2 20 19
	22 23 22 25 26x3 27x2 26 24 25 19 21 26 27x2 26 27 24 21x2 26x2 28 27x3
	20 24 20 21 22 21x2 23 22x2 25x2 24x2 26 23 26 27 26x2 27x5 28 27x5 26
	30);
my %decoded;
{
	my ($code, $last) = (0, 5);
	for my $byte (sort { $bits[$a] <=> $bits[$b] || $a <=> $b } 0 .. 256) {
		$code <<= $bits[$byte] - $last;
		$last = $bits[$byte];
		$decoded{sprintf "%0${last}b", $code++} = $byte;
	}
}

sub unhuffman
{
	my ($bytes) = @_;
	my ($out, $code) = ('', '');

	for my $bit (split //, unpack 'B*', $bytes) {
		$code .= $bit;
		my $byte = $decoded{$code};
		next unless defined $byte;
		$out .= chr $byte;
		$code = '';
	}
	return $out;
}

sub take_integer
{
	my ($data, $bits) = @_;
	my $most = (1 << $bits) - 1;
	my $value = ord(substr $$data, 0, 1, '') & $most;

	return $value if $value < $most;
	for (my $shift = 0;; $shift += 7) {
		my $byte = ord substr $$data, 0, 1, '';
		$value += ($byte & 127) << $shift;
		return $value if $byte < 128;
	}
}

sub take_string
{
	my ($data) = @_;
	my $huffman = ord($$data) & 128;
	my $length = take_integer($data, 7);
	my $text = substr $$data, 0, $length, '';

	return $huffman ? unhuffman($text) : $text;
}

# Pairs of name and value.
sub unhpack
{
	my ($data) = @_;
	my @fields;

	while (length $data) {
		my $first = ord $data;
		if ($first & 128) {
			my $index = take_integer(\$data, 7);
			push @fields, [@{$static[$index - 1]}];
			next;
		}
		if (($first & 0xe0) == 0x20) {
			take_integer(\$data, 5);
			next;
		}
		my $index = take_integer(\$data, $first & 64 ? 6 : 4);
		my $name = $index ? $static[$index - 1][0] : take_string(\$data);
		push @fields, [$name, take_string(\$data)];
	}
	return @fields;
}

# ---- frames ------------------------------------------------------------------

# Portico::Http2->connect(port [, settings => { number => value },
# silent => 1: nothing is sent, receive_buffer => BYTES, windows => 0: they are
# not opened as bodies come, timeout => SECONDS])
sub connect
{
	my ($class, $port, %options) = @_;
	my $self = bless {
		http    => Portico::Http->connect($port, %options),
		timeout => seconds($options{timeout} // 10),
		windows => $options{windows} // 1,
		streams => {},
		next    => 1,
		frames  => [],
	}, $class;

	return $self if $options{silent};
	my %settings = (1 => 0, %{$options{settings} // {}});
	$self->raw($PREFACE);
	$self->frame('SETTINGS', 0, 0,
		join '', map { pack 'nN', $_, $settings{$_} } sort keys %settings);
	return $self;
}

sub raw { return $_[0]{http}->send($_[1]) }
sub close { $_[0]{http}->close }
sub reset { $_[0]{http}->reset }
sub socket { return $_[0]{http}->socket }

# The bytes of a frame; `length` may lie.
sub bytes
{
	my ($type, $flags, $id, $payload, $length) = @_;
	my $number = $number{$type} // $type;

	$length //= length $payload;
	return pack('CnCCN', $length >> 16, $length & 0xffff, $number, $flags,
		$id) . $payload;
}

sub frame
{
	my ($self, $type, $flags, $id, $payload) = @_;

	return $self->raw(bytes($type, $flags, $id, $payload // ''));
}

# A head in as many frames as it takes.
sub head
{
	my ($self, $id, $end, $block) = @_;
	my $type = 'HEADERS';
	my $flags = $end ? END_STREAM : 0;

	do {
		my $part = substr $block, 0, 16384, '';
		$self->frame($type, $flags | (length $block ? 0 : END_HEADERS),
			$id, $part);
		($type, $flags) = ('CONTINUATION', 0);
	} while length $block;
}

# A request by fields in turn; those with a colon have defaults.  Options by a
# first hash: end (1), method, path, id.  Returns the stream's number.
sub begin
{
	my ($self, $options, @fields) = @_;
	my $id = $options->{id} // $self->{next};

	$self->{next} = $id + 2 if $id >= $self->{next};
	$self->head($id, $options->{end} // 1,
		hpack(':method', $options->{method} // 'GET', ':scheme', 'http',
			':authority', $options->{authority} // 'localhost',
			':path', $options->{path} // '/count', @fields));
	return $id;
}

sub data
{
	my ($self, $id, $data, $end) = @_;

	return $self->frame('DATA', $end ? END_STREAM : 0, $id, $data);
}

sub window
{
	my ($self, $id, $bytes) = @_;

	return $self->frame('WINDOW_UPDATE', 0, $id, pack 'N', $bytes);
}

# The next frame; undef at the end of the connection.
sub read_frame
{
	my ($self, %options) = @_;
	my $deadline = time + ($options{timeout} // $self->{timeout});
	my $head = $self->{http}->take(9, $deadline) // return;
	my ($high, $low, $type, $flags, $id) = unpack 'CnCCN', $head;
	my $payload = $self->{http}->take(($high << 16) + $low, $deadline)
		// return;
	my $frame = { type => $types[$type] // $type, flags => $flags,
		id => $id & 0x7fffffff, payload => $payload };
	push @{$self->{frames}}, $frame;
	$self->note($frame);
	return $frame;
}

# What is known of one: body, bytes, heads, ended, reset, opened (window).
sub stream
{
	my ($self, $id) = @_;

	return $self->{streams}{$id} //= { body => '', bytes => 0, heads => [],
		opened => 0 };
}

# What it means to us.
sub note
{
	my ($self, $frame) = @_;
	my ($type, $flags, $id) = @$frame{qw(type flags id)};
	my $stream = $self->stream($id);

	if ($type eq 'SETTINGS') {
		if ($flags & ACK) {
			$self->{acked}++;
			return;
		}
		my %settings = unpack '(nN)*', $frame->{payload};
		$self->{settings} = \%settings;
		$self->frame('SETTINGS', ACK, 0);
	} elsif ($type eq 'HEADERS') {
		my @fields = unhpack($frame->{payload});
		my %header;
		$header{$_->[0]} = defined $header{$_->[0]} ?
			"$header{$_->[0]}, $_->[1]" : $_->[1] for @fields;
		push @{$stream->{heads}}, { fields => \@fields,
			header => \%header };
	} elsif ($type eq 'DATA') {
		$stream->{body} .= $frame->{payload};
		$stream->{bytes} += length $frame->{payload};
		if ($self->{windows} && length $frame->{payload}) {
			$self->window(0, length $frame->{payload});
			$self->window($id, length $frame->{payload})
				unless $flags & END_STREAM;
		}
	} elsif ($type eq 'RST_STREAM') {
		$stream->{reset} = $errors[unpack 'N', $frame->{payload}];
	} elsif ($type eq 'GOAWAY') {
		my ($last, $code) = unpack 'NN', $frame->{payload};
		$self->{goaway} = $errors[$code];
		push @{$self->{goaways}}, [$last, $errors[$code]];
	} elsif ($type eq 'WINDOW_UPDATE') {
		$stream->{opened} += unpack 'N', $frame->{payload};
	}
	$stream->{ended} = 1 if ($type eq 'HEADERS' || $type eq 'DATA')
		&& $flags & END_STREAM;
}

# Reads until `condition` holds; false when the connection ended before.
sub read_until
{
	my ($self, $condition) = @_;

	until ($condition->()) {
		$self->read_frame or return 0;
	}
	return 1;
}

# What came of a stream when it is over: status, header, body, interim (heads),
# trailers, reset (the error's name); undef fields where nothing came.
sub response
{
	my ($self, $id) = @_;
	my $stream = $self->stream($id);

	$self->read_until(sub { $stream->{ended} || $stream->{reset} });
	my @interim;
	my @heads = @{$stream->{heads}};
	push @interim, shift @heads
		while @heads > 1 && $heads[0]{header}{':status'} < 200;
	my $head = shift @heads;
	return {
		status   => $head && $head->{header}{':status'},
		header   => $head ? $head->{header} : {},
		fields   => $head ? $head->{fields} : [],
		body     => $stream->{body},
		interim  => \@interim,
		trailers => $heads[0],
		reset    => $stream->{reset},
		complete => $stream->{ended},
		goaway   => $self->{goaway},
	};
}

sub request
{
	my ($self, $options, @fields) = @_;

	return $self->response($self->begin($options, @fields));
}

# A PING and its answer: all that was sent before has been read by then.  False:
# the connection is over.
sub ping
{
	my ($self) = @_;
	my $text = sprintf '%08d', ++$self->{pings};

	$self->frame('PING', 0, 0, $text);
	return $self->read_until(sub {
		my $last = $self->{frames}[-1];
		return $last && $last->{type} eq 'PING'
			&& $last->{payload} eq $text;
	});
}

# Reads to the end of the connection; the error of the last GOAWAY.
sub end
{
	my ($self) = @_;

	$self->read_until(sub { 0 });
	return $self->{goaway} // 'closed';
}

1;
