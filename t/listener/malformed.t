# SPDX-License-Identifier: Apache-2.0
#
# Malformed requests: each gets its status, ends the connection without the
# bytes behind it being read as a request, and leaves a line with the reason
# in the error log.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_file seconds);
use Test::More;

my $server = Portico::Server->new->start;
is($server->get('/count')->{status}, 200, 'a request is answered');

my $get = "GET / HTTP/1.1\r\n";
my $host = "Host: localhost\r\n";
my $post = "POST /body HTTP/1.1\r\n$host";
my $chunked = $post . "Transfer-Encoding: chunked\r\n\r\n";

# name, bytes, status, reason in the error log
my @cases = (
	# the request line
	['no method', " / HTTP/1.1\r\n$host\r\n", 400, 'Verb'],
	['method with a bracket', "GE(T / HTTP/1.1\r\n$host\r\n", 400, 'Verb'],
	['method too long', 'G' x 65 . " / HTTP/1.1\r\n$host\r\n", 400, 'Verb'],
	['tab after the method', "GET\t/ HTTP/1.1\r\n$host\r\n", 400, 'Verb'],
	['two spaces', "GET  / HTTP/1.1\r\n$host\r\n", 400, 'URL'],
	['no version but a target', "GET HTTP/1.1\r\n$host\r\n", 505,
		'Version_N/S'],
	['target without a slash', "GET a HTTP/1.1\r\n$host\r\n", 400, 'URL'],
	['unknown scheme', "GET ftp://a/ HTTP/1.1\r\n$host\r\n", 400, 'URL'],
	['asterisk for GET', "GET * HTTP/1.1\r\n$host\r\n", 400, 'URL'],
	['NUL in the target', "GET /\0 HTTP/1.1\r\n$host\r\n", 400, 'URL'],
	['control byte in the target', "GET /\x01 HTTP/1.1\r\n$host\r\n", 400,
		'URL'],
	['encoded NUL', "GET /%00 HTTP/1.1\r\n$host\r\n", 400, 'URL'],
	['bad percent-encoding', "GET /%zz HTTP/1.1\r\n$host\r\n", 400, 'URL'],
	['truncated percent-encoding', "GET /a%4 HTTP/1.1\r\n$host\r\n", 400,
		'URL'],
	['overlong UTF-8', "GET /%c0%af HTTP/1.1\r\n$host\r\n", 400, 'URL'],
	['surrogate in UTF-8', "GET /%ed%a0%80 HTTP/1.1\r\n$host\r\n", 400,
		'URL'],
	['dots above the root', "GET /a/../../b HTTP/1.1\r\n$host\r\n", 400,
		'URL'],
	['encoded dots above the root', "GET /%2e%2e/b HTTP/1.1\r\n$host\r\n",
		400, 'URL'],
	['segment too long', 'GET /' . 'a' x 300 . " HTTP/1.1\r\n$host\r\n",
		400, 'URL'],
	['too many segments', 'GET ' . '/a' x 300 . " HTTP/1.1\r\n$host\r\n",
		400, 'URL'],
	['target too long', 'GET /?' . 'a' x 20_000 . " HTTP/1.1\r\n$host\r\n",
		414, 'URL_Length'],
	['CONNECT', "CONNECT a:443 HTTP/1.1\r\n$host\r\n", 501, 'N/I'],
	# the version
	['no version', "GET /\r\n\r\n", 505, 'Version_N/S'],
	['HTTP/2.0 in text', "GET / HTTP/2.0\r\n$host\r\n", 505, 'Version_N/S'],
	['HTTP/0.9 in text', "GET / HTTP/0.9\r\n$host\r\n", 505, 'Version_N/S'],
	['lower-case version', "GET / http/1.1\r\n$host\r\n", 400,
		'BadRequest'],
	['version without a dot', "GET / HTTP/11\r\n$host\r\n", 400,
		'BadRequest'],
	['space after the version', "GET / HTTP/1.1 \r\n$host\r\n", 400,
		'Invalid_CR/LF'],
	['three empty lines first', "\r\n\r\n\r\n$get$host\r\n", 400,
		'BadRequest'],
	# line ends
	['bare LF after the request line', "GET / HTTP/1.1\n$host\r\n", 400,
		'Invalid_CR/LF'],
	['bare LF after a field', $get . "Host: localhost\n\r\n", 400,
		'Invalid_CR/LF'],
	['bare LF at the end', "$get$host\n", 400, 'Invalid_CR/LF'],
	['bare CR in a value', $get . $host . "X: a\rb\r\n\r\n", 400,
		'Invalid_CR/LF'],
	['bare LF first', "\n$get$host\r\n", 400, 'Invalid_CR/LF'],
	# fields
	['space before the colon', $get . "Host : localhost\r\n\r\n", 400,
		'Header'],
	['obs-fold', $get . $host . "X: a\r\n b\r\n\r\n", 400, 'Header'],
	['space before the first field', "$get X: a\r\n$host\r\n", 400,
		'Header'],
	['no colon', $get . $host . "nonsense\r\n\r\n", 400, 'Header'],
	['empty name', $get . $host . ": a\r\n\r\n", 400, 'Header'],
	['bracket in a name', $get . $host . "X(Y): a\r\n\r\n", 400, 'Header'],
	['NUL in a value', $get . $host . "X: a\0b\r\n\r\n", 400, 'Header'],
	['control byte in a value', $get . $host . "X: a\x01b\r\n\r\n", 400,
		'Header'],
	['name too long', $get . $host . 'X' x 300 . ": a\r\n\r\n", 431,
		'FieldLength'],
	['head too long', $get . $host
		. join('', map { "X-$_: " . 'a' x 1000 . "\r\n" } 1 .. 20)
		. "\r\n", 431, 'RequestLength'],
	['too many fields', $get . $host . "X: a\r\n" x 200 . "\r\n", 431,
		'RequestLength'],
	# the host
	['no Host', "$get\r\n", 400, 'Hostname'],
	['empty Host', $get . "Host:\r\n\r\n", 400, 'Hostname'],
	['two Hosts', $get . $host . $host . "\r\n", 400, 'Hostname'],
	['space in Host', $get . "Host: a b\r\n\r\n", 400, 'Hostname'],
	['slash in Host', $get . "Host: a/b\r\n\r\n", 400, 'Hostname'],
	['user in Host', $get . "Host: me\@a\r\n\r\n", 400, 'Hostname'],
	['port out of range', $get . "Host: a:70000\r\n\r\n", 400, 'Hostname'],
	['bad IPv6 address', $get . "Host: [::zz]\r\n\r\n", 400, 'Hostname'],
	['empty label', $get . "Host: a..b\r\n\r\n", 400, 'Hostname'],
	# framing of the body
	['both lengths', $post
		. "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
		. "0\r\n\r\n", 400, 'Header'],
	['two lengths', $post
		. "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400,
		'Header'],
	['list of lengths', $post . "Content-Length: 3, 3\r\n\r\nabc", 400,
		'Number'],
	['negative length', $post . "Content-Length: -1\r\n\r\n", 400,
		'Number'],
	['signed length', $post . "Content-Length: +3\r\n\r\nabc", 400,
		'Number'],
	['hexadecimal length', $post . "Content-Length: 0x3\r\n\r\nabc", 400,
		'Number'],
	['length beyond 64 bits', $post
		. "Content-Length: 99999999999999999999\r\n\r\n", 400, 'Number'],
	['chunked twice', $post
		. "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400,
		'Header'],
	['chunked not last', $post
		. "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400,
		'Header'],
	['unknown coding', $post . "Transfer-Encoding: gzip\r\n\r\n", 501,
		'N/I'],
	['coding with a tab', $post
		. "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400,
		'Header'],
	['chunked for HTTP/1.0', "POST /body HTTP/1.0\r\n$host"
		. "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, 'Header'],
	['chunk size is no number', $chunked . "zz\r\n\r\n", 400, undef],
	['empty chunk size', $chunked . "\r\nabc\r\n0\r\n\r\n", 400, undef],
	['signed chunk size', $chunked . "+3\r\nabc\r\n0\r\n\r\n", 400, undef],
	['chunk size with 0x', $chunked . "0x3\r\nabc\r\n0\r\n\r\n", 400,
		undef],
	['chunk size beyond 64 bits', $chunked . 'f' x 17 . "\r\n", 400, undef],
	['bare LF after a chunk size', $chunked . "3\nabc\r\n0\r\n\r\n", 400,
		undef],
	['chunk longer than said', $chunked . "3\r\nabcd\r\n0\r\n\r\n", 400,
		undef],
	['space in a chunk size', $chunked . "3 \r\nabc\r\n0\r\n\r\n", 400,
		undef],
	['malformed trailer', $chunked . "0\r\nnonsense\r\n\r\n", 400, undef],
);

my $smuggled = "GET /count?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
my %expected;
for my $case (@cases) {
	my ($name, $bytes, $status, $reason) = @$case;
	my $client = $server->connect;
	my $port = $client->socket->sockport;
	$client->send($bytes . $smuggled);
	my $response = eval { $client->read_response };
	my $got = $response ? $response->{status} : $@ || 'no answer';
	my $ended = $response && $client->at_end;
	ok($got eq $status && $ended, "$name: $status, then the end")
		or diag "answer: $got"
		. ($ended ? '' : ', and the connection goes on');
	push @{ $expected{$port} }, [$name, $status, $reason];
	$client->close;
}

# One line per request, found by the client's port: fields as HTTPERR has
# them.
my @names = qw(date time c-ip c-port s-ip s-port cs-version cs-method cs-uri
	streamid sc-status s-siteid s-reason s-queuename);
my %lines;
await_file($server->error_log, seconds(5), sub {
	%lines = ();
	open my $file, '<', $server->error_log or return;
	while (<$file>) {
		next if /^#/;
		my @fields = split;
		$lines{ $fields[3] } = \@fields if @fields > 3;
	}
	return keys %lines >= keys %expected;
});
for my $port (sort { $a <=> $b } keys %expected) {
	my ($name, $status, $reason) = @{ $expected{$port}[0] };
	my %field;
	@field{@names} = @{ $lines{$port} // [] };
	my $right = ($field{'sc-status'} // '') eq $status
		&& (defined $reason ? ($field{'s-reason'} // '') eq $reason
			: ($field{'s-reason'} // '') =~ /^[A-Z]/);
	ok($right, "$name: " . ($reason // 'a reason') . ' in the error log')
		or diag 'line: ' . join ' ', @{ $lines{$port} // ['none'] };
}
ok(!(grep { join(' ', @$_) =~ /[\x00-\x1f\x7f]/ } values %lines),
	'no control byte reaches the log');
is($server->get('/count')->{status}, 200, 'and the server goes on');
$server->stop;
done_testing;
