# SPDX-License-Identifier: Apache-2.0
#
# porticod is killed with SIGKILL, and the next one does not understand what it
# has left behind: a state of another version, or one with something in it that
# cannot be.  It says so, ends the children, and all starts anew: at once, on
# the same ports, and nothing is left of the old ones.

use strict;
use warnings;
use Portico::Family qw(family await_workers kill_porticod);
use Portico::Server;
use Portico::Wait qw(await_condition process_is_alive seconds);
use Test::More;

# porticod as another version of it would be.
my $other = Portico::Server::test_program('t/activation/other-state');
my @wrapper = ('/bin/sh', '-c', 'shift; exec "$0" "$@"', $other);

sub try_state
{
	my ($what, $state, $why) = @_;
	my $server = Portico::Server->new(
		applications => { '/' => { modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] } },
		pools => { main => { workers => 2, startWorkers => 2,
			startMode => 'AlwaysRunning' } },
		wrapper => [@wrapper],
		environment => { PORTICO_TEST_STATE => $state },
		allow => [qr/P5262/])->start;

	is($server->get('/count')->{status}, 200, 'a worker');
	my $before = await_workers($server, 2);
	kill_porticod($server);
	is($server->get('/count')->{status}, 200, 'it serves without porticod');
	$server->{wrapper} = [];
	delete $server->{environment};
	my $mark = $server->log_position;
	$server->launch;
	ok($server->await_ready, 'another porticod gets ready')
		or $server->show_log;
	like($server->await_log(qr/P5262/, seconds(5), $mark) // '',
		qr/cannot be taken over, its listener and workers are ended:.*$why/,
		'it says what it does not understand');
	# No socket of before takes any of them.
	my @failed = grep { $_ != 200 }
		map { ($server->get('/count') // { status => 0 })->{status} }
		1 .. 40;
	is(scalar @failed, 0, 'all requests are answered')
		or diag "@failed";
	my @left = grep { process_is_alive($_) } $before->{listener},
		@{ $before->{workers} };
	is(scalar @left, 0, 'the old listener and workers are gone');
	ok(await_condition(seconds(10),
		sub { !process_is_alive($before->{keeper}) }),
		'and the old keeper');
	my $now = family($server);
	is($now->{takeOvers}, 0, 'nothing was taken over');
	isnt($now->{listener}, $before->{listener}, 'another listener');

	# The new state is understood again.
	kill_porticod($server);
	$server->launch;
	ok($server->await_ready, 'the next porticod');
	my $next = family($server);
	is($next->{takeOvers}, 1, 'takes over');
	is($next->{listener}, $now->{listener}, 'the same listener');
	$server->stop;
	return;
}

subtest $_->[0] => sub { try_state(@$_) } for (
	['a later version', 'manager version 99',
		qr/version 99, and only version \d+ is known/],
	['none', 'manager version 0', qr/version 0, and only/],
	['a worker in no state', 'worker/ state 99', qr/a worker/],
	['a pool in no state', 'pool/ state 99', qr/a pool/],
);
done_testing;
