# SPDX-License-Identifier: Apache-2.0
#
# Forms in request bodies: urlencoded, and in parts, sent at once and byte by
# byte, right, wrong, cut and beyond each limit.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Test::More;

my $server = Portico::Server->new(
	pools => { main => { maxRequestBody => 0 } },
	applications => { '/' => {
		modules => ['forms'],
		handlers => [
			map { { path => "/$_", module => 'forms',
				handler => $_ } } qw(form parts),
		],
	} },
)->start;
my $http = Portico::Http->connect($server->port);

# ---- urlencoded --------------------------------------------------------------

my $urlencoded = 'Content-Type: application/x-www-form-urlencoded';

sub form
{
	my ($body, $query, $type) = @_;

	return $http->request('POST', '/form' . ($query // ''),
		fields => [$type // $urlencoded], body => $body)->{body};
}

is(form('a=1&q=two+words%21&q=3'),
	"a=1\nq=two words!\nq=3\nq is two words!\nstatus 0\n", 'a form');
is(form(''), "status 0\n", 'an empty one');
is(form('a=1', '', "$urlencoded; charset=utf-8"), "a=1\nstatus 0\n",
	'its type may have parameters');
is(form('a=1', '', 'content-type: Application/X-WWW-Form-URLEncoded'),
	"a=1\nstatus 0\n", '... and any case');
is(form('a=1', '', 'Content-Type: text/plain'), "open\nstatus -12\n",
	'another type');
is(form('a=1', '', 'X-None: 1'), "open\nstatus -12\n", 'no type');
is(form('a' x 65536), 'a' x 16383, '64 KiB (and more than is written back)');
is(form('a' x 65537), "open\nstatus -5\n", '... are the default limit');
is(form('a=12345', '?bytes=7'), "a=12345\nstatus 0\n", 'a limit, met');
is(form('a=123456', '?bytes=7'), "open\nstatus -5\n", '... and passed');
is(form('a=1', '?bytes=524289'), "open\nstatus -2\n", 'a limit too high');
is(form('a&b&c', '?fields=3'), "a=\nb=\nc=\nstatus 0\n", 'so many fields');
is(form('a&b&c&d', '?fields=3'), "status -5\n", '... and one more');

# Chunked, so that its length is not known, piece by piece.
sub chunked
{
	my ($path, $type, $end, @pieces) = @_;

	$http->send("POST $path HTTP/1.1\r\nHost: localhost\r\n$type\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n");
	$http->send(sprintf "%x\r\n%s\r\n", length $_, $_) for @pieces;
	$http->send("0\r\n\r\n") if $end;
	return $http->read_response(method => 'POST')->{body};
}

is(chunked('/form', $urlencoded, 1, split //, 'q=%41%42&b=2'),
	"q=AB\nb=2\nq is AB\nstatus 0\n", 'byte by byte');
is(chunked('/form?bytes=7', $urlencoded, 1, 'a=12', '3456'),
	"status -5\n", 'too long, as it turns out');

# ---- in parts --------------------------------------------------------------------

my $boundary = '----WebKitFormBoundary7MA4YWxkTrZu0gW';
my $multipart = "Content-Type: multipart/form-data; boundary=$boundary";

# part('name="a"', data, more fields...)
sub part
{
	my ($disposition, $data, @fields) = @_;

	return join "\r\n", "Content-Disposition: form-data; $disposition",
		@fields, '', $data;
}

sub body
{
	return join('', map { "--$boundary\r\n$_\r\n" } @_)
		. "--$boundary--\r\n";
}

sub adler
{
	my ($x, $y) = (1, 0);

	for my $byte (unpack 'C*', $_[0]) {
		$x = ($x + $byte) % 65521;
		$y = ($y + $x) % 65521;
	}
	return sprintf '%d %08x', length $_[0], $y << 16 | $x;
}

sub parts
{
	my ($body, $query, $type) = @_;

	return $http->request('POST', '/parts' . ($query // ''),
		fields => [$type // $multipart], body => $body)->{body};
}

sub parts_is
{
	my ($body, $wanted, $name, $query, $type) = @_;

	is(parts($body, $query, $type), $wanted, $name);
}

my $file = join '', map { chr } 0 .. 255;
my $tricky = "\r\n--\r\r\n--$boundary" =~ s/W$/w\r\n-/r;
my @parts = (part('name="a"', 'one'), part('name="skip"', 'unread' x 100),
	part('name="f"; filename="x.bin"', $file,
		'Content-Type: application/octet-stream', 'X-Mine: 1'),
	part('name=""', ''), part('name=token; other="x;y"', $tricky));
my $wanted = 'part [a] ' . adler('one') . "\npart [skip] skipped\n"
	. 'part [f] file [x.bin] type [application/octet-stream] mine [1] '
	. adler($file) . "\npart [] " . adler('') . "\npart [token] "
	. adler($tricky) . "\nstatus -19\n";
parts_is(body(@parts), $wanted, 'parts');
parts_is("\r\n" . body(@parts), $wanted, 'a line end before them');
parts_is(body(@parts) =~ s/\r\n\z//r, $wanted, 'none behind them');
parts_is(body(), "status -19\n", 'no parts');
is(chunked('/parts', $multipart, 1, split //, body(@parts)), $wanted,
	'byte by byte');
my @sevens = body(@parts) =~ /(.{1,7})/gs;
is(chunked('/parts', $multipart, 1, @sevens), $wanted, 'by seven bytes');

parts_is(body(part('name="say \"hi\" \\\\ \x"; filename="C:\dir\f.txt"', 'x')),
	'part [say "hi" \\ \x] file [C:\dir\f.txt] ' . adler('x')
	. "\nstatus -19\n", 'quoted characters');
parts_is(body(part('name="a%22b"', 'x')), 'part [a%22b] ' . adler('x')
	. "\nstatus -19\n", 'escapes stay');
parts_is("--a b\r\n" . part('name=a', 'x') . "\r\n--a b--", 'part [a] '
	. adler('x') . "\nstatus -19\n", 'a boundary in quotes', '',
	'Content-Type: Multipart/Form-Data; charset=utf-8; Boundary="a b"');
parts_is(body(part('name=a', 'x', 'Content-Transfer-Encoding: BINARY')),
	'part [a] ' . adler('x') . "\nstatus -19\n",
	'an encoding that is none');

# ---- wrong ----------------------------------------------------------------------

parts_is(body(), "open\nstatus -12\n", "type: $_->[0]", '',
	"Content-Type: $_->[1]") for
	['another', 'multipart/mixed; boundary=x'],
	['longer', 'multipart/form-data2; boundary=x'];
parts_is(body(), "open\nstatus -13\n" =~ s/-13/-18/r, "boundary: $_->[0]", '',
	"Content-Type: multipart/form-data$_->[1]") for
	['none', ''],
	['empty', '; boundary='],
	['empty in quotes', '; boundary=""'],
	['twice', '; boundary=a; boundary=a'],
	['too long', '; boundary=' . 'a' x 71],
	['a blank at its end', '; boundary="a "'],
	['a byte that may not be', '; boundary="a;b"'],
	['quotes that do not end', '; boundary="a'],
	['something behind', '; boundary=a b'];

parts_is($_->[1], ($_->[2] // '') . "status -18\n", "wrong: $_->[0]") for
	['nothing', ''],
	['a preamble', 'hello' . body()],
	['two line ends before', "\r\n\r\n" . body()],
	['another boundary', "--x\r\n" . part('name=a', 'x') . "\r\n--x--"],
	['blanks behind a boundary', body($parts[0]) =~ s/gW\r/gW \r/r],
	['bare line feeds', body($parts[0]) =~ s/\r\n/\n/gr],
	['no header', "--$boundary\r\n\r\nx\r\n--$boundary--"],
	['no disposition', body("X: 1\r\n\r\nx")],
	['two dispositions', body(part('name=a', 'x',
		'Content-Disposition: form-data; name=b'))],
	['another disposition',
		body("Content-Disposition: attachment; name=a\r\n\r\nx")],
	['no name', body(part('filename="a"', 'x'))],
	['two names', body(part('name=a; NAME=b', 'x'))],
	['two file names', body(part('name=a; filename=b; filename=c', 'x'))],
	['an extended file name', body(part("name=a; filename*=UTF-8''b", 'x'))],
	['a name without end', body(part('name="a', 'x'))],
	['a folded line', body("Content-Disposition: form-data;\r\n name=a"
		. "\r\n\r\nx")],
	['a blank before the colon',
		body("Content-Disposition : form-data; name=a\r\n\r\nx")],
	['a line without colon', body(part('name=a', 'x', 'hello'))],
	['NUL in a header', body(part("name=\"a\0\"", 'x'))],
	['a bare CR in a header', body(part('name=a', 'x', "X: a\rb"))],
	['two types', body(part('name=a', 'x', 'Content-Type: a/b',
		'Content-Type: c/d'))],
	['the boundary right behind the header', "--$boundary\r\n"
		. part('name=a', "--$boundary--\r\n"), 'part [a]'],
	['a boundary within data', body(part('name=a', "x\r\n--${boundary}y")),
		'part [a] ' . adler('x') . "\n"],
	['an epilogue', body($parts[0]) . 'x', 'part [a] ' . adler('one') . "\n"],
	['a line end too many', body($parts[0]) . "\r\n",
		'part [a] ' . adler('one') . "\n"],
	['cut in data', "--$boundary\r\n$parts[0]", 'part [a]'],
	['cut in a header', "--$boundary\r\nContent-"],
	['cut in the last boundary', body($parts[0]) =~ s/-\r\n\z//r,
		'part [a] ' . adler('one') . "\n"];
parts_is(body(part('name=a', 'YQ==', 'Content-Transfer-Encoding: base64')),
	"status -12\n", 'an encoding');

# ---- limits ------------------------------------------------------------------------

my @many = map { part('name=a', '') } 1 .. 3;
my $each = 'part [a] ' . adler('') . "\n";
parts_is(body(@many), $each x 3 . "status -19\n", 'so many parts', '?parts=3');
parts_is(body(@many), $each x 2 . "status -5\n", '... and one more', '?parts=2');
parts_is(body((part('name=a', '')) x 129), $each x 128 . "status -5\n",
	'128 by default');
my $header = length($many[0]);
parts_is(body($many[0]), $each . "status -19\n", 'so long a header',
	"?header=$header");
parts_is(body($many[0]), "status -5\n", '... and a byte more',
	'?header=' . ($header - 1));
parts_is(body(part('name=a', '', 'X: ' . 'y' x 8192)), "status -5\n",
	'8 KiB by default');
parts_is(body(part('name=a', '', ('X: y') x 16)), "status -5\n",
	'more than 16 fields');
parts_is(body($many[0]), "open\nstatus -2\n", 'a limit too high',
	'?header=65537');
parts_is(body(part('name=a', 'xyz')), 'part [a] ' . adler('xyz')
	. "\nstatus -19\n", 'so long a part', '?bytes=3');
like(parts(body(part('name=a', 'wxyz')), '?bytes=3'), qr/status -5\n\z/,
	'... and a byte more');

# ---- much, in constant memory ----------------------------------------------------

my $large = join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 1 .. 1 << 19;
parts_is(body(part('name=big; filename=big', $large), $parts[0]),
	'part [big] file [big] ' . adler($large) . "\npart [a] " . adler('one')
	. "\nstatus -19\n", 'a large file, beyond the memory of a request');

# The client leaves in the middle.
$http->send("POST /parts HTTP/1.1\r\nHost: localhost\r\n$multipart\r\n"
	. "Content-Length: 1000\r\n\r\n--$boundary\r\n$parts[0]");
$http->reset;
$http = Portico::Http->connect($server->port);
parts_is(body($parts[0]), 'part [a] ' . adler('one') . "\nstatus -19\n",
	'a client that leaves harms nobody');

$server->stop;
done_testing();
