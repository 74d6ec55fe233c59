# SPDX-License-Identifier: Apache-2.0
#
# The unit of systemd that comes with Portico: systemd understands it, and what
# it asks for is what porticod does.

use strict;
use warnings;
use File::Temp ();
use Portico::Server;
use Test::More;

my $source = Portico::Server::source_directory()
	. '/packaging/portico.service.in';
my $directory = File::Temp->newdir('portico-unit-XXXXXXXX', TMPDIR => 1);
my %places = (sbindir => Portico::Server::program_directory(),
	sysconfportdir => "$directory");

open my $file, '<', $source or die "$source: $!";
my $unit = do { local $/; <$file> };
$unit =~ s/\@(\w+)\@/$places{$1} \/\/ "what is $1"/ge;
my %setting = $unit =~ /^(\w+)=(.*)$/mg;

unlike($unit, qr/what is/, 'nothing else has to be filled in');
is($setting{Type}, 'notify', 'porticod tells when it is ready');
cmp_ok($setting{WatchdogSec}, '>', 0, 'and that it lives');
is($setting{KillMode}, 'process', 'children outlive it');
is($setting{RuntimeDirectoryPreserve}, 'restart',
	'with the socket of the keeper');
is($setting{Restart}, 'on-failure', 'and the next one takes them over');
like($setting{ExecReload}, qr/HUP \$MAINPID/, 'a reload is SIGHUP');
ok(!exists $setting{ProtectControlGroups}, 'it may make control groups');
like($setting{ExecStart}, qr/ --subgroup$/, '... beside its own');
like($setting{ExecStopPost}, qr/^-\S+porticod --release-groups$/,
	'... and makes room in them for the next one');
ok(!exists $setting{LogsDirectory}, 'its logs are not made for root');
like($setting{Delegate}, qr/\b$_\b/, "... for $_") for qw(cpu memory pids);

# What systemd-analyze says of a unit, without what an older one does not know.
sub complaints
{
	my ($text) = @_;
	my $path = "$directory/portico.service";

	open my $out, '>', $path or die "$path: $!";
	print $out $text;
	close $out or die $!;
	my (undef, $said, $errors) = Portico::Server::run('systemd-analyze',
		'verify', '--man=no', $path);
	return grep { /portico\.service/ && !/'DelegateSubgroup'/ }
		split /\n/, "$said\n$errors";
}

SKIP: {
	my $version = `systemd-analyze --version 2>/dev/null` // '';
	skip 'systemd-analyze is not installed', 3 unless $version =~ /^systemd/;
	is_deeply([ complaints($unit) ], [], 'systemd has nothing to object');
	my ($bad) = complaints($unit =~ s/^KillMode=.*/KillMode=gently/mr);
	like($bad // '', qr/gently/, '... which it would do');
	($bad) = complaints($unit =~ s{^ExecStart=/}{ExecStart=/none/}mr);
	like($bad // '', qr{/none/.*not executable}, '... of the program, too');
}
done_testing;
