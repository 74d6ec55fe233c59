# SPDX-License-Identifier: Apache-2.0
#
# script/abi: the headers are as recorded; and each kind of break is told in a
# sentence, while what may be appended is not called one.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use File::Temp ();
use Test::More;

my $source = $ENV{PORTICO_SRCDIR} // abs_path(dirname(__FILE__) . '/../..');
my $directory = File::Temp->newdir('portico-abi-XXXXXXXX', TMPDIR => 1);

sub abi
{
	open my $pipe, '-|', $^X, "$source/script/abi", @_ or die $!;
	local $/;
	my $output = <$pipe> // '';
	close $pipe;
	return ($? >> 8, $output);
}

my ($status, $out) = abi();
is($status, 0, 'the headers are as sdk/abi has them') or diag $out;
plan skip_all => $out if $out =~ /skipped/;
like($out, qr/^ABI \d+: \d{3,} facts/, 'that is some hundred facts');

sub slurp
{
	open my $in, '<', $_[0] or die "$_[0]: $!";
	local $/;
	return scalar <$in>;
}

# Copies of the headers, one of them changed.
sub changed
{
	my ($header, $from, $to) = @_;
	my $copies = "$directory/include";

	mkdir $_ for $copies, "$copies/portico";
	copy($_, "$copies/portico/") or die "$_: $!"
		for glob "$source/sdk/include/portico/*.h";
	return $copies unless $header;
	my $text = slurp("$copies/portico/$header");
	$text =~ s/$from/$to/ or die "$header has no $from\n";
	open my $file, '>', "$copies/portico/$header" or die $!;
	print $file $text;
	close $file;
	return $copies;
}

# Breaks: what is done to which header, and what is said of it.
for my $case (
	['a member in the middle', 'module.h',
		qr/(\n\tconst char \*build_id;)/, "\n\tconst char *early;\$1",
		qr/struct portico_module\.build_id moved from offset \d+ to/],
	['a member less', 'module.h', qr/\n\tvoid \(\*on_abort\)[^;]*;/, '',
		qr/struct portico_module\.on_abort was removed/],
	['a member of another size', 'types.h', qr/size_t length; /,
		'uint32_t length; ',
		qr/struct portico_slice\.length has 4 bytes, it had 8/],
	['functions that change places', 'host.h',
		qr/(uint64_t \(\*request_id\)\([^;]*;)\s*(bool \(\*request_field\)\([^;]*;)/,
		"\$2 \$1", qr/portico_host\.request_id moved from offset/],
	['a function with another argument', 'host.h',
		qr/(bool \(\*request_has_body\)\()struct portico_request/,
		'$1void',
		qr/portico_host\.request_has_body is of the type .*\(void \*\), it/],
	['an event in the middle', 'module.h', qr/(PORTICO_EVENT_AUTHENTICATE,)/,
		'PORTICO_EVENT_EARLIER, $1',
		qr/PORTICO_EVENT_AUTHENTICATE is 3, it was 2/],
	['a status with another number', 'types.h', qr/X\(-19, END/,
		'X(-20, END', qr/PORTICO_END is -20, it was -19/],
	['a longer row', 'directive.h', qr/(const void \*reserved\[3\];)/,
		'$1 int more;',
		qr/struct portico_directive has \d+ bytes, it had \d+; modules/],
	['a longer row that nobody may append to', 'module.h',
		qr/(struct portico_handler \{[^}]*reserved\[)3/, '${1}4',
		qr/struct portico_handler\.reserved is at/],
	['a callback of another type', 'module.h',
		qr/typedef enum portico_verdict portico_event_fn/,
		'typedef int portico_event_fn',
		qr/portico_event_fn is the type int \(/],
	['another magic number', 'module.h', qr/0x504f5254u/, '0x504f5255u',
		qr/PORTICO_MODULE_MAGIC is \d+, it was/],
) {
	my ($name, $header, $from, $to, $pattern) = @$case;
	my $replacement = $to =~ s/(["\\])/\\$1/gr;
	my $include = changed();
	my $path = "$include/portico/$header";
	my $text = slurp($path);
	my $done = $text =~ s/$from/eval qq("$replacement")/e;

	ok($done, "$name: $header is changed") or next;
	open my $file, '>', $path or die $!;
	print $file $text;
	close $file;
	($status, $out) = abi('--include', $include);
	is($status, 1, 'is a break');
	like($out, $pattern, 'told in a sentence');
	like($out, qr/^This breaks modules built for ABI 1: /, 'as what it is');
	($status, $out) = abi('--include', $include, '--recorded',
		"$source/sdk/abi", '--record');
	is($status, 1, 'and not recorded');
}

# What is new but breaks nothing.
for my $case (
	['a function at the end of the table', 'host.h',
		qr/(struct portico_host \{.*?)(\n\};)/s,
		"\$1\n\tvoid (*at_last)(int number);\$2",
		qr/struct portico_host\.at_last is new/],
	['a member at the end of the descriptor', 'module.h',
		qr/(struct portico_module \{.*?)(\n\};)/s,
		"\$1\n\tint (*more)(void);\$2",
		qr/struct portico_module\.more is new/],
	['an event at the end', 'module.h', qr/(PORTICO_EVENT_COUNT)/,
		'PORTICO_EVENT_LATEST, $1', qr/PORTICO_EVENT_LATEST is new/],
	['a reserved member put to use', 'directive.h',
		qr/const void \*reserved\[3\];/,
		'const char *unit; const void *reserved[2];',
		qr/struct portico_directive\.unit is new/],
) {
	my ($name, $header, $from, $to, $pattern) = @$case;
	my $include = changed();
	my $path = "$include/portico/$header";
	my $text = slurp($path);
	my $replacement = $to =~ s/(["\\])/\\$1/gr;
	my $done = $text =~ s/$from/eval qq("$replacement")/e;
	my $records = "$directory/records";

	ok($done, "$name: $header is changed") or next;
	open my $file, '>', $path or die $!;
	print $file $text;
	close $file;
	($status, $out) = abi('--include', $include);
	is($status, 1, 'is to be recorded');
	like($out, $pattern, 'told in a sentence');
	unlike($out, qr/This breaks modules/, 'is no break');
	mkdir $records;
	copy($_, $records) or die $! for glob "$source/sdk/abi/*.abi";
	is((abi('--include', $include, '--recorded', $records, '--record'))[0],
		0, '--record takes it');
	is((abi('--include', $include, '--recorded', $records))[0], 0,
		'then all is as recorded');
}

# Names of arguments are nobody's business.
my $include = changed('host.h', qr/uint64_t \(\*request_id\)\([^;]*;/,
	'uint64_t (*request_id)(struct portico_request *another_name);');
is((abi('--include', $include))[0], 0, 'an argument may be renamed');

done_testing;
