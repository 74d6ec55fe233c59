# SPDX-License-Identifier: Apache-2.0
#
# portico module doc: every setting with its type, bounds, default and prose;
# the same as JSON Schema, which has to admit what the server admits; settings
# of the server, the site and the application; and a secret that nothing shows.

use strict;
use warnings;
use JSON::PP;
use Portico::Server;
use Test::More;

my $secret = 'correct horse';
my @rows = ({ path => '*', module => 'every-directive' });
my $server = Portico::Server->new(
	pools => { main => {} },
	applications => {
		'/' => { modules => ['every-directive'], handlers => \@rows },
		'/own' => { handlers => \@rows, 'every-directive' => {
			count => 3, password => $secret,
			path => 'keys/a', pattern => '^b' } },
	},
	top => { moduleDefaults => { 'every-directive' =>
		{ count => 1, text => 'server', list => ['s'] } } },
);
my $file = $server->module_file('every-directive');

sub portico { return Portico::Server::run(Portico::Server::program('portico'), @_) }

my @config = ('--config', $server->configuration_file);
my ($status, $out, $err) = portico('module', 'doc', 'every-directive', @config);
is($status, 0, 'by its name: exit status 0') or diag $err;
my $plain = $out =~ s/\s+/ /gr;
for my $expected (
	'every-directive 1.0.0: shows its settings',
	'Handlers: show (GET,HEAD)',
	'enabled A truth. Takes true or false. Default: true.',
	'count A number. Takes a whole number from -10 to 100. Default: 7.',
	'limit A size. Takes a size from 1B to 1MiB, such as "64KiB". Default: "64KiB".',
	'wait A time. Takes a duration, such as "90s". Default: "90s".',
	'text A text. Takes a text. It has no default.',
	'colour A choice. Takes "red", "green" or "blue". Default: "green".',
	'list Some texts. Takes a list of texts.',
	'map Names with texts. Takes an object of texts',
	'json Anything. Takes any value. Default: null.',
	'path A file. Takes a text: a path;',
	'pattern An expression. Takes a text: a regular expression (PCRE2).',
	'password A secret. Takes a text from 4 to 16 bytes, and is never shown.',
) {
	ok(index($plain, $expected) >= 0, "it says $expected")
		or diag $out;
}
cmp_ok(length($_), '<=', 80, 'a line is short')
	for (sort { length $b <=> length $a } split /\n/, $out)[0];

my @same = portico('module', 'doc', $file);
is($same[1], $out, 'by its file: the same');
($status, $out) = portico('module', 'doc', $file, '--json');
is($status, 0, '--json: exit status 0');
is(scalar @{ decode_json($out)->{settings} }, 12, 'all settings');

($status, $out) = portico('module', 'doc', $file, '--schema');
is($status, 0, '--schema: exit status 0');
my $schema = decode_json($out);
is($schema->{'$schema'}, 'https://json-schema.org/draft/2020-12/schema',
	'draft 2020-12');
is(join(' ', sort keys %{ $schema->{properties} }), '$schema colour count '
	. 'enabled json limit list map password path pattern text wait',
	'all settings');
is_deeply($schema->{properties}{count}, { type => 'integer', minimum => -10,
	maximum => 100, default => 7, description => 'A number.' },
	'with type, bounds, default and prose');
is_deeply($schema->{properties}{colour}{enum}, [qw(red green blue)],
	'a choice');
ok($schema->{properties}{password}{writeOnly}, 'a secret');
ok(!$schema->{additionalProperties}, 'nothing else');

for my $case (
	[['module', 'doc', 'nowhere', @config], 1, qr{/nowhere\.so: not readable}],
	[['module', 'doc', '/nowhere.so'], 1, qr{/nowhere\.so: not readable}],
	[['module', 'doc'], 2, qr/Usage: portico module doc NAME/],
) {
	my ($words, $wanted, $pattern) = @$case;
	($status, $out, $err) = portico(@$words);
	is($status, $wanted, "portico @$words: exit status $wanted");
	like($err, $pattern, 'and why');
}

# What is documented is what is read.
$server->start;
my $there = $server->get('/')->{body};
like($there, qr/^count 1$/m, 'a setting of the server');
like($there, qr/^text server\n/m, 'another');
like($there, qr/^colour 1$/m, 'a default of the module');
like($there, qr{^path /nowhere$}m, 'a path by default');
my $own = $server->get('/own')->{body};
like($own, qr/^count 3$/m, 'the application before the server');
like($own, qr/^text server$/m, 'the server where the application is silent');
like($own, qr/^list s$/m, 'also lists');
my $directory = $server->directory;
like($own, qr{^path \Q$directory\E/keys/a$}m,
	'a relative path starts from the file');
like($own, qr/^pattern \^b$/m, 'an expression');
like($own, qr/^password of 13 bytes$/m, 'the module gets the secret');
my $said = join '', map { ($server->command(@$_, '--json'))[1] }
	['status'], ['pool', 'show', 'main'], ['listener', 'show'];
unlike($said, qr/\Q$secret\E/, 'no command shows it');
unlike((portico('module', 'order', 'main/own', @config))[1], qr/\Q$secret\E/,
	'nor does module order');
$server->stop;
unlike($server->log, qr/\Q$secret\E/, 'nor the log');

# Site, and what is wrong with defaults.
sub check
{
	my ($top, $site, $section) = @_;
	my $bad = Portico::Server->new(pools => { main => {} },
		top => { moduleDefaults => $top },
		sites => { main => { bindings => ['http://127.0.0.1:0'],
			moduleDefaults => $site, applications => { '/' => {
				pool => 'main', handlers => \@rows,
				%{ $section // {} } } } } });
	my @answer = Portico::Server::run(Portico::Server::program('porticod'),
		'--check', '--config', $bad->configuration_file);

	$bad->remove;
	return @answer;
}

($status, $out, $err) = check({ 'every-directive' => { count => 5 } },
	{ 'every-directive' => { count => 6 } });
is($status, 0, 'both are good') or diag $err;
for my $case (
	[{ 'every-directive' => { count => 500 } }, {},
		qr/portico\.json:\d+:\d+: every-directive\.count: found 500/],
	[{}, { 'every-directive' => { colour => 'geen' } },
		qr/portico\.json:\d+:\d+: every-directive\.colour: found "geen"/],
	[{}, { 'every-directive' => { pattern => '(' } },
		qr/portico\.json:\d+:\d+: every-directive\.pattern: found "\(", allowed is a reg/],
	[{}, { 'every-directive' => 5 }, qr/has to be an object/],
	[{ 'evry-directive' => {} }, {},
		qr/moduleDefaults\S*evry-directive\S*: no application here uses/],
	[{}, { gate => {} }, qr/gate\S*: no application here uses/],
	[{}, { 'every-directive' => { password => 'abc' } },
		qr/every-directive\.password: found something that is not shown/],
) {
	my ($top, $site, $pattern) = @$case;
	($status, $out, $err) = check($top, $site);
	is($status, 1, 'a mistake: exit status 1');
	like("$out$err", $pattern, 'and why');
}

done_testing;
