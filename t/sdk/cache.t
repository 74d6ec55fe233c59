# SPDX-License-Identifier: Apache-2.0
#
# What modules say of the cache of the listener: allowing and denying, what a
# response differs by, the key for caches in the worker, flushing; and who is
# never answered from it.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $server = Portico::Server->new(
	listener => { threads => 2, cache => { size => '1MiB' } },
	pools => { main => { threads => 2 }, other => {} },
	applications => {
		'/' => { handlers => [ { path => '*', module => 'cache' } ] },
		'/app' => { handlers => [ { path => '*', module => 'cache' } ] },
		'/other' => { pool => 'other',
			handlers => [ { path => '*', module => 'cache' } ] },
	},
)->start;

# One loop of the listener: a connection stays with it.
my $connection = $server->connect;

sub ask
{
	my ($target, $do, @fields) = @_;
	return $connection->request('GET', $target,
		fields => [ (defined $do ? "X-Do: $do" : ()), @fields ]);
}

# Whether a second request is answered with the response of the first.
sub is_kept
{
	my ($target, $do, @fields) = @_;
	my $first = ask($target, $do, @fields);
	my $second = ask($target, $do, @fields);

	return $first->{body} eq $second->{body} ? 1 : 0;
}

my $number = 0;
sub path { return '/p' . ++$number }

# A flush comes over each channel of a worker: the second may come after what
# was seen of the first, and what is under way then is not kept.
sub keep
{
	my ($target, $do, @fields) = @_;
	return await_condition(seconds(5), sub {
		my $first = ask($target, $do, @fields);
		my $second = ask($target, $do, @fields);
		return $first->{body} eq $second->{body} ? $first : undef;
	});
}

# A flush is on its way through the loops of worker and listener.
sub is_gone
{
	my ($target, $body) = @_;
	return await_condition(seconds(5), sub {
		ask($target, 'allow=60')->{body} ne $body });
}

# ---- allowing ---------------------------------------------------------------

is(is_kept(path(), 'size=10'), 0, 'nothing is kept that nobody allowed');
is(is_kept(path(), 'allow=60;size=10'), 1, 'allowed for a time');
is(is_kept(path(), 'allow=0'), 1, 'allowed until it is flushed');
is(is_kept(path(), 'while'), 1, 'allowed while the worker lives');
is(is_kept(path(), 'allow=60;deny'), 0, 'denied');
is(is_kept(path(), 'deny;allow=60'), 0, 'whatever is allowed later');
like(ask(path(), 'deny;allow=60;wrong;tell')->{body},
	qr/^deny 0 allow -\d+ wrong -\d+ /, 'and that is said');
is(is_kept(path(), 'allow=60;user=fred'), 0, 'not of a user');
is(is_kept(path(), 'allow=60', 'Authorization: Basic eDp5'), 0,
	'not of somebody who shows a password');
is(is_kept(path(), 'allow=60;error=404'), 0, 'not an error page instead');
is(is_kept(path(), 'allow=60;status=404'), 1, 'but a 404 of its own');
is(is_kept(path(), 'allow=60;rewrite=/elsewhere'), 1,
	'rewritten, for a time');
is(is_kept(path(), 'allow=0;rewrite=/elsewhere'), 0,
	'rewritten, it could not be flushed');
is(is_kept(path(), 'while;rewrite=/elsewhere'), 0, 'nor watched');

my $path = path();
my $first = ask($path, 'allow=60');
isnt(ask($path, 'allow=60', 'Authorization: Basic eDp5')->{body},
	$first->{body}, 'who shows a password is not answered from it');

# ---- what it differs by -----------------------------------------------------

$path = path();
$first = ask("$path?a=1", 'allow=60');
is(ask("$path?a=1", 'allow=60')->{body}, $first->{body}, 'the same query');
isnt(ask("$path?a=2", 'allow=60')->{body}, $first->{body}, 'another query');
isnt(ask($path, 'allow=60')->{body}, $first->{body}, 'no query');

$path = path();
$first = ask("$path?a=1&b=2&c=3", 'allow=60;query=a;query=b');
is(ask("$path?c=4&a=1&b=2", undef)->{body}, $first->{body},
	'a parameter that does not matter');
isnt(ask("$path?a=1&b=3", 'allow=60;query=a&b')->{body}, $first->{body},
	'one that does');
like(ask(path(), 'query=' . 'x' x 257 . ';tell')->{body}, qr/^query -/,
	'too many names');

$path = path();
$first = ask($path, 'allow=60;vary=X-Kind;vary=x-kind', 'X-Kind: a');
is($first->{header}{vary}, 'X-Kind', 'Vary says it, once');
is(ask($path, undef, 'x-kind: a')->{body}, $first->{body}, 'the same field');
isnt(ask($path, 'allow=60;vary=X-Kind', 'X-Kind: b')->{body}, $first->{body},
	'another one');
is(ask($path, undef, 'X-Kind: a')->{body}, $first->{body}, 'each is kept');
like(ask(path(), 'vary=no name;tell')->{body}, qr/^vary -/, 'not a name');

# ---- the key for the worker --------------------------------------------------

$path = path();
sub key { return (split /\n/, ask(@_)->{body}, 2)[1] }
my $key = key("$path?a=1&b=2", 'query=a;vary=X-Kind;key=group:staff;tell',
	'X-Kind: k');
like($key, qr{^\d+ http://localhost$path\?a=1&\n.*=k\r\ngroup=staff\z}s,
	'the key has all of it');
is(key("$path?b=3&a=1", 'query=a;vary=X-Kind;key=group:staff;tell',
	'X-Kind: k', 'X-Other: y'), $key, 'the same for an equal request');
isnt(key("$path?a=1&b=2", 'query=a;vary=X-Kind;key=group:guest;tell',
	'X-Kind: k'), $key, 'another value of a module');
isnt(key("$path?a=1&b=2", 'query=a;vary=X-Kind;key=group:staff;tell',
	'X-Kind: l'), $key, 'another field');
is(is_kept(path(), 'allow=60;key=group:staff'), 0,
	'the listener does not know the value, so it keeps nothing');
like(ask(path(), 'key=:x;tell')->{body}, qr/^key -/, 'a key without a name');
like(ask(path(), join(';', map({ "key=$_:" . 'x' x 40 } 1 .. 9), 'tell'))
	->{body}, qr/^(?:key 0 ){10}/, 'several');

# ---- flushing -----------------------------------------------------------------

$path = path();
$first = ask("$path?x", 'allow=0')->{body};
my $neighbour = keep("${path}x", 'allow=0')->{body};
my $below = keep("$path/below", 'allow=0')->{body};
like(ask('/do', "flush=$path;tell")->{body}, qr/^flush 0 /, 'flushed');
ok(is_gone("$path?x", $first), 'with any query');
is(ask("${path}x", 'allow=0')->{body}, $neighbour, 'not its neighbour');
is(ask("$path/below", 'allow=0')->{body}, $below, 'nor what lies below');
ask('/do', "below=$path;tell");
ok(is_gone("$path/below", $below), 'unless that is meant');
is(ask("${path}x", 'allow=0')->{body}, $neighbour, 'still not its neighbour');
like(ask('/do', 'flush=nowhere;tell')->{body}, qr/^flush -/, 'not a path');

# An application flushes what is its own, by paths within it.
my ($mine, $root, $other) = map { keep($_, 'allow=0')->{body} }
	'/app/x', '/x', '/other/x';
ask('/app/do', 'flush=/x;tell');
ok(is_gone('/app/x', $mine), 'of the application');
is(ask('/x', 'allow=0')->{body}, $root, 'not of another one');
ask('/do', 'below=/;tell');
ok(is_gone('/x', $root), 'all of the root application');
is(ask('/other/x', 'allow=0')->{body}, $other, 'not those below it');

# Both loops of the listener are told.
$path = path();
my @connections = map { $server->connect } 1 .. 12;
for my $one (@connections) {
	await_condition(seconds(5), sub {
		my ($first, $second) = map { $one->request('GET', $path,
			fields => ['X-Do: allow=0'])->{body} } 1 .. 2;
		return $first eq $second;
	});
}
my %bodies = map { $_->request('GET', $path)->{body} => 1 } @connections;
cmp_ok(scalar keys %bodies, '<=', 2, 'a loop has one');
ask('/do', "flush=$path;tell");
ok(await_condition(seconds(5), sub {
	!grep { $bodies{$_->request('GET', $path)->{body}} } @connections;
}), 'and none of them has the old one');

$server->stop;
done_testing;
