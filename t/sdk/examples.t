# SPDX-License-Identifier: Apache-2.0
#
# A third party's view of the SDK: with nothing but the installed headers and
# portico.pc, somewhere else in the file system, the examples in C build without
# a warning and are fit for use.  (In C++: cpp.t; the tutorial: tutorial.t.)

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use File::Find ();
use File::Temp ();
use Test::More;

my $source = $ENV{PORTICO_SRCDIR} // abs_path(dirname(__FILE__) . '/../..');
my $build = $ENV{PORTICO_BUILDDIR} // "$source/build";
my $directory = File::Temp->newdir('portico-sdk-XXXXXXXX', TMPDIR => 1);

# What the make around us says to its children is not for these.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL CFLAGS LDFLAGS DESTDIR)};

# Standard output and error of a command, and whether it succeeded.
sub run
{
	my (@command) = @_;
	my $pid = open my $pipe, '-|';

	die "fork: $!" unless defined $pid;
	if ($pid == 0) {
		open STDERR, '>&', \*STDOUT;
		exec { $command[0] } @command or die "$command[0]: $!\n";
	}
	my $output = do { local $/; <$pipe> } // '';
	return ($output, close $pipe);
}

sub run_ok
{
	my ($name, @command) = @_;
	my ($output, $good) = run(@command);

	ok($good, $name) or diag("@command\n$output");
	return $output;
}

sub slurp
{
	my ($path) = @_;

	open my $file, '<', $path or die "$path: $!";
	local $/;
	return scalar <$file>;
}

# ---- install ---------------------------------------------------------------

my $root = "$directory/root";
run_ok('headers, portico.pc and test kit install by themselves', 'make', '-C', $build,
	'install-porticoincludeHEADERS', 'install-pkgconfigDATA',
	'install-testkitDATA',
	"DESTDIR=$root");

my %installed;
File::Find::find({ no_chdir => 1,
	wanted => sub { $installed{ basename($_) } = $_ if -f } }, $root);

my @headers = map { basename($_) } glob "$source/sdk/include/portico/*.h";
cmp_ok(scalar @headers, '>=', 11, 'the SDK has headers');
is_deeply([sort grep { /\.h$/ } keys %installed], [sort @headers],
	'each of them is installed');
ok($installed{'portico.pc'}, 'portico.pc is installed')
	or die "nothing to build with\n";

$ENV{PKG_CONFIG_PATH} = dirname($installed{'portico.pc'});
$ENV{PKG_CONFIG_SYSROOT_DIR} = $root;
$ENV{PKG_CONFIG_ALLOW_SYSTEM_CFLAGS} = 1;

my ($flags) = run('pkg-config', '--cflags', 'portico');
like($flags, qr/^-I\Q$root\E\S+\s*$/,
	'its flags are one path, inside what was installed');
$flags =~ s{\s+\z}{};

my ($libs) = run('pkg-config', '--libs', 'portico');
like($libs, qr/^\s*$/, 'nothing is linked');

my $module_h = slurp($installed{'module.h'});
my ($major) = $module_h =~ /define PORTICO_ABI_MAJOR (\d+)/;
my ($minor) = $module_h =~ /define PORTICO_ABI_MINOR (\d+)/;
my ($abi) = run('pkg-config', '--variable=abi', 'portico');
is($abi, "$major.$minor\n", 'portico.pc and module.h name the same ABI');

my ($checker) = run('pkg-config', '--variable=worker', 'portico');
like($checker, qr{/libexec/portico/portico-worker$},
	'it says where the worker is that checks modules');
my ($module_directory) = run('pkg-config', '--variable=moduledir', 'portico');
like($module_directory, qr{/portico/modules$},
	'it says where the server looks for modules');

# ---- each header alone -----------------------------------------------------

my $compiler = $ENV{CC} || 'cc';
my @compilers = (['C11', split(' ', $compiler), '-std=c11', '-x', 'c']);
push @compilers, ['C++', split(' ', $ENV{CXX}), '-std=c++11', '-x', 'c++']
	if $ENV{CXX} && $ENV{CXX} ne 'no';

for my $language (@compilers) {
	my ($name, @command) = @$language;
	my @failed;
	for my $header (@headers) {
		my $file = "$directory/alone.c";
		open my $out, '>', $file or die $!;
		print $out "#include <portico/$header>\n"
			. "int portico_alone;\n";
		close $out;
		my ($output, $good) = run(@command, '-pedantic', '-Wall',
			'-Wextra', '-Werror', '-fsyntax-only', $flags, $file);
		push @failed, "$header:\n$output" unless $good;
	}
	is("@failed", '', "each header compiles alone as $name");
}

# ---- the examples ----------------------------------------------------------

# A test kit with a sanitizer of its own gets no other.
my @sanitize = ($ENV{PORTICO_SANITIZED} // '') eq 'yes' ? 'SANITIZE=' : ();
my $worker = "$build/portico-worker";
ok(-x $worker, 'there is a worker to check modules with');

# Those of more than one source.
my %more = (chat => [qw(test_frames.c websocket.c websocket.h)]);
my %tests = (chat => [qw(frames-test)]);

for my $example (qw(api-key chat hello echo html-snippet)) {
	my $there = "$directory/elsewhere/$example";
	mkdir "$directory/elsewhere";
	mkdir $there or die "$there: $!";
	# What a build in the source tree has left there is none of it.
	copy($_, $there) or die "$_: $!"
		for grep { -f && !/\.(?:la|l?o)\z/ }
			glob "$source/sdk/examples/$example/*";
	is_deeply([sort map { basename($_) } glob "$there/*"],
		[sort 'Makefile', 'README.md', "$example.c",
			@{ $more{$example} // [] },
			-f "$there/test.c" ? 'test.c' : ()],
		"$example is its source, a test, a Makefile and a README");

	my $output = run_ok("$example builds with its own Makefile", 'make',
		'-C', $there, "CC=$compiler");
	unlike($output, qr/warning/, '... without a warning');
	run_ok("$example is strict C11", split(' ', $compiler), '-std=c11',
		'-pedantic', '-Wall', '-Wextra', '-Wmissing-prototypes',
		'-Wstrict-prototypes', '-Werror', '-O2', '-fsyntax-only',
		$flags, glob "$there/*.c");

	if (-f "$there/test.c") {
		for my $test ("$example-test", @{ $tests{$example} // [] }) {
			run_ok("$test of $example builds", 'make', '-C', $there,
				"CC=$compiler", @sanitize, $test);
			run_ok('... and passes', "$there/$test");
		}
	}
	my $check = run_ok("$example is fit for use", $worker,
		'--check-module', "$there/$example.so");
	like($check, qr/^module +\Q$example\E 1\.0\.0$/m,
		'... and is what it says');
	is(join(' ', $check =~ /^exports +(\S+)$/mg), 'portico_module_entry',
		'... and exports one symbol');

	my $target = "$directory/installed-$example";
	run_ok("$example installs", 'make', '-C', $there, 'install',
		"CC=$compiler", "DESTDIR=$target");
	chomp(my $path = "$target$module_directory");
	ok(-f "$path/$example.so", '... where the server looks')
		or diag(run('find', $target));
}

done_testing();
