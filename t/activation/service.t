# SPDX-License-Identifier: Apache-2.0
#
# Under a service manager: it is told what goes on (sd_notify), and may open the
# listening sockets (sd_listen_fds).

use strict;
use warnings;
use Fcntl;
use File::Temp;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Portico::Server;
use Portico::Wait qw(await_readable seconds);
use Socket;
use Test::More;

my $directory = File::Temp->newdir('portico-service-XXXXXXXX', TMPDIR => 1);
my $path = "$directory/notify";
my $notify = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path)
	or die "$path: $!";

# The messages until one that matches; each as a hash.
sub told
{
	my ($pattern) = @_;
	my @all;

	while (await_readable(10, $notify)) {
		my $text;
		$notify->recv($text, 4096);
		push @all, { map { split /=/, $_, 2 } split /\n/, $text };
		return @all if $text =~ $pattern;
	}
	return @all;
}

my $socket = IO::Socket::INET->new(Listen => 128, LocalAddr => '127.0.0.1',
	LocalPort => 0) or die $!;
my $unused = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1',
	LocalPort => 0) or die $!;
my $datagram = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
	or die $!;
my ($port, $spare) = ($socket->sockport, $unused->sockport);

# As the manager does it: descriptors from 3, the pid of who is executed.
my $give = 'use POSIX; POSIX::dup2(shift @ARGV, $_) for 3 .. 5;'
	. '$ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 3; exec @ARGV or die';
for ($socket, $unused, $datagram) {
	fcntl $_, F_SETFD, 0;
}
# Out of the way of 3 to 5.
my @high = map { fcntl($_, F_DUPFD, 100) } $socket, $unused, $datagram;

my $server = Portico::Server->new(
	bindings => ["http://127.0.0.1:$port"],
	listener => { threads => 2 },
	environment => { NOTIFY_SOCKET => $path, WATCHDOG_USEC => 400_000 },
	wrapper => ['perl', '-e', $give, @high],
	allow => [qr/service manager/],
);
$server->{port} = $port;
# A client comes before there is a server: the backlog keeps it.
my $early = $server->connect;
$early->send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n");
$server->start;

subtest 'sockets of the service manager' => sub {
	is(($early->read_response // {})->{status}, 200,
		'a client of before the start is served');
	is($server->get('/count')->{status}, 200, 'and one of after it');
	like($server->log, qr/127\.0\.0\.1 port $spare .*service manager/,
		'one that no binding uses is told');
	like($server->log, qr/descriptor 5 .*no listening TCP socket/,
		'and one that is none');
	my $inode = (stat $socket)[1];
	my $listener = $server->pid_of('listener');
	my $held = grep { (readlink $_ // '') eq "socket:[$inode]" }
		glob "/proc/$listener/fd/*";
	is($held, 2, 'each loop of the listener has the socket that was given');
};

subtest 'what is told' => sub {
	my @before = told(qr/READY=1/);
	is($before[-1]{READY}, 1, 'that it is ready');
	is($before[-1]{STATUS}, 'Serving 1 binding', 'and for what');
	my @alive = told(qr/WATCHDOG=1/);
	is($alive[-1]{WATCHDOG}, 1, 'that it lives, as often as is wanted');
	is(($server->command('reload'))[0], 0, 'a reload');
	my @reload = told(qr/READY=1/);
	my ($begun) = grep { $_->{RELOADING} } @reload;
	ok($begun, 'that it reads its configuration');
	like($begun->{MONOTONIC_USEC}, qr/^\d+$/, 'and since when');
	is($reload[-1]{READY}, 1, 'that it has');
};

subtest 'other bindings' => sub {
	my $configuration = $server->configuration;
	$configuration->{sites}{main}{bindings} =
		["http://127.0.0.1:$port", "http://127.0.0.1:$spare"];
	$server->write_configuration($configuration);
	is(($server->command('reload'))[0], 0, 'a binding for the other socket');
	is(Portico::Http->connect($spare)->request('GET', '/count')->{status},
		200, 'is served from it');
	$configuration->{sites}{main}{bindings} = ["http://127.0.0.1:$port"];
	$server->write_configuration($configuration);
	is(($server->command('reload'))[0], 0, 'it goes away');
	$configuration->{sites}{main}{bindings} =
		["http://127.0.0.1:$port", "http://127.0.0.1:$spare"];
	$server->write_configuration($configuration);
	is(($server->command('reload'))[0], 0, 'and comes back');
	is(Portico::Http->connect($spare)->request('GET', '/count')->{status},
		200, 'on the socket that was kept');
	told(qr/READY=1/) for 1 .. 3;
};

subtest 'another porticod' => sub {
	my $pid = $server->pid;

	is(($server->command('upgrade', 'manager'))[0], 0, 'by command')
		or $server->show_log;
	is($server->command_json('status')->{pid}, $pid,
		'is the process that the service manager knows');
	told(qr/READY=1/);
	ok((told(qr/WATCHDOG=1/))[-1]{WATCHDOG}, 'and says that it lives');
	kill 'KILL', $pid;
	waitpid $pid, 0;
	1 while await_readable(0, $notify) && $notify->recv(my $text, 4096);
	$server->launch;
	ok($server->await_ready, 'after the end of the first');
	is((told(qr/READY=1/))[-1]{READY}, 1, 'says that it is ready');
	ok((told(qr/WATCHDOG=1/))[-1]{WATCHDOG}, 'and that it lives');
	is($server->get('/count')->{status}, 200, 'and serves');
	is($server->command_json('status')->{takeOvers}, 2,
		'with what was there');
};

$server->stop;
is((told(qr/STOPPING=1/))[-1]{STOPPING}, 1, 'that it stops');
done_testing;
