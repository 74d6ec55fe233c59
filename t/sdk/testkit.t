# SPDX-License-Identifier: Apache-2.0
#
# The installed test kit in the hands of a third party: what docs/sdk/testing.md
# shows builds and passes, a module is loaded from its .so, AddressSanitizer
# sees what is used too late, and no name of the server can be seen.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find ();
use File::Temp ();
use Test::More;

my $source = $ENV{PORTICO_SRCDIR} // abs_path(dirname(__FILE__) . '/../..');
my $build = $ENV{PORTICO_BUILDDIR} // "$source/build";
my $sanitized = ($ENV{PORTICO_SANITIZED} // '') eq 'yes';
my $directory = File::Temp->newdir('portico-testkit-XXXXXXXX', TMPDIR => 1);
my @compiler = split ' ', $ENV{CC} || 'cc';

delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL CFLAGS LDFLAGS DESTDIR)};

# (good, both outputs together)
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
	my $good = close $pipe;
	return ($good, $output);
}

sub write_file
{
	my ($path, $text) = @_;

	open my $out, '>', $path or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
}

sub slurp
{
	open my $in, '<', $_[0] or die "$_[0]: $!";
	local $/;
	return scalar <$in>;
}

# ---- install -----------------------------------------------------------------

my $root = "$directory/root";
my ($good, $out) = run('make', '-s', '-C', $build,
	'install-porticoincludeHEADERS', 'install-pkgconfigDATA',
	'install-testkitDATA', "DESTDIR=$root");
ok($good, 'headers and kit install by themselves') or BAIL_OUT($out);
my %installed;
File::Find::find({ no_chdir => 1, wanted => sub {
	$installed{$1} = $_ if -f && m{([^/]+)\z};
} }, $root);
ok($installed{'libportico-testkit.a'}, 'the archive is there');
ok($installed{'portico-testkit.pc'}, '... and its description');
$ENV{PKG_CONFIG_PATH} = dirname($installed{'portico.pc'});
$ENV{PKG_CONFIG_SYSROOT_DIR} = $root;
$ENV{PKG_CONFIG_ALLOW_SYSTEM_CFLAGS} = 1;
my @flags = split ' ', (run('pkg-config', '--cflags', '--libs',
	'portico-testkit'))[1];

# ---- what can be seen of it -----------------------------------------------------

my @symbols = (run('nm', '-g', '--defined-only',
	$installed{'libportico-testkit.a'}))[1] =~ /^\w+ [A-Z] (\S+)$/mg;
cmp_ok(scalar @symbols, '>', 50, 'the archive has functions');
is(join(' ', grep { !/^kit_/ } @symbols), '', '... and all are kit_*');

# ---- the document -----------------------------------------------------------------

my $document = slurp("$source/docs/sdk/testing.md");
my %file;
while ($document =~ /^(?:Next in )?`([\w.]+|Makefile)`:\n\n((?:(?: {4}.*)?\n)+)/mg) {
	my ($name, $text) = ($1, $2);

	$text =~ s/^ {4}//mg;
	$file{$name} .= $text;
}
is_deeply([sort keys %file], ['Makefile', 'gate.c', 'test.c'],
	'the document has a module, its test and a Makefile');
my $there = "$directory/gate";
mkdir $there or die $!;
write_file("$there/$_", $file{$_}) for keys %file;
my @make = ('make', '-C', $there, "CC=@compiler",
	'CFLAGS=-g -Wall -Wextra -Werror',
	$sanitized ? 'SANITIZE=' : ());
($good, $out) = run(@make, 'check');
ok($good, '... which builds without a warning, and passes') or diag($out);

# It can fail: the module lets everybody in.
write_file("$there/gate.c", $file{'gate.c'} =~ s/if \(check->good\)/if (check->good || arg != NULL)/r);
($good, $out) = run(@make, 'check');
ok(!$good, '... and fails with a wrong module');
like($out, qr/Assertion.*403/, '... where it should') or diag($out);

# ---- from a .so ---------------------------------------------------------------------

write_file("$directory/so.c", <<'END');
#include <portico/testkit.h>
#include <stdio.h>

int
main(int count, char **arguments)
{
	struct portico_error err;
	struct kit *kit = kit_open(&(struct kit_options){
		.file = arguments[count - 1],
		.settings = "{ \"greeting\": \"from a file\" }" }, &err);
	struct kit_request *request;

	if (kit == NULL) {
		printf("%s\n", err.message);
		return 1;
	}
	request = kit_request(kit, "GET", "/");
	kit_run(request);
	printf("%u %s", kit_status(request), kit_response_body(request).data);
	kit_free(request);
	return (int)kit_close(kit);
}
END
($good, $out) = run(@compiler, '-g', '-o', "$directory/so",
	"$directory/so.c", @flags);
ok($good, 'a test without the module in it builds') or diag($out);
($good, $out) = run("$directory/so",
	"$build/sdk/examples/hello/.libs/hello.so");
is($out, "200 from a file\n", '... and drives a module from its .so');
ok($good, '... without a failure');

# ---- AddressSanitizer ---------------------------------------------------------------

my %late = (
	'memory of a request' => 'kept = portico_request_alloc(request, 20)',
	'state of a request' => 'kept = portico_request_state(request)',
	'a chunk of the body' => 'portico_body_read(request, &chunk), '
		. 'kept = (char *)chunk.data, portico_body_read(request, &chunk)',
	'more memory than asked for'
		=> 'kept = (char *)portico_request_alloc(request, 20) + 20',
);
my $asan = 0;
unless ($sanitized) {
	write_file("$directory/none.c", "int main(void) { return 0; }\n");
	($asan) = run(@compiler, '-fsanitize=address', '-o',
		"$directory/none", "$directory/none.c");
	($asan) = run("$directory/none") if $asan;
}
SKIP: {
	skip 'the compiler has no AddressSanitizer to add', 2 * keys %late
		unless $asan;
	for my $what (sort keys %late) {
		write_file("$directory/late.c", <<"END");
#include <portico/portico.h>
#include <portico/testkit.h>

static char *kept;

static enum portico_verdict
on_begin(struct portico_request *request)
{
	struct portico_slice chunk = { 0 };

	(void)chunk;
	$late{$what};
	return PORTICO_NEXT;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin }, { 0 }
};
PORTICO_MODULE(.name = "late", .version = "1", .summary = "keeps things",
	.request_size = 8, .subscriptions = subscriptions);

int
main(void)
{
	struct kit *kit = kit_open(&(struct kit_options){
		.entry = portico_module_entry }, NULL);
	struct kit_request *request = kit_request(kit, "POST", "/");

	kit_whole_body(request, "abc", 3);
	kit_run(request);
	return kept[0] == 'x';
}
END
		($good, $out) = run(@compiler, '-g', '-fsanitize=address',
			'-o', "$directory/late", "$directory/late.c", @flags);
		ok($good, "$what: builds") or diag($out);
		($good, $out) = run("$directory/late");
		like($out, qr/ERROR: AddressSanitizer: heap-(?:use-after-free|buffer-overflow)/,
			'... its use afterwards is seen') or diag($out);
	}
}

done_testing();
