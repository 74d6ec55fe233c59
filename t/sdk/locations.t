# SPDX-License-Identifier: Apache-2.0
#
# Settings of modules by location: which one counts for a path, what it takes
# from outside, a request that is rewritten into another one, and mistakes.

use strict;
use warnings;
use JSON::PP;
use Portico::Http;
use Portico::Server;
use Test::More;

my $ours = { pool => 'main', handlers => [{ path => '*', module => 'located' }] };

my $server = Portico::Server->new(
	pools => { main => {} },
	top => { moduleDefaults => { located => { number => 2 } } },
	applications => {
		'/' => { %$ours, locations => {
				'/a' => { located => { word => 'a' } },
				'/a/b' => { located => { number => 3 } },
				'/a/b/c' => { located => { word => 'c' } },
				'/empty' => {},
			} },
		'/app' => { %$ours, locations => {
			'/' => { located => { word => 'all' } },
			'/a' => { located => { number => 4 } } } },
		'/plain' => { %$ours },
	},
)->start;
my $http = Portico::Http->connect($server->port);

sub is_at
{
	my ($path, $wanted, $name, @fields) = @_;

	is($http->request('GET', $path, fields => \@fields)->{body},
		"$wanted, began with none, 3", $name);
}

is_at('/', 'none 2', 'outside of all: the application');
is_at('/a', 'a 2', 'the path itself, and the server outside of it');
is_at('/a/x', 'a 2', 'below it');
is_at('/ab', 'none 2', 'whole segments only');
is_at('/a/b', 'a 3', 'a longer one has what the shorter says');
is_at('/a/bc', 'a 2', '... by whole segments');
is_at('/a/b/c/d', 'c 3', 'three deep');
is_at('/x/../a/%62', 'a 3', 'the path as it is understood');
is_at('/empty/x', 'none 2', 'one that says nothing');
is_at('/app', 'all 2', '"/" has all of the application');
is_at('/app/a/x', 'all 4', 'paths are below the application');
is_at('/plain/a', 'none 2', 'an application without any');
is_at('/', 'a 3', 'rewritten within the application', 'X-To: /a/b');
is_at('/a/b', 'none 2', '... and out of a location', 'X-To: /');
is_at('/a', 'all 4', 'into another application', 'X-To: /app/a');
is_at('/app/a', 'none 2', '... into one without any', 'X-To: /plain/a');

sub order
{
	return (Portico::Server::run(Portico::Server::program('portico'),
		'module', 'order', '--config', $server->configuration_file,
		@_))[1];
}

like(order('main/a/b/x'), qr{^settings of location /a/b$}m, 'module order');
unlike(order('main/ab'), qr{location /}, '... of a path without one');
is(decode_json(order('main/app/a/x', '--json'))->{location}, '/a',
	'... as JSON');
$server->stop;

# ---- mistakes --------------------------------------------------------------------

sub check
{
	my $bad = Portico::Server->new(pools => { main => {} },
		applications => { '/' => { %$ours, locations => $_[0] } });
	my ($status, $out, $err) =
		Portico::Server::run(Portico::Server::program('porticod'),
		'--check', '--config', $bad->configuration_file);

	$bad->remove;
	return ($status, "$out$err");
}

my $at = qr/portico\.json:\d+:\d+: /;
for my $case (
	['a', {}, qr/${at}.*begins with '\/'/],
	['/a/', {}, qr/${at}.*ends without '\/'/],
	['/a/../b', {}, qr/${at}.*has no/],
	['/a%20', {}, qr/${at}.*has no/],
	['/a', 5, qr/${at}/],
	['/a', { locatd => {} }, qr/${at}.*did you mean "located"/],
	['/a', { gate => {} }, qr/${at}.*unknown key/],
	['/a', { sections => { x => { text => '{}' } } }, qr/${at}.*unknown key/],
	['/a', { located => 5 }, qr/${at}.*has to be an object/],
	['/a', { located => { wort => 1 } }, qr/${at}.*wort/],
	['/a', { located => { number => 10 } }, qr/${at}located\.number: found 10/],
) {
	my ($path, $value, $pattern) = @$case;
	my ($status, $text) = check({ $path => $value });

	is($status, 1, "a mistake in $path: exit status 1");
	like($text, $pattern, 'and why');
}

done_testing;
