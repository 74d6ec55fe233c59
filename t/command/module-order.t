# SPDX-License-Identifier: Apache-2.0
#
# portico module order: which modules run for a request, why in that order, and
# that the server runs them in the order that it prints, also when the
# configuration overrules the modules.

use strict;
use warnings;
use JSON::PP;
use Portico::Server;
use Test::More;

my $hello = { path => '*', module => 'hello' };

# A configuration of these applications, not started.
sub server
{
	my (%applications) = @_;
	return Portico::Server->new(applications => \%applications,
		pools => { main => {} });
}

sub order
{
	my ($server, @words) = @_;
	return Portico::Server::run(Portico::Server::program('portico'),
		'module', 'order', '--config', $server->configuration_file,
		@words);
}

sub json
{
	my ($status, $out) = order(@_, '--json');
	return ($status, eval { decode_json($out) } // {});
}

sub modules
{
	my ($answer, $event) = @_;
	my ($found) = grep { $_->{event} eq $event } @{ $answer->{events} };
	return map { $_->{module} } @{ $found->{modules} // [] };
}

sub why
{
	my ($answer, $event, $module) = @_;
	my ($found) = grep { $_->{event} eq $event } @{ $answer->{events} };
	my ($row) = grep { $_->{module} eq $module } @{ $found->{modules} };
	return $row->{why};
}

my @all = map { "order-$_" } qw(first second third);
my $server = server(
	'/' => { modules => [@all], handlers => [$hello] },
	'/forced' => { modules => [@all], handlers => [
			{ path => '*.x', module => 'hello', methods => 'GET' },
			{ path => '/only', module => 'hello' } ],
		order => [ { event => 'AUTHORIZE',
			modules => ['order-third', 'order-first'] } ] },
);

# order-third says that it comes before order-second; order-first says
# nothing, and order-second that it comes after order-first.
my ($status, $out, $err) = order($server, 'main/some/page.html');
is($status, 0, 'exit status 0') or diag $err;
like($out, qr{^GET /some/page\.html: site main, application /, pool main$}m,
	'the request, and who gets it');
like($out, qr/^AUTHORIZE\n +order-first .*\n +order-third .*\n +order-second/m,
	'the modules in order');
like($out, qr/^  order-third +before order-second$/m, 'and why');
like($out, qr/^  hello +hello, methods GET,HEAD$/m, 'the handler');

($status, my $answer) = json($server, 'main/');
is($status, 0, '--json: exit status 0');
is_deeply([modules($answer, 'AUTHORIZE')],
	[qw(order-first order-third order-second)], 'the same order');
is_deeply(why($answer, 'AUTHORIZE', 'order-first'),
	['before order-second, which says so'], 'a wish of the other');
is_deeply(why($answer, 'AUTHORIZE', 'order-second'),
	['after order-first', 'after order-third, which says so'],
	'one of its own, and one of the other');
is_deeply([modules($answer, 'BEGIN')], ['order-first'],
	'an event with one module');
is_deeply(why($answer, 'BEGIN', 'order-first'), ['as listed in modules'],
	'nobody says anything');

($status, $answer) = json($server, 'main/forced/a.x');
is($answer->{application}, '/forced', 'the application of the longest path');
is_deeply([modules($answer, 'AUTHORIZE')],
	[qw(order-third order-first order-second)],
	'"order" of the configuration');
is_deeply(why($answer, 'AUTHORIZE', 'order-third'),
	['before order-first by configuration', 'before order-second'],
	'is the reason');
like((grep { $_->{event} eq 'AUTHORIZE' } @{ $answer->{events} })[0]{order},
	qr{portico\.json:\d+:\d+$}, 'with its place');
is($answer->{handlers}[0]{module}, 'hello', 'a handler of the application');
is($answer->{path}, '/forced/a.x', 'the path');

($status, $answer) = json($server, 'main/forcedly');
is($answer->{application}, '/', 'a path is matched by whole segments');
($status, $answer) = json($server, 'main/%66orced/b/../a.x?query');
is($answer->{path}, '/forced/a.x', 'the path is cooked as a request');
($status, $out) = order($server, 'main/forced/only', '--method', 'POST');
like($out, qr/none for POST, but for GET, HEAD: 405/, '--method');
($status, $out) = order($server, 'main/forced/nothing');
like($out, qr/none is mapped to the path: 404/, 'no handler');

# What is printed is what runs.
$server->start;
is($server->get('/x')->{header}{'x-order'}, 'first, third, second',
	'the server runs them in that order');
is($server->get('/forced/only')->{header}{'x-order'}, 'third, first, second',
	'and the configured one');

subtest 'mistakes' => sub {
	for my $case (
		['nowhere/', qr/there is no site "nowhere"/],
		['main/%zz', qr/is none that a request may have/],
		[$server->directory, qr/there is no site ""/],
	) {
		my ($url, $pattern) = @$case;
		my ($status, $out, $err) = order($server, $url);
		is($status, 1, "$url: exit status 1");
		like($err, $pattern, 'and why');
		($status, my $answer) = json($server, $url);
		is($status, 1, '--json: exit status 1');
		like("@{ $answer->{problems} }", $pattern, 'and why');
	}
	my ($status, $out, $err) = Portico::Server::run(
		Portico::Server::program('portico'), 'module', 'order',
		'main/', '--config', $server->directory . '/absent.json');
	is($status, 1, 'no configuration: exit status 1');
	like($err, qr/absent\.json/, 'named');
	($status, $out, $err) = order($server);
	is($status, 2, 'no URL: wrong usage');
};

$server->stop;

# Problems of "order" and circles, with what the configuration has to say.
for my $case (
	['a circle', { modules => [qw(circle-a circle-b)] },
		qr/AUTHORIZE: circle-[ab] after circle-[ab] after circle-[ab]/],
	['one that is not there', { modules => [@all], order =>
		[ { event => 'LOG', modules => ['order-first', 'ghost'] } ] },
		qr/portico\.json:\d+:\d+: \S+: found "ghost", which is not/],
	['one that takes no part', { modules => [@all], order =>
		[ { event => 'BEGIN', modules => [@all[0, 1]] } ] },
		qr/portico\.json:\d+:\d+: order: module order-second takes no/],
	['an event that there is not', { modules => [@all], order =>
		[ { event => 'AUTORIZE', modules => [@all] } ] },
		qr/event: found "AUTORIZE".*AUTHORIZE/],
	['an event twice', { modules => [@all], order => [
		{ event => 'AUTHORIZE', modules => [@all] },
		{ event => 'AUTHORIZE', modules => [@all] } ] },
		qr/the order of AUTHORIZE is given in line \d+ already/],
	['a module twice', { modules => [@all], order =>
		[ { event => 'AUTHORIZE', modules => [@all[0, 0]] } ] },
		qr/found "order-first" a second time/],
) {
	my ($name, $application, $pattern) = @$case;
	my $bad = server('/' => { handlers => [$hello], %$application });

	my ($status, $out, $err) = order($bad, 'main/');
	is($status, 1, "$name: exit status 1");
	like($err, $pattern, 'and why');
	$bad->remove;
}

# The way out of a circle that its message names.
my $freed = server('/' => { handlers => [$hello],
	modules => [qw(circle-a circle-b)], order => [ { event => 'AUTHORIZE',
		modules => [qw(circle-b circle-a)] } ] });
($status, $answer) = json($freed, 'main/');
is_deeply([modules($answer, 'AUTHORIZE')], [qw(circle-b circle-a)],
	'"order" resolves a circle');
is_deeply(why($answer, 'AUTHORIZE', 'circle-a'),
	['after circle-b by configuration', 'before circle-b is overruled',
		'after circle-b, which says so'],
	'and says what it overrules');
$freed->remove;

done_testing;
