# SPDX-License-Identifier: Apache-2.0
#
# Child processes of modules: t/sdk/modules/process.c in a whole server.

use strict;
use warnings;
use File::Temp ();
use Portico::Server;
use Portico::Wait qw(await_condition await_exit process_is_alive seconds);
use Test::More;

my $directory = File::Temp->newdir('portico-child-XXXXXXXX', TMPDIR => 1);
chmod 0777, "$directory";
my $server = Portico::Server->new(
	pools => { main => { threads => 1, environment => { GONE => 'no',
		AT_INIT => 'echo begun; trap "echo told; exit 0" TERM; '
			. 'while :; do sleep 0.05; done' } } },
	applications => { '/' => {
		modules => ['process'],
		handlers => [{ path => '*', module => 'process' }],
	} },
	allow => [qr/\[P412[0-3]\]/, qr/\[P5009\]/],
)->start;

sub start
{
	my ($command, @fields) = @_;
	return $server->get('/', fields => ["X-Start: $command", @fields])
		->{body};
}

sub order { return $server->get('/', fields => ["X-Do: $_[0]"]) }

sub news { return $server->await_log($_[0], 10, $_[1] // 0) }

my $forever = 'while :; do sleep 0.05; done';

# ---- a child ------------------------------------------------------------------

my $pid = start($forever);
like($pid, qr/^\d+$/, 'a child runs');
ok(news(qr/: begun/), '... and another since the worker began');
ok(process_is_alive($pid), '... as that process');
my ($worker) = $server->pids_of('worker');
my %status;
sub read_status
{
	open my $file, '<', "/proc/$pid/status" or die $!;
	%status = map { /^(\w+):\s*(.*)$/ } <$file>;
}
# Before that it is still the worker's copy; and while it starts one of its own,
# a shell blocks all signals.
ok(await_condition(seconds(5), sub {
	read_status();
	(readlink("/proc/$pid/exe") // '') !~ /portico/
		&& $status{SigBlk} eq '0' x 16;
}), '... as the program that was asked for, with no signal blocked');
is_deeply([sort map { readlink("/proc/$pid/fd/$_") =~ s/\d+//gr }
	map { s{.*/}{}r } glob "/proc/$pid/fd/*"],
	['/dev/null', 'pipe:[]', 'pipe:[]'], 'it has three descriptors');
is("$status{PPid} $status{NoNewPrivs} $status{SigIgn}",
	"$worker " . (do {
		open my $in, '<', "/proc/$worker/status" or die $!;
		map { /^NoNewPrivs:\s*(\d)/ ? $1 : () } <$in>;
	}) . ' ' . '0' x 16,
	'... its worker as parent, its privileges, and no signal ignored');
is(getpgrp $pid, $pid, '... a group of its own');
order('stop');
ok(news(qr/news request exited status -1 signal 15 times 1/),
	'stopped by SIGTERM');
ok(news(qr/news request ended status 0 signal 0 times 1 gave up 0/),
	'... it ends');
ok(await_exit($pid, seconds(5)), '... and is gone');

my $at = $server->log_position;
start('echo "$PORT $KEPT ${GONE-absent} $(pwd)"; sleep 0.2',
	"X-Directory: $directory");
ok(news(qr/: \d+ yes absent \Q$directory\E/, $at),
	'environment and directory, its output in the log');
ok(news(qr/news request exited status 0 signal 0 times 1 gave up 0: \d+ yes/,
	$at), '... and with the news of its end');

$at = $server->log_position;
$pid = start("trap '' TERM; echo armed; $forever", 'X-Grace: 100');
$server->await_log(qr/armed/, 10, $at);
order('stop');
ok(news(qr/news request exited status -1 signal 9/, $at),
	'one that does not listen to SIGTERM is killed');

$at = $server->log_position;
$pid = start("sleep 1000 & echo child \$!; $forever");
my ($grandchild) = (news(qr/: child \d+/, $at) // '') =~ /child (\d+)/;
ok(process_is_alive($grandchild), 'a child has a child');
order('free');
ok(await_exit($grandchild, seconds(10)), '... that is ended with it');
ok(await_exit($pid, seconds(5)), '... when it is freed');

# ---- restarts --------------------------------------------------------------------

$at = $server->log_position;
start("echo x >>$directory/times; sleep 0.05; exit 3", 'X-Restart: 1',
	'X-Failures: 3');
ok(news(qr/news request ended .* times 3 gave up 1/, $at),
	'one that fails is started again, and given up');
is(-s "$directory/times", 6, '... after so many times');
like(news(qr/\[P4121\]/, $at) // '', qr/failed 3 times in 60 s/,
	'... which is logged');

$at = $server->log_position;
start('sleep 0.05; exit 0', 'X-Restart: 1');
ok(news(qr/news request ended .* times 1 gave up 0/, $at),
	'one that ends well is not, where that is no failure');
$at = $server->log_position;
$pid = start($forever, 'X-Restart: 2');
kill 'KILL', $pid;
ok(news(qr/news request exited status -1 signal 9 times 1/, $at)
	&& news(qr/news request started .* times 2/, $at),
	'one that was killed is started again');
order('stop');
ok(news(qr/news request ended .* times 2 gave up 0/, $at),
	'... until it is stopped');

$at = $server->log_position;
start('sleep 0.2', 'X-Directory: /no/such/place');
ok(news(qr/exited status 127 .*: cannot enter \/no\/such\/place: No such/, $at),
	'a start that fails says why');
ok(news(qr/news request ended .*cannot enter/, $at), '... and is over');

# ---- output ------------------------------------------------------------------------

$at = $server->log_position;
start('i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; '
	. 'printf "a\033b%03000d" 7; sleep 0.2', 'X-Lines: 20');
ok(news(qr/news request ended/, $at), 'one that says much');
my @lines = grep { /: line \d+/ } split /\n/, substr $server->log, $at;
cmp_ok(scalar @lines, '<=', 60, '... is not all in the log');
like($server->log, qr/\d+ lines of \/bin\/sh are not in this log.*\[P4122\]/,
	'... which says so');

# ---- the end of the worker -----------------------------------------------------------

$at = $server->log_position;
$server->command('pool', 'recycle', 'main');
ok(news(qr/\[$worker\].*: told/, $at), 'a worker that ends stops its children');
ok(news(qr/\[$worker\].*news init ended .* gave up 0/, $at),
	'... and tells the module');
$pid = start($forever);
my ($second) = grep { $_ != $worker } $server->pids_of('worker');
$server->signal('KILL', $second);
ok(await_exit($pid, seconds(10)), 'a worker that is killed takes them along');

$server->get('/');
$server->stop;
done_testing();
