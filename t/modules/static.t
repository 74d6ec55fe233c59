# SPDX-License-Identifier: Apache-2.0
#
# The static module from outside: statuses, validators, ranges, redirects and
# what must never be served.

use strict;
use warnings;
use File::Path qw(make_path);
use Portico::Http;
use Portico::Server;
use Test::More;

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();

my $server = Portico::Server->new(
	applications => {
		'/' => { modules => ['static'],
			handlers => [{ path => '*', module => 'static' }],
			static => { revalidate => '0s' } },
		'/strict' => { modules => ['static'],
			handlers => [{ path => '*', module => 'static' }],
			static => { unknownType => '', charset => 'utf-8',
				cacheControl => 'max-age=60', dotFiles => JSON::PP::true,
				types => { '.foo' => 'x/foo' },
				defaultDocuments => ['home.foo'] } },
	},
);
my $root = $server->root;

sub put_file
{
	my ($name, $content) = @_;
	open my $file, '>:raw', "$root/$name" or die "$name: $!";
	print $file $content;
	close $file or die $!;
}

my $alphabet = join '', 'a' .. 'z';
my $large = join '', map { sprintf "%07d\n", $_ } 0 .. 40_000; # 320 KB
make_path("$root/folder", "$root/empty", "$root/.hidden", "$root/sp ace",
	"$root/home");
put_file('alphabet.txt', $alphabet);
put_file('large.txt', $large);
put_file('none.txt', '');
put_file('folder/index.html', '<p>folder</p>');
put_file('.secret', 'secret');
put_file('.hidden/file.txt', 'hidden');
put_file('x.foo', 'foo');
put_file('home/home.foo', 'home');
put_file('unknown.qqq', 'unknown');
put_file("sp ace/\xc3\xa4.txt", 'umlaut');
put_file('private.txt', 'private');
symlink '/etc/passwd', "$root/passwd";
symlink 'alphabet.txt', "$root/inside.txt";
symlink '..', "$root/up";
system 'mkfifo', "$root/pipe";
$server->start;

my %field = (
	'/alphabet.txt' => ['text/plain', 26],
	'/large.txt' => ['text/plain', length $large],
	'/none.txt' => ['text/plain', 0],
	'/folder/' => ['text/html', 13],
	'/unknown.qqq' => ['application/octet-stream', 7],
	'/sp%20ace/%C3%A4.txt' => ['text/plain', 6],
	'/inside.txt' => ['text/plain', 26],
);
for my $target (sort keys %field) {
	my ($type, $length) = @{ $field{$target} };
	my $got = $server->get($target);
	my $head = $server->get($target, method => 'HEAD');

	is $got->{status}, 200, "$target is served";
	is $got->{header}{'content-type'}, $type, "$target has its type";
	is length $got->{body}, $length, "$target has its length";
	is $head->{status}, 200, "$target answers HEAD";
	is $head->{header}{'content-length'}, $length,
		"$target: HEAD announces the length";
	is $head->{body}, '', "$target: HEAD has no body";
	is $head->{header}{etag}, $got->{header}{etag},
		"$target: the same validator for both";
}
is $server->get('/large.txt')->{body}, $large, 'a large file is intact';

# ---- what is not there or must not be served

for my $row (
	['/missing.txt', 404], ['/folder/missing', 404],
	['/alphabet.txt/', 404], ['/alphabet.txt/more', 404],
	['/empty/', 403], ['/.secret', 404], ['/.hidden/file.txt', 404],
	['/passwd', 403], ['/up/', 403], ['/up/etc/passwd', 403],
	['/pipe', 404], ['/' . 'x' x 300, 400],
	['/folder/../../etc/passwd', 400],
	['/%2e%2e/%2e%2e/etc/passwd', 400],
	['/strict/unknown.qqq', 404],
) {
	my ($target, $status) = @$row;
	my $response = $server->get($target);
	my $shown = length $target > 60 ? 'a very long name' : $target;

	is $response->{status}, $status, "$shown: $status";
	unlike $response->{body}, qr/root:|secret|hidden/,
		"$shown: gives nothing away";
}

for my $method (qw(POST PUT DELETE PATCH)) {
	my $response = $server->get('/alphabet.txt', method => $method,
		body => 'x');
	is $response->{status}, 405, "$method: not allowed";
	like $response->{header}{allow} // '', qr/GET.*HEAD/,
		"$method: Allow says what is";
}

# ---- directories

my $redirect = $server->get('/folder');
is $redirect->{status}, 301, 'a directory without its slash';
is $redirect->{header}{location}, '/folder/', 'is redirected to the slash';
is $server->get('/folder?a=b')->{header}{location}, '/folder/?a=b',
	'the query is kept';
is $server->get('//folder')->{header}{location}, '/folder/',
	'no redirect to another host';
is $server->get('/sp%20ace')->{header}{location}, '/sp%20ace/',
	'the path is encoded again';
is $server->get('/strict')->{header}{location}, '/strict/',
	'the root of an application gets its slash';

# ---- the other settings

my $strict = $server->get('/strict/home/');
is $strict->{body}, 'home', 'defaultDocuments';
is $strict->{header}{'content-type'}, 'x/foo', 'types';
is $strict->{header}{'cache-control'}, 'max-age=60', 'cacheControl';
is $server->get('/strict/alphabet.txt')->{header}{'content-type'},
	'text/plain; charset=utf-8', 'charset';
is $server->get('/strict/.hidden/file.txt')->{body}, 'hidden', 'dotFiles';

# ---- conditional requests

my $first = $server->get('/alphabet.txt');
my ($etag, $date) = @{ $first->{header} }{qw(etag last-modified)};
like $etag, qr/^"[^"]+"\z/, 'the validator is strong';
like $date, qr/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\z/, 'Last-Modified';
my $old = 'Sun, 06 Nov 1994 08:49:37 GMT';
for my $row (
	[["If-None-Match: $etag"], 304], [["If-None-Match: *"], 304],
	[['If-None-Match: "other"'], 200], [["If-Modified-Since: $date"], 304],
	[["If-Modified-Since: $old"], 200], [["If-Match: $etag"], 200],
	[['If-Match: "other"'], 412], [["If-Unmodified-Since: $old"], 412],
	[['If-None-Match: "other"', "If-Modified-Since: $date"], 200],
	[['If-None-Match: "other"', "If-None-Match: $etag"], 304],
	[['If-None-Match: "other"', 'If-None-Match: "another"'], 200],
	[['If-Match: "other"', "If-Match: $etag"], 200],
	[['If-Match: "other"', "If-Match: W/$etag"], 412],
) {
	my ($fields, $status) = @$row;
	my $response = $server->get('/alphabet.txt', fields => $fields);

	is $response->{status}, $status, "@$fields: $status";
	is $response->{header}{etag}, $etag, '304 repeats the validator'
		if $status == 304;
}
sub rewrite { put_file('alphabet.txt', shift) }
rewrite(uc $alphabet);
my $second = $server->get('/alphabet.txt', fields => ["If-None-Match: $etag"]);
is $second->{status}, 200, 'a changed file is a new version';
is $second->{body}, uc $alphabet, 'and is served new';
isnt $second->{header}{etag}, $etag, 'with another validator';
rewrite($alphabet);

# ---- ranges

sub range
{
	my ($target, $range, @more) = @_;
	return $server->get($target, fields => ["Range: $range", @more]);
}

for my $row (
	['bytes=0-3', 'abcd', 'bytes 0-3/26'], ['bytes=23-', 'xyz', 'bytes 23-25/26'],
	['bytes=-2', 'yz', 'bytes 24-25/26'], ['bytes=25-99', 'z', 'bytes 25-25/26'],
) {
	my ($range, $body, $content_range) = @$row;
	my $response = range('/alphabet.txt', $range);

	is $response->{status}, 206, "$range: partial";
	is $response->{body}, $body, "$range: the bytes";
	is $response->{header}{'content-range'}, $content_range,
		"$range: Content-Range";
}
my $beyond = range('/alphabet.txt', 'bytes=26-');
is $beyond->{status}, 416, 'beyond the end: 416';
is $beyond->{header}{'content-range'}, 'bytes */26', '416 tells the size';
is range('/alphabet.txt', 'bytes=9-2')->{status}, 200, 'nonsense is ignored';
is range('/alphabet.txt', 'bytes=0-5,3-9')->{status}, 200,
	'overlapping ranges are ignored';
is range('/large.txt', 'bytes=100000-100009')->{body},
	substr($large, 100_000, 10), 'a range of a large file';
is range('/alphabet.txt', 'bytes=0-3', 'If-Range: "other"')->{status}, 200,
	'If-Range of another version: everything';

for my $target ('/alphabet.txt', '/large.txt') {
	my $whole = $target eq '/large.txt' ? $large : $alphabet;
	my $response = range($target, 'bytes=0-1,5-6,-2');
	my ($boundary) = ($response->{header}{'content-type'} // '')
		=~ m{^multipart/byteranges; boundary=(\S+)\z};

	is $response->{status}, 206, "$target: several ranges";
	ok $boundary, "$target: a multipart answer";
	$boundary //= 'none';
	my @parts = split /\r\n--\Q$boundary\E(?:--)?\r\n/, $response->{body};
	is scalar @parts, 4, "$target: three parts after the preamble";
	is_deeply [map { (split /\r\n\r\n/, $_, 2)[1] } @parts[1 .. 3]],
		[substr($whole, 0, 2), substr($whole, 5, 2), substr $whole, -2],
		"$target: the bytes of each";
	like $parts[1] // '', qr{Content-Range: bytes 0-1/\d+\b},
		"$target: each says where it belongs";
}

# ---- permissions; root may read everything, so a user is needed

SKIP: {
	skip 'workers run as the user who may read all', 1
		if $> == 0 && !defined getpwnam 'nobody';
	chmod 0, "$root/private.txt";
	is $server->get('/private.txt')->{status}, 403,
		'a file that the worker may not read: 403';
}

$server->stop;
done_testing;
