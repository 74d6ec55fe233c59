# SPDX-License-Identifier: Apache-2.0
#
# Files and functions stay readable: .c under 1,000 lines, .h under 300, no
# function over 100 lines, at most one in fifty over 60.  Tables that a
# program wrote are not read by people (their head says "generated").
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my (@long_files, @long, @longish);
my $functions = 0;

# A definition begins with its name in the first column and ends with } there.
sub measure {
	my ($path, @lines) = @_;
	my ($name, $start);

	for my $i (0 .. $#lines) {
		if ($lines[$i] =~ /^(\w+)\(/) {
			($name, $start) = ($1, undef);
		} elsif ($lines[$i] =~ /^\{/ && defined $name) {
			$start = $i;
		} elsif ($lines[$i] =~ /^\}/ && defined $start) {
			my $length = $i - $start - 1;

			$functions++;
			push @long, "$path: $name has $length lines"
				if $length > 100;
			push @longish, "$path: $name has $length lines"
				if $length > 60;
			($name, $start) = (undef, undef);
		}
	}
}

for my $path (source_files(qr/\.[ch]$/, qw(core sdk modules t fuzz bench))) {
	my $text = read_file($path);
	my @lines = split /\n/, $text;
	my $limit = $path =~ /\.h$/ ? 300 : 1000;

	next if join("\n", @lines[0 .. ($#lines < 15 ? $#lines : 15)]) =~
		/\bgenerated\b/i;
	push @long_files, "$path has " . @lines . " lines, limit $limit"
		if @lines > $limit;
	measure($path, split /\n/, code_of($text)) if $path =~ /\.c$/;
}
ok(!@long_files, 'files are short enough') or diag(join "\n", @long_files);
ok($functions > 100, "functions were found ($functions)");
ok(!@long, 'no function is over 100 lines') or diag(join "\n", @long);
ok(@longish <= $functions / 50, 'at most one function in fifty is over 60 lines')
	or diag(join "\n", @longish);
done_testing();
