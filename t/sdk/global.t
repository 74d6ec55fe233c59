# SPDX-License-Identifier: Apache-2.0
#
# Global events, file watches and reports: what a module hears about its
# worker, and what it can tell.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition);
use Test::More;

my $server = Portico::Server->new(
	pools => { main => { rapidFailProtectionMaxCrashes => 3,
		recycling => { unhealthyInterval => '1ms' } }, other => {} },
	allow => [qr/P(?:4041|4090|5022|5093|5232|5002)/],
);
my $watched = $server->directory . '/watched';
mkdir $watched or die $!;

sub write_file
{
	my ($name, $text) = @_;

	open my $file, '>', "$watched/$name" or die "$name: $!";
	print {$file} $text;
	close $file;
}

# Settings of the module; and of another pool's application.
sub configure
{
	my ($settings, $other) = @_;

	$server->{applications} = {
		'/' => { modules => ['global'], global => $settings,
			handlers => [{ path => '*', module => 'global' }] },
		'/other' => { pool => 'other', handlers => [{ path => $other
			// '*', module => 'static' }] },
	};
	delete $server->{configuration};
	$server->write_configuration;
}

my $at = 0;

sub told
{
	my ($pattern, $name) = @_;

	ok($server->await_log($pattern, 5, $at), $name);
}

sub mark { $at = $server->log_position }

sub ask
{
	my $http = Portico::Http->connect($server->port);

	return $http->request('GET', $_[0])->{body};
}

# ---- a life -------------------------------------------------------------------------

write_file('users', 'zoe');
configure({ preload => 'hold', watch => "$watched/users",
	directory => "$watched/many" });
mkdir "$watched/many" or die $!;
$server->start;
is(ask('/'), 'nothing', 'it runs');
ok($server->await_log(qr/254 watches/), '256 can be watched, two are');
my $log = $server->log;
like($log, qr/main loop 1.*PRELOAD hold.*is ready:.*START, hold -15.*watching: 0/s,
	'PRELOAD, the worker is ready when the hold is released, START');
# The thread that did it may come to say so later.
ok($server->await_log(qr/hold released: 0/), '... by another thread');
is(join(' ', $log =~ /refused .*?: (-\d+) \(module/g), '-2 -2 -3 -2',
	'what cannot be');

# ---- files ---------------------------------------------------------------------------

mark();
write_file('users.new', 'max');
rename "$watched/users.new", "$watched/users" or die $!;
told(qr{file changed: \Q$watched\E/users}, 'replaced by another');
told(qr{FILE_CHANGE \(\Q$watched\E/users\)}, '... as event, too');
for (1 .. 2) {
	mark();
	write_file('users.new', 'max');
	rename "$watched/users.new", "$watched/users" or die $!;
	told(qr/file changed/, '... again');
}
mark();
write_file('users', 'ida');
told(qr/file changed/, 'written in place');
mark();
unlink "$watched/users" or die $!;
told(qr/file changed/, 'removed');
mark();
write_file('users', 'bob');
told(qr/file changed/, 'there again');
mark();
write_file('others', 'x');
write_file("many/file$_", 'x') for 1 .. 50;
told(qr/directory changed: file\d+, \d{2,}/, 'a directory; many in one');
unlike(substr($server->log, $at), qr/file changed/, 'others are not told');
mark();
write_file('many/stop', 'x');
told(qr/directory is watched no more/, 'stopped from within');
write_file('many/more', 'x');

# ---- told by the server, and by modules -----------------------------------------------

mark();
my (undef, $said) = $server->command('pool', 'flush', 'main');
is($said, "pool main: 1 worker was asked to give back memory\n", 'who was asked');
told(qr/CLEANUP \(by command\)/, 'portico pool flush');
told(qr/raised: 1/, 'an event raised: DONE ends it');
unlike(substr($server->log, $at), qr/CUSTOM after/, '... for the others, too');
is(ask('/?post=test.posted'), 'post 0, raise 3, watch -15',
	'on a loop there is only post');
told(qr/CUSTOM test.posted 1/, '... it comes');
is(ask('/?post=' . 'n' x 65), 'post -2, raise 3, watch -15', '... if it can');
unlike(substr($server->log, $at), qr/directory changed/, 'what was stopped stays so');

mark();
configure({ preload => 'hold', watch => "$watched/users",
	directory => "$watched/many" }, '/x');
$server->command('reload');
told(qr/CONFIGURATION \(\) 0/, 'the configuration of others has changed');
mark();
configure({ preload => 'many' });
$server->command('reload');
told(qr/CONFIGURATION \(\) 1/, "the configuration of one's own");
told(qr/held 64/, '... another worker starts, with 64 holds');
told(qr/STOP \(its configuration changed\) 0/, '... this one stops');
told(qr/ fini/, '... and ends');
mark();
configure({ preload => 'twice' });
$server->command('reload');
told(qr/hold released: 0/, 'a hold released');
told(qr/again: -15/, '... twice');
told(qr/P4090/, '... is told');

# ---- starts that fail --------------------------------------------------------------------

for (['error', qr/module global: preparing the worker failed$/, 'at once'],
	['late-error', qr/module global: preparing the worker failed: timed out/,
	'later']) {
	await_condition(10, sub { ($server->command('pool', 'list'))[1]
		=~ /main\s+running/ });
	mark();
	configure({ preload => $_->[0] });
	$server->command('reload');
	told(qr/P5093/, "a start fails, $_->[2]; the old worker stays");
	is(ask('/'), 'nothing', '... and answers');
}
configure({ preload => 'next' });
$server->command('reload');

# ---- unhealthy -----------------------------------------------------------------------------

told(qr/STOP/, 'a good one again');
told(qr/has been recycled/, '... the recycle is over');
mark();
is(ask('/?unhealthy=it+leaks'), 'unhealthy 0', 'a worker is reported');
told(qr/P5232/, '... module and reason are told');
ok($server->await_log(qr/says module global: it leaks/, 10, 0), '... by name');
told(qr/STOP \(unhealthy, says module "global": it leaks\)/, '... it is replaced');
told(qr/ fini/, '... and ends');
is(ask('/'), 'nothing', '... another answers');
mark();
is(ask('/?unhealthy=it+leaks'), 'unhealthy 0', 'once more');
told(qr/STOP \(unhealthy, says module "global": it leaks\)/, '... is replaced');
mark();
await_condition(10, sub { ask('/?unhealthy=it+leaks') =~ /unhealthy 0/ });
told(qr/P5002/, 'too often in a short time: the pool is disabled');
$server->stop;
done_testing();
