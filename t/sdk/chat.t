# SPDX-License-Identifier: Apache-2.0
#
# sdk/examples/chat: a chat room over WebSocket on two workers, spoken to by a
# client of its own.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $server = Portico::Server->new(
	pools => { main => { workers => 2, startMode => 'AlwaysRunning',
		shutdownTimeLimit => '5s' } },
	applications => { '/' => { modules => ['chat'], handlers => [
		{ path => '*', module => 'chat' }] } },
)->start;

sub get
{
	my (@fields) = @_;
	my $http = Portico::Http->connect($server->port);

	$http->send(join "\r\n", 'GET /chat HTTP/1.1', 'Host: a', @fields, '',
		'');
	$http->{answer} = $http->read_response;
	return $http;
}

my @ask = ('Connection: Upgrade', 'Upgrade: WebSocket',
	'Sec-WebSocket-Version: 13',
	'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==');

sub frame
{
	my ($first, $payload) = @_;
	my $mask = pack 'N', int rand 2**32;
	my $length = length $payload;

	return pack('C', $first) . ($length < 126 ? pack 'C', 0x80 | $length
		: pack 'Cn', 0xfe, $length) . $mask
		. ($payload ^ substr $mask x ($length / 4 + 1), 0, $length);
}

# The next frame: first byte and payload.
sub hear
{
	my ($http) = @_;
	my $deadline = time + $http->{timeout};
	my ($first, $length) = unpack 'CC', $http->take(2, $deadline) // return '';

	$length = unpack 'n', $http->take(2, $deadline) if $length == 126;
	return sprintf '%02x %s', $first, $http->take($length, $deadline);
}

sub closed_by
{
	my ($bytes) = @_;
	my $http = get(@ask);

	$http->send($bytes);
	my ($code) = hear($http) =~ /^88 (..)/s or return 'none';
	return unpack('n', $code) . ($http->at_end ? '' : ' open');
}

# ---- the handshake -----------------------------------------------------------

my $first = get(@ask);
is($first->{answer}{status}, 101, 'a client is let in');
is($first->{answer}{header}{'sec-websocket-accept'},
	's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', '... with the answer to its key');
is(get()->{answer}{status}, 426, 'who does not ask is told');
is(get(@ask[0 .. 1, 3])->{answer}{status}, 426, '... or has another version');
is(get(@ask[0 .. 2], 'Sec-WebSocket-Key: short')->{answer}{status}, 400,
	'... or a bad key');

# ---- frames --------------------------------------------------------------------

$first->send(frame(0x89, 'are you there'));
is(hear($first), '8a are you there', 'a ping is answered');
$first->send(frame(0x01, 'in ') . frame(0x89, '') . frame(0x00, 'three ')
	. frame(0x80, "parts \xe2\x82\xac"));
is(join('|', sort(hear($first), hear($first))),
	"81 in three parts \xe2\x82\xac|8a ", 'fragments, and a ping between');
my $long = frame(0x81, 'x' x 4096);
$first->send($_) for split //, substr($long, 0, 20);
$first->send(substr $long, 20);
is(hear($first), '81 ' . 'x' x 4096, 'the longest message, in crumbs');
is(closed_by(frame(0x81, 'x' x 4097)), 1009, 'a longer one');
is(closed_by(frame(0x81, "\xc0\x80")), 1007, 'text that is no UTF-8');
is(closed_by("\x81\x01x"), 1002, 'a frame without mask');
is(closed_by(frame(0xc1, 'x')), 1002, 'a reserved bit');
is(closed_by(frame(0x83, 'x')), 1002, 'a reserved opcode');
is(closed_by(frame(0x80, 'x')), 1002, 'a continuation of nothing');
is(closed_by(frame(0x09, 'x')), 1002, 'a fragmented ping');
is(closed_by(frame(0x89, 'x' x 126)), 1002, 'a long ping');
is(closed_by(frame(0x82, 'x')), 1003, 'binary');
is(closed_by(frame(0x88, pack 'n', 1000)), 1000, 'the close handshake');
is(closed_by(frame(0x88, pack 'n', 1006)), 1002, '... with a code of nobody');

# ---- two workers ------------------------------------------------------------------

# The second worker may only just have started.
my @clients = ($first);
ok(await_condition(seconds(10), sub {
	push @clients, get(@ask) if @clients < 20;
	my %workers = map { $_->{worker} => 1 }
		grep { $_->{target} eq '/chat' } $server->requests;
	return @clients > 5 && keys %workers == 2;
}), 'clients are with both workers') or diag(explain([$server->requests]));
for my $i (0 .. $#clients) {
	$clients[$i]->send(frame(0x81, "from $i"));
	is(join(' ', map { hear($_) } @clients), join(' ',
		("81 from $i") x @clients), "all hear client $i");
}

# ---- the end ------------------------------------------------------------------------

$server->command('pool', 'recycle', 'main');
is(join(' ', map { unpack 'H*', substr hear($_), 3 } @clients),
	join(' ', ('03e9') x @clients), 'recycled workers say good-bye');
$server->stop;
done_testing();
