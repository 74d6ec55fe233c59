# SPDX-License-Identifier: Apache-2.0
#
# portico-worker --check-module and --check-config: what is fit, and the
# sentence for what is not.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use JSON::PP;
use POSIX ();
use Test::More;

my $build = $ENV{PORTICO_BUILDDIR}
	// abs_path(dirname(__FILE__) . '/../..') . '/build';
my $directory = File::Temp->newdir('portico-check-XXXXXXXX', TMPDIR => 1);
my $worker = "$build/portico-worker";
my $modules = "$build/t/sdk/modules/.libs";
my $examples = "$build/sdk/examples";

-x $worker or die "portico-worker was not built\n";

# Exit status, standard output, standard error.
sub run
{
	my (@arguments) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		open STDOUT, '>', "$directory/out";
		open STDERR, '>', "$directory/err";
		exec { $worker } $worker, @arguments or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return ($?, map { slurp("$directory/$_") } qw(out err));
}

sub slurp
{
	my ($path) = @_;

	open my $file, '<', $path or die "$path: $!";
	local $/;
	return scalar(<$file>) // '';
}

sub write_file
{
	my ($name, $text) = @_;

	open my $file, '>', "$directory/$name" or die $!;
	print $file $text;
	close $file;
	return "$directory/$name";
}

# ---- modules ---------------------------------------------------------------

my ($status, $out, $err) = run('--check-module',
	"$modules/every-directive.so");
is($status, 0, 'a module of the tests is fit for use');
is($err, '', '... and nothing is said against it');
like($out, qr/^result +fit for use$/m, '... in words');
like($out, qr/^handler +show, methods GET,HEAD$/m, 'its handler is shown');
like($out, qr/^setting +count: integer, -10 to 100, default 7$/m,
	'its settings are shown');

($status, $out) = run('--check-module', "$modules/every-directive.so",
	'--json');
my $answer = eval { decode_json($out) };
is($status, 0, 'the same as JSON');
is_deeply([$answer->{ok}, $answer->{exports}, $answer->{problems}],
	[JSON::PP::true, ['portico_module_entry'], []],
	'... says that all is well');
is(scalar @{ $answer->{module}{settings} }, 12, '... and has all settings');
is_deeply($answer->{module}{settings}[5]{values}, [qw(red green blue)],
	'... with the words of a choice');

my $text = write_file('text.so', "not a module\n");
my @refused = (
	["$modules/abi-two.so", qr/ABI 2\.0, this server has 1\.0$/m],
	["$modules/no-symbol.so", qr/no symbol portico_module_entry$/m],
	["$modules/undefined.so",
		qr/portico_test_function_that_nobody_has/],
	["$modules/two-symbols.so", qr/exports two_symbols_helper; /],
	[$text, qr/not loadable: /],
	["$directory/absent.so", qr/not readable: No such file or directory$/m],
	["$directory", qr/not a regular file$/m],
);
for my $row (@refused) {
	my ($file, $sentence) = @$row;
	my ($name) = $file =~ m{([^/]+)$};

	($status, $out, $err) = run('--check-module', $file);
	is($status >> 8, 1, "$name is refused");
	like($err, qr/^module \Q$file\E: /, '... its file is named');
	like($err, $sentence, '... and why');
	($status, $out) = run('--check-module', $file, '--json');
	$answer = eval { decode_json($out) } // {};
	ok($status >> 8 == 1 && !$answer->{ok}
		&& "@{ $answer->{problems} }" =~ $sentence,
		'... as JSON, too');
}

# ---- a configuration -------------------------------------------------------

sub configuration
{
	my (%applications) = @_;

	for my $application (values %applications) {
		$application->{pool} = 'main';
		$application->{root} = "$directory";
	}
	return {
		moduleDirectory => $modules,
		logDirectory => "$directory",
		runtimeDirectory => "$directory",
		modules => { hello =>
			{ file => "$examples/hello/.libs/hello.so" } },
		pools => { main => {} },
		sites => { main => { bindings => ['http://*:8080'],
			applications => \%applications } },
	};
}

sub check
{
	my ($configuration, @options) = @_;
	my $text = ref $configuration
		? JSON::PP->new->canonical->pretty->encode($configuration)
		: $configuration;
	my $path = write_file('portico.json', $text);

	return run('--check-config', $path, @options);
}

my $hello = { path => '*', module => 'hello' };

($status, $out, $err) = check(configuration(
	'/' => { modules => ['circle-a', 'hello'], handlers => [$hello],
		hello => { greeting => 'Hi' } },
	'/b' => { modules => ['circle-b', 'hello'], handlers => [$hello] }));
is($status, 0, 'a good configuration passes') or diag($err);
like($out, qr{^main/ \(pool main\)\nAUTHORIZE +circle-a$}m,
	'the order that results is printed');

($status, $out, $err) = check(configuration(
	'/' => { modules => ['circle-a', 'circle-b', 'hello'],
		handlers => [$hello] }));
is($status >> 8, 1, 'a circle is refused');
like($err, qr/AUTHORIZE: circle-[ab] after circle-[ab] after circle-[ab]/,
	'... its modules and the event are named');

($status, $out, $err) = check(configuration(
	'/' => { modules => ['abi-two', 'hello'], handlers => [$hello] }));
is($status >> 8, 1, 'a module of another ABI is refused');
like($err, qr{^\S+portico\.json:\d+:\d+: .*/abi-two\.so: ABI 2\.0, this}m,
	'... with its file, its number, ours, and where it is asked for');

my $broken = <<"END";
{
  "moduleDirectory": "$modules",
  "logDirectory": "$directory", "runtimeDirectory": "$directory",
  "modules": { "hello": { "file": "$examples/hello/.libs/hello.so" } },
  "pools": { "main": {} },
  "sites": { "main": {
    "bindings": [ "http://*:8080" ],
    "applications": { "/": {
      "pool": "main", "root": "$directory",
      "modules": [ "hello", "every-directive" ],
      "handlers": [
        { "path": "*", "module": "hello", "methods": "POST" },
        { "path": "/show", "module": "every-directive", "handler": "shw" } ],
      // comments and line ends must not shift the places below
      "hello": { "greting": "x" },
      "every-directive": { "count": 1000, /* too many */ "limit": 3.5,
        "colour": "geen",
        "list": [ "a", 2 ] } } } } }
}
END
($status, $out, $err) = check($broken);
is($status >> 8, 1, 'a broken configuration is refused');
for my $expected (
	'15:18: hello.greting: ',
	'did you mean "greeting"',
	'16:37: every-directive.count: found 1000',
	'16:67: every-directive.limit: found 3.5',
	'17:19: every-directive.colour: found "geen"',
	'18:24: every-directive.list[1]: ',
	'12:9: methods: found "POST", but handler "hello" answers only GET,HEAD',
	'13:9: handler: found "shw"',
) {
	ok(index($err, $expected) >= 0, "it says $expected") or diag($err);
}
($status, $out) = check($broken, '--json');
$answer = eval { decode_json($out) } // {};
cmp_ok(scalar @{ $answer->{problems} // [] }, '>=', 7,
	'all problems are told at once');

done_testing();
