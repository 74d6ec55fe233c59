# SPDX-License-Identifier: Apache-2.0
#
# Each source file says its licence in its first lines and, if it is C, its
# purpose in the comment that begins there.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my (@no_licence, @no_purpose);
my @files = source_files(
	qr{(\.([ch]|mk|t|sh|pm|pl|pml)$)|^script/[^./]+$},
	qw(core sdk modules etc t fuzz bench script docs));

push @files, 'configure.ac', 'Makefile.am';
for my $path (@files) {
	my ($one, $two, $three) = split /\n/, read_file($path);
	my $head = join "\n", grep { defined } $one, $two, $three;

	push @no_licence, $path
		unless $head =~ /SPDX-License-Identifier: Apache-2\.0/;
	next unless $path =~ /\.[ch]$/;
	push @no_purpose, $path
		unless read_file($path) =~
		m{\A/\* SPDX-License-Identifier: Apache-2\.0\n \*\n \* \S};
}
ok(@files > 50, 'files were found');
ok(!@no_licence, 'every file names its licence')
	or diag(join "\n", @no_licence);
ok(!@no_purpose, 'every C file says what it is for')
	or diag(join "\n", @no_purpose);
done_testing();
