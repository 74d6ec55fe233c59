# SPDX-License-Identifier: Apache-2.0
#
# Why a request was aborted, as the module that waits is told: the client left
# or is too slow, one of the deadlines passed, its body was none, the worker is
# replaced, the pool stopped, the listener gone; of a child its parent's reason,
# or that this has closed it.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Test::More;

my %number = (CLIENT => 1, EXECUTION => 2, IDLE => 3, SLOW => 4, BODY => 5,
	OPERATOR => 6, SHUTDOWN => 7, LISTENER => 8, PARENT => 9);
my %pools = (
	patient => { shutdownTimeLimit => '300ms' },
	execution => { executionTimeout => '500ms' },
	idle => { responseIdleTimeout => '500ms' },
	stopped => { shutdownTimeLimit => '300ms' },
);
my $port = Portico::Server::free_port();
my $all = [{ path => '*', module => 'abort-reason' }];
my $server = Portico::Server->new(
	bindings => ["http://*:$port"],
	listener => { threads => 1 },
	pools => \%pools,
	allow => [qr/./],
	applications => { '/' => { pool => 'patient',
			modules => ['abort-reason'], handlers => $all },
		map { ("/$_" => { pool => $_, modules => ['abort-reason'],
			handlers => $all }) } keys %pools },
	sites => { hasty => { bindings => ["http://hasty.example:$port"],
		limits => { entityBodyTimeout => '500ms',
			minSendRateWindow => '1s' },
		applications => { '/' => { pool => 'patient',
			modules => ['abort-reason'], handlers => $all } } } },
)->start;

sub begin
{
	my ($target) = @_;
	my $http = Portico::Http->connect($port);

	$http->send("GET $target HTTP/1.1\r\nHost: x\r\n\r\n");
	return $http;
}

sub told
{
	my ($target, $reason, $name) = @_;

	ok($server->await_log(qr/told \Q$target\E: $number{$reason}\b/), $name)
		or diag($server->log =~ /(.*told \Q$target\E.*)/);
}

# All of them wait side by side.
my %clients = map { $_ => begin($_) } qw(/patient/leaves/begun
	/patient/resets/begun /execution/page /idle/begun /patient/stays/begun);
my $body = Portico::Http->connect($port);
$body->send("POST /patient/body HTTP/1.1\r\nHost: x\r\n"
	. "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
is($clients{"/patient/$_/begun"}->read_response(head_only => 1)->{status}, 200,
	"$_: it has begun") for qw(leaves resets stays);
$clients{'/patient/leaves/begun'}->close;
$clients{'/patient/resets/begun'}->reset;
told('/patient/leaves/begun', 'CLIENT', 'the client has left');
told('/patient/resets/begun', 'CLIENT', 'the client has reset');
$body->send("nonsense\r\n");
told('/patient/body', 'BODY', 'the body is none');
my $slow = Portico::Http->connect($port);
$slow->send("POST /slow HTTP/1.1\r\nHost: hasty.example\r\n"
	. "Content-Length: 9\r\n\r\nabc");
told('/slow', 'SLOW', 'a body that does not come');
is($slow->read_response->{status}, 408, '... whose sender is told, too');
my $reader = Portico::Http->connect($port, receive_buffer => 4096);
$reader->send("GET /reads-slowly/much HTTP/1.1\r\nHost: hasty.example\r\n\r\n");
told('/reads-slowly/much', 'SLOW', 'a client that does not read');
told('/execution/page', 'EXECUTION', 'executionTimeout');
told('/idle/begun', 'IDLE', 'responseIdleTimeout');

# Its worker is to end, and does not wait for longer than shutdownTimeLimit.
unlike($server->log, qr{told /patient/stays}, 'one still waits');
$server->command('pool', 'recycle', 'patient');
told('/patient/stays/begun', 'SHUTDOWN', 'shutdownTimeLimit');

# ---- children -----------------------------------------------------------------

is(Portico::Http->connect($port)
	->request('GET', '/patient/closes')->{status}, 204, 'a child is closed');
told('/patient/child', 'PARENT', '... and told so');
my $parent = begin('/patient/parent');
ok($server->await_log(qr/both wait/), 'parent and child wait');
$parent->reset;
told('/patient/parent', 'CLIENT', 'the client of a parent has left');
told('/patient/child-of-parent', 'CLIENT', '... of its child, too');

# ---- those who serve ----------------------------------------------------------

$clients{stopped} = begin('/stopped/begun');
is($clients{stopped}->read_response(head_only => 1)->{status}, 200,
	'one begins in a pool');
my ($status) = $server->command('pool', 'stop', 'stopped');
is($status, 0, '... that is stopped');
told('/stopped/begun', 'OPERATOR', '... and does not wait for it');
$clients{orphan} = begin('/patient/orphan/begun');
is($clients{orphan}->read_response(head_only => 1)->{status}, 200,
	'one begins');
kill 'KILL', $server->pid_of('listener');
ok($server->await_log(qr{told /patient/orphan/begun: (?:$number{LISTENER})\b}),
	'... and its listener dies');
is(scalar(() = $server->log =~ /told \//g), 13, 'each was told once');
$server->stop;
done_testing();
