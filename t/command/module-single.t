# SPDX-License-Identifier: Apache-2.0
#
# portico module run --single-process: the process that was started has the
# listener, the worker and the module in it, so that a debugger stops in the
# module; standing there costs nothing; the end leaves nothing behind.

use strict;
use warnings;
use Fcntl;
use File::Temp ();
use JSON::PP;
use POSIX ();
use Socket;
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit await_readable process_is_alive
	seconds);
use Test::More;

my $build = Portico::Server::build_directory();
my $directory = File::Temp->newdir('portico-single-XXXXXXXX', TMPDIR => 1);
mkdir "$directory/$_" for qw(tmp modules programs);
chmod 0755, $directory, map { "$directory/$_" } qw(tmp modules programs);
Portico::Server::open_copy("$build/$_->[0]", "$directory/$_->[1]") for
	['modules/static/.libs/static.so', 'modules/static.so'],
	['sdk/examples/hello/.libs/hello.so', 'hello.so'],
	['core/single/.libs/single-listener.so', 'programs/single-listener.so'],
	['core/single/.libs/single-worker.so', 'programs/single-worker.so'],
	map { [$_, "programs/$_"] }
		qw(portico porticod portico-listener portico-worker
			portico-single);

my @command = ("$directory/programs/portico", 'module', 'run',
	"$directory/hello.so", '--single-process', '--json');
my ($pid, $output, $errors);

# Runs a command; what it says is in $output and $errors.
sub start
{
	my (@words) = @_;

	$errors = File::Temp->new;
	pipe $output, my $writer or die $!;
	$pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>&', $writer;
		open STDERR, '>&', $errors;
		@ENV{qw(PORTICO_LIBEXEC_DIR PORTICO_MODULE_DIR TMPDIR)} =
			map { "$directory/$_" } qw(programs modules tmp);
		exec { $words[0] } @words or POSIX::_exit(127);
	}
	close $writer;
}

# Its next line that matches; what is read is added to $said.
my $said = '';
sub await_line
{
	my ($pattern) = @_;
	my $line = '';

	while (await_readable(seconds(30), $output)) {
		sysread $output, my $byte, 1 or last;
		$said .= $byte;
		$line .= $byte;
		next if $byte ne "\n";
		return $line if $line =~ $pattern;
		$line = '';
	}
	return '';
}

sub slurp
{
	my ($path) = @_;

	open my $file, '<', $path or return '';
	local $/;
	return <$file> // '';
}

sub get { return Portico::Http->connect($_[0])->request('GET', '/') }

sub serving
{
	my $event = eval { decode_json(await_line(qr/"serving"/)) } // {};
	my ($port) = ($event->{url} // '') =~ /:(\d+)/;

	return ($event, $port);
}

# ---- one process ------------------------------------------------------------

start(@command);
my ($event, $port) = serving();
ok($port, 'it serves') or diag(slurp("$errors"));
is(get($port)->{body}, "Hello, world\n", 'the module answers');
my $maps = slurp("/proc/$pid/maps");
like($maps, qr/\Q$_\E/, "$_ is in the process that was started")
	for qw(single-listener.so single-worker.so hello.so);
my $http = Portico::Http->connect($port);
$http->request('GET', '/'); # until it is accepted it has no inode
# The table is not read at once: it may miss one while others come and go.
ok(await_condition(seconds(10), sub {
	my %inodes = map { ("socket:[$_->[9]]" => 1) }
		grep { $_->[1] =~ /:\Q${\ sprintf '%04X', $port}\E$/
			&& $_->[3] eq '01' }
		map { [split] } split /\n/, slurp('/proc/net/tcp');
	return grep { $inodes{ readlink($_) // '' } } glob "/proc/$pid/fd/*";
}), 'and so is the connection');
kill 'INT', $pid;
waitpid $pid, 0;
is($?, 0, 'Ctrl-C: exit status 0') or diag(slurp("$errors"));
ok(!process_is_alive($event->{pid}), 'porticod has ended');
is_deeply([glob "$directory/tmp/*"], [], 'nothing is left');
unlike(slurp("$errors"), qr/fatal|assert|Sanitizer|leak|unexpected/i,
	'nothing bad is said');

# ---- somebody else ----------------------------------------------------------

start(@command);
($event, $port) = serving();
my ($socket) = glob "$directory/tmp/*/libexec/single.sock";
my $stranger = "$directory/portico-worker";
symlink "$directory/programs/portico-single", $stranger or die $!;
symlink $socket, "$directory/single.sock" or die $!;
socketpair my $mine, my $theirs, AF_UNIX, SOCK_SEQPACKET, 0 or die $!;
fcntl $theirs, F_SETFD, 0;
my $relay = fork // die $!;
if ($relay == 0) {
	open STDERR, '>', '/dev/null';
	exec { $stranger } $stranger, '--control-fd', fileno $theirs, '--pool',
		'module' or POSIX::_exit(127);
}
close $theirs;
# A worker would keep it, and say at once that it is there.
ok(await_readable(seconds(20), $mine) && sysread($mine, my $word, 1000) == 0,
	'whom porticod has not started is sent away') or kill 'TERM', $relay;
waitpid $relay, 0;
isnt($?, 0, '... which is told');
is(get($port)->{body}, "Hello, world\n", '... and nothing has happened');
kill 'KILL', $pid;
waitpid $pid, 0;
ok(await_exit($event->{pid}, seconds(20)), 'killed: porticod ends as well');
ok(await_condition(seconds(20), sub {
	my @left = glob "$directory/tmp/*";

	return !@left;
}),
	'... and nothing is left');

# ---- a debugger -------------------------------------------------------------

SKIP: {
	skip 'sanitizers and debuggers do not go together', 4
		if ($ENV{PORTICO_SANITIZED} // '') eq 'yes';
	skip 'gdb was not found', 4
		unless grep { -x "$_/gdb" } split /:/, $ENV{PATH};
	open my $script, '>', "$directory/script" or die $!;
	print $script "set pagination off\nset breakpoint pending on\n"
		. "break hello\nrun\nbt 1\ninfo inferiors\n"
		. "shell sleep 3\ndetach\n";
	close $script;
	start('gdb', '-nx', '-batch', '-x', "$directory/script", '--args',
		@command);
	($event, $port) = serving();
	ok($port, 'under gdb it serves') or diag("$said\n" . slurp("$errors"));
	my $connection = Portico::Http->connect($port);
	$connection->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	my ($inferior) = await_line(qr/process \d+/) =~ /process (\d+)/;
	like($said, qr/hit Breakpoint 1.*\n.*#0 +hello \(/s,
		'gdb stops in the module') or diag("$said\n" . slurp("$errors"));
	my $response = eval { $connection->read_response(
		timeout => seconds(30)) };
	is($response && $response->{body}, "Hello, world\n",
		'... and who waited gets the answer');
	waitpid $pid, 0;
	kill 'INT', $inferior if $inferior;
	ok(await_exit($event->{pid}, seconds(20)), 'it ends as ever');
}
done_testing;
