# SPDX-License-Identifier: Apache-2.0
#
# Child requests: what they get and give, how they wait for their parents, and
# how they end when nobody wants them any more.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition);
use Test::More;

my @handlers = map { my $name = $_; map { { path => "/$name$_",
	module => 'child', handler => $name } } '', '/*' }
	qw(parent misuse pass many careless impatient recurse leaf stream
	measured hang);
my $ours = { modules => ['child'], pool => 'main', handlers => [@handlers,
	{ path => '*', module => 'static' }] };
my $server = Portico::Server->new(
	pools => { main => { shutdownTimeLimit => '1s' }, strangers => {} },
	applications => {
		'/' => $ours,
		'/shop' => $ours,
		'/strange' => { pool => 'strangers' },
	},
	allow => [qr/P5013/],
)->start;
my $http = Portico::Http->connect($server->port);

sub encode { my ($text) = @_; $text =~ s/([^\w\/.])/sprintf '%%%02x', ord $1/ge;
	return $text }

# The answer to /HANDLER with these parameters.
sub ask
{
	my ($handler, $parameters, @fields) = @_;
	my $query = join '&', map { "$_=" . encode($parameters->{$_}) }
		sort keys %$parameters;

	return $http->request('GET', "/$handler?$query", fields => \@fields);
}

sub answer { return ask(@_)->{body} }

sub lines
{
	my ($text) = @_;

	return { map { split / /, $_, 2 } split /\n/, $text };
}

sub goes
{
	my ($parameters, $fields, $wanted, $name) = @_;
	my $got = lines(answer('parent', $parameters, @$fields));

	is_deeply({ map { $_ => $got->{$_} } keys %$wanted }, $wanted, $name)
		or diag(explain($got));
}

# ---- what a child gets, and gives ----------------------------------------------------

my $from = $server->log_position;
goes({ target => '/leaf/%61?a=b' }, ['Accept: x', 'X-User: zoe'], {
	status => '203.7', leaf => '1 green', read => -19, method => 'GET',
	path => '/leaf/a', application => '/', query => 'a=b', depth => 1,
	user => 'zoe 1', client => '127.0.0.1', host => 'localhost',
	length => '0 0', body => '' }, 'its own target, what it inherits');
my ($of_parent, $of_child) = map { $server->await_log(
	qr{LOG of /$_}, 10, $from) =~ /request=(\w+)/ } 'parent at 0',
	'leaf/a at 1';
ok($of_parent && $of_parent eq $of_child, 'LOG of both, with one id');
goes({ target => '/leaf' }, ['X-User: zoe'], { fields =>
	'Host=localhost;X-Given=by the parent;' },
	'its own fields');
like(answer('parent', { target => '/leaf', flags => 1 }, 'X-Other: 1',
	'X-Given: by the client', 'Range: bytes=0-1', 'If-None-Match: *',
	'Accept-Encoding: gzip', 'Content-Language: de', 'Cookie: a=b'),
	qr/^fields Host=[^;]*;X-Given=by the parent;X-Other=1;Cookie=a=b;$/m,
	'or those of its parent, but for some');
goes({ target => '/leaf', flags => 2 }, ['X-User: zoe'], { user => ' 0' },
	'anonymous on request');
goes({ target => '/leaf', method => 'PUT', body => 'some body' }, [], {
	method => 'PUT', body => 'some body', length => '9 1' }, 'with a body');
goes({ target => '/leaf', name => 'X-A', value => 'b' }, [], {
	fields => 'Host=localhost;X-Given=by the parent;X-A=b;' },
	'with a field');
like(answer('parent', { target => '/leaf' }), qr/^fields X-Leaf=green;$/m,
	'the fields of the response');
goes({ target => '/shop/leaf/x' }, [], { application => '/shop',
	path => '/shop/leaf/x' }, 'of another application');
like(answer('parent', { target => '/leaf?filter=1' }), qr/^Method GET\npath/m,
	'its filters run');
my $sum = { trailers => 'X-Sum=7;', trailer => '1 7' };
goes({ target => '/leaf?trailer=7' }, [], $sum, 'its trailers');
goes({ target => '/leaf?trailer=7', method => 'HEAD' }, [], $sum,
	'... without a body, too');
goes({ target => '/leaf' }, [], { trailers => '', trailer => '0 -' },
	'or none');
goes({ target => '/leaf', method => 'HEAD' }, [], { status => '203.7',
	leaf => '1 green', read => -19, method => undef }, 'HEAD');
goes({ target => '/nothing' }, [], { status => '404.0' }, 'not found');
goes({ target => '/leaf' }, ['X-Begin: /leaf'], { begun => 203 },
	'in BEGIN, too');
is(lines(answer('recurse'))->{status}, '200.0', 'children of children');
like(answer('recurse'), qr/^depth 10: -6\z/m, '... ten of them');
is(answer('many', { target => '/leaf' }), '16, then -6: ' . '203 ' x 16,
	'sixteen at the same time');

# ---- a file, and a body that is longer than the window ---------------------------------

my $content = join '', map { "line $_\n" } 1 .. 40000;
for (['large', $content], ['small', substr $content, 0, 90000]) {
	open my $file, '>', $server->root . "/$_->[0].txt" or die $!;
	print {$file} $_->[1];
	close $file;
}
ok(answer('pass', { target => '/large.txt' }) eq $content, 'a file');
ok(index(answer('parent', { target => '/small.txt' }), "\n" . substr($content,
	0, 90000)) > 0, '... collected');
is(length answer('pass', { target => '/stream?bytes=5000000', window => 4096 }),
	5000000, 'longer than its window');
my $ahead = answer('measured');
ok($ahead > 0 && $ahead <= 4096 + 65536,
	"never far ahead of its reader ($ahead bytes)");
my $passed = ask('pass', { target => '/stream?bytes=5000000' });
is(length $passed->{body}, 5000000, '... with the usual one');
is_deeply($passed->{trailers}, ['X-Sum: some s', 'X-Sum: another'],
	'... and its trailers, when it is complete');
my $slow = Portico::Http->connect($server->port, receive_buffer => 4096);
$slow->send("GET /pass?target=/stream%3fbytes%3d30000000 HTTP/1.1\r\n"
	. "Host: x\r\n\r\n");
ok($slow->take_line(time + 10), 'a client that does not read');
is(answer('leaf') =~ /^depth 0$/m, 1, '... holds up nobody');
cmp_ok(answer('measured'), '<', 1 << 20, '... and no memory');
$slow->reset;

# ---- refused -----------------------------------------------------------------------------

is(answer('parent', { target => '/leaf', %{$_->[0]} }), "refused $_->[1]",
	$_->[2]) for
	[{ target => '/strange/x' }, -11, "another pool's application"],
	[{ target => 'leaf' }, -18, 'no path'],
	[{ target => 'http://x/leaf' }, -18, 'another site'],
	[{ target => '/../leaf' }, -18, 'above the root'],
	[{ target => '/' . 'a' x 5000 . '/%zz' }, -18, 'no escape'],
	[{ method => 'GE T' }, -2, 'no method'],
	[{ method => 'CONNECT' }, -2, 'CONNECT'],
	[{ name => 'Content-Length', value => 5 }, -2, 'a framing field'],
	[{ name => 'Host', value => 'x' }, -2, 'Host'],
	[{ name => 'a b', value => 5 }, -2, 'no name of a field'],
	[{ name => 'X-A', value => "a\r\nb" }, -2, 'no value of a field'],
	[{ window => 1 }, -2, 'a window too small'],
	[{ window => 1 << 21 }, -2, 'a window too large'],
	[{ large => (1 << 20) + 1 }, -5, 'a body too large'],
	[{ max => 1 << 25 }, -2, 'too much to collect'];
is(answer('misuse', { target => '/leaf' }), 'refused -15',
	'collected after it was read');
is(lines(answer('parent', { target => '/leaf', large => 1 << 20,
	method => 'POST', max => 2 << 20 }))->{length}, (1 << 20) . ' 1',
	'the largest body');
goes({ target => '/stream?bytes=5000000', max => 1000 }, [],
	{ read => -5, status => '200.0' }, 'more than can be collected');

# ---- they fail -----------------------------------------------------------------------------

goes({ target => '/stream?bytes=10&fail=1' }, [], { status => '200.0',
	read => -9, trailers => '', trailer => '0 -' }, 'cut in the middle');
is(ask('pass', { target => '/stream?bytes=10&fail=1' })->{status}, 500,
	'... while it is passed on');

# ---- nobody waits for them ------------------------------------------------------------------

# What makes a child hang, then leaves; the child is told.
sub leaves
{
	my ($path, $leave, $name) = @_;
	my $at = $server->log_position;
	my $client = Portico::Http->connect($server->port);

	$client->send("GET $path HTTP/1.1\r\nHost: x\r\n\r\n");
	$server->await_log(qr/hangs/, 10, $at);
	$leave->($client);
	ok($server->await_log(qr/hang goes on, aborted 1/, 10, $at), $name);
	ok($server->await_log(qr{LOG of /hang}, 10, $at), '... and ends');
}

leaves('/parent?target=/hang', sub { $_[0]->reset }, 'the client has left');
leaves('/many?target=/hang', sub { $_[0]->reset }, '... with many children');
leaves('/parent?target=/parent%3ftarget%3d/hang', sub { $_[0]->reset },
	'... and a child between');
leaves('/impatient?target=/hang', sub { is($_[0]->read_response->{body},
	'closed', 'closed by its parent') }, '... it is told');
my $at = $server->log_position;
is(answer('careless', { target => '/leaf' }), 'gone', 'the parent has ended');
ok($server->await_log(qr{LOG of /leaf at 1}, 10, $at), '... before it began');
$server->await_access_log(qr/careless/);
open my $log, '<', $server->access_log or die $!;
is(scalar(grep { m{ /leaf[ /]} } <$log>), 1,
	'no line in the access log but that of the client');
close $log;

# ---- the worker ends ----------------------------------------------------------------------------

$at = $server->log_position;
my $last = Portico::Http->connect($server->port);
$last->send("GET /parent?target=/hang HTTP/1.1\r\nHost: x\r\n\r\n");
$server->await_log(qr/hangs/, 10, $at);
$server->command('pool', 'recycle', 'main');
ok($server->await_log(qr/hang goes on, aborted 1/, 10, $at),
	'the worker has to end: its children are aborted');
is($last->read_response->{status}, 503, '... and the client is told');
$server->stop;
done_testing();
