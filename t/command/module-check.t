# SPDX-License-Identifier: Apache-2.0
#
# portico module check: what portico-worker says about a file, in a process of
# its own that is not root, also when the module crashes or hangs in there.

use strict;
use warnings;
use File::Copy qw(copy);
use File::Temp ();
use JSON::PP;
use Portico::Server;
use Test::More;

my $directory = File::Temp->newdir('portico-check-XXXXXXXX', TMPDIR => 1);
chmod 0755, "$directory";
my $build = Portico::Server::build_directory();

# The file where everybody may read it.
sub file
{
	my ($path) = @_;
	my ($name) = $path =~ m{([^/]+)$};

	copy("$build/$path", "$directory/$name") or die "$path: $!";
	chmod 0755, "$directory/$name";
	return "$directory/$name";
}

sub portico { return Portico::Server::run(Portico::Server::program('portico'), @_) }

my $good = file('t/sdk/modules/.libs/every-directive.so');
my ($status, $out, $err) = portico('module', 'check', $good);
is($status, 0, 'a good module: exit status 0') or diag $err;
like($out, qr/^result +fit for use$/m, 'it says so');
like($out, qr/^ABI +\d+\.\d+$/m, 'its ABI');
like($out, qr/^handler +show/m, 'its handler');
like($out, qr/^setting +count: integer, -10 to 100, default 7$/m,
	'its settings');
is_deeply([$out =~ /^exports +(.*)$/mg], ['portico_module_entry'],
	'the one symbol');

($status, $out) = portico('module', 'check', $good, '--json');
my $answer = eval { decode_json($out) } // {};
is($status, 0, '--json: exit status 0');
ok($answer->{ok}, 'ok');
is($answer->{module}{name}, 'every-directive', 'its name');

my $event = file('t/sdk/modules/.libs/circle-a.so');
($status, $out) = portico('module', 'check', $event);
like($out, qr/^event +AUTHORIZE, before circle-b$/m,
	'events are shown with their wishes');

for my $case (
	['two-symbols', qr/exports two_symbols_helper; /],
	['abi-two', qr/ABI 2\.0, this server has 1\.\d+/],
	['no-symbol', qr/no symbol portico_module_entry/],
	['undefined', qr/portico_test_function_that_nobody_has/],
	['crash', qr/killed by signal 6/],
) {
	my ($name, $pattern) = @$case;
	my $bad = file("t/sdk/modules/.libs/$name.so");

	($status, $out, $err) = portico('module', 'check', $bad);
	is($status, 1, "$name: exit status 1");
	like($err, $pattern, 'and why');
	like($err, qr/\Q$bad\E/, 'with the file');
	($status, $out) = portico('module', 'check', $bad, '--json');
	$answer = eval { decode_json($out) } // {};
	is($status, 1, '--json: exit status 1');
	ok(exists $answer->{ok} && !$answer->{ok}, 'not ok');
	like("@{ $answer->{problems} // [] }", $pattern, 'and why');
}

SKIP: {
	skip 'only root gives up something', 3 if $> != 0;
	my $whoami = file('t/sdk/modules/.libs/whoami.so');

	($status, $out, $err) = portico('module', 'check', $whoami);
	like($err, qr/^loaded by user (?!0\b)\d+$/m,
		'no code of the module runs as root');
	like($err, qr/^it cannot become root$/m, 'nor can get there');
	($status, $out, $err) = portico('module', 'check', $whoami, '--user',
		'nobody-of-that-name');
	like($err, qr/user "nobody-of-that-name" does not exist/,
		'--user: who is to look');
}

for my $case (
	[['module', 'check'], qr/Usage: portico module check FILE/],
	[['module', 'check', $good, 'x'], qr/Usage: portico module check FILE/],
	[['module', 'check', $good, '--port', '1'],
		qr/module check does not know --port/],
) {
	my ($words, $pattern) = @$case;
	($status, $out, $err) = portico(@$words);
	is($status, 2, "portico @$words[0 .. 1] ...: wrong usage");
	like($err, $pattern, 'says how');
}
($status, $out) = portico('module', 'check', '--help');
is($status, 0, '--help: exit status 0');
like($out, qr/^Usage: portico module check FILE.*--user NAME/s, 'describes it');

done_testing;
