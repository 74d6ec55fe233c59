# SPDX-License-Identifier: Apache-2.0
#
# A proxy in front of us says who the client is (PROXY protocol): trusted ones
# only, and they have to.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(seconds);
use Socket;
use Test::More;
use Time::HiRes qw(time);

my ($plain, $other) = map { Portico::Server::free_port() } 1 .. 2;
my $server = Portico::Server->new(
	bindings => [
		{ url => 'http://127.0.0.1:PORT', proxyProtocol =>
			['127.0.0.0/8'] },
		"http://127.0.0.1:$plain",
		{ url => "http://127.0.0.1:$other", proxyProtocol =>
			['192.0.2.0/24', '2001:db8::/32'] },
	],
	listener => { headerWaitTimeout => '500ms', accessLog => {
		fields => ['c-ip', 's-ip', 'cs-uri-stem', 'sc-status'] } },
	allow => [qr/proxyProtocol/, qr/behind its prefix/, qr/was not applied/],
);
$server->{bindings}[0]{url} =~ s/PORT/$server->{port}/;
$server->write_configuration;
$server->start;

my $v2 = "\r\n\r\n\0\r\nQUIT\n";

sub header_v2
{
	my ($command, $family, $body) = @_;
	return $v2 . pack('CCn', $command, $family, length $body) . $body;
}

# Whom the log names for a request behind these bytes.
my $number = 0;
sub client_of
{
	my ($header, %options) = @_;
	my $client = $server->connect;
	my $target = '/fields?n=' . ++$number;
	my $bytes = $header . "GET /status/$number HTTP/1.1\r\nHost: a\r\n\r\n";

	if ($options{slowly}) {
		$client->send($_) for split //, $bytes;
	} else {
		$client->send($bytes);
	}
	my $response = $client->read_response or return 'no response';
	my $line = $server->await_access_log(qr{ /status/$number })
		// return 'no line';
	return (split / /, $line)[0] . ' ' . (split / /, $line)[1];
}

my $tcp4 = pack('a4a4nn', inet_aton('192.0.2.7'), inet_aton('198.51.100.1'),
	4711, 80);
my $tcp6 = Socket::inet_pton(AF_INET6, '2001:db8::7')
	. Socket::inet_pton(AF_INET6, '::1') . pack('nn', 4711, 80);

subtest 'who the client is' => sub {
	is(client_of("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"),
		'192.0.2.1 127.0.0.1', 'version 1');
	is(client_of("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"),
		'2001:db8::1 127.0.0.1', 'version 1, IPv6');
	is(client_of("PROXY UNKNOWN\r\n"), '127.0.0.1 127.0.0.1',
		'unknown: the connection\'s own');
	is(client_of(header_v2(0x21, 0x11, $tcp4)), '192.0.2.7 127.0.0.1',
		'version 2');
	is(client_of(header_v2(0x21, 0x21, $tcp6)), '2001:db8::7 127.0.0.1',
		'version 2, IPv6');
	is(client_of(header_v2(0x21, 0x11, $tcp4 . pack('Cn/a', 4, 'x' x 500))),
		'192.0.2.7 127.0.0.1', 'with more behind the addresses');
	is(client_of(header_v2(0x20, 0, '')), '127.0.0.1 127.0.0.1',
		'LOCAL: the proxy itself');
	is(client_of("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
		slowly => 1), '192.0.2.1 127.0.0.1', 'byte by byte');
	is(client_of(header_v2(0x21, 0x11, $tcp4), slowly => 1),
		'192.0.2.7 127.0.0.1', 'version 2 byte by byte');
};

subtest 'the header counts for the whole connection' => sub {
	my $client = $server->connect;
	$client->send("PROXY TCP4 192.0.2.44 198.51.100.7 56324 443\r\n");
	for my $n (1 .. 2) {
		is($client->request('GET', "/status/again$n")->{status} > 0, 1,
			"request $n");
		like($server->await_access_log(qr{/status/again$n}) // '',
			qr/^192\.0\.2\.44 /, 'is that client\'s');
	}
	$client->send("PROXY TCP4 192.0.2.45 198.51.100.7 56324 443\r\n\r\n");
	is(($client->read_response // {})->{status}, 400,
		'a second header is no request');
};

# The reason in the error log of a client that is sent away.
sub reason
{
	my ($client) = @_;
	my $port = $client->socket->sockport;
	return (split / /, $server->await_error_log(qr{ 127\.0\.0\.1 $port })
		// '')[12] // 'none';
}

subtest 'what is refused' => sub {
	for my $case (['a request without a header', "GET / HTTP/1.1\r\n"],
		['a malformed one', "PROXY TCP4 1.2.3.4 1.2.3.4 x 1\r\n"],
		['one that is too long', header_v2(0x21, 0x11, $tcp4 . 'x' x 5000)],
	) {
		my ($name, $bytes) = @$case;
		my $client = $server->connect;
		$client->send($bytes);
		ok($client->at_end, "$name: the connection is closed");
		is(reason($client), 'BadRequest', 'and the reason is told');
	}
	my $client = $server->connect;
	$client->send("PROXY TCP4 192.0.2");
	ok($client->at_end, 'one that does not end: closed');
	is(reason($client), 'Timer_HeaderWait', 'in its time');
	my $stranger = Portico::Http->connect($other);
	$stranger->send("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n");
	ok($stranger->at_end, 'one of nobody who is trusted: closed');
	is(reason($stranger), 'Forbidden', 'and the reason is told');
};

subtest 'other bindings' => sub {
	my $client = Portico::Http->connect($plain);
	is($client->request('GET', '/count')->{status}, 200,
		'a port without it is as ever');
	$client = Portico::Http->connect($plain);
	$client->send("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n\r\n");
	is(($client->read_response // {})->{status}, 400,
		'and takes no header');
};

subtest 'configuration' => sub {
	my $configuration = $server->configuration;
	my $bindings = $configuration->{sites}{main}{bindings};
	my @cases = (
		['127.0.0.1/33', qr/has to be an address, or a network/],
		['10.1.2.3/8', qr/behind its prefix/],
		['example.com', qr/has to be an address, or a network/],
	);
	for my $case (@cases) {
		$bindings->[0]{proxyProtocol} = [$case->[0]];
		$server->write_configuration($configuration);
		my ($exit, $out, $err) = $server->command('reload');
		isnt($exit, 0, "$case->[0] is refused");
		like("$out$err", $case->[1], 'with the reason');
	}
	$bindings->[0]{proxyProtocol} = ['127.0.0.0/8'];
	push @$bindings, "http://a.example:$server->{port}";
	$bindings->[-1] = { url => "http://a.example:$server->{port}",
		address => '127.0.0.1' };
	$server->write_configuration($configuration);
	my ($exit, $out, $err) = $server->command('reload');
	isnt($exit, 0, 'bindings of one port have to agree');
	like("$out$err", qr/needs the same proxyProtocol as line/,
		'and are told so');
	pop @$bindings;
	delete $bindings->[0]{proxyProtocol};
	$bindings->[1] = { url => "http://127.0.0.1:$plain",
		proxyProtocol => ['127.0.0.1'] };
	$server->write_configuration($configuration);
	($exit) = $server->command('reload');
	is($exit, 0, 'a reload that changes which port it is');
	is($server->get('/count')->{status}, 200, 'the one takes requests');
	my $client = Portico::Http->connect($plain);
	$client->send("PROXY UNKNOWN\r\n");
	is($client->request('GET', '/count')->{status}, 200,
		'the other a header before');
};

$server->stop;
done_testing;
