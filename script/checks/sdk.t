# SPDX-License-Identifier: Apache-2.0
#
# Everything that the SDK offers is used by something that is tested: each
# entry of the host's table is wrapped by an inline function, filled in by the
# host, and each inline function is called by a module that system tests load;
# each function of the test kit is called by a test.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my (%entries, %wraps, %functions);
my @headers = source_files(qr/\.h$/, 'sdk/include');
my $headers = join "\n", map { code_of(read_file($_)) } @headers;
my $worker = join "\n", map { code_of(read_file($_)) }
	source_files(qr/\.c$/, 'core/worker');

# "function" of struct portico_host, "area->function" of the tables it leads
# to; each with the text of the host's table that has to fill it in.
my $kit = join "\n", map { code_of(read_file($_)) }
	source_files(qr/\.c$/, 'sdk/testkit');
my @not_in_kit;

sub read_table {
	my ($struct, $prefix) = @_;
	my ($table) = $headers =~ /^struct $struct \{\n(.*?)^\};/ms
		or die "no struct $struct in sdk/include\n";
	my ($filled) = $worker =~ /^const struct $struct \w+ = \{\n(.*?)^\};/ms;

	my ($faked) = $kit =~ /^const struct $struct \w+ = \{\n(.*?)^\};/ms;
	# Or it has the worker's own.
	my $area = $prefix =~ s{->}{}r;
	$faked = $filled if $kit =~ /&worker_host_\Q$area\E,/;

	for my $entry ($table =~ /\(\*(\w+)\)\s*\(/g) {
		$entries{$prefix . $entry} =
			($filled // '') =~ /\.$entry = \w/;
		push @not_in_kit, $prefix . $entry
			unless ($faked // '') =~ /\.$entry = \w/;
	}
	read_table($1, "$2->")
		while $table =~ /const struct (portico_host_\w+) \*(\w+);/g;
}

read_table('portico_host', '');
ok(keys %entries > 50, 'entries were found (' . keys(%entries) . ')');

for my $path (@headers) {
	my $text = code_of(read_file($path));

	while ($text =~ /^(portico_\w+)\([^;{]*\)\n\{(.*?)^\}/gms) {
		my ($name, $body) = ($1, $2);

		$functions{$name} = $path;
		$wraps{$_} = $name for $body =~ /portico_host->((?:\w+->)?\w+)\(/g;
	}
}
ok(keys %functions > 50, 'functions were found (' . keys(%functions) . ')');
is(join(' ', grep { !$wraps{$_} } sort keys %entries), '',
	'each entry of the table has a function');

is(join(' ', grep { !$entries{$_} } sort keys %entries), '',
	'... and the host has it');
is(join(' ', sort @not_in_kit), '', '... and so has the test kit');

# What system tests load.
my $used = join "\n", map { code_of(read_file($_)) }
	source_files(qr/\.(c|cc)$/, qw(t/sdk/modules sdk/examples));
my @unused = map { "$functions{$_}: $_" }
	grep { $used !~ /\b$_\(/ } sort keys %functions;
ok(!@unused, 'each function is used by a module of t/sdk or an example')
	or diag(join "\n", @unused);

# A module that no test loads would show nothing.
my $tests = join "\n", map { read_file($_) } source_files(qr/\.t$/, 't');
my @idle = grep { my ($name) = m{([^/]+)\.\w+$};
		$tests !~ /(?<![\w-])\Q$name\E(?![\w-])/ }
	source_files(qr/\.(c|cc)$/, 't/sdk/modules');
is(join(' ', @idle), '', '... that a test names');

my %kit;
for my $path (grep { m{/testkit\w*\.h$} } @headers) {
	my $text = code_of(read_file($path)) =~ s/^typedef [^;]*;//gmr;

	$kit{$_} = $path for $text =~ /\b(kit_\w+)\(/g;
}
cmp_ok(scalar keys %kit, '>', 100, 'functions of the test kit were found');
my $driven = join "\n", map { code_of(read_file($_)) }
	source_files(qr/\.[ch]$/, qw(t/unit/sdk));
is(join("\n", map { "$kit{$_}: $_" } grep { $driven !~ /\b$_\(/ }
	sort keys %kit), '', '... and each is called by its tests');

# Of the C++ headers: what is declared in classes and functions, but for what
# is inner (namespace detail, private) or reached through another (`::name`).
my @untried;
my $tried = join "\n", map { code_of(read_file($_)) }
	source_files(qr/\.cc$/, qw(t/sdk/modules sdk/examples));
my $declared = 0;
for my $path (source_files(qr/\.hpp$/, 'sdk/include')) {
	my $text = read_file($path);

	$text =~ s{^namespace detail\n.*?^\} /\* namespace detail \*/}{}gms;
	$text = code_of($text);
	$text =~ s/^ +private:\n.*?^\};/};/gms;
	for my $name ($text =~ /^\t?(\w+)\([^;{}]*\)[^;{}]*\n\t?\{/gm) {
		$declared++;
		push @untried, "$path: $name"
			unless $tried =~ /\b$name\b/ || $text =~ /::$name;/;
	}
}
cmp_ok($declared, '>', 100, 'methods of C++ were found');
is(join("\n", @untried), '', '... and each is called by a module');
done_testing();
