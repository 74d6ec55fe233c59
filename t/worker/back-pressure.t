# SPDX-License-Identifier: Apache-2.0
#
# A client that sends and does not read is stopped by full windows, not by the
# server's memory; it gets everything once it reads.  Clients that leave in the
# middle leave nothing behind.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition await_readable seconds);
use Test::More;
use Time::HiRes qw(time);

use constant SIZE => 64 << 20;
use constant QUIET => 0.5; # seconds without room: it is stopped

my $server = Portico::Server->new(
	pools => { main => { maxRequestBody => 0 } },
	applications => { '/' => {
		handlers => [{ path => '*', module => 'echo' }] } },
)->start;
my $port = $server->port;

my $first = Portico::Http->connect($port);
is($first->request('PUT', '/', body => 'x')->{body}, 'x', 'the server echoes');
my %pids = map { $_ => $server->pid_of($_) } qw(listener worker);

# ---- one that does not read ------------------------------------------------

my $pattern = join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 1 .. 65536;

sub piece
{
	my ($offset) = @_;
	my $at = $offset % length $pattern;
	my $wanted = SIZE - $offset;
	$wanted = length($pattern) - $at if $wanted > length($pattern) - $at;

	return substr $pattern, $at, $wanted;
}

my $slow = Portico::Http->connect($port, receive_buffer => 65536);
my $socket = $slow->socket;
$slow->send('PUT / HTTP/1.1' . "\r\nHost: a\r\nContent-Length: " . SIZE
	. "\r\n\r\n");
$socket->blocking(0);

# Sends what there is room for, waiting at most so long for room.
my $sent = 0;
sub send_some
{
	my ($patience) = @_;

	vec(my $wanted = '', fileno $socket, 1) = 1;
	return 0 if $sent == SIZE
		|| !select undef, $wanted, undef, $patience;
	my $count = syswrite $socket, piece($sent);
	$sent += $count // 0;
	return 1;
}

1 while send_some(QUIET);
cmp_ok($sent, '<', SIZE, "it is stopped after $sent bytes");
SKIP: {
	skip 'sanitizers keep memory of their own', 2
		if ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';
	for my $program (sort keys %pids) {
		cmp_ok(Portico::Server::private_memory($pids{$program}), '<',
			16 * 1024, "the $program holds less than 16 MiB");
	}
}

my $begin = time;
is($first->request('PUT', '/', body => 'y' x 5000)->{body}, 'y' x 5000,
	'a neighbour is served meanwhile');
cmp_ok(time - $begin, '<', seconds(1), '... at once');

# ---- ... until it does -----------------------------------------------------

my $head = $slow->read_response(head_only => 1);
is($head->{status}, 200, 'it gets its head');
my ($received, $wrong) = (0, 0);
my $deadline = time + seconds(60);
while ($received < SIZE && time < $deadline) {
	1 while send_some(0);
	last unless $slow->buffered || $slow->fill($deadline);
	my $expected = piece($received);
	my $length = $slow->buffered;
	$length = length $expected if $length > length $expected;
	my $data = $slow->take($length, $deadline);
	$wrong++ if $data ne substr $expected, 0, $length;
	$received += $length;
}
is($received, SIZE, '... and all of its body');
is($wrong, 0, '... as it was sent');

# ---- those that leave ------------------------------------------------------

my %before = map { $_ => Portico::Server::descriptor_count($pids{$_}) }
	keys %pids;
for my $number (1 .. 20) {
	my $connection = Portico::Http->connect($port);
	$connection->send("PUT / HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 1000000\r\n\r\n" . 'z' x (1000 * $number));
	$connection->read_response(head_only => 1);
	$number % 2 ? $connection->reset : $connection->close;
}
is($first->request('PUT', '/', body => 'after')->{body}, 'after',
	'after 20 clients have left in the middle, others are served');
ok(await_condition(seconds(10), sub {
	!grep { Portico::Server::descriptor_count($pids{$_}) > $before{$_} }
		keys %pids;
}), 'no descriptor stays open');
is($server->pid_of($_), $pids{$_}, "the $_ is still the same")
	for sort keys %pids;

$server->stop;
done_testing();
