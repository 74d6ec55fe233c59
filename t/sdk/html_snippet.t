# SPDX-License-Identifier: Apache-2.0
#
# The example html-snippet in a server: files of the static module and a body
# that comes in pieces, as clients see them.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Test::More;

my $snippet = '<script src="/count.js"></script>';
my $server = Portico::Server->new(
	applications => { '/' => {
		modules => ['static', 'echo', 'html-snippet'],
		handlers => [
			{ path => '/echo', module => 'echo' },
			{ path => '*', module => 'static' },
		],
		'html-snippet' => { snippet => $snippet },
	} },
);
my %file = (
	'page.html' => "<html><body>a\n</BODY></html>\n",
	'no.html' => "<html>no such place</html>\n",
	'page.txt' => "a</body>b\n",
	# Through the filter in many pieces; the marker across a border of them.
	'big.html' => ('x' x 65533) . "</body>\n" . ('y' x 300_000) . "\n",
);
for my $name (keys %file) {
	open my $out, '>', $server->root . "/$name" or die "$name: $!";
	print $out $file{$name};
	close $out or die "$name: $!";
}
$server->start;
my $http = Portico::Http->connect($server->port);

sub with_snippet { return $_[0] =~ s{(?=</body>)}{$snippet}ir }

my $page = $http->request('GET', '/page.html');
is($page->{body}, with_snippet($file{'page.html'}), 'a page has it');
is($page->{status}, 200, '... and its status');
like($page->{header}{etag}, qr{^W/"}, '... a weak tag');
ok(!exists $page->{header}{$_}, "... no $_")
	for 'last-modified', 'accept-ranges';
is($page->{header}{'content-length'} // length $page->{body},
	length $page->{body}, '... and no wrong length');
is($http->request('GET', '/no.html')->{body}, $file{'no.html'},
	'one without the marker is what it was');

my $text = $http->request('GET', '/page.txt');
is($text->{body}, $file{'page.txt'}, 'a text passes by');
unlike($text->{header}{etag}, qr{^W/}, '... with its tag');
is($text->{header}{'content-length'}, length $text->{body},
	'... and its length');
ok(exists $text->{header}{'last-modified'}, '... and its date');

my $big = $http->request('GET', '/big.html')->{body};
ok($big eq with_snippet($file{'big.html'}), 'a large page, cut anywhere')
	or diag(length $big);

my $head = $http->request('HEAD', '/page.html');
is($head->{status}, 200, 'HEAD');
is($head->{header}{etag}, $page->{header}{etag}, '... has the tag of GET');
ok(!exists $head->{header}{'content-length'}
	|| $head->{header}{'content-length'} == length $page->{body},
	'... and not the length of the file');

my $again = $http->request('GET', '/page.html',
	fields => ["If-None-Match: $page->{header}{etag}"]);
is($again->{status}, 304, 'a client that has the page keeps it');
is($again->{header}{etag}, $page->{header}{etag}, '... under its tag');

my $part = $http->request('GET', '/page.html', fields => ['Range: bytes=1-4']);
is($part->{status}, 206, 'a range');
is($part->{body}, 'html', '... is one of the file');

my $missing = $http->request('GET', '/none.html');
is($missing->{status}, 404, 'what is not there');
like($missing->{body}, qr{\Q$snippet\E</body>}, '... has an error page with it');

my @html = ('Content-Type: text/html');
is($http->request('POST', '/echo', body => 'a</body>', fields => \@html)
	->{body}, "a$snippet</body>", 'what another handler makes');
# In pieces, each of which has to be on its way before the next one comes.
$http->send("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
	. "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n");
$http->send("5\r\nab</b\r\n");
my $pieces = $http->read_response(head_only => 1);
is($pieces->{status}, 200, 'a page that comes in pieces');
$http->send("7\r\nody>end\r\n0\r\n\r\n");
$http->read_body($pieces, time + 20, 'POST');
is($pieces->{body}, "ab$snippet</body>end", '... the marker in two of them');

$server->stop;
done_testing();
