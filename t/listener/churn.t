# SPDX-License-Identifier: Apache-2.0
#
# Clients that misbehave at random, over HTTP/1 and HTTP/2: they leave in the
# middle of heads, bodies and responses, stop reading, reset, send in odd pieces
# and frames in odd orders.  After that no slot, block, descriptor or request is
# left, and the server still answers.
#
# PORTICO_TEST_SEED repeats a run; PORTICO_TEST_SECONDS makes it longer.

use strict;
use warnings;
use Portico::Http2 qw(hpack);
use Portico::Server;
use Portico::Wait qw(await_condition await_readable seconds);
use Test::More;
use Time::HiRes qw(time);

# A client may be gone for good without the server being able to know (its FIN
# is behind bytes that nobody reads yet): executionTimeout ends that.
my $seed = $ENV{PORTICO_TEST_SEED} // int(rand 2**31);
srand $seed;
my $length = $ENV{PORTICO_TEST_SECONDS} // 4;
my $server = Portico::Server->new(
	listener => { threads => 2, drainEntityBodyTimeout => '1s' },
	pools => { main => { threads => 2, queueLength => 50,
		maxConcurrentRequests => 20, executionTimeout => '3s',
		shutdownTimeLimit => '2s' } },
	applications => {
		'/' => { modules => [ 'stages', 'probe' ], handlers => [
			{ path => '/stages', module => 'stages' },
			{ path => '*', module => 'probe' },
		] },
		'/files' => { modules => ['static'], handlers =>
			[ { path => '*', module => 'static' } ] },
		'/tunnel' => { modules => ['tunnel'], handlers => [
			{ path => '*', module => 'tunnel', handler => 'tunnel' } ] },
	},
);
open my $file, '>', $server->root . '/some.bin' or die $!;
print $file 'x' x 300_000;
close $file;
$server->start;
$server->get('/count');
$server->get('/files/some.bin');
my $listener = $server->pid_of('listener');
my $worker = $server->pid_of('worker');
my @at_first = map { Portico::Server::descriptor_count($_) }
	$listener, $worker;

sub pick { return $_[ rand @_ ] }

# Blocks of the listener that are not free, and requests with the worker.
sub in_use
{
	my ($blocks, $active) = (0, 0);

	for my $channel (map { @{ $_->{channels} } }
		@{ $server->counters('main')->{workers} // [] }) {
		$blocks += $channel->{blocks} + $channel->{held};
		$active += $channel->{active};
	}
	return ($blocks, $active);
}

sub some_request
{
	my $size = int rand pick(10, 5000, 200_000);
	my $body = 'b' x $size;
	my $chunks = '';

	while (length $body && $size < 5000) {
		my $piece = substr $body, 0, 1 + int(rand 2000), '';
		$chunks .= sprintf "%x\r\n%s\r\n", length $piece, $piece;
	}
	$body = 'b' x $size;
	return pick(
		"GET /fields HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /stream?bytes=$size HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /stream?bytes=${size}0&sized=1 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /files/some.bin HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /sleep?ms=" . int(rand 20) . " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /offload?ms=2 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /thread?ms=2 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /stages HTTP/1.1\r\nHost: a\r\nX-Pending: all\r\n\r\n",
		"HEAD /stream?bytes=$size HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /body HTTP/1.1\r\nHost: a\r\n"
			. "Content-Length: $size\r\n\r\n$body",
		"POST /count HTTP/1.1\r\nHost: a\r\n"
			. "Content-Length: $size\r\n\r\n$body",
		"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
			. "\r\n\r\n${chunks}0\r\n\r\n",
		"POST /body HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
			. "Content-Length: $size\r\n\r\n",
		"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
	);
}

# ---- HTTP/2 --------------------------------------------------------------------

sub frame { return Portico::Http2::bytes(@_) }

# HEADERS, at times in pieces, padded, or with a priority of old.
sub head_frames
{
	my ($id, $end, @fields) = @_;
	my $block = hpack(@fields);
	my $flags = $end ? 1 : 0;

	return frame('HEADERS', $flags | 4, $id, $block) if rand() < 0.7;
	return frame('HEADERS', $flags | 4 | 8, $id,
		pack('C', 5) . $block . "\0" x 5) if rand() < 0.3;
	return frame('HEADERS', $flags | 4 | 32, $id,
		pack('NC', 0, 15) . $block) if rand() < 0.5;
	my $first = substr $block, 0, rand length $block, '';
	return frame('HEADERS', $flags, $id, $first)
		. frame('CONTINUATION', 4, $id, $block);
}

sub some_stream
{
	my ($id) = @_;
	my @common = (':scheme', 'http', ':authority', 'a');
	my $size = int rand pick(10, 5000, 100_000);
	my $path = pick('/fields', "/stream?bytes=$size", '/files/some.bin',
		"/stream?bytes=${size}0&sized=1", '/sleep?ms=' . int(rand 20),
		'/offload?ms=2', '/thread?ms=2', '/hold', '/stages', '/count');

	return head_frames($id, 1, ':method', pick('GET', 'GET', 'HEAD'), @common,
		':path', $path, rand() < 0.2 ? ('priority', 'u=' . int(rand 8)
			. pick('', ', i')) : ()) if rand() < 0.6;
	return head_frames($id, 0, ':method', 'CONNECT', @common, ':path',
		pick('/tunnel/echo', '/tunnel/close', '/count'),
		':protocol', 'x-test') if rand() < 0.2;
	my $frames = head_frames($id, 0, ':method', 'POST', @common,
		':path', pick('/body', '/count', '/hold'), rand() < 0.3
			? ('content-length', $size) : ());
	my $left = $size;
	while ($left > 0) {
		my $part = 1 + int rand($left < 16384 ? $left : 16384);
		$frames .= frame('DATA', 0, $id, 'b' x $part);
		$left -= $part;
		last if rand() < 0.1;
	}
	return $frames . pick('', frame('DATA', 1, $id, ''),
		head_frames($id, 1, 'x-sum', '1'));
}

# What fits to the streams so far, and what does not.
sub some_frame
{
	my ($last) = @_;
	my $id = 1 + 2 * int rand(1 + $last / 2);

	return pick(
		(map { my $bytes = $_;
			(frame('WINDOW_UPDATE', 0, $id, pack 'N', $bytes),
			frame('WINDOW_UPDATE', 0, 0, pack 'N', $bytes)) }
			1, 70_000, 1_000_000),
		(frame('RST_STREAM', 0, $id, pack 'N', 8)) x 4,
		(frame('SETTINGS', 0, 0, pack 'nN', 4,
			pick(0, 100, 65_535, 1_000_000))) x 2,
		frame('SETTINGS', 0, 0, pack 'nN', 1, pick(0, 100, 4096)),
		frame('SETTINGS', 1, 0, ''),
		frame('PING', 0, 0, '12345678'),
		frame('PRIORITY', 0, $id, pack 'NC', 0, 15),
		frame(16, 0, 0, pack('N', $id) . 'u=' . int(rand 8) . ', i'),
		frame(0x42, 0xff, $id, 'x' x rand 100),
		frame('DATA', pick(0, 1, 8), $id, "\3" . 'x' x rand 20),
		frame('GOAWAY', 0, 0, pack 'NN', 0, 0),
		frame('HEADERS', 5, $id, hpack('x', 'y')),
	);
}

sub some_session
{
	my $bytes = $Portico::Http2::PREFACE . frame('SETTINGS', 0, 0,
		rand() < 0.5 ? '' : pack 'nN', 4, pick(0, 1000, 1_000_000));
	my $last = -1;

	for (0 .. rand 12) {
		if ($last < 0 || rand() < 0.5) {
			$last += 2 * (1 + int rand pick(1, 1, 3));
			$bytes .= some_stream($last);
		} else {
			$bytes .= some_frame($last);
		}
	}
	return $bytes;
}

# ---- clients -------------------------------------------------------------------

# One connection's life as a list of acts; each is done when it comes up.
sub new_client
{
	my $bytes = rand() < 0.5 ? some_session()
		: join '', map { some_request() } 1 .. 1 + rand 4;
	my @acts;

	$bytes = substr $bytes, 0, rand length $bytes if rand() < 0.3;
	while (length $bytes) {
		my $piece = substr $bytes, 0,
			1 + int(rand pick(3, 100, 10_000, 300_000)), '';
		push @acts, [ send => $piece ];
		push @acts, [ read => int rand 50_000 ] if rand() < 0.3;
		last if @acts > 40;
	}
	push @acts, [ read => int rand 100_000 ] for 0 .. rand 6;
	push @acts, pick(['finish'], ['nothing'], ['nothing']);
	push @acts, [ read => 1_000_000 ] if rand() < 0.4;
	push @acts, pick(['reset'], ['close'], ['close']);
	my $client = $server->connect(
		rand() < 0.3 ? (receive_buffer => 4096) : ());
	$client->socket->blocking(0);
	return { client => $client, acts => \@acts };
}

# Does the next act; false when the connection is over.
sub act
{
	my ($one) = @_;
	my $socket = $one->{client}->socket;
	my ($what, $argument) = @{ shift @{ $one->{acts} } // ['close'] };

	if ($what eq 'send') {
		local $SIG{PIPE} = 'IGNORE';
		my $sent = syswrite $socket, $argument;
		return 0 if !defined $sent && !$!{EAGAIN};
		unshift @{ $one->{acts} },
			[ read => 100_000 ],
			[ send => substr $argument, $sent // 0 ]
			if ($sent // 0) < length $argument && rand() < 0.9;
	} elsif ($what eq 'read') {
		await_readable(0.002, $socket);
		my $count = sysread $socket, my $data, $argument || 1;
		return 0 if defined $count && $count == 0;
	} elsif ($what eq 'finish') {
		$one->{client}->finish;
	} elsif ($what eq 'reset') {
		$one->{client}->reset;
		return 0;
	} elsif ($what eq 'close') {
		return 0;
	}
	return 1;
}

my ($blocks) = in_use();
my @clients;
my $count = 0;
my $until = time + $length;
while (time < $until || @clients) {
	while (@clients < 40 && time < $until) {
		push @clients, new_client();
		$count++;
	}
	my $index = int rand @clients;
	splice @clients, $index, 1 unless act($clients[$index]);
}
cmp_ok($count, '>', 100, "$count connections that misbehave (seed $seed)");
is($server->get('/count', timeout => seconds(10))->{status}, 200,
	'the server answers');
is($server->pid_of('listener'), $listener, 'the listener is the same');
is($server->pid_of('worker'), $worker, 'and so is the worker');
my @left;
ok(await_condition(seconds(10), sub {
	@left = in_use();
	$left[1] == 0 && !$server->requests;
}), 'no request is left') or diag "active: $left[1]";
ok(await_condition(seconds(5), sub {
	@left = in_use();
	$left[0] <= $blocks;
}), 'every block is free') or diag "in use: $left[0], at first $blocks";
for my $process ([ 'listener', $listener, $at_first[0] ],
	[ 'worker', $worker, $at_first[1] ]) {
	my ($name, $pid, $before) = @$process;
	ok(await_condition(seconds(5), sub {
		Portico::Server::descriptor_count($pid) <= $before + 2
	}), "the $name has no descriptor left over") or diag
		Portico::Server::descriptor_count($pid) . " > $before";
}
is($server->counters('main')->{queued}, 0, 'the queue is empty');
$server->stop;
done_testing;
