# SPDX-License-Identifier: Apache-2.0
#
# Extended CONNECT (RFC 8441): a stream of HTTP/2 becomes the tunnel that an
# upgrade of HTTP/1.1 is, for modules that do not know of it.

use strict;
use warnings;
use JSON::PP;
use Portico::Http2 qw(hpack);
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my @handlers = ((map { { path => $_, module => 'tunnel', handler => 'plain' } }
	'/stats', '/release'), { path => '*', module => 'tunnel',
	handler => 'tunnel' });
my $chat = -e Portico::Server::build_directory() . '/sdk/examples/chat/.libs/chat.so';
my $server = Portico::Server->new(
	listener => { shutdownTimeLimit => '1s', threads => 2 },
	pools => { main => { threads => 2, shutdownTimeLimit => '2s',
		responseIdleTimeout => '300ms', executionTimeout => '400ms',
		maxRequestBody => '1KiB' } },
	applications => {
		'/' => { modules => ['tunnel'], handlers => \@handlers },
		($chat ? ('/chat' => { modules => ['chat'], handlers =>
			[ { path => '*', module => 'chat' } ] }) : ()),
	},
	allow => [qr/P\d+/],
)->start;
my $port = $server->port;

# The head of an extended CONNECT; the stream's number.
sub ask
{
	my ($client, $path, %options) = @_;
	my $id = $client->{next};

	$client->{next} += 2;
	$client->head($id, $options{end} // 0, hpack(
		':method', $options{method} // 'CONNECT',
		':protocol', $options{protocol} // 'x-test', ':scheme', 'http',
		':path', $path, ':authority', 'localhost',
		@{ $options{fields} // [] }));
	return $id;
}

sub head_of
{
	my ($client, $id) = @_;
	my $stream = $client->stream($id);

	$client->read_until(sub { @{ $stream->{heads} } || $stream->{reset} });
	return $stream->{heads}[0]{header} // {};
}

sub tunnel
{
	my ($client, $path, %options) = @_;
	my $id = ask($client, $path, %options);

	is(head_of($client, $id)->{':status'}, 200, "$path is a tunnel");
	return $id;
}

# So many bytes of the stream, which are forgotten then.
sub take
{
	my ($client, $id, $length) = @_;
	my $stream = $client->stream($id);

	$client->read_until(sub { length $stream->{body} >= $length
		|| $stream->{ended} || $stream->{reset} });
	return substr $stream->{body}, 0, $length, '';
}

sub stats { return decode_json($server->get('/stats')->{body}) }

my $client = Portico::Http2->connect($port);
$client->ping;
is($client->{settings}{8}, 1, 'SETTINGS_ENABLE_CONNECT_PROTOCOL');

subtest 'both ways' => sub {
	my $id = tunnel($client, '/echo');
	my $head = head_of($client, $id);
	is($head->{'x-tunnel'}, 'yes', 'the head has what the module has set');
	ok(!exists $head->{$_}, "... and no $_") for qw(upgrade connection
		content-length transfer-encoding sec-websocket-accept);
	for my $i (1 .. 100) {
		$client->data($id, "$i;");
		last if take($client, $id, length "$i;") ne "$i;"
			&& fail("piece $i");
	}
	my ($found) = grep { $_->{target} eq '/echo' } $server->requests;
	is($found->{state}, 'tunnel', 'request list has it');
	is($client->request({ path => '/stats' })->{status}, 200,
		'other streams go on');
	my $all = join '', map { chr(33 + $_ % 90) } 1 .. 200_000;
	my $sent = 0;
	my $stream = $client->stream($id);
	my ($room, $conn) = (65535, 65535);
	while ($sent < length $all) {
		my $piece = substr $all, $sent, 4096;
		$client->read_until(sub {
			my $window = 65535 + $stream->{opened} - 292 - $sent;
			my $whole = 65535 + $client->stream(0)->{opened}
				- 292 - $sent;
			return $window > 4096 && $whole > 4096;
		});
		$client->data($id, $piece);
		$sent += length $piece;
	}
	is(take($client, $id, length $all), $all, 'much more than the windows');
	$client->data($id, 'last', 1);
	is(take($client, $id, 4), 'last', 'bytes with the end');
	ok($client->read_until(sub { $stream->{ended} || $stream->{reset} })
		&& $stream->{ended} && !$stream->{reset},
		'it ends when both have ended');
	ok($server->await_access_log(qr{/echo .* 101 0 0 }),
		'one line in the access log');
};

subtest 'one direction ends first' => sub {
	my $id = tunnel($client, '/half');
	my $stream = $client->stream($id);
	$client->read_until(sub { $stream->{ended} });
	my $greeting = $stream->{body};
	ok(length $greeting, 'ours, after a greeting');
	$client->data($id, 'x' x 1000) for 1 .. 3;
	$client->data($id, '', 1);
	ok(await_condition(seconds(10), sub { !grep { $_->{target} eq '/half' }
		$server->requests }), 'then the client');
	ok(!$stream->{reset}, '... in good order');
	ok($client->ping, '... and the connection lives');
};

subtest 'ends that are none' => sub {
	my $before = stats();
	my $id = tunnel($client, '/echo');
	$client->data($id, 'x');
	take($client, $id, 1);
	$client->frame('RST_STREAM', 0, $id, pack 'N', 8);
	ok(await_condition(seconds(10), sub { !grep { $_->{target} eq '/echo' }
		$server->requests }), 'a client that resets it');
	$id = tunnel($client, '/cut');
	$client->data($id, 'x');
	my $stream = $client->stream($id);
	$client->read_until(sub { $stream->{reset} || $stream->{ended} });
	ok($stream->{reset}, "a module that aborts: $stream->{reset}");
	ok($client->ping, 'the connection lives');
	my $other = Portico::Http2->connect($port);
	tunnel($other, '/echo');
	$other->close;
	ok(await_condition(seconds(10), sub { !grep { $_->{target} eq '/echo' }
		$server->requests }), 'a connection that is gone');
};

subtest 'what is none' => sub {
	is(head_of($client, ask($client, '/echo', protocol => 'other'))
		->{':status'}, 426, 'a protocol that the module does not speak');
	is(head_of($client, ask($client, '/echo', end => 1))->{':status'}, 426,
		'a client that has ended already');
	is(head_of($client, ask($client, '/refused'))->{':status'}, 403,
		'another module refuses');
	my $id = ask($client, '/echo', method => 'GET');
	my $stream = $client->stream($id);
	$client->read_until(sub { $stream->{reset} || @{ $stream->{heads} } });
	is($stream->{reset}, 'PROTOCOL_ERROR', ':protocol with another method');
	my $plain = Portico::Http2->connect($port);
	$id = ask($plain, '/echo');
	$plain->data($id, 'too early');
	$stream = $plain->stream($id);
	$plain->read_until(sub { $stream->{reset} || $stream->{ended}
		|| length $stream->{body} });
	ok(($stream->{reset} // '') eq 'PROTOCOL_ERROR'
		|| $stream->{body} eq 'too early',
		'bytes before the answer are refused, or are its first');
	ok($plain->ping, '... and nothing else is');
};

subtest 'a chat over WebSocket' => sub {
	plan skip_all => 'the example is not built' unless $chat;
	my @clients = map { Portico::Http2->connect($port) } 1, 2;
	my @ids = map { tunnel($_, '/chat/room', protocol => 'websocket',
		fields => ['sec-websocket-version', '13', 'origin',
			"http://localhost:$port"]) } @clients;
	# A masked text frame (RFC 6455).
	$clients[0]->data($ids[0], pack('CC', 0x81, 0x85) . "\0\0\0\0" . 'hello');
	my $stream = $clients[1]->stream($ids[1]);
	ok($clients[1]->read_until(sub { $stream->{body} =~ /hello/ }),
		'who writes is read by the other');
} if 1;

subtest 'a drain' => sub {
	my $long = Portico::Http2->connect($port);
	my $id = tunnel($long, '/echo');
	$server->signal('TERM');
	$long->read_until(sub { $long->{goaway} });
	$long->data($id, 'still here');
	is(take($long, $id, 10), 'still here', 'it goes on');
	$long->data($id, '', 1);
	$long->read_until(sub { $long->stream($id)->{ended} });
	ok($long->stream($id)->{ended}, '... to its end');
	is($long->end, 'NO_ERROR', 'then the connection ends');
};

$server->await_end;
$server->stop;
done_testing;
