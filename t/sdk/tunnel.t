# SPDX-License-Identifier: Apache-2.0
#
# Tunnels: a request that is upgraded, as t/sdk/modules/tunnel.c uses it.  Bytes
# both ways, the ends of both directions, back-pressure, tunnels that wake one
# another, and what becomes of them when client, worker or listener go.

use strict;
use warnings;
use JSON::PP;
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition await_readable seconds);
use Test::More;

my @handlers = ((map { { path => $_, module => 'tunnel', handler => 'plain' } }
	'/stats', '/release'), { path => '*', module => 'tunnel',
	handler => 'tunnel' });
my $server = Portico::Server->new(
	listener => { shutdownTimeLimit => '1s', threads => 2 },
	pools => {
		main => { threads => 2, shutdownTimeLimit => '2s',
			responseIdleTimeout => '300ms',
			executionTimeout => '400ms', maxRequestBody => '1KiB' },
		brief => { tunnelIdleTimeout => '600ms' },
	},
	applications => {
		'/' => { modules => ['tunnel'], handlers => \@handlers },
		'/brief' => { modules => ['tunnel'], handlers => \@handlers,
			pool => 'brief' },
	},
	allow => [qr/P\d+/],
)->start;
my $port = $server->port;

use constant ASK => "Connection: keep-alive, Upgrade\r\n"
	. "Upgrade: other/1, X-Test\r\n";

# A tunnel to this path; `behind` is sent in one piece with the head.
sub tunnel
{
	my ($path, $behind, %options) = @_;
	my $http = Portico::Http->connect($port, %options);

	$http->send("GET $path HTTP/1.1\r\nHost: a\r\n" . ASK . "\r\n"
		. ($behind // ''));
	$http->{head} = $http->read_response;
	is($http->{head}{status}, 101, "$path is a tunnel");
	return $http;
}

sub take
{
	my ($http, $length) = @_;
	return $http->take($length, time + $http->{timeout});
}

sub to_end
{
	my ($http) = @_;
	my $deadline = time + $http->{timeout};

	1 while $http->fill($deadline);
	return delete($http->{buffer}) . ($http->{reset} ? '<reset>' : '');
}

my $http = Portico::Http->connect($port);
sub stats { return decode_json($http->request('GET', '/stats')->{body}) }

sub await_stats
{
	my ($check) = @_;
	return await_condition(seconds(10), sub { $check->(stats()) });
}

sub ask
{
	my ($path, $fields, $method) = @_;
	my $client = Portico::Http->connect($port);

	$client->send(($method // 'GET') . " $path HTTP/1.1\r\nHost: a\r\n$fields"
		. "\r\n");
	return $client->read_response(method => $method // 'GET');
}

# ---- the beginning ---------------------------------------------------------

my $echo = tunnel('/echo', 'first ');
my $head = $echo->{head}{header};
is_deeply([map { $head->{$_} } 'upgrade', 'connection', 'x-tunnel',
	'content-length', 'transfer-encoding'], ['x-test', 'upgrade', 'yes',
	undef, undef], 'the head of a tunnel');
is(take($echo, 6), 'first ', 'bytes behind the head belong to it');
for my $i (1 .. 300) {
	$echo->send("$i;");
	last if (take($echo, length "$i;") // '') ne "$i;" && fail("piece $i");
}
$echo->send("GET / HTTP/1.1\r\n\r\n");
is(take($echo, 18), "GET / HTTP/1.1\r\n\r\n", 'nothing is parsed');
my ($found) = grep { $_->{target} eq '/echo' } $server->requests;
is($found->{state}, 'tunnel', 'request list has it');
is($server->counters('main')->{active}, 1, 'it counts as in flight');
is(to_end(tunnel('/brief/echo')), '<reset>', 'longer than they are');
$echo->send('later');
is(take($echo, 5), 'later', "a response's deadlines are none of a tunnel");
$echo->finish;
is(to_end($echo), '', 'it ends when both have ended');
like($server->await_access_log(qr{ /echo }) // '',
	qr{/echo .* 101 0 0 }, 'one line in the access log');

my $early = tunnel('/early', 'x' x 5000);
is(take($early, 5000), 'x' x 5000, 'from an event, more than the body limit');
$early->close;
is(tunnel('/brief/echo', 'b')->take(1, time + 10), 'b', 'in another pool');

# ---- no tunnel --------------------------------------------------------------

is(ask('/echo', '')->{status}, 426, 'a request that does not ask');
is(ask('/echo', "Upgrade: x-test\r\n")->{status}, 426,
	'... has no Connection: upgrade');
is(ask('/echo', ASK . "Content-Length: 2\r\n\r\nab")->{status}, 426,
	'... has a body');
is(ask('/echo', ASK, 'HEAD')->{status}, 426, '... is HEAD');
is(ask('/echo', "Connection: upgrade\r\nUpgrade: h2c\r\n")->{status}, 426,
	'... asks for something else');
is(ask('/refused', ASK)->{status}, 403, 'another module refuses');
is(ask('/failed', ASK)->{status}, 500, '... or fails');
is(ask('/misuse', ASK)->{body}, <<'END', 'what a module must not do');
read -15
write -15
shutdown -15
wait -15
token -15
events 0
offered 1 1 0
open -2 -2
late -15
END

# ---- directions --------------------------------------------------------------

is(to_end(tunnel('/push')), join('', map { "tick $_\n" } 1 .. 6),
	'written without being asked, and ended');
my $half = tunnel('/half');
is(to_end($half), "hello\n", 'the module sends no more');
my $before = stats()->{counted};
$half->send('y' x 70000);
ok(await_stats(sub { $_[0]{counted} == $before + 70000 }),
	'... and still reads');
$half->finish;
ok(await_condition(seconds(5), sub { !grep { $_->{target} eq '/half' }
	$server->requests }), 'until the client sends no more');

sub await_none
{
	my ($target) = @_;
	return await_condition(seconds(10), sub { !grep {
		$_->{target} =~ /^\Q$target\E/ } $server->requests });
}

my $deaf = tunnel('/deaf');
is(to_end($deaf), '', 'a module that sends no more and does not read');
is(stats()->{overs}, 0, '... has its tunnel while the client may send');
$deaf->finish;
ok(await_none('/deaf'), '... and is woken when the client does not, either');
$deaf = tunnel('/deaf?again');
$deaf->finish;
ok(await_none('/deaf') && stats()->{overs} == 2, '... once');

my $bulk = tunnel('/echo');
my $pattern = join '', map { pack 'N', $_ * 2654435761 % 2**32 } 1 .. 65536;
my ($sent, $got, $wrong) = (0, 0, 0);
my $socket = $bulk->socket;
$socket->blocking(0);
my $total = 16 * length $pattern;
my $deadline = time + seconds(30);
while ($got < $total && time < $deadline) {
	vec(my $bits = '', fileno $socket, 1) = 1;
	select my $in = $bits, my $out = $sent < $total ? $bits : '', undef, 5;
	if ($out && vec $out, fileno $socket, 1) {
		my $at = $sent % length $pattern;
		$sent += syswrite($socket, $pattern, length($pattern) - $at,
			$at) // 0;
	}
	next unless vec $in, fileno $socket, 1;
	sysread $socket, my $data, 65536 or last;
	my $at = $got % length $pattern;
	$wrong++ if substr("$pattern$pattern", $at, length $data) ne $data;
	$got += length $data;
}
is("$got $wrong", "$total 0", 'megabytes both ways at once');
$socket->blocking(1);
$bulk->finish;
is(to_end($bulk), '', '... to the end');

# ---- back-pressure -------------------------------------------------------------

my %pids = map { $_ => $server->pid_of($_) } qw(listener worker);
my $slow = tunnel('/flood', '', receive_buffer => 16384);
my ($flooded, $same) = (0, 0);
ok(await_condition(seconds(10), sub {
	my ($last, $now) = ($flooded, stats()->{flooded});
	$flooded = $now;
	$same = $now > 0 && $now == $last ? $same + 1 : 0;
	return $same == 20;
}), "a module that floods is stopped, after $flooded bytes");
cmp_ok($flooded, '<', 32 << 20, '... early');
my $hold = tunnel('/hold');
$hold->socket->blocking(0);
$sent = 0;
while ($sent < 64 << 20) {
	vec(my $bits = '', fileno $hold->socket, 1) = 1;
	last unless select undef, $bits, undef, 0.5;
	$sent += syswrite($hold->socket, $pattern) // 0;
}
cmp_ok($sent, '<', 32 << 20, "a client that floods is stopped, too");
SKIP: {
	skip 'sanitizers keep memory of their own', 2
		if ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';
	for my $program (sort keys %pids) {
		cmp_ok(Portico::Server::private_memory($pids{$program}), '<',
			16 * 1024, "the $program holds less than 16 MiB");
	}
}
is(ask('/stats', '')->{status}, 200, 'others are served meanwhile');
$http->request('GET', '/release');
$hold->socket->blocking(1);
$hold->finish;
is(to_end($hold), "counted $sent\n", 'all that was sent comes at last');
my $aborts = stats()->{aborts};
$slow->close;
ok(await_stats(sub { $_[0]{aborts} == $aborts + 1 }),
	'a client that vanishes aborts it once');
is(length to_end(tunnel('/flood?bytes=3000000')), 3000000,
	'all that was written comes before the end');

# ---- waking one another ---------------------------------------------------------

my @room = map { tunnel('/room') } 1 .. 6;
for my $member (0 .. $#room) {
	$room[$member]->send(sprintf "%02d %02d\n", $_, $member) for 0 .. 19;
}
my @heard = map { take($_, 6 * 20 * @room) // '' } @room;
is(join('', sort split /^/, $heard[0]), join('', map { my $i = $_;
	map { sprintf "%02d %02d\n", $i, $_ } 0 .. $#room } 0 .. 19),
	'all that others said is heard');
is(scalar(grep { $_ ne $heard[0] } @heard), 0, '... by all, on every loop');
$_->close for @room;

# ---- bad ends --------------------------------------------------------------------

my $cut = tunnel('/cut');
$cut->send('x');
is(to_end($cut), '<reset>', 'a module can cut it');
my $idle = tunnel('/brief/echo');
is(to_end($idle), '<reset>', 'tunnelIdleTimeout cuts it');
like($server->await_error_log(qr/Timer_ConnectionIdle/) // '',
	qr/Tunnel/, '... and says so');

my $die = tunnel('/die');
my $other = tunnel('/echo');
$die->send('x');
is(to_end($die), '<reset>', 'a worker that dies cuts it');
is(to_end($other), '<reset>', '... and its others');
ok(await_condition(seconds(10), sub {
	my $answer = eval { ask('/stats', '') };
	return $answer && $answer->{status} == 200;
}), 'another worker serves');
$http = Portico::Http->connect($port);

# ---- recycling -------------------------------------------------------------------

my $bye = tunnel('/bye');
my $stays = tunnel('/echo');
my ($status, undef, $errors) = $server->command('pool', 'recycle', 'main');
is($status, 0, 'the pool is recycled') or diag($errors);
is(to_end($bye), "bye\n", 'a tunnel that asks is told');
$stays->send('still');
is(take($stays, 5), 'still', 'another goes on');
is(to_end($stays), '<reset>', '... to the limit');
$http = Portico::Http->connect($port);
ok(await_condition(seconds(10), sub { my $c = $server->counters('main');
	$c->{active} == 0 }), 'none is in flight any more');
is(stats()->{opened}, 0, 'it is a new worker');

# ---- the listener goes -------------------------------------------------------------

my $gone = tunnel('/echo');
my $listener = $server->pid_of('listener');
kill 'KILL', $listener;
is(to_end($gone), '<reset>', 'a listener that dies cuts it')
	if !eval { is(to_end($gone), '', 'a listener that dies ends it') };
ok(await_condition(seconds(10), sub {
	my $answer = eval { ask('/stats', '') };
	return $answer && $answer->{status} == 200
		&& decode_json($answer->{body})->{aborts} == 1;
}), 'the module was told once');
my $last = tunnel('/echo', 'q');
is(take($last, 1), 'q', 'the next one has tunnels');
my ($code) = $server->command('upgrade', 'listener');
is($code, 0, 'the listener is replaced');
$last->send('more');
is(take($last, 4), 'more', 'its tunnel goes on');
is(to_end($last), '<reset>', '... until its limit');
$server->stop;
done_testing();
