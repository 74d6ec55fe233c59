# SPDX-License-Identifier: Apache-2.0
#
# No two structs share a magic number.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my (%by_number, @clashes);

for my $path (source_files(qr/\.[ch]$/, qw(core sdk modules))) {
	my $code = code_of(read_file($path));

	while ($code =~ /^#\s*define\s+(\w*MAGIC\w*)\s+\(?(0x[0-9a-fA-F]+)/gm) {
		my ($name, $number) = ($1, hex $2);
		my $other = $by_number{$number} //= "$name in $path";

		push @clashes, sprintf('0x%x: %s and %s', $number, $other,
			"$name in $path") if $other ne "$name in $path";
	}
}
ok(scalar(keys %by_number) > 3, 'magic numbers were found');
ok(!@clashes, 'magic numbers are unique') or diag(join "\n", @clashes);
done_testing();
