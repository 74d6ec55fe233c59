# SPDX-License-Identifier: Apache-2.0
#
# One raw HTTP/1.x connection for tests: sends exactly the bytes it is given
# and reads responses by their framing, so that a test sees what a client of
# the wire sees.  Dies on a malformed response; returns undef when the server
# closed instead of answering.

package Portico::Http;

use strict;
use warnings;
use IO::Socket::INET;
use Portico::Wait qw(await_readable seconds);
use Time::HiRes qw(time);

our $TIMEOUT = 10;

# Portico::Http->connect(port [, receive_buffer => BYTES])
sub connect
{
	my ($class, $port, %options) = @_;
	my $socket = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";

	$socket->setsockopt(SOL_SOCKET, SO_RCVBUF, $options{receive_buffer})
		if $options{receive_buffer};
	CORE::connect($socket, sockaddr_in($port, inet_aton('127.0.0.1')))
		or die "connect to port $port: $!";
	$socket->setsockopt(Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1);
	$socket->blocking(1);
	return bless {
		socket  => $socket,
		buffer  => '',
		closed  => 0,
		timeout => seconds($options{timeout} // $TIMEOUT),
	}, $class;
}

sub socket { return $_[0]{socket} }
sub buffered { return length $_[0]{buffer} }

# Sends all bytes; false when the server has closed before taking them.
sub send
{
	my ($self, $bytes) = @_;
	my $offset = 0;

	local $SIG{PIPE} = 'IGNORE';
	while ($offset < length $bytes) {
		my $count = syswrite $self->{socket}, $bytes,
			length($bytes) - $offset, $offset;
		return 0 unless defined $count;
		$offset += $count;
	}
	return 1;
}

# Says that no more will be sent; the answers can still be read.
sub finish { shutdown $_[0]{socket}, 1 }

sub close { CORE::close $_[0]{socket} }

# Ends the connection with a reset instead of a FIN.
sub reset
{
	my ($self) = @_;

	setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
	CORE::close $self->{socket};
}

# Reads more into the buffer.  0 at the end of the connection; dies when the
# time is over.
sub fill
{
	my ($self, $deadline) = @_;
	my $left = $deadline - time;

	return 0 if $self->{closed};
	await_readable($left > 0 ? $left : 0, $self->{socket})
		or die "no answer within $self->{timeout} s, have: "
		. substr($self->{buffer}, 0, 200) . "\n";
	my $count = sysread $self->{socket}, $self->{buffer}, 262144,
		length $self->{buffer};
	if (!$count) {
		$self->{reset} = 1 unless defined $count;
		$self->{closed} = 1;
		return 0;
	}
	return $count;
}

# Exactly `length` bytes, or undef when the connection ended before.
sub take
{
	my ($self, $length, $deadline) = @_;

	while (length $self->{buffer} < $length) {
		return unless $self->fill($deadline);
	}
	return substr $self->{buffer}, 0, $length, '';
}

# A line with its CRLF removed.
sub take_line
{
	my ($self, $deadline) = @_;
	my $end;

	while (($end = index $self->{buffer}, "\r\n") < 0) {
		return unless $self->fill($deadline);
	}
	my $line = substr $self->{buffer}, 0, $end + 2, '';
	return substr $line, 0, -2;
}

# Reads one response (interim ones are collected in {interim}).  Options:
# method (HEAD has no body), timeout, head_only.  The result has status,
# reason, version, fields (list of pairs), header (lower-case name => value,
# repeated ones joined by ", "), body, trailers, chunks, complete.
sub read_response
{
	my ($self, %options) = @_;
	my $deadline = time + ($options{timeout} // $self->{timeout});
	my @interim;

	while (1) {
		my $response = $self->read_head($deadline) or return;
		if ($response->{status} < 200 && $response->{status} != 101) {
			push @interim, $response;
			return $response if $options{interim};
			next;
		}
		$response->{interim} = \@interim;
		$self->read_body($response, $deadline, $options{method} // 'GET')
			unless $options{head_only};
		return $response;
	}
}

sub read_head
{
	my ($self, $deadline) = @_;
	my $line = $self->take_line($deadline);

	return unless defined $line;
	$line =~ m{^HTTP/(1\.[01]) (\d{3}) ([^\r\n]*)\z}
		or die "malformed status line: $line\n";
	my $response = { version => $1, status => $2, reason => $3,
		fields => [], header => {}, body => '', complete => 0 };
	while (1) {
		$line = $self->take_line($deadline);
		die "the head ended early\n" unless defined $line;
		last if $line eq '';
		$line =~ /^([!#\$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\z/s
			or die "malformed field line: $line\n";
		my ($name, $value) = ($1, $2);
		push @{ $response->{fields} }, [$name, $value];
		my $key = lc $name;
		$response->{header}{$key} = defined $response->{header}{$key}
			? "$response->{header}{$key}, $value" : $value;
	}
	return $response;
}

sub read_body
{
	my ($self, $response, $deadline, $method) = @_;
	my $header = $response->{header};

	die "both Content-Length and Transfer-Encoding\n"
		if defined $header->{'content-length'}
		&& defined $header->{'transfer-encoding'};
	if ($method eq 'HEAD' || $response->{status} =~ /^(?:1..|204|304)$/) {
		$response->{complete} = 1;
	} elsif (($header->{'transfer-encoding'} // '') eq 'chunked') {
		$self->read_chunked($response, $deadline);
	} elsif (defined $header->{'content-length'}) {
		my $length = $header->{'content-length'};
		$length =~ /^\d+\z/ or die "malformed length: $length\n";
		my $body = $self->take($length, $deadline);
		$response->{complete} = defined $body ? 1 : 0;
		$response->{body} = $body // substr $self->{buffer}, 0,
			length $self->{buffer}, '';
	} else {
		1 while $self->fill($deadline);
		$response->{body} = $self->{buffer};
		$self->{buffer} = '';
		$response->{complete} = !$self->{reset};
	}
}

sub read_chunked
{
	my ($self, $response, $deadline) = @_;

	while (1) {
		my $line = $self->take_line($deadline);
		return unless defined $line;
		$line =~ /^([0-9a-fA-F]+)(?:;.*)?\z/
			or die "malformed chunk size: $line\n";
		my $size = hex $1;
		last if $size == 0;
		my $data = $self->take($size, $deadline);
		return unless defined $data;
		$response->{body} .= $data;
		$response->{chunks}++;
		my $end = $self->take_line($deadline);
		return unless defined $end;
		die "no CRLF after a chunk\n" unless $end eq '';
	}
	while (1) {
		my $line = $self->take_line($deadline);
		return unless defined $line;
		last if $line eq '';
		push @{ $response->{trailers} }, $line;
	}
	$response->{complete} = 1;
}

# True when the server closes and sends nothing more before that.
sub at_end
{
	my ($self, $timeout) = @_;
	my $deadline = time + ($timeout // $self->{timeout});

	return 0 if length $self->{buffer};
	return eval { $self->fill($deadline) == 0 } ? 1 : 0;
}

# A request in one call on this connection.
sub request
{
	my ($self, $method, $target, %options) = @_;
	my $body = $options{body};
	my $head = "$method $target HTTP/1.1\r\n";
	my @fields = @{ $options{fields} // [] };

	$head .= "Host: " . ($options{host} // 'localhost') . "\r\n";
	$head .= "$_\r\n" for @fields;
	$head .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;
	$self->send("$head\r\n" . ($body // ''));
	return $self->read_response(method => $method,
		timeout => $options{timeout});
}

1;
