# SPDX-License-Identifier: Apache-2.0
#
# What a module changes in a request for those behind it, server variables,
# who the user is, and what can be said about a response.

use strict;
use warnings;
use IO::Socket::INET;
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition);
use Test::More;

my $application = {
	modules => ['changes'],
	handlers => [
		{ path => '/response', module => 'changes', handler => 'response' },
		{ path => '*', module => 'changes', handler => 'show' },
	],
};
my $server = Portico::Server->new(
	arguments => ['--log-level', 'debug'],
	applications => { '/' => $application, '/shop' => $application },
)->start;
my $http = Portico::Http->connect($server->port);

# lines(path, [orders], fields...): the answer, line by line.
sub lines
{
	my ($path, $orders, @fields) = @_;
	my $query = join '&', map {
		my ($key, $order) = %$_;
		$order =~ s/([^A-Za-z0-9._:-])/sprintf '%%%02X', ord $1/ge;
		"$key=$order";
	} @$orders;

	return [split /\n/, $http->request('GET', "$path?$query",
		fields => \@fields)->{body}];
}

sub do_ { return map { { do => $_ } } @_ }
sub show { return map { { show => $_ } } @_ }

# ---- fields ---------------------------------------------------------------------

is_deeply(lines('/', [show('field:x-a', 'field:user-agent', 'field:X-B')],
	'X-A: 1', 'User-Agent: me', 'x-a: 2'),
	['field x-a: 1', 'field user-agent: me', 'field X-B: -'],
	'fields as they were sent');
is_deeply(lines('/', [do_('set:X-A:new', 'add:X-B:b1', 'add:x-b:b2',
	'remove:user-agent', 'remove:X-None', 'set:Accept'),
	show('field:x-a', 'field:X-B', 'field:User-Agent', 'field:Accept',
	'fields')], 'X-A: 1', 'User-Agent: me', 'x-a: 2', 'Accept: */*',
	'X-C: c'),
	['did set X-A: 0', 'did add X-B: 0', 'did add x-b: 0',
	'did remove user-agent: 0', 'did remove X-None: 0',
	'did set Accept: 0', 'field x-a: new', 'field X-B: b1',
	'field User-Agent: -', 'field Accept: -',
	'Host: localhost', 'X-C: c', 'X-A: new', 'X-B: b1', 'x-b: b2'],
	'fields set, added and removed for those behind');
is_deeply(lines('/', [do_('set:cookie:q=2', 'add:Cookie:r=3'),
	show('cookie:q', 'cookie:r', 'cookie:s')], 'Cookie: s=1'),
	['did set cookie: 0', 'did add Cookie: 0', 'cookie q: 2',
	'cookie r: 3', 'cookie s: -'], 'cookies follow their fields');
is_deeply(lines('/', [do_(map { "set:$_:1" } 'Connection', 'content-length',
	'Keep-Alive', 'Proxy-Connection', 'Trailer', 'Transfer-Encoding',
	'Upgrade', 'a b', ''), do_("set:X-A:a\r\nb", "add:X-A:\0")]),
	['did set Connection: -2', 'did set content-length: -2',
	'did set Keep-Alive: -2', 'did set Proxy-Connection: -2',
	'did set Trailer: -2', 'did set Transfer-Encoding: -2',
	'did set Upgrade: -2', 'did set a b: -2', 'did set : -2',
	'did set X-A: -2', 'did add X-A: -2'],
	'framing, no names and line ends are refused');
my $many = lines('/', [do_(('add:X-Many:1') x 255), show('field:X-Many')]);
is(scalar(grep({ $_ eq 'did add X-Many: 0' } @$many)) . " $many->[254]",
	'255 did add X-Many: 0', '256 fields');
$many = lines('/', [do_(('add:X-Many:1') x 256, 'set:X-Many:2'),
	show('field:X-Many')]);
is("$many->[255], $many->[256], $many->[257]", 'did add X-Many: -5, did set '
	. 'X-Many: 0, field X-Many: 2', '... no more, but for those replaced');

# ---- variables --------------------------------------------------------------------

my $root = $server->root;
my $port = $server->port;
my %wanted = (
	APPL_PHYSICAL_PATH => "$root/", APP_POOL_ID => 'main',
	APP_WARMING_UP => '-', AUTH_TYPE => '-', AUTH_USER => '-',
	CONTENT_LENGTH => '-', CONTENT_TYPE => 'text/x', DOCUMENT_ROOT => $root,
	GATEWAY_INTERFACE => 'CGI/1.1', HTTPS => 'off', HTTP_METHOD => 'GET',
	HTTP_VERSION => 'HTTP/1.1', INSTANCE_NAME => 'main',
	LOCAL_ADDR => '127.0.0.1', LOGON_USER => '-', PATH_INFO => '/a b',
	PATH_TRANSLATED => "$root/a b", REMOTE_ADDR => '127.0.0.1',
	REMOTE_HOST => '127.0.0.1', REMOTE_USER => '-',
	REQUEST_FILENAME => "$root/a b", REQUEST_METHOD => 'GET',
	SCRIPT_FILENAME => "$root/a b", SCRIPT_NAME => '/shop',
	SERVER_ADDR => '127.0.0.1', SERVER_NAME => 'localhost',
	SERVER_PORT => $port, SERVER_PORT_SECURE => '0',
	SERVER_PROTOCOL => 'HTTP/1.1', URL => '/shop/a b',
	REMOTE_PORT => $http->socket->sockport,
	HTTP_HOST => 'localhost', HTTP_X_Y_Z => 'hyphens',
	HEADER_X_Y => 'underscore', 'HEADER_x-y-z' => 'hyphens',
	HTTP_X_Y => '-', NO_SUCH => '-', http_x_y_z => 'hyphens',
	url => '/shop/a b', '' => '-', HTTP_ => '-', HEADER_ => '-',
	'HTTP_' . 'X' x 290 => '-',
);
my @names = sort keys %wanted;
is_deeply(lines('/shop/a%20b', [show(map { "variable:$_" } @names)],
	'Content-Type: text/x', 'X-Y-Z: hyphens', 'X_Y: underscore'),
	[map { "variable $_: $wanted{$_}" } @names], 'server variables');
my $target = '/shop/%61?show=variable:REQUEST_URI&show=variable:HTTP_URL'
	. '&show=variable:UNENCODED_URL&show=variable:QUERY_STRING'
	. '&show=variable:SERVER_SOFTWARE';
my $query = $target =~ s/.*\?//r;
my $body = $http->request('GET', $target)->{body};
like($body, qr/^variable REQUEST_URI: \Q$target\E\nvariable HTTP_URL: \Q$target\E
variable UNENCODED_URL: \Q$target\E\nvariable QUERY_STRING: \Q$query\E
variable SERVER_SOFTWARE: Portico\/\d\S*\n\z/, 'raw target and query');
is_deeply(lines('/', [show('variable:SCRIPT_NAME', 'variable:PATH_INFO')]),
	['variable SCRIPT_NAME: ', 'variable PATH_INFO: /'],
	'the root application has no name');

is_deeply(lines('/', [do_('variable:mine:1', 'variable:MINE:2', 'variable:_a.b-c:3',
	'variable:gone:4', 'variable:gone', 'variable:never'),
	show('variable:Mine', 'variable:_A.B-C', 'variable:gone')]),
	['did variable mine: 0', 'did variable MINE: 0', 'did variable _a.b-c: 0',
	'did variable gone: 0', 'did variable gone: 0', 'did variable never: 0',
	'variable Mine: 2', 'variable _A.B-C: 3', 'variable gone: -'],
	'variables of modules');
is_deeply(lines('/', [do_('variable:remote_addr:1', 'variable:HTTP_X:1',
	'variable:header_x:1', 'variable:cert_subject_2:1', 'variable:CERT_FLAGS_2:1',
	'variable:1a:1', 'variable::1', 'variable:a b:1',
	'variable:' . 'a' x 65 . ':1', 'variable:' . 'a' x 64 . ':1')]),
	['did variable remote_addr: -4', 'did variable HTTP_X: -4',
	'did variable header_x: -4', 'did variable cert_subject_2: -4',
	'did variable CERT_FLAGS_2: 0', 'did variable 1a: -2', 'did variable : -2',
	'did variable a b: -2', 'did variable ' . 'a' x 40 . ': -2',
	'did variable ' . 'a' x 40 . ': 0'],
	"the server's own and what is no name are refused");
$many = lines('/', [do_((map { "variable:v$_:x" } 1 .. 65), 'variable:v1:y',
	'variable:v2', 'variable:v65:z'), show('variable:v1', 'variable:v65')]);
is(join(', ', @{$many}[63 .. 69]), 'did variable v64: 0, did variable v65: -6, '
	. 'did variable v1: 0, did variable v2: 0, did variable v65: 0, '
	. 'variable v1: y, variable v65: z', '64 variables, no more');

# ---- who the user is ------------------------------------------------------------------

my @who = show('user', 'type', 'authenticated', 'variable:AUTH_USER',
	'variable:AUTH_TYPE');
sub who { return join ' ', map { s/.*: //r } @{ lines('/', [do_(@_), @who]) } }

is(who(), '  no - -', 'nobody');
is(who('user:guest'), '0 guest  no - -', 'named, yet anonymous');
is(who('authenticate:Basic:zoe'), '0 zoe Basic yes zoe Basic', 'authenticated');
is(who('authenticate:ApiKey:'), '0  ApiKey yes - ApiKey', '... without a name');
is(who('authenticate:Basic:zoe', 'user:zed'), '0 0 zed Basic yes zed Basic',
	'another name for the same user');
is(who('authenticate:Basic:zoe', 'anonymous'), '0 0   no - -',
	'anonymous again');
is(who('authenticate:B c:zoe'), '-2   no - -', 'a type that is no token');
is(who("authenticate:Basic:z\r\n"), '-2   no - -', 'a name with a line end');
is(who('authenticate:' . 'B' x 65 . ':zoe'), '-2   no - -', 'a long type');
is(who('authenticate:Basic:' . 'z' x 1025), '-5   no - -', 'a long name');

# ---- the response ---------------------------------------------------------------------

my $response = $http->request('GET', '/response');
is($response->{status}, 404, 'status');
is($response->{body}, <<'END', 'fields, substatus and reason of a response');
substatus 0, reason ""
X-One: 1
Content-Type: text/plain
x-one: 2
X-Two: 3
0
0
Content-Type: text/plain
X-Two: 3
-2
-5
0
0
substatus 8, reason "the segment is hidden"
END
ok(!exists $response->{header}{'x-one'}, 'a removed field does not leave');
unlike(join('', map { "@$_" } @{ $response->{fields} }), qr/hidden/,
	'the reason does not leave');

sub log_has
{
	my ($pattern) = @_;

	return await_condition(10, sub { $server->log =~ $pattern });
}
ok(log_has(qr/ status 404\.8: the segment is hidden \(pool=main request=\w+\)/),
	'... it goes to the log');
ok(log_has(qr/ trace changes\.begin \(.*module=changes\)/), 'a trace event');
ok(log_has(qr/ trace changes\.done: all of it \(.*request=\w+ module=changes\)/),
	'... with a text');

$server->stop;
done_testing();
