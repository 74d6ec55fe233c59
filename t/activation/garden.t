# SPDX-License-Identifier: Apache-2.0
#
# A web garden that grows: one worker at first, others one by one as load asks
# for them, up to the number; and one again after the pool was idle.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $server = Portico::Server->new(
	pools => { main => { workers => 3, startWorkers => 1,
		startAnotherAt => 4, pingInterval => '100ms',
		idleTimeout => '500ms' },
		all => { workers => 3 },
		full => { workers => 2, startWorkers => 1,
			maxConcurrentRequests => 2 } },
	applications => {
		map { ("/$_" => { pool => $_, modules => ['probe'],
			handlers => [ { path => '*', module => 'probe' } ] }) }
		qw(main all full) },
)->start;

sub show { return $server->command_json('pool', 'show', $_[0] // 'main')->{pool} }
sub running { return scalar grep { $_->{state} eq 'running' } @{ show(@_)->{workers} } }

my @held;
sub hold
{
	my ($count) = @_;

	while (@held < $count) {
		my $client = $server->connect;
		$client->send("GET /main/hold HTTP/1.1\r\nHost: a\r\n\r\n");
		push @held, $client;
		await_condition(seconds(5), sub {
			($server->counters('main')->{active} // 0) == @held });
	}
}

is($server->get('/all/count')->{status}, 200, 'without startWorkers');
ok(await_condition(seconds(10), sub { running('all') == 3 }), 'all start');

is($server->get('/main/count')->{status}, 200, 'with it');
hold(3);
is(show()->{starts}, 1, 'one starts, and is enough for three requests');
# A wish may come too soon after another: the next request has it again.
for my $number (2, 3) {
	hold(4 * ($number - 1));
	ok(await_condition(seconds(10), sub {
		$server->get('/main/count');
		return running() == $number;
	}), "for each four there is another: $number");
}
hold(20);
$server->get('/main/count') for 1 .. 20;
is(show()->{starts}, 3, 'there are no more than three');
like($server->log, qr/pool "main" has much to do: worker 3 of 3 is started/,
	'it is said');

$_->reset for @held;
@held = ();
ok($server->await_log(qr/"main" is idle for 500ms/, 10), 'it is idle');
ok(await_condition(seconds(10), sub { !@{ show()->{workers} } }),
	'... and has none any more');
is($server->get('/main/count')->{status}, 200, 'the next request');
is(show()->{starts}, 4, '... starts one');
is(running(), 1, '... alone');

subtest 'no room in the one that is there' => sub {
	is($server->get('/full/count')->{status}, 200, 'one serves');
	my @clients = map { $server->connect } 1 .. 3;
	$_->send("GET /full/sleep?ms=700 HTTP/1.1\r\nHost: a\r\n\r\n")
		for @clients;
	is($_->read_response->{status}, 200, 'all are answered') for @clients;
	is(show('full')->{starts}, 2, '... by two');
};

$server->stop;
done_testing;
