# SPDX-License-Identifier: Apache-2.0
#
# Why a request was aborted, as the module that waits is told: the client left,
# one of the deadlines passed, its body was none, or the pool is stopped.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Test::More;

my %number = (CLIENT => 1, EXECUTION => 2, IDLE => 3, SLOW => 4, BODY => 5,
	SHUTDOWN => 7);
my %pools = (
	patient => { shutdownTimeLimit => '300ms' },
	execution => { executionTimeout => '500ms' },
	idle => { responseIdleTimeout => '500ms' },
);
my $server = Portico::Server->new(
	listener => { threads => 1 },
	pools => \%pools,
	allow => [qr/./],
	applications => { '/' => { pool => 'patient',
			modules => ['abort-reason'], handlers =>
			[{ path => '*', module => 'abort-reason' }] },
		map { ("/$_" => { pool => $_, modules => ['abort-reason'],
			handlers => [{ path => '*', module => 'abort-reason' }]
		}) } keys %pools },
)->start;

sub begin
{
	my ($target) = @_;
	my $http = Portico::Http->connect($server->port);

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
my $body = Portico::Http->connect($server->port);
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
told('/execution/page', 'EXECUTION', 'executionTimeout');
told('/idle/begun', 'IDLE', 'responseIdleTimeout');

# Its worker is to end, and does not wait for longer than shutdownTimeLimit.
unlike($server->log, qr{told /patient/stays}, 'one still waits');
$server->command('pool', 'recycle', 'patient');
told('/patient/stays/begun', 'SHUTDOWN', 'shutdownTimeLimit');
is(scalar(() = $server->log =~ /told \//g), 6, 'each was told once');
$server->stop;
done_testing();
