# SPDX-License-Identifier: Apache-2.0
#
# Pings: modules are told, every loop answers, and a worker that does not is
# replaced with overlap, after which it is ended; what held it up is named.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit process_is_alive seconds
	stop_process);
use Test::More;

my %quick = (pingInterval => '100ms', pingResponseTime => '1s',
	loopBlockLimit => '100ms', shutdownTimeLimit => '1s');
my @probe = (handlers => [ { path => '*', module => 'probe' } ]);
my $stuck;
my $server = Portico::Server->new(
	pools => {
		loop => { %quick, pingResponseTime => '3s', threads => 2 },
		process => { %quick, loopBlockLimit => '0s' },
		main => { %quick },
		left => { %quick, pingingEnabled => JSON::PP::false() },
		alone => { %quick, shutdownTimeLimit => '1h', recycling => {
			disallowOverlappingRotation => JSON::PP::true() } },
	},
	allow => [qr/\[P(?:50(?:09|10|13)|407[0-9]|4040)\]/],
);
$stuck = $server->directory . '/stuck';
$server->{applications} = {
	'/' => { pool => 'loop', @probe },
	'/process' => { pool => 'process', @probe },
	'/main' => { pool => 'main', modules => ['global'],
		global => { stuck => $stuck }, @probe },
	'/alone' => { pool => 'alone', @probe },
	'/left' => { pool => 'left', modules => ['global'], @probe },
};
$server->write_configuration;
$server->start;

sub pid_of { return $server->get_json("$_[0]/count")->{pid} }
sub show { return $server->command_json('pool', 'show', $_[0])->{pool} }

sub replaced
{
	my ($path, $old) = @_;

	return await_condition(seconds(15), sub {
		my $pid = pid_of($path);
		return $pid != $old ? $pid : 0;
	});
}

my ($loop, $process, $main, $left) = map { pid_of($_) }
	'', qw(/process /main /left);
ok($server->await_log(qr/portico-worker\[${main}\].*HEALTH/, 10,
	$server->log_position), 'modules are told again and again');

# One whose main thread does not answer, either, and one that nobody asks.
stop_process($_) for $process, $left;

subtest 'a module that does not return' => sub {
	my $at = $server->log_position;
	my $client = $server->connect;
	$client->send("GET /block?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n");
	my $line = $server->await_log(qr/process $loop\).*P5010/, 15, $at);
	like($line, qr/no answer to a ping for \d\.\d s: module "probe" \(EXECUTE\) has held loop [01] up for \d/,
		'is named with its event');
	like($server->await_log(qr/pool "loop" is replaced/, 15, $at),
		qr/module "probe" \(EXECUTE\) has held/, '... its worker is replaced');
	ok(replaced('', $loop), '... and another answers');
	is($client->read_response->{status}, 503,
		'... the request in it is answered at shutdownTimeLimit');
	ok(await_exit($loop, seconds(15)), '... then it is ended');
	is(show('loop')->{failures}, 1, '... which counts as a failure');
};

subtest 'a worker that does nothing any more' => sub {
	ok(replaced('/process', $process), 'is replaced');
	like($server->await_log(qr/process $process\).*P5010/, 5),
		qr/its main thread does not answer/, '... with the reason');
	ok(await_exit($process, seconds(15)), '... and ended');
};

# Its successor waits for its end.
subtest 'one that no other may overlap' => sub {
	my $old = pid_of('/alone');
	ok(stop_process($old), 'stopped');
	isnt(pid_of('/alone'), $old, 'another answers');
	ok($server->await_log(
		qr/process $old\) terminated unexpectedly.*killed by signal 9.*no answer to a ping/, 5),
		'... when it was killed');
	is(show('alone')->{failures}, 1, '... which counts as a failure');
};

subtest 'a module that does not return from HEALTH' => sub {
	open my $file, '>', $stuck or die $!;
	like($server->await_log(qr/P4075/, 10),
		qr/module "global" has held the main thread up for \d+\.\d s in global event HEALTH/,
		'is named');
	ok($server->await_log(qr/process $main\).*its main thread.*P5010/, 10),
		'... the worker is replaced');
	unlink $stuck or die $!;
	ok(replaced('/main', $main), '... and another answers');
	ok(await_exit($main, seconds(15)), '... the old one ends');
};

subtest 'pingingEnabled: false' => sub {
	unlike($server->log, qr/process $left\).*P5010/,
		'nobody minds that it does not answer');
	unlike($server->log, qr/portico-worker\[${left}\].*HEALTH/,
		'... or asks');
	kill 'CONT', $left;
	is(pid_of('/left'), $left, '... and it is still there');
};

$server->stop;
done_testing;
