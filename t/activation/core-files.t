# SPDX-License-Identifier: Apache-2.0
#
# Core files of workers that crash: where the pool wants them, how many, whose,
# and that event 1000 says where one is.  What kernel.core_pattern makes of
# that is said as well.  A worker that was started when coreDirectory was
# another one leaves its core, and nothing else, there.

use strict;
use warnings;
use File::Temp ();
use JSON::PP ();
use Portico::Family qw(kill_porticod);
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;

my $home = File::Temp->newdir('portico-cores-XXXXXXXX', TMPDIR => 1);
chmod 0755, "$home";
my $cores = "$home/cores";
my %moved = (coreDump => 'full', coreDirectory => "$home/before");
my %application = (modules => ['confined'],
	handlers => [ { path => '*', module => 'confined' } ]);
my $server = Portico::Server->new(
	pools => { main => {},
		# It may write nowhere else, by Landlock, unlike other pools of
		# tests, so that the kernel may for it.
		full => { failure => { coreDump => 'full', coreFiles => 2,
				coreDirectory => $cores },
			isolation => { paths => { write => [], execute =>
				[Portico::Server::program_directory()] } } },
		none => { failure => { coreDump => 'none',
				coreDirectory => $cores } },
		moved => { failure => \%moved, isolation => { paths => {
				write => [], execute =>
				[Portico::Server::program_directory()] } },
			recycling => { disallowRotationOnConfigChange =>
				JSON::PP::true() } } },
	applications => { map { ("/$_" => { %application,
				pool => $_ || 'main' }) } '', qw(full none moved) },
	allow => [qr/P1000|P5009|channel|fatal signal|worker is gone/,
		# What a sanitizer says of a signal.
		qr/\(pool=(?:none|moved) worker=\d+\)$/])->start;
my $sanitized = ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';

my $pattern = do {
	open my $file, '<', '/proc/sys/kernel/core_pattern';
	$file ? <$file> // '' : '';
};
chomp $pattern;

sub self_of
{
	my ($pool) = @_;

	return await_condition(seconds(10),
		sub { $server->get_json("/$pool/self") });
}

sub said_of
{
	my ($pool) = @_;
	my ($said) = ($server->command('pool', 'show', $pool))[1]
		=~ /^core files +(.*)$/m;

	return $said;
}

# What event 1000 says of its end.
sub crash
{
	my ($pool) = @_;
	my $pid = self_of($pool)->{pid};
	my $mark = $server->log_position;

	kill 'SEGV', $pid;
	my $line = $server->await_log(
		qr/process $pid\) crashed: .*P1000/, seconds(10), $mark);
	return ($pid, $line // '');
}

sub listed { return sort map { s{.*/}{}r } glob "$cores/*" }

is(self_of('none')->{core}, $sanitized ? 0 : 1,
	'none: not even for a program');
is(said_of('none'), 'none', 'pool show says so');
my ($pid, $line) = crash('none');
unlike($line, qr/its core|core dumped/, 'a crash leaves none');
is_deeply([ listed() ], [], '... nor the directory of the worker');

my $said = said_of('full');
diag $said;
like(($server->command('status'))[1], qr/^full: core files: \Q$said\E$/m,
	'status says what becomes of them');
unlike(($server->command('status'))[1], qr/^main: core files/m,
	'... and nothing of a pool that says nothing');
if ($pattern =~ /^\|(\S+)/) {
	is($said, "given to $1 (kernel.core_pattern), nothing in coreDirectory",
		'the kernel gives them to a program, and that is said');
} elsif ($pattern =~ m{/}) {
	like($said, qr/ at \Q$pattern\E .*not in coreDirectory/,
		'the kernel puts them elsewhere, and that is said');
}

SKIP: {
	skip 'a sanitizer lets no core be written', 8
		if $sanitized;
	skip "no core goes to coreDirectory here: $said", 8
		unless $said =~ m{\Q$cores\E/full\.PROCESS\.core};
	is(self_of('full')->{core}, -1, 'full: of any size')
		unless $said =~ /up to/;
	my ($pid, $line) = crash('full');
	is_deeply([ listed() ], ["full.$pid.core"],
		'a core, and no directory of the worker') or diag $line;
	like($line, qr{; its core is \Q$cores\E/full\.$pid\.core \([\d.]+ MiB\)},
		'event 1000 says where');
	my (undef, undef, $mode, undef, $uid, undef, undef, $size) =
		stat "$cores/full.$pid.core";
	is(sprintf('%o', $mode & 07777), '600', 'nobody else may read it');
	is($uid, $>, "it is porticod's");
	open my $file, '<', "$cores/full.$pid.core";
	read $file, my $magic, 4;
	is($magic, "\x7fELF", 'it is one');
	my ($second) = crash('full');
	my ($third) = crash('full');
	is_deeply([ listed() ], [ sort "full.$second.core", "full.$third.core" ],
		'the newest two are kept');
	my $now = self_of('full')->{pid};
	ok(-d "$cores/full.$now", 'a worker has a directory');
	isnt($server->get("/full/open?path=$cores/full.$third.core")->{body},
		"0\n", 'and reads no core');
}

subtest 'another coreDirectory' => sub {
	my $old = self_of('moved')->{pid};
	my $last = sub { [ map { s{.*/}{}r } glob "$home/$_[0]/*" ] };

	is_deeply($last->('before'), ["moved.$old"], 'a worker has a directory');
	$moved{coreDirectory} = "$home/after";
	delete $server->{configuration};
	$server->write_configuration;
	is(($server->command('reload'))[0], 0, 'other settings');
	# Whoever is porticod then knows it as well.
	kill_porticod($server);
	$server->launch;
	ok($server->await_ready, 'another porticod');
	is(self_of('moved')->{pid}, $old, 'the worker stays');
	my ($pid, $line) = crash('moved');
	is($pid, $old, '... and crashes');
	if ($said =~ /\.PROCESS\.core/ && !$sanitized) {
		like($line, qr{its core is \Q$home\E/before/moved\.$old\.core},
			'event 1000 says where its core is');
		is_deeply($last->('before'), ["moved.$old.core"],
			'... and it is there, alone');
	} else {
		is_deeply($last->('before'), [], 'nothing of it is left');
	}
	my $new = self_of('moved')->{pid};
	is_deeply($last->('after'), ["moved.$new"], 'the next has the other');
};

# Directories of those whose porticod went with them.
$pid = self_of('full')->{pid};
$server->stop;
is_deeply([ grep { !/core$/ } listed() ], [], 'nothing else is left');
mkdir "$cores/full.999999999";
my $again = Portico::Server->new(
	pools => { main => {}, full => { failure => { coreDump => 'full',
				coreDirectory => $cores } } },
	applications => { '/' => { %application, pool => 'full' } })->start;
ok($again->get_json('/self')->{pid}, 'another server');
ok(!-e "$cores/full.999999999", 'what is left of another time is removed');
$again->stop;
done_testing;
