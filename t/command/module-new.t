# SPDX-License-Identifier: Apache-2.0
#
# portico module new: with nothing but what `make install` has installed, in an
# empty directory, the project builds without a warning, passes its own test
# and runs; and the test fails when the module is broken.

use strict;
use warnings;
use File::Find ();
use File::Temp ();
use JSON::PP;
use Portico::Server;
use Test::More;

my $build = Portico::Server::build_directory();
my $directory = File::Temp->newdir('portico-new-XXXXXXXX', TMPDIR => 1);
chmod 0755, "$directory";
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL CFLAGS LDFLAGS DESTDIR
	PORTICO_LIBEXEC_DIR PORTICO_DATA_DIR PORTICO_MODULE_DIR)};

# (exit status, both outputs together)
sub run
{
	my (@command) = @_;
	my $pid = open(my $pipe, '-|') // die "fork: $!";

	if ($pid == 0) {
		open STDERR, '>&', \*STDOUT;
		exec { $command[0] } @command or die "$command[0]: $!\n";
	}
	local $/;
	my $output = <$pipe> // '';
	close $pipe;
	return ($? >> 8, $output);
}

my $root = "$directory/root";
my ($status, $out) = run('make', '-s', '-C', $build, 'install',
	"DESTDIR=$root");
is($status, 0, 'make install') or BAIL_OUT($out);
my %installed;
File::Find::find({ no_chdir => 1, wanted => sub {
	chmod 0755, $_ if -d;
	push @{ $installed{$1} }, $_ if -f && m{([^/]+)\z};
} }, $root);
my ($portico) = @{ $installed{portico} };
$ENV{PKG_CONFIG_PATH} = $installed{'portico.pc'}[0] =~ s{/[^/]+$}{}r;
$ENV{PKG_CONFIG_SYSROOT_DIR} = $root;
$ENV{PKG_CONFIG_ALLOW_SYSTEM_CFLAGS} = 1;
$ENV{PATH} = ($portico =~ s{/portico\z}{}r) . ":$ENV{PATH}";

chdir "$directory" or die $!;
($status, $out) = run('portico', 'module', 'new', 'my-gate');
is($status, 0, 'module new') or diag $out;
is(join(' ', sort map { s{^my-gate/}{}r } grep { /^my-gate/ } split /\n/, $out),
	'.gitignore Makefile README.md check my-gate.c test.c www/index.html',
	'says what it has made');
ok(-f "my-gate/$_", "there is $_") for qw(my-gate.c Makefile check .gitignore
	README.md test.c www/index.html);
ok(-x 'my-gate/check', 'the test can be executed');
my $left = '';
File::Find::find({ no_chdir => 1, wanted => sub {
	return unless -f;
	open my $in, '<', $_ or die $!;
	local $/;
	$left .= $_ if <$in> =~ /\@NAME\@/;
} }, 'my-gate');
is($left, '', 'the name is filled in everywhere');

# A test kit with a sanitizer of its own gets no other.
my @sanitize = ($ENV{PORTICO_SANITIZED} // '') eq 'yes' ? 'SANITIZE=' : ();
my @make = ('make', '-C', 'my-gate', 'CC=' . ($ENV{CC} || 'cc'), @sanitize);
($status, $out) = run(@make, 'CFLAGS=-O2 -Wall -Wextra -Werror -std=c11 '
	. '-pedantic -Wmissing-prototypes');
is($status, 0, 'make: strict, without a warning') or diag $out;
($status, $out) = run(@make, 'check');
is($status, 0, 'make check') or diag $out;
is(scalar(() = $out =~ /^ok - /mg), 15, 'has eleven answers of the unit test, '
	. 'four of the server');
like($out, qr/^result +fit for use$/m, 'and looks into the module');

# A test that can fail.
{
	local @ARGV = ('my-gate/my-gate.c');
	local $^I = '';
	while (<>) {
		s/portico_request_configuration\(request\);/NULL;/;
		s/strlen\(configuration->greeting\)/0/;
		s/configuration->greeting/(configuration ? "" : "wrong")/;
		print;
	}
}
($status, $out) = run(@make, 'test');
isnt($status, 0, 'a broken module fails the unit test');
like($out, qr/^not ok - with the greeting/m, 'where it is broken');
($status, $out) = run(@make, 'my-gate.so');
is($status, 0, 'it builds');
{
	local $ENV{PORTICO} = 'portico';
	($status, $out) = run('my-gate/check', "$directory/my-gate/my-gate.so");
}
isnt($status, 0, '... and fails the test with a server');
like($out, qr/^not ok - with the greeting/m, 'where it is broken');

# In another place; what is there already stays.
($status, $out) = run('portico', 'module', 'new', 'other', '--dir', 'else',
	'--json');
my $answer = eval { decode_json($out) } // {};
ok($answer->{ok} && -f 'else/other.c', '--dir');
is(scalar @{ $answer->{files} }, 7, '--json: the files');
($status, $out) = run('portico', 'module', 'new', 'third', '--dir', 'else');
is($status, 1, 'a directory that is there: exit status 1');
like($out, qr/else.*exists/i, 'and why');
ok(!-e 'else/third.c', 'nothing is written');
for my $name ('Gate', '../x', 'a' x 33, '1st') {
	($status, $out) = run('portico', 'module', 'new', $name);
	is($status, 1, "$name is no name");
	like($out, qr/is not of the form/, 'which is said');
}
($status, $out) = run('portico', 'module', 'new', 'Gate', '--json');
is($status, 1, '--json: refused');
like($out, qr/"error": "the name \\"Gate\\" is not of the form/, '... and why');
($status, $out) = run('portico', 'module', 'new', 'static');
is($status, 0, "the name of one of Portico's own");
like($out, qr{^portico: \S+/static\.so is there already; make install}m,
	'... is warned of');
unlike((run('portico', 'module', 'new', 'nonesuch'))[1], qr/is there already/,
	'... others are not');
($status, $out) = run('portico', 'module', 'new');
is($status, 2, 'no name: wrong usage');

# Nothing was left by the test's servers.
chdir '/';
done_testing;
