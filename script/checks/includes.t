# SPDX-License-Identifier: Apache-2.0
#
# Dependencies point one way (ARCHITECTURE.md): base knows nobody, the parts
# on top do not know one another, modules and examples know the SDK alone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

# What each part of core may include besides itself and the SDK.
my @low = qw(base);
my @middle = (@low, qw(http config channel control));
my %allowed = (
	base => [],
	http => [@low],
	http2 => [@low, 'http'],
	config => [@low, 'http'],
	channel => [@low, 'http'],
	control => [@low, 'config'],
	ocsp => [@low],
	trace => [@middle],
	# Runs both, in parts that are linked apart.
	single => [@middle, 'listener', 'worker'],
	# It asks the program that asks.
	activation => [@middle, 'trace', 'ocsp'],
	listener => [@middle, 'trace', 'http2'],
	map { $_ => [@middle, 'trace'] } qw(worker command),
);

# [line, file] of each #include "..." or <...>.
sub includes {
	my ($path) = @_;
	my $text = read_file($path);
	my ($number, @found) = (0);

	for my $line (split /\n/, $text) {
		$number++;
		push @found, [$number, $1, $2]
			if $line =~ /^\s*#\s*include\s*([<"])([^>"]+)[>"]/;
	}
	return @found;
}

my @wrong;
for my $path (source_files(qr/\.[ch]$/, 'core')) {
	my ($part) = $path =~ m{^core/(\w+)/};
	my %may = map { $_ => 1 } $part, @{ $allowed{$part} };

	for my $include (includes($path)) {
		my ($line, undef, $file) = @$include;

		push @wrong, "$path:$line: includes $file"
			if ($file =~ m{^core/(\w+)/} && !$may{$1})
			|| $file =~ m{^(modules|t|fuzz|bench)/};
	}
}
ok(!@wrong, 'the parts of core depend one way') or diag(join "\n", @wrong);

@wrong = ();
for my $path (source_files(qr/\.[ch]$/,
	qw(modules sdk/include sdk/examples sdk/template))) {
	for my $include (includes($path)) {
		my ($line, $quote, $file) = @$include;

		next if $quote eq '<' && $file !~ m{^(core|modules|t)/};
		# A module of several files may have headers of its own.
		next if $quote eq '"' && $file !~ m{/|\.\.};
		next if $quote eq '"' && $path =~ m{^modules/}
			&& $file =~ m{^modules/};
		push @wrong, "$path:$line: includes $file";
	}
}
ok(!@wrong, 'modules and the SDK include the SDK alone')
	or diag(join "\n", @wrong);

@wrong = ();
for my $path (source_files(qr/\.h$/, 'sdk/include')) {
	for my $include (includes($path)) {
		my ($line, undef, $file) = @$include;

		push @wrong, "$path:$line: includes $file"
			unless $file =~ m{^portico/|^std\w+\.h$|^string\.h$};
	}
}
for my $path (source_files(qr/\.hpp$/, 'sdk/include')) {
	for my $include (includes($path)) {
		my ($line, undef, $file) = @$include;

		push @wrong, "$path:$line: includes $file"
			unless $file =~ m{^portico/|^[a-z_]+$};
	}
}
ok(!@wrong, 'public headers include C, C++ and portico headers alone')
	or diag(join "\n", @wrong);
done_testing();
