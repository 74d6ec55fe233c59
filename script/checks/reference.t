# SPDX-License-Identifier: Apache-2.0
#
# The reference of the SDK: each public declaration says what it is, each has
# its place in the reference, and what is made by make is what the headers say
# now.
use strict;
use warnings;
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my $script = top() . '/script/reference';
my $include = top() . '/sdk/include';
my $silent = `'$^X' '$script' --check --include '$include' 2>&1`;
is($silent, '', 'each public declaration has a comment');
is($?, 0, '... says the status, too');

my $text = `'$^X' '$script' --include '$include'`;
my %told = map { $_ => 1 } $text =~ /^### (.+)$/mg;
my @missing;
for my $path (source_files(qr/\.h$/, 'sdk/include')) {
	my $code = code_of(read_file($path));

	push @missing, "$path: $_"
		for grep { !$told{$_} } $code =~ /^(portico_\w+)\([^;{]*\)\n\{/mg,
			grep { !/^struct portico_host/ }
				$code =~ /^((?:struct|enum) portico_\w+) \{/mg;
}
is(join("\n", @missing), '', 'each function, struct and enum is in it');
cmp_ok(scalar keys %told, '>', 100, 'entries were found ('
	. keys(%told) . ')');
ok(!grep({ /^struct portico_host/ } keys %told),
	'how modules and server are wired together is not');

# Links lead somewhere.
my %anchors = map { (lc($_) =~ s/ /-/gr =~ s{[^\w-]}{}gr) => 1 }
	$text =~ /^##+ (.+)$/mg;
is(join(' ', grep { !$anchors{$_} } $text =~ /\]\(#([^)]+)\)/g), '',
	'each link leads to an entry');

SKIP: {
	my $build = $ENV{PORTICO_BUILDDIR} // '';
	skip 'there is no build tree', 1 unless -d "$build/docs";
	open my $built, '<', "$build/docs/sdk/reference.md"
		or fail('make has made it') && last SKIP;
	local $/;
	ok(scalar <$built> eq $text, 'what make has made is of these headers');
}

# It does notice.
my $other = File::Temp->newdir('portico-reference-XXXXXXXX', TMPDIR => 1);
mkdir "$other/portico";
open my $file, '>', "$other/portico/some.h" or die $!;
print $file <<'END';
/* SPDX-License-Identifier: Apache-2.0
 *
 * Some header.
 */
#ifndef PORTICO_SOME_H
#define PORTICO_SOME_H

/* Start something, or stop it. */
static inline void
portico_some_start(void)
{
}

static inline void
portico_some_stop(void)
{
}

static inline void
portico_some_other(void)
{
}

struct portico_silent {
	int member; /* that says something does not help */
};

/* One that speaks. */
struct portico_speaks {
	int member;
};

struct portico_host_some {
	uint32_t size;
};

typedef int portico_silent_fn(void);

#endif
END
close $file or die $!;
like(`'$^X' '$script' --check --include '$other'`,
	qr/\A\S+some.h:19: portico_some_other says nothing of itself
\S+some.h:24: struct portico_silent says nothing of itself
\S+some.h:37: portico_silent_fn says nothing of itself\n\z/,
	'what is not documented is found, and nothing else');
isnt($?, 0, '... and refused');
done_testing();
