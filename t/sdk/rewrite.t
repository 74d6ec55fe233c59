# SPDX-License-Identifier: Apache-2.0
#
# A module gives requests another URL: where they go on, what they keep, and
# what is refused.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Test::More;

my $ours = {
	modules => ['rewrite'],
	handlers => [
		{ path => '/other/*', module => 'rewrite', handler => 'other' },
		{ path => '*', module => 'rewrite', handler => 'show' },
	],
};
my $server = Portico::Server->new(
	pools => { main => {}, strangers => {} },
	applications => {
		'/' => { %$ours, pool => 'main' },
		'/shop' => { %$ours, pool => 'main' },
		'/shop/deep' => { pool => 'strangers' },
		'/strange' => { pool => 'strangers' },
		'/strange/ours' => { %$ours, pool => 'main' },
	},
	allow => [qr/P4011/],
)->start;
my $http = Portico::Http->connect($server->port);

# The answer as a hash of its lines.
sub ask
{
	my ($target, @fields) = @_;
	my $response = $http->request('GET', $target, fields => \@fields);

	return { map({ split / /, $_, 2 } split /\n/, $response->{body}),
		status => $response->{status} };
}

sub goes
{
	my ($target, $fields, $wanted, $name) = @_;
	my $got = ask($target, @$fields);

	is_deeply({ map { $_ => $got->{$_} } keys %$wanted }, $wanted, $name)
		or diag(explain($got));
}

my $rest = 'authenticate authorize map post execute';

goes('/a?q=1', [], { handler => 'other', path => '/a', q => 1, rewrites => 0,
	events => 6, trail => "begin $rest", user => 'zoe 1' }, 'as it came');

# ---- within the application ------------------------------------------------------

goes('/a?q=1', ['X-Begin: /other/%61%20b/../c?q=%32&x'], {
	handler => 'other', application => '/', path => '/other/c',
	in => '/other/c', query => 'q=%32&x', q => 2, target => '/a?q=1',
	rewrites => 1, events => 6, trail => "begin 0 $rest",
	user => 'zoe 1' }, 'in BEGIN: cooked, mapped, and on it goes');
goes('/a?q=1', ['X-Begin: /b'], { path => '/b', query => '', q => '-' },
	'the query is that of the target');
goes('/a', ['X-Begin: /b?'], { path => '/b', query => '' }, '... also empty');
goes('/shop/a', ['X-Begin: /shop'], { application => '/shop',
	path => '/shop', in => '/', script => '/shop' }, "an application's root");
goes('/a', ['X-Authorize: /other/x'], { handler => 'other', events => 8,
	user => 'zoe 1', trail => "begin authenticate authorize 0 $rest" },
	'in AUTHORIZE: again from AUTHENTICATE');
goes('/a', ['X-Map: /x'], { handler => 'show', events => 9,
	trail => "begin authenticate authorize map 0 $rest" },
	'in MAP_HANDLER: the handler chosen before is forgotten');
goes('/a', ['X-Post: /x'], { handler => 'show', events => 10,
	trail => "begin authenticate authorize map post 0 $rest" },
	'in its post-event');
goes('/a', ['X-Execute: /x'], { handler => 'other', path => '/a',
	rewrites => 0, trail => "begin $rest -15" }, 'too late');
like(ask('/a', 'X-Later: /x')->{trail}, qr/^(?:timer )?0 (?:timer )?$rest/,
	'from a resume function');

# ---- to another application ---------------------------------------------------------

goes('/a', ['X-Begin: /shop/other/x?q=3'], { handler => 'other',
	application => '/shop', script => '/shop', path => '/shop/other/x',
	in => '/other/x', q => 3, events => 6, rewrites => 1,
	trail => "begin 0 begin $rest" },
	'its events from BEGIN, with zeroed state');
goes('/shop/a', ['X-Map: /x'], { handler => 'show', application => '/',
	events => 6, user => 'zoe 1', in => '/x', script => '',
	trail => "begin authenticate authorize map 0 begin $rest" },
	'also from a late event');
goes('/a', ['X-Begin: /shopping'], { application => '/',
	trail => "begin 0 $rest" }, 'a prefix ends at a segment');
goes('/a', ['X-Begin: /strange/ours/x'], { application => '/strange/ours',
	in => '/x' }, 'the longest path wins, ours');
like(ask('/a', 'X-Later: /shop/x')->{trail}, qr/^(?:timer )?0 begin $rest$/,
	'from a resume function; timers have ended');

# ---- refused ----------------------------------------------------------------------------

sub refused
{
	my ($target, $status, $name) = @_;

	goes('/a?q=1', ["X-Begin: $target"], { path => '/a', q => 1,
		rewrites => 0, handler => 'other',
		trail => "begin $status $rest" }, $name);
}
refused('/strange/x', -11, "another pool's application");
refused('/shop/deep', -11, '... within one of ours');
refused($_->[0], -18, "no target: $_->[1]") for
	['x', 'no slash'], ['http://localhost/x', 'absolute'],
	['/../x', 'above the root'], ['/%zz', 'no escape'], ['/%00', 'NUL'],
	['/a b', 'a blank'], ['/a#b', 'a fragment'], ['/%ff', 'no UTF-8'],
	['/a?b c', 'a blank in the query'], ['/' . 'a' x 261, 'a long segment'];
goes('/a', ['X-Begin: /x', 'X-Loop: 1', 'X-Map: /y'], { rewrites => 10,
	path => '/y', handler => 'show', trail => 'begin 0 '
	. 'authenticate authorize map 0 ' x 9
	. 'authenticate authorize map -6 post execute' },
	'ten times, no more');
like($http->request('GET', '/a', fields => ['X-Begin: /x', 'X-Write: 1'])
	->{body}, qr/^earlyhandler other\n.*trail begin -15 /s,
	'not after the response has begun');

# ---- and a response ------------------------------------------------------------------------

my $response = $http->request('GET', '/a',
	fields => ['X-Begin: /shop/x', 'X-Done: done']);
is("$response->{status} $response->{body}", '200 done', 'DONE answers at once');
like($server->await_log(qr/trail begin 0 \(/), qr/module=rewrite/,
	'... and LOG is that of the application it was in');
$response = $http->request('GET', '/a',
	fields => ['X-Begin: /shop/x', 'X-Done: next']);
is($response->{status}, 500, 'a response without DONE is an error');
ok($server->await_log(qr/P4011/), '... which is told');

$server->stop;
done_testing();
