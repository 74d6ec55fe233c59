# SPDX-License-Identifier: Apache-2.0
#
# The documents speak of what exists: every file that they name is there,
# every reason of the error log has its row.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use Test::More;

my $source = $ENV{PORTICO_SRCDIR} // abs_path(dirname(__FILE__) . '/../..');

sub text_of
{
	my ($path) = @_;

	open my $file, '<', "$source/$path" or die "$path: $!";
	local $/;
	return scalar <$file>;
}

# `core/base/io.h`, `http/parser.c` (below core/), `t/lib/`; not placeholders
# like `t/<part>/*.t`, nor what a build makes.
sub names_in
{
	my ($text) = @_;
	my %names;

	while ($text =~ m{`([a-z][A-Za-z0-9_./-]*/[A-Za-z0-9_.-]*|[A-Z]+\.md)`}g) {
		my $name = $1;
		next if $name =~ m{^(?:/|\.\.|build|[a-z-]+/[a-z-]+\.so$)};
		$names{$name} = 1;
	}
	$names{$1} = 1 while $text =~ m{\b((?:[A-Z]+|docs/[a-z-]+)\.md)\b}g;
	return sort keys %names;
}

my @documents = qw(README.md ARCHITECTURE.md CONTRIBUTING.md HACKING.md);
push @documents, map { substr $_, length "$source/" } glob "$source/docs/*.md";
for my $document (@documents) {
	my @missing = grep {
		!-e "$source/$_" && !-e "$source/core/$_"
	} names_in(text_of($document));
	is("@missing", '', "$document names only files that exist");
}

# The index leads to every document, and nowhere else.
sub documents_below
{
	my ($folder) = @_;
	my @found;

	for my $path (glob "$folder/*") {
		my $name = substr $path, length "$source/";
		next if $name =~ m{^build} || -l $path;
		push @found, -d $path ? documents_below($path)
			: $name =~ /\.(?:md|[1-8])$/ ? $name : ();
	}
	return @found;
}

sub resolved
{
	my ($link) = @_;

	return $link =~ s{^\.\./}{} ? $link : "docs/$link";
}

# A line that begins with a dot and is no macro is not shown at all.
my $formatter = grep { -x "$_/groff" } split /:/, $ENV{PATH};
for my $page (glob("$source/docs/man/*.[1-8]"),
	glob(($ENV{PORTICO_BUILDDIR} // 'build') . '/docs/man/*.[1-8]')) {
	SKIP: {
		skip 'there is no groff here', 1 if !$formatter;
		unlike(qx{groff -man -ww -Tascii '$page' 2>&1 >/dev/null},
			qr/macro .* not defined/,
			basename($page) . ': no line is lost');
	}
}

my %index = map { resolved($_) => 1 }
	text_of('docs/README.md') =~ /\]\(([^)#:]+)\)/g;
my @written = qw(README.md ARCHITECTURE.md CONTRIBUTING.md HACKING.md);
push @written, map { documents_below("$source/$_") }
	qw(docs core modules sdk t bench fuzz packaging script);
@written = grep { !/^docs\/(?:README|sdk\/reference)\.md$/ } @written;
is_deeply([grep { !$index{$_} } @written], [],
	'docs/README.md leads to every document');
is_deeply([grep { !-e "$source/$_" } sort keys %index], [],
	'and to nothing that does not exist');

# What operators look for under another name: keys and commands that exist.
my $known = join '', map { text_of(substr $_, length "$source/") }
	glob("$source/core/config/*.[ch]"), "$source/modules/static/static.c";
my $commands = text_of('core/command/words.c')
	. text_of('core/command/options.c');
my ($there) = text_of('docs/coming-from.md') =~ /\A(.*)^## There is none/ms;
my (@keys, @words);
for my $row ($there =~ /^\|[^|]*\|(.*)\|$/mg) {
	for my $name ($row =~ /`([^`]+)`/g) {
		push @words, $1 if $name =~ /^portico ((?:[a-z]+ ?)+)/;
		push @keys, split /\./, $name if $name =~ /^[a-z][A-Za-z0-9.]+$/;
	}
}
cmp_ok(scalar @keys, '>', 60, 'keys for who comes from elsewhere');
is_deeply([grep { $known !~ /"\Q$_\E"/ } @keys], [], 'all of them exist');
is_deeply([grep { !/^module doc static$/
	&& $commands !~ /"\Q@{[s{ +$}{}r]}\E"/ } @words], [],
	'and so do the commands');

my @reasons = text_of('core/http/reason.h') =~ /X\([A-Z_]+,\s*\\?\s*"([^"]+)"/g;
cmp_ok(scalar @reasons, '>', 20, 'the reasons of the error log');
my $table = text_of('docs/error-log.md');
my @undocumented = grep { $table !~ /^\| `\Q$_\E` \|/m } @reasons;
is("@undocumented", '', 'each has its row in docs/error-log.md');

# Every number that the code uses, by itself or as an EVENT_ of the manager.
my %used;
for my $path (glob "$source/core/*/*.c $source/core/*/*.h") {
	my $text = text_of(substr $path, length "$source/");
	$used{$1} = $path while $text =~
		/\b(?:log_warn|log_error|request_blame|request_warn|put_number)\(\s*(?:&?\w+,\s*)?(\d{4})[,)]/g;
	$used{$1} = $path while $text =~ /^#define EVENT_[A-Z_]+ (\d{4})\b/mg;
}
cmp_ok(scalar keys %used, '>', 20, 'the numbered messages');
$table = text_of('docs/messages.md');
@undocumented = grep { $table !~ /^\| `$_` \|/m } sort keys %used;
is("@undocumented", '', 'each has its row in docs/messages.md');
my %listed = map { $_ => 1 } $table =~ /^\| `(\d{4})` \|/mg;
my @gone = grep { !$used{$_} } sort keys %listed;
is("@gone", '', 'and no row is about a message that is gone');

done_testing;
