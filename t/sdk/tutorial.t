# SPDX-License-Identifier: Apache-2.0
#
# docs/sdk/tutorial.md as its reader would follow it: with nothing but what
# `make install` installs, in an empty directory, each command is run, each
# file written, and what the page shows has to come.
#
#	Blocks (indented by 4) whose first line begins with "$ " are commands;
#	what follows one is what it prints, "..." being any lines.  One that
#	ends with & stays until `kill %1`; what it prints is waited for.
#	A block after a paragraph with "rite `FILE`" or "over `FILE`" is FILE.
#	Others are for reading.  8080 stands for a free port.

use strict;
use warnings;
use Cwd qw(getcwd);
use File::Find ();
use File::Temp ();
use POSIX ();
use Portico::Server;
use Portico::Wait qw(await_exit await_readable seconds);
use Test::More;

my $build = Portico::Server::build_directory();
my $source = Portico::Server::source_directory();
my $directory = File::Temp->newdir('portico-tutorial-XXXXXXXX', TMPDIR => 1);
chmod 0755, "$directory";
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL CFLAGS LDFLAGS DESTDIR
	PORTICO_LIBEXEC_DIR PORTICO_DATA_DIR PORTICO_MODULE_DIR)};
delete $ENV{CC} unless length($ENV{CC} // '');

my $port = Portico::Server::free_port();
my ($background, $pipe, $seen); # of a command that stays

# ---- what is installed ------------------------------------------------------

my $root = "$directory/root";
my $out = `make -s -C '$build' install DESTDIR='$root' 2>&1`;
is($?, 0, 'make install') or BAIL_OUT($out);
my %installed;
File::Find::find({ no_chdir => 1, wanted => sub {
	chmod 0755, $_ if -d;
	push @{ $installed{$1} }, $_ if -f && m{([^/]+)\z};
} }, $root);
sub directory_of { return $installed{$_[0]}[0] =~ s{/[^/]+\z}{}r }
$ENV{PKG_CONFIG_PATH} = directory_of('portico.pc');
$ENV{PKG_CONFIG_SYSROOT_DIR} = $root;
$ENV{PKG_CONFIG_ALLOW_SYSTEM_CFLAGS} = 1;
$ENV{PATH} = directory_of('portico') . ":$ENV{PATH}";
$ENV{PORT} = $port;
# What is installed has a sanitizer in it already, of its own kind.
$ENV{SANITIZE} = '' if ($ENV{PORTICO_SANITIZED} // '') eq 'yes';
ok($installed{$_}, "$_ is installed, to which it leads") for qw(tutorial.md
	writing-a-module.md request-life.md ownership-and-threads.md
	reference.md compatibility.md porting.md);

for my $document (@installed{qw(tutorial.md writing-a-module.md)}) {
	open my $in, '<', $document->[0] or die $!;
	my ($below) = $document->[0] =~ m{(.*)/sdk/[^/]+\z};
	my %named = map { $_ => 1 } do { local $/; <$in> } =~
		m{\b(cookbook/[a-z-]+\.md|sdk/examples/[a-z-]+)}g;

	is(join(' ', grep { !-e "$below/$_" && !-e "$below/sdk/$_" }
		sort keys %named), '', "$document->[0] leads to what is there");
}

# ---- commands ----------------------------------------------------------------

# Do the lines of `wanted`, "..." being any number of any, make up the text?
sub is_as_shown
{
	my ($text, @wanted) = @_;

	$text .= "\n" if $text !~ /\n\z/;
	my $pattern = join '', map { $_ eq '...' ? '(?:.*\n)*?' : do {
		my $line = quotemeta;
		$line =~ s/8080/$port/;
		$line =~ s/(?:\\[ ])+/\\s+/g;
		"$line\\s*\\n";
	} } @wanted;

	return $text =~ /\A$pattern\z/;
}

sub shown
{
	my ($command, $text, @wanted) = @_;

	# Nothing is shown: nothing is asked for.
	ok(!@wanted || is_as_shown($text, @wanted), "$command: as shown")
		or diag("shown:\n", map({ "  $_\n" } @wanted), "came:\n$text");
}

sub start
{
	my ($command, @wanted) = @_;

	$background = open($pipe, '-|') // die "fork: $!";
	if ($background == 0) {
		setpgrp 0, 0;
		open STDERR, '>&', \*STDOUT;
		exec 'bash', '-c', $command or POSIX::_exit(127);
	}
	my $text = '';
	while (!is_as_shown($text, @wanted)
		&& await_readable(seconds(60), $pipe)) {
		sysread $pipe, $text, 4096, length $text or last;
	}
	shown("$command &", $text, @wanted);
}

sub stop
{
	kill 'TERM', -$background;
	1 while await_readable(seconds(30), $pipe)
		&& sysread $pipe, my $rest, 4096;
	close $pipe;
	$background = undef;
}

sub run_one
{
	my ($command, @wanted) = @_;

	$command =~ s/8080/$port/g;
	if ($command =~ /^cd (\S+)$/) {
		ok(chdir($1), $command);
	} elsif ($command eq 'kill %1') {
		ok($background, $command) && stop();
	} elsif ($command =~ s/ &$//) {
		start($command, @wanted);
	} else {
		my $text = do {
			open my $in, '-|', 'bash', '-c', "{ $command
} 2>&1" or die "bash: $!";
			local $/;
			my $said = <$in>;
			close $in;
			$said // '';
		};
		is($?, 0, $command) or diag($text);
		shown($command, $text, @wanted);
	}
}

# ---- the page ------------------------------------------------------------------

open my $page, '<', "$source/docs/sdk/tutorial.md" or die $!;
my @lines = map { chomp; $_ } <$page>;
my ($paragraph, $commands, %files) = ('', 0);

mkdir "$directory/empty";
chdir "$directory/empty" or die $!;
$ENV{HOME} = "$directory/empty";
while (@lines) {
	my $line = shift @lines;

	if ($line !~ s/^ {4}//) {
		$paragraph = $line eq '' ? $paragraph : "$paragraph $line";
		$paragraph = $line if $line =~ /^#/;
		next;
	}
	my @block = $line;
	while (@lines && $lines[0] =~ /^(?: {4}(.*))?$/) {
		push @block, $1 // '';
		shift @lines;
	}
	pop @block while $block[-1] eq '';
	if ($block[0] =~ /^\$ /) {
		while (@block) {
			my $command = substr shift(@block), 2;
			my @wanted;

			push @wanted, shift @block
				while @block && $block[0] !~ /^\$ /;
			run_one($command, @wanted);
			$commands++;
		}
	} elsif ($paragraph =~ /(?:rite|over) `([\w.-]+)`:\s*\z/) {
		my ($name) = $1;

		open my $file, '>', $name or die "$name: $!";
		print $file map { "$_\n" } @block;
		close $file;
		$files{$name} = 1;
		pass("$name is written");
	}
	$paragraph = '';
}
cmp_ok($commands, '>=', 15, "$commands commands were run");
is(join(' ', sort keys %files), 'check gate.c settings.json test.c',
	'all its files were written');

my $compiler = $ENV{CC} || 'cc';
my $strict = `$compiler -std=c11 -pedantic -Wall -Wextra -Wmissing-prototypes -Werror \$(pkg-config --cflags portico) -fsyntax-only gate.c 2>&1`;
is($strict, '', 'its module is strict C11');
my ($staged) = `find staging -name gate.so` =~ /(.+)/;
is(`cmp gate.so '$staged' 2>&1`, '', 'and was installed');
stop() if $background;
chdir '/';
done_testing;
