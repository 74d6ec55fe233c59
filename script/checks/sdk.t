# SPDX-License-Identifier: Apache-2.0
#
# Everything that the SDK offers is used by something that is tested: each
# entry of the host's table is wrapped by an inline function, filled in by the
# host, and each inline function is called by a module that system tests load.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my (%entries, %wraps, %functions);

# The members of struct portico_host that are functions.
my ($table) = code_of(read_file('sdk/include/portico/host.h')) =~
	/^struct portico_host \{\n(.*?)^\};/ms;
$entries{$1} = 1 while $table =~ /\(\*(\w+)\)\s*\(/g;
ok(keys %entries > 50, 'entries were found (' . keys(%entries) . ')');

for my $path (source_files(qr/\.h$/, 'sdk/include')) {
	my $text = code_of(read_file($path));

	while ($text =~ /^(portico_\w+)\([^;{]*\)\n\{(.*?)^\}/gms) {
		my ($name, $body) = ($1, $2);

		$functions{$name} = $path;
		$wraps{$_} = $name for $body =~ /portico_host->(\w+)\(/g;
	}
}
ok(keys %functions > 50, 'functions were found (' . keys(%functions) . ')');
is(join(' ', grep { !$wraps{$_} } sort keys %entries), '',
	'each entry of the table has a function');

my $host = code_of(read_file('core/worker/host.c'));
is(join(' ', grep { $host !~ /\.$_ = \w/ } sort keys %entries), '',
	'... and the host has it');

# What system tests load.
my $used = join "\n", map { code_of(read_file($_)) }
	source_files(qr/\.(c|cc)$/, qw(t/sdk/modules sdk/examples));
my @unused = map { "$functions{$_}: $_" }
	grep { $used !~ /\b$_\(/ } sort keys %functions;
ok(!@unused, 'each function is used by a module of t/sdk or an example')
	or diag(join "\n", @unused);
done_testing();
