# SPDX-License-Identifier: Apache-2.0
#
# Functions that nobody calls.  Heap functions are core/base's own, but for
# memory that libuv, jansson or the C library allocated: then the line says
# whose it is in a comment.  Modules see the SDK alone, so the heap is theirs.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my @everywhere = qw(strcpy strcat sprintf vsprintf gets atoi atol atof strtok
	alloca system popen tmpnam mktemp);
my @heap = qw(malloc calloc realloc free strdup strndup asprintf vasprintf);

# calls($path, @names): "path:line: name()" for each call without an excuse.
sub calls {
	my ($path, $excused, @names) = @_;
	my $names = join '|', @names;
	my $text = read_file($path);
	my @lines = split /\n/, $text;
	my @code = split /\n/, code_of($text);
	my @found;

	for my $i (0 .. $#code) {
		next if $code[$i] =~ /^\s*#/ && $code[$i] !~ /define/;
		next if $excused && $lines[$i] =~ m{/\*.*\*/};
		push @found, "$path:" . ($i + 1) . ": $1()"
			while $code[$i] =~ /(?<![\w.>])($names)\s*\(/g;
	}
	return @found;
}

my @all = map { calls($_, 0, @everywhere) }
	source_files(qr/\.[ch]$/, qw(core sdk modules t fuzz bench));
ok(!@all, 'no banned function is called') or diag(join "\n", @all);

my @heaps = map { calls($_, 1, @heap) }
	grep { !m{^core/base/} } source_files(qr/\.[ch]$/, qw(core fuzz));
ok(!@heaps, 'the heap is used through core/base') or diag(join "\n", @heaps);

done_testing();
