# SPDX-License-Identifier: Apache-2.0
#
# Each file of the sources is named where it is built or distributed: one that
# is not is missing in the tarball, which nobody notices in a checkout.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my @folders = qw(bench core docs etc modules packaging script sdk t);
my $rules = join "\n", map { read_file($_) } 'Makefile.am',
	source_files(qr/\.mk$/, @folders, 'fuzz');
$rules =~ s/^#.*//mg;
my @files = source_files(
	qr{\.(?:c|h|cc|hpp|t|pm|pl|pml|sh|md)$|^script/[^.]+$}, @folders);

# By itself, or with the whole of its folder.
sub is_named
{
	my ($path) = @_;

	while ($path =~ m{/}) {
		return 1 if $rules =~ m{(?<!\S)\Q$path\E(?!\S)};
		$path =~ s{/[^/]*$}{};
	}
	return 0;
}
my @missing = grep { !is_named($_) } @files;

ok(@files > 500, 'files were found');
is_deeply(\@missing, [], 'each is named in a Makefile.am or local.mk')
	or diag(join "\n", @missing);
done_testing();
