# SPDX-License-Identifier: Apache-2.0
#
# The source tree as the checks see it.
package Tree;

use strict;
use warnings;
use Exporter 'import';
use File::Find;

our @EXPORT = qw(source_files read_file code_of top);

# The top of the source tree.
sub top {
	return $ENV{PORTICO_SRCDIR} // '.';
}

# source_files(qr/\.[ch]$/, 'core', 'sdk'): paths from the top, sorted.
sub source_files {
	my ($pattern, @folders) = @_;
	my @files;

	for my $folder (grep { -d top() . "/$_" } @folders) {
		find({ no_chdir => 1, wanted => sub {
			my $path = substr($File::Find::name,
				length(top()) + 1);
			$File::Find::prune = 1
				if -d && m{/(\.git|\.libs|build[^/]*)$};
			push @files, $path if -f && $path =~ $pattern;
		} }, top() . "/$folder");
	}
	return sort @files;
}

sub read_file {
	my ($path) = @_;

	open(my $in, '<', top() . "/$path") or die "$path: $!\n";
	local $/;
	return scalar <$in>;
}

# The text of a C file with comments and the contents of texts blanked, line
# numbers as before.
sub code_of {
	my ($text) = @_;
	my $blank = sub { my $t = shift; $t =~ s/[^\n]/ /g; return $t };

	$text =~ s{("(?:\\.|[^"\\\n])*")|('(?:\\.|[^'\\\n])*')|(/\*.*?\*/|//[^\n]*)}
		{defined $1 ? '"' . $blank->(substr($1, 1, -1)) . '"'
			: defined $2 ? "' '" : $blank->($3)}gse;
	return $text;
}

1;
