# SPDX-License-Identifier: Apache-2.0
#
# Clients of HTTP/2 that make work out of nothing are turned away, each with its
# reason in the error log; a neighbour is served all the while, and memory does
# not grow.  And how a connection ends in other ways: by time, by a drain.

use strict;
use warnings;
use IO::Select;
use Portico::Http2 qw(hpack);
use POSIX ();
use Portico::Server;
use Portico::Wait qw(await_condition seconds stop_process);
use Test::More;

my $server = Portico::Server->new(
	listener => { connectionTimeout => '500ms', headerWaitTimeout => '500ms',
		threads => 1 },
)->start;
my $port = $server->port;
is($server->get('/count')->{status}, 200, 'there is a worker');
my $listener = $server->pid_of('listener');

my @get = (':method', 'GET', ':scheme', 'http', ':authority', 'localhost',
	':path', '/sleep?ms=100');

# So many frames are written as the server takes; it may have enough before.
sub flood
{
	my ($client, $count, $make) = @_;
	my $socket = $client->socket;

	local $SIG{PIPE} = 'IGNORE';
	for (my $i = 0; $i < $count; $i += 50) {
		my $bytes = join '', map { $make->($_) } $i .. $i + 49;
		$client->raw($bytes) or last;
		last if IO::Select->new($socket)->can_read(0)
			&& !$client->read_frame;
		last if $client->{goaway};
	}
	eval { $client->end };
	return $client->{goaway} // 'closed';
}

sub frame { return Portico::Http2::bytes(@_) }

my @floods = (
	['requests that are taken back', 'Http2_Resets', 2000, sub {
		my $id = 1 + 2 * $_[0];
		return frame('HEADERS', 5, $id, hpack(@get))
			. frame('RST_STREAM', 0, $id, pack 'N', 8) }],
	['PING', 'Http2_Pings', 10000, sub {
		return frame('PING', 0, 0, '12345678') }],
	['SETTINGS', 'Http2_Settings', 10000, sub {
		return frame('SETTINGS', 0, 0, pack 'nN', 4, 65535) }],
	['empty DATA', 'Http2_EmptyFrames', 10000, sub {
		return ($_[0] == 0 ? frame('HEADERS', 4, 1, hpack(
			':method', 'POST', @get[2 .. $#get])) : '')
			. frame('DATA', 0, 1, '') }],
	['PRIORITY', 'Http2_EmptyFrames', 10000, sub {
		return frame('PRIORITY', 0, 1, pack 'NC', 0, 1) }],
	['frames of unknown types', 'Http2_EmptyFrames', 10000, sub {
		return frame(0x42, 0, 0, 'x') }],
	['PRIORITY_UPDATE', 'Http2_EmptyFrames', 10000, sub {
		return frame(16, 0, 0, pack('N', 1) . 'u=' . $_[0] % 8) }],
	['a head without end', 'Http2_Headers|Http2_Protocol', 10000, sub {
		my $more = hpack(map { ("x-$_[0]-$_", 'y' x 500) } 1 .. 20);
		return $_[0] == 0 ? frame('HEADERS', 1, 1, hpack(@get))
			: frame('CONTINUATION', 0, 1, $more) }],
	['a bomb of references', 'Http2_Headers', 100, sub {
		# One entry of 4000 bytes in the table, then a byte for each.
		return $_[0] == 0 ? frame('HEADERS', 5, 1, hpack(@get)
			. "\x40\1x" . Portico::Http2::hpack_integer(0, 7, 4000)
			. 'y' x 4000 . "\xbe" x 10000) : '' }],
);


my $before;
for my $round (1, 2) {
	for my $flood (@floods) {
		my ($name, $reason, $count, $make) = @$flood;
		my $client = Portico::Http2->connect($port);
		my $pid = fork // die "fork: $!";
		if ($pid == 0) {
			my $got = flood($client, $count, $make);
			POSIX::_exit($got =~ /^(?:ENHANCE_YOUR_CALM|closed)$/
				? 0 : 1);
		}
		$client->close;
		my $answer = $server->get('/count');
		is($answer->{status}, 200, "$name: a neighbour is served");
		waitpid $pid, 0;
		is($?, 0, "$name: and the client turned away");
		ok($server->await_error_log(qr/\b(?:$reason)\b/),
			"$name: for its reason") if $round == 1;
	}
	$before //= Portico::Server::private_memory($listener);
}
cmp_ok(Portico::Server::private_memory($listener), '<', $before + 4_000,
	'memory does not grow');

# Streams that are broken, or malformed from the start, are reset by us; a few at
# a time, since more would be too many at once.
for my $broken (['broken', sub {
		my ($client) = @_;
		my $id = $client->begin({ path => '/sleep?ms=100' });
		$client->window($id, 0x7fffffff);
	}], ['malformed', sub {
		$_[0]->begin({}, 'connection', 'close') }]) {
	my ($name, $break) = @$broken;
	my $client = Portico::Http2->connect($port);
	my $count = 0;

	while ($client->ping && $count < 1000) {
		$break->($client) for 1 .. 20;
		$count += 20;
	}
	is($client->{goaway}, 'ENHANCE_YOUR_CALM',
		"requests that are $name: the client is turned away");
	cmp_ok($count, '>=', 300, 'after ten seconds\' worth of them');
}

subtest 'a connection that idles' => sub {
	my $client = Portico::Http2->connect($port);
	is($client->request({ path => '/count' })->{status}, 200, 'is used');
	is($client->end, 'NO_ERROR', 'and told when its time is over');
	ok($server->await_error_log(qr/Timer_ConnectionIdle/), 'which is logged');
	$client = Portico::Http2->connect($port);
	my $id = $client->begin({ path => '/sleep?ms=900' });
	is($client->response($id)->{body}, "slept\n",
		'one with a request has all the time');
	$client = Portico::Http2->connect($port);
	ok($client->ping, 'another one');
	$client->frame('HEADERS', 1, 1, hpack(@get));
	is($client->end, 'NO_ERROR', 'a head that is not completed ends it');
	ok($server->await_error_log(qr/Timer_HeaderWait/), 'which is logged');
	my $plain = Portico::Http->connect($port);
	$plain->send(substr $Portico::Http2::PREFACE, 0, 12);
	is($plain->read_response->{status}, 408, 'half a preface is timed, too');
};

subtest 'a connection that is over and reset at once' => sub {
	my $client = Portico::Http2->connect($port);
	ok($client->ping, 'it has nothing left to say');
	# So that both are there when it looks.
	ok(stop_process($listener), 'stopped');
	$client->frame('GOAWAY', 0, 0, pack 'NN', 0, 0);
	$client->reset;
	kill 'CONT', $listener;
	is($server->get('/count')->{status}, 200, 'others are served');
	is($server->pid_of('listener'), $listener, '... by the same process');
};

subtest 'a drain' => sub {
	my $client = Portico::Http2->connect($port);
	my $idle = Portico::Http2->connect($port);
	my $id = $client->begin({ path => '/sleep?ms=800' });
	ok($client->ping && $idle->ping, 'a request runs');
	$server->signal('TERM');
	$client->read_until(sub { $client->{goaway} });
	is_deeply($client->{goaways}[0], [0x7fffffff, 'NO_ERROR'],
		'the first GOAWAY names no stream');
	is($client->response($id)->{body}, "slept\n", 'it is finished');
	is($client->end, 'NO_ERROR', 'then the connection ends');
	is_deeply($client->{goaways}[-1], [$id, 'NO_ERROR'],
		'and the last GOAWAY has named the last stream');
	is($idle->end, 'NO_ERROR', 'one without requests ends as well');
};

$server->await_end;
$server->stop;
done_testing;
