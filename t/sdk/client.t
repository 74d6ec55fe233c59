# SPDX-License-Identifier: Apache-2.0
#
# Calls of modules to other servers: t/sdk/modules/client.c inside a whole
# server, and a server behind it that answers well, badly, late and never.

use strict;
use warnings;
use File::Temp ();
use IO::Socket::INET;
use Portico::Http;
use Portico::Server;
use Portico::Upstream;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

my %raw = (
	'/garbage' => "SSH-2.0-OpenSSH_9.2\r\n\r\n",
	'/fold' => "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
	'/control' => "HTTP/1.1 200 OK\r\nX-A: b\x01c\r\nContent-Length: 0\r\n\r\n",
	'/short' => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
	'/many' => "HTTP/1.1 200 OK\r\n" . "X-A: b\r\n" x 200
		. "Content-Length: 0\r\n\r\n",
	'/early' => "HTTP/1.1 103 Early Hints\r\nX-Reply: early\r\n\r\n"
		. "HTTP/1.1 200 OK\r\nX-Reply: late\r\nContent-Length: 2\r\n\r\nok",
	'/to-ftp' => "HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/x\r\n"
		. "Content-Length: 0\r\n\r\n",
);

sub answer
{
	my ($request, $connection, $self) = @_;
	my $target = $request->{target};

	return $raw{$target} if exists $raw{$target};
	return [200, ["X-Reply: $request->{connection}"],
		"$request->{method} " . ($request->{fields}{'x-send'} // '-')
			. ' ' . ($request->{fields}{'content-type'} // '-')
			. " $request->{body}"] if $target eq '/hello';
	return [200, [], $request->{body}] if $target eq '/echo';
	return [200, [], 'x' x $1] if $target =~ m{^/bytes/(\d+)$};
	return [302, ['Location: /hello'], 'elsewhere'] if $target eq '/away';
	return [302, ['Location: /round'], ''] if $target eq '/round';
	return [204, [], ''] if $target eq '/empty';
	if ($target =~ m{^/hang}) {
		# Until the other side is gone.
		sysread $connection, my $byte, 1;
		$self->note("gone $target");
		return;
	}
	if ($target eq '/late') {
		select undef, undef, undef, 0.7;
		return [200, ['X-Reply: late'], 'late'];
	}
	if ($target =~ m{^/flood/(\d+)$}) {
		print $connection "HTTP/1.1 200 OK\r\nContent-Length: $1\r\n\r\n";
		my $sent = 0;
		while ($sent < $1) {
			my $wrote = syswrite $connection, 'y' x 65536;
			last unless $wrote;
			$sent += $wrote;
			$self->note("flood $sent");
		}
		return;
	}
	return [404, [], 'nothing'];
}

my $upstream = Portico::Upstream->new(\&answer);
my $server = Portico::Server->new(
	pools => { main => { threads => 1,
		environment => { CLIENT_POLL => $upstream->url("/empty") } } },
	applications => { '/' => {
		modules => ['client'],
		handlers => [{ path => '*', module => 'client' }],
	} },
	allow => [qr/\[P4040\]/],
)->start;

my $http = $server->connect;

sub get
{
	my ($target, @fields) = @_;
	my $url = $target =~ /^\w+:/ ? $target : $upstream->url($target);

	return $http->request('GET', '/', fields => ["X-Url: $url", @fields])
		->{body};
}

# Numbers of enum portico_client_number.
my ($connect, $total, $idle, $body_max, $stream, $upload, $redirects, $verify)
	= 0 .. 7;
my $ms = 1_000_000;

# ---- one call ---------------------------------------------------------------

like(get('/hello'), qr/^result 0 status 200 reply \d+ fields 2\n\n\d+ GET - - $/,
	'an answer: status, fields, body');
my ($first) = get('/hello') =~ /reply (\d+)/;
my ($second) = get('/hello') =~ /reply (\d+)/;
is($second, $first, 'the connection is used again');
like(get('/hello', 'X-Method: POST', 'X-Body: some text', 'X-Send: me'),
	qr/^result 0 .*\n\n\d+ POST me - some text$/, 'a body and a field go out');
ok($server->await_log(qr/background poll: result 0 status 204/),
	'a call without a request, begun when the worker begins');
like(get('/hello', 'X-Method: HEAD'), qr/^result 0 status 200 .*\n\n0 $/,
	'HEAD has no body');
like(get('/hello', 'X-Method: DELETE'), qr/\d DELETE - - $/,
	'any method');
like(get('/hello', 'X-Early: 1'), qr/^result 0 status 200/,
	'a call from AUTHENTICATE');
like(get('/nowhere'), qr/^result 0 status 404 /,
	'an answer is an answer, whatever it says');
like(get('/early'), qr/^result 0 status 200 reply late .*\n\n2 ok$/,
	'what comes before the answer is not the answer');

# ---- redirects --------------------------------------------------------------

like(get('/away'), qr/^result 0 status 302 .*\n\n9 elsewhere$/,
	'a redirect is an answer');
like(get('/away', "X-Numbers: $redirects=2"), qr/^result 0 status 200 .*\n\n\d+ GET/,
	'... and followed where that is wanted');
like(get('/round', "X-Numbers: $redirects=3"), qr/^result 10 /,
	'... so often');
like(get('/to-ftp', "X-Numbers: $redirects=3"), qr/^result 9 /,
	'... to HTTP only');

# ---- what goes wrong --------------------------------------------------------

my $closed = Portico::Server::free_port();
like(get("http://127.0.0.1:$closed/"), qr/^result 4 status 0 .*\n.+\n0 $/,
	'nobody listens');
like(get('http://no-such-name.invalid/'), qr/^result 3 status 0 .*\n.+\n0 $/,
	'a name without an address');
like(get('/short'), qr/^result 7 .*\n.+\n0 $/, 'the peer hangs up too early');
like(get('/garbage'), qr/^result 9 /, 'no HTTP');
like(get('/fold'), qr/^result 9 .*several lines/s, 'a folded field');
like(get('/control'), qr/^result 9 .*control bytes/s, 'control bytes');
like(get('/many'), qr/^result 8 .*too many fields/s, 'too many fields');
like(get('/bytes/1000', "X-Numbers: $body_max=1000"), qr/^result 0 .*\n\n1000 x/,
	'a body as large as allowed');
like(get('/bytes/1001', "X-Numbers: $body_max=1000"),
	qr/^result 8 .*above the limit\n0 $/s, '... one byte more');
like(get('/hang', "X-Numbers: $total=" . 200 * $ms), qr/^result 6 .*\n.+\n0 $/,
	'the time is over');
ok($upstream->await_line(qr{^gone /hang$}), '... and the connection closed');
like(get('/hang/idle', "X-Numbers: $idle=" . 500 * $ms), qr/^result 6 /,
	'nothing moves for too long');
like(get('https://127.0.0.1:' . $upstream->port . '/hello'), qr/^result 5 /,
	'TLS with somebody who does not speak it');
like(get('/hang/cancel', 'X-Handler: cancel'),
	qr/^result 2 status 0 .*\nit was cancelled\n0 $/, 'a cancelled call');
ok($upstream->await_line(qr{^gone /hang/cancel$}), '... is closed');
is(get('/hang/free', 'X-Handler: free'), "refused 0\n", 'a freed call');
is(get('/hello', 'X-Handler: mistakes'), <<'END', 'misuse is refused');
made -2 -2 -2 -2 -2 -2
not started -15 -15 -15 -15
set 0 -2 -2 -2
start -2
END

# The loop goes on meanwhile.
my $slow = $server->connect;
$slow->send("GET / HTTP/1.1\r\nHost: a\r\nX-Url: "
	. $upstream->url('/hang/waits') . "\r\n\r\n");
ok($upstream->await_line(qr{^GET /hang/waits$}), 'a call waits');
like(get('/hello'), qr/^result 0/, '... and others do not');
$slow->close;
ok($upstream->await_line(qr{^gone /hang/waits$}),
	'a client that leaves ends the call of its request');

# ---- streams ------------------------------------------------------------------

my $big = join '', map { chr(65 + $_ % 26) x 1000 } 1 .. 1500;
my $response = $http->request('PUT', '/', body => $big, fields => [
	'X-Url: ' . $upstream->url('/echo'), 'X-Method: PUT',
	'X-Handler: proxy']);
is($response->{status}, 200, 'an upload is answered');
ok($response->{body} eq $big, '... with what was sent');
my $chunked = join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
	('abc', 'd' x 70000);
$http->send("PUT / HTTP/1.1\r\nHost: a\r\nX-Method: PUT\r\n"
	. "X-Handler: proxy\r\nTransfer-Encoding: chunked\r\n"
	. 'X-Url: ' . $upstream->url('/echo') . "\r\n\r\n${chunked}0\r\n\r\n");
ok($http->read_response->{body} eq 'abc' . 'd' x 70000,
	'... of unknown length, too');
$response = $http->request('GET', '/', fields => ['X-Handler: proxy',
	"X-Url: http://127.0.0.1:$closed/"]);
is($response->{status}, 502, 'a proxy says when nobody is there');

# Who reads nothing holds back the server behind: what is in flight is bounded
# by buffers, whatever the body's size.
my $flood = 200 << 20;
my $reader = Portico::Http->connect($server->port, receive_buffer => 8192);
$reader->send("GET / HTTP/1.1\r\nHost: a\r\nX-Handler: proxy\r\nX-Url: "
	. $upstream->url("/flood/$flood") . "\r\n\r\n");
ok($upstream->await_line(qr{^flood }), 'a large answer begins');
my $last = -1;
ok(await_condition(seconds(20), sub {
	my ($now) = map { /^flood (\d+)/ ? $1 : () } reverse $upstream->lines;
	my $still = $now == $last;
	$last = $now;
	select undef, undef, undef, 0.5 unless $still;
	return $still;
}), '... and stops when nobody reads');
cmp_ok($last, '<', $flood / 2, '... well before its end');
$reader->close;

# ---- where and to whom ------------------------------------------------------

my $directory = File::Temp->newdir('portico-client-XXXXXXXX', TMPDIR => 1);
chmod 0755, "$directory";
my $local = Portico::Upstream->new(\&answer, unix => "$directory/socket");
like(get('http://anything/hello', "X-Texts: 3=$directory/socket"),
	qr/^result 0 status 200/, 'a Unix socket');
$local->stop;

SKIP: {
	my $openssl = '/usr/bin/openssl';
	skip 'no openssl', 5 unless -x $openssl;
	system("$openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
		. "-subj /CN=localhost -addext subjectAltName=DNS:localhost "
		. "-keyout $directory/key.pem -out $directory/cert.pem "
		. '2>/dev/null') == 0 or die 'openssl failed';
	chmod 0644, "$directory/key.pem";
	open my $file, '>', "$directory/page" or die $!;
	print $file "HTTP/1.0 200 OK\r\nX-Reply: tls\r\n\r\nsecret";
	close $file;
	my $port = Portico::Server::free_port();
	my $pid = fork // die $!;
	if ($pid == 0) {
		chdir "$directory";
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', '/dev/null';
		exec {$openssl} $openssl, 's_server', '-accept', $port, '-cert',
			'cert.pem', '-key', 'key.pem', '-HTTP', '-verify', 1,
			'-verify_return_error', '-CAfile', 'cert.pem'
			or die;
	}
	await_condition(seconds(10), sub {
		IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") });
	my $page = "https://localhost:$port/page";
	like(get($page), qr/^result 5 status 0/,
		'a certificate that nobody vouches for');
	like(get($page, "X-Texts: 0=$directory/cert.pem"),
		qr/^result 0 status 200 reply tls .*\n\n6 secret$/,
		'... that a file vouches for');
	like(get("https://127.0.0.1:$port/page",
		"X-Texts: 0=$directory/cert.pem"), qr/^result 5 /,
		'... for another name');
	like(get($page, "X-Numbers: $verify=0"), qr/^result 0 status 200/,
		'... that nobody asks for');
	like(get($page, "X-Texts: 0=$directory/cert.pem "
		. "1=$directory/cert.pem 2=$directory/key.pem"),
		qr/^result 0 status 200/, 'a certificate of our own');
	kill 'TERM', $pid;
	waitpid $pid, 0;
}

# ---- calls that outlive -------------------------------------------------------

is(get('/late', 'X-Handler: background'), "refused 0\n",
	'a call of nobody has begun');
my $position = $server->log_position;
my ($old) = $server->pids_of('worker');
$server->command('pool', 'recycle', 'main');
ok($server->await_log(qr/\[$old\].*background call: result 0 status 200 reply late/,
	10, $position), 'a worker that drains finishes it');
$http = $server->connect;
is(get('/hang/for-ever', 'X-Handler: background', "X-Numbers: $total=0"),
	"refused 0\n", 'one without an end');
ok($upstream->await_line(qr{^GET /hang/for-ever$}), '... runs');
$position = $server->log_position;
$server->command('pool', 'recycle', 'main');
ok($server->await_log(qr/background call: result 2/, 10, $position),
	'... is cancelled when the worker ends, and its module told');

$server->stop;
$upstream->stop;
done_testing();
