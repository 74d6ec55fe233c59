# SPDX-License-Identifier: Apache-2.0
#
# A body of 2 GiB goes through listener, channel, worker and echo and comes
# back, byte for byte, while listener and worker stay under 64 MiB of private
# memory each.  PORTICO_ECHO_BYTES sets another size.

use strict;
use warnings;
use POSIX ();
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(seconds);
use Test::More;
use Time::HiRes qw(time);

use constant BLOCK => 1 << 20;
use constant LIMIT_KB => 64 * 1024;
use constant SAMPLE_EVERY => 32 * BLOCK;

my $sanitized = ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';
my $size = $ENV{PORTICO_ECHO_BYTES} // ($sanitized ? 128 << 20 : 2 << 30);

# The stream: blocks of noise, each with its number in front, so that a lost,
# doubled or moved block is seen.
my $state = 1;
my $noise = join '', map {
	$state = ($state * 1103515245 + 12345) & 0x7fffffff;
	pack 'N', $state;
} 1 .. BLOCK / 4;

sub block
{
	my ($number) = @_;

	return pack('Q>', $number) . substr $noise, 8;
}

sub send_all
{
	my ($connection) = @_;

	for (my $sent = 0, my $number = 0; $sent < $size; $number++) {
		my $block = block($number);
		$block = substr $block, 0, $size - $sent
			if $size - $sent < BLOCK;
		$connection->send($block) or return 0;
		$sent += length $block;
	}
	return 1;
}

my $server = Portico::Server->new(
	pools => { main => { maxRequestBody => 0 } },
	applications => { '/' => {
		handlers => [{ path => '*', module => 'echo' }] } },
)->start;

# One small request, so that the worker is there to be measured.
my $connection = Portico::Http->connect($server->port, timeout => 60);
is($connection->request('PUT', '/', body => 'x')->{body}, 'x',
	'the server echoes');
my %pids = map { $_ => $server->pid_of($_) } qw(listener worker);
my %peak = map { $_ => 0 } keys %pids;

sub sample
{
	for my $program (keys %pids) {
		my $now = Portico::Server::private_memory($pids{$program}) // 0;
		$peak{$program} = $now if $now > $peak{$program};
	}
}

sample();
cmp_ok($peak{$_}, '>', 0, "the memory of the $_ can be measured")
	for sort keys %pids;

my $begin = time;
$connection->send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: $size\r\n\r\n");
my $sender = fork // die "fork: $!";
if ($sender == 0) {
	POSIX::_exit(send_all($connection) ? 0 : 1);
}

my $response = $connection->read_response(head_only => 1);
is($response->{status}, 200, 'the answer begins');
is($response->{header}{'content-length'}, $size, '... and has the length');

my ($received, $number, $wrong, $sampled) = (0, 0, undef, 0);
while ($received < $size) {
	my $wanted = $size - $received < BLOCK ? $size - $received : BLOCK;
	my $data = $connection->take($wanted, time + seconds(60));
	last unless defined $data;
	if ($data ne substr block($number), 0, $wanted) {
		$wrong //= $number;
	}
	$received += $wanted;
	$number++;
	if ($received - $sampled >= SAMPLE_EVERY) {
		sample();
		$sampled = $received;
	}
}
sample();
my $took = time - $begin;
waitpid $sender, 0;

is($?, 0, 'all was sent');
is($received, $size, "all $size bytes came back");
is($wrong, undef, 'each block is what and where it was');
is($server->pid_of($_), $pids{$_}, "the same $_ did all of it")
	for sort keys %pids;
SKIP: {
	skip 'sanitizers keep memory of their own', 2 if $sanitized;
	cmp_ok($peak{$_}, '<', LIMIT_KB, "the $_ stays under 64 MiB")
		for sort keys %pids;
}
diag(sprintf '%d MiB in %.1f s, %.0f MiB/s; private memory: listener %d KiB, '
	. 'worker %d KiB', $size >> 20, $took, ($size >> 20) / $took,
	@peak{qw(listener worker)});
is($connection->request('PUT', '/', body => 'y')->{body}, 'y',
	'the connection can be used again');

$server->stop;
done_testing();
