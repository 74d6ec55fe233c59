# SPDX-License-Identifier: Apache-2.0
#
# Trailer fields: what of them a module sees, and when.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Test::More;

my $server = Portico::Server->new(
	applications => { '/' => { modules => ['trailer'], handlers =>
		[{ path => '*', module => 'trailer' }] } },
)->start;
my $http = Portico::Http->connect($server->port);

sub chunk { my ($data) = @_; return sprintf "%x\r\n%s\r\n", length $data, $data }

my $head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n";

sub ask
{
	my ($bytes) = @_;

	$http->send($bytes);
	return $http->read_response;
}

sub goes
{
	my ($body, $trailers, $wanted, $name) = @_;
	my $response = ask("$head\r\n$body" . "0\r\n$trailers\r\n");
	my $got = { status => $response->{status},
		map({ split / /, $_, 2 } split /\n/, $response->{body}) };

	is_deeply({ map { $_ => $got->{$_} } keys %$wanted }, $wanted, $name)
		or diag(explain($got));
}

goes(chunk('hello'), "X-Digest: abc\r\nOther:\t d e \t\r\n", { bytes => 5,
	early => '-15 -15', digest => '0 abc', header => '-', each => 0,
	all => 'X-Digest=abc;Other=d e;' }, 'behind a body, not before');
goes('', "X-Digest:\r\n", { bytes => 0, digest => '0 ', all => 'X-Digest=;' },
	'behind an empty one');
goes(chunk('x'), '', { bytes => 1, digest => '-3 -', all => '', each => 0 },
	'none');
goes(chunk('x'), "X-Digest: 1\r\nX-Digest: 2\r\nStop: 3\r\nX-Last: 4\r\n",
	{ digest => '0 1', all => 'X-Digest=1;X-Digest=2;Stop=3;' },
	'the first of a name; until told to stop');
my @forbidden = qw(Authorization Cache-Control Connection Content-Encoding
	Content-Length Content-Type Cookie Expect Forwarded Host If-Match
	Keep-Alive Max-Forwards Origin Pragma Proxy-Authorization Proxy-Anything
	Range Set-Cookie TE Trailer Transfer-Encoding Upgrade WWW-Authenticate
	X-Forwarded-For X-Forwarded-Anything X-Real-IP content-foo);
goes(chunk('x'), join('', "X-A: 1\r\n", map({ "$_: x\r\n" } @forbidden),
	"X-B: 2\r\n"), { all => 'X-A=1;X-B=2;', status => 200 },
	'not those that may not stand there');
goes(chunk('x' x 16384) x 8, "X-Digest: abc\r\n", { bytes => 131072,
	digest => '0 abc' }, 'behind a body that fills blocks');
my $long = 'v' x 8000;
my $bad = 0;
for my $size (map { 1 + 977 * $_ } 0 .. 20) {
	my $body = ask("$head\r\n" . chunk('x' x $size)
		. "0\r\nX-Long: $long\r\n\r\n")->{body};
	$bad++ unless $body =~ /^bytes $size$/m
		&& $body =~ /^all X-Long=$long;$/m;
}
is($bad, 0, 'long ones, whether the last block has room for them or not');
my $response = ask("$head\r\n" . "0\r\nX-Long: $long\r\n\r\n");
like($response->{body}, qr/^all X-Long=$long;$/m, 'nothing but a long one');
$response = ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
like($response->{body}, qr/^early -3 0$/m, 'no body: no trailers, no wait');
$response = ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nxx");
like($response->{body}, qr/^early -15 -15\ndigest -3 -$/m, 'a sized body');

# Byte by byte, and another request right behind.
$http->send($_) for split //,
	"$head\r\n" . chunk('ab') . "0\r\nX-Digest: q\r\n\r\n";
like($http->read_response->{body}, qr/^digest 0 q$/m, 'in single bytes');
$http->send("$head\r\n" . chunk('ab') . "0\r\nX-Digest: 1\r\n\r\n"
	. "$head\r\n" . chunk('ab') . "0\r\nX-Other: 2\r\n\r\n");
like($http->read_response->{body}, qr/^all X-Digest=1;$/m, 'two in a row');
like($http->read_response->{body}, qr/^all X-Other=2;$/m, '... each its own');
$response = ask("POST /?ignore=1 HTTP/1.1\r\nHost: x\r\n"
	. "Transfer-Encoding: chunked\r\n\r\n" . chunk('ab')
	. "0\r\nX-Digest: 1\r\n\r\n");
like($response->{body}, qr/ignored\z/, 'a body that nobody reads');
goes(chunk('x'), '', { all => '' }, '... leaves nothing behind');
$response = ask("$head\r\n" . chunk('x') . "0\r\nX-Long: "
	. 'v' x 8192 . "\r\n\r\n");
is($response->{status}, 431, 'too long');
$http = Portico::Http->connect($server->port);
is(ask("$head\r\n" . chunk('x') . "0\r\nX A: 1\r\n\r\n")->{status}, 400,
	'not a field');
$server->stop;
done_testing();
