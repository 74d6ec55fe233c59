# SPDX-License-Identifier: Apache-2.0
#
# Trailer fields of responses: bytes on the wire of HTTP/1.1 and frames of
# HTTP/2, where they are left out, and what modules may not set.

use strict;
use warnings;
use Portico::Http;
use Portico::Http2;
use Portico::Server;
use Test::More;

my $server = Portico::Server->new(
	applications => { '/' => { modules => ['response-trailer', 'static'],
		handlers => [
			{ path => '/files/*', module => 'static' },
			{ path => '*', module => 'response-trailer' } ] } },
);
mkdir $server->root . '/files';
open my $file, '>', $server->root . '/files/some.bin' or die $!;
print $file 'f' x 100_000;
close $file;
$server->start;
my $http = Portico::Http->connect($server->port);
my $http2 = Portico::Http2->connect($server->port);

sub get { return $http->request('GET', $_[0], fields => $_[1] // []) }
sub get2 { return $http2->request({ path => $_[0], @_[1 .. $#_] }) }
sub lines { return join '|', @{ $_[0]{trailers} // ['none'] } }
sub fields { return join '|', map { "$_->[0]: $_->[1]" }
	@{ ($_[0]{trailers} // { fields => [['none', '']] })->{fields} } }

# ---- HTTP/1.1 ----------------------------------------------------------------

$http->send("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n");
my $head = $http->read_head(time + 60);
is($head->{header}{'transfer-encoding'}, 'chunked', 'it needs chunks');
is($head->{header}{trailer}, 'X-Sum, X-Gone, Content-Digest, X-Empty',
	'what was set before the head is announced');
my $rest = "5\r\nhello\r\n0\r\nx-sum: 1\r\nX-Sum: 2\r\n"
	. "Content-Digest: sha-256=:eA==:\r\nX-Empty: \r\n\r\n";
is($http->take(length $rest, time + 60), $rest, 'the bytes of body and trailers');
is(get('/last')->{body}, 'x-sum=1;X-Sum=2;Content-Digest=sha-256=:eA==:;'
	. 'X-Empty=; late -15', 'modules see them at the end, none comes later');

my $response = get('/stream');
is($response->{body}, 'early late', 'a body that leaves early');
is($response->{header}{trailer}, 'X-Late, X-Never', '... announced by name');
is(lines($response), 'X-Late: -15', '... set after the head');
$response = get('/empty');
is("$response->{body}:" . lines($response), ':X-Sum: 1', 'behind no body');
$response = get('/much');
is(length $response->{body}, 1048576, 'a body beyond the window');
is(lines($response), 'X-Bytes: 1048576', '... and what is behind it');
$response = get('/files/some.bin?filter=on');
is($response->{body}, 'f' x 100_000, 'through a filter');
is(lines($response), 'X-Bytes: 100000', '... which has counted it');
is($response->{header}{trailer}, 'X-Bytes', '... and announced that');

# ---- limits --------------------------------------------------------------------

is(get('/refused')->{body}, 0, 'names and values that may not stand there');
$response = get('/many');
like($response->{body}, qr/^32 -\d+ 0$/, '32 of them');
is(scalar @{ $response->{trailers} }, 32, '... arrive');
$response = get('/long');
like($response->{body}, qr/^4 -\d+ 0$/, '8 KiB of them');
is(length lines($response), 3 * (5 + 2 + 2000) + length('x-100: w') + 3,
	'... arrive');

# ---- where there is no place for them ------------------------------------------

$response = get('/sized');
is("$response->{body}:" . lines($response), 'abcdefghij:none',
	'not behind a length');
is($response->{header}{'content-length'}, 10, '... which was announced');
is($response->{header}{trailer}, undef, '... nor in the head');
$response = get('/files/some.bin?filter=');
is(lines($response), 'none', 'not behind a file that has one');
$response = $http->request('HEAD', '/plain');
is("$response->{status}:" . lines($response), '200:none', 'not with HEAD');
is($response->{header}{trailer}, undef, '... nor in its head');
for my $status (204, 304) {
	$response = get("/$status");
	is("$response->{status}:" . lines($response) . ':'
		. ($response->{header}{trailer} // '-'), "$status:none:-",
		"not with $status");
}
my $old = Portico::Http->connect($server->port);
$old->send("GET /plain HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
$response = $old->read_response;
is("$response->{body}:" . ($response->{header}{trailer} // '-'), 'hello:-',
	'not in HTTP/1.0');
is($response->{header}{'content-length'}, 5, '... which gets a length');
$old->send("GET /stream HTTP/1.0\r\n\r\n");
is($old->read_response->{body}, 'early late', '... or the end');
$response = get('/error');
is("$response->{status}:" . lines($response) . ':'
	. ($response->{header}{trailer} // '-'), '503:none:-',
	'not those of a response that an error page replaces');
unlike($response->{body}, qr/never seen/, '... with its body');

# ---- the cache ---------------------------------------------------------------------

is(join(' ', map { get('/kept')->{body} } 1 .. 3), '1 1 1',
	'a response without them is kept');
is(join(' ', map { get('/not-kept')->{body} } 1 .. 3), '2 3 4',
	'one with them is not');
is(lines(get('/not-kept')), 'X-Sum: 1', '... and has them each time');

# ---- HTTP/2 ------------------------------------------------------------------------

$response = get2('/plain');
is($response->{body}, 'hello', 'HTTP/2: the body');
is(fields($response), 'x-sum: 1|x-sum: 2|content-digest: sha-256=:eA==:|'
	. 'x-empty: ', '... and the trailers');
is($response->{header}{trailer}, 'X-Sum, X-Gone, Content-Digest, X-Empty',
	'... announced');
is($response->{complete}, 1, '... with the end of the stream');
is(fields(get2('/stream')), 'x-late: -15', '... set after the head');
$response = get2('/empty');
is("$response->{body}:" . fields($response), ':x-sum: 1', '... behind no body');
$response = get2('/sized');
is("$response->{body}:" . fields($response), 'abcdefghij:x-sum: 1',
	'... behind a length');
$response = get2('/much');
is(length($response->{body}) . ':' . fields($response),
	'1048576:x-bytes: 1048576', '... behind a body beyond the windows');
$response = get2('/files/some.bin?filter=');
is(length($response->{body}) . ':' . fields($response),
	'100000:x-bytes: 100000', '... behind a file');
$response = get2('/many');
is(scalar @{ $response->{trailers}{fields} }, 32, '... as many as there may be');
$response = get2('/plain', method => 'HEAD');
is(fields($response) . ($response->{header}{trailer} // '-'), 'none: -',
	'... not with HEAD');
is(fields(get2('/204')), 'none: ', '... not with 204');
is(fields(get2('/error')), 'none: ', '... not of what was replaced');
is(get2('/last')->{status}, 200, '... and the connection goes on');
$server->stop;
done_testing();
