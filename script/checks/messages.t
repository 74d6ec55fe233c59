# SPDX-License-Identifier: Apache-2.0
#
# The number of a message is permanent and says one thing: no two messages
# share one.  Numbers with a name (EVENT_...) are unique by their table.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my (%places, %names);
for my $path (source_files(qr/\.[ch]$/, qw(core modules))) {
	my $text = read_file($path);
	my $code = code_of($text);

	while ($code =~ /\blog_(?:error|warn|write_error)\s*\(\s*
		(?:LOG_LEVEL_\w+\s*,\s*)?(\d+)\s*,/gx) {
		push @{ $places{$1} }, "$path:"
			. (1 + (substr($code, 0, $-[0]) =~ tr/\n//));
	}
	while ($code =~ /\b(EVENT_[A-Z_]+)\s*=?\s+(\d+)/g) {
		push @{ $names{$2} }, $1;
	}
}
my @shared = map { "$_: @{ $places{$_} }" }
	grep { @{ $places{$_} } > 1 } sort keys %places;
push @shared, map { "$_: @{ $names{$_} } " . join ' ', @{ $places{$_} // [] } }
	grep { @{ $names{$_} } > 1 || $places{$_} } sort keys %names;
ok(keys(%places) + keys(%names) > 0, 'numbers were found');
ok(!@shared, 'no number stands for two messages') or diag(join "\n", @shared);
ok(!(grep { $_ == 0 } keys %places), 'warnings and errors have a number');
done_testing();
