# SPDX-License-Identifier: Apache-2.0
#
# The request queue of a pool: what a worker has no room for waits in order,
# what the queue has no room for gets 503 QueueFull at once, and a client that
# leaves the queue is never served.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition await_readable seconds);
use Test::More;
use Time::HiRes qw(time);

my $server = Portico::Server->new(
	pools => { main => { queueLength => 10, maxConcurrentRequests => 2,
		threads => 1 } },
	allow => [qr/QueueFull|queue/i],
)->start;

sub pool { return $server->counters('main') }

sub ask
{
	my ($target) = @_;
	my $client = $server->connect;
	$client->send("GET $target HTTP/1.1\r\nHost: localhost\r\n\r\n");
	return $client;
}

is($server->get('/count')->{status}, 200, 'the worker runs');

# Two run, ten wait.
my @running = map { ask("/hold?$_") } 1 .. 2;
ok(await_condition(seconds(5), sub { (pool()->{active} // 0) == 2 }),
	'two requests are with the worker');
my @waiting = map {
	my $number = $_;
	my $client = ask("/fields?n=$number");
	await_condition(seconds(5),
		sub { (pool()->{queued} // 0) == $number });
	$client;
} 1 .. 10;
is(pool()->{queued}, 10, 'ten more wait in the queue');
is(pool()->{queueLength}, 10, 'which is full now');

my $start = time;
my $client = ask('/fields?n=11');
my $refused = $client->read_response;
is($refused->{status}, 503, 'the next one gets 503');
ok(time - $start < seconds(1), 'at once');
like($refused->{header}{'retry-after'} // '', qr/^\d+$/, 'with Retry-After');
like($server->await_error_log(qr/QueueFull/) // '',
	qr{ GET /fields\?n=11 - 503 \S+ QueueFull main\b},
	'and a line in the error log that names the pool');
is($client->request('GET', '/fields?n=12')->{status}, 503,
	'the connection goes on');
ok(pool()->{rejected} >= 2, 'the pool counts what it rejected');

# One that waits leaves: its place is free, its request never runs.
is(scalar(grep { $_->{state} eq 'queued' } $server->requests), 10,
	'waiting requests are listed');
$waiting[4]->reset;
splice @waiting, 4, 1;

# Both that run leave: the rest is served in order.
$_->reset for @running;
my @order;
for my $client (@waiting) {
	my $response = $client->read_response;
	push @order, $response && $response->{status};
}
is_deeply(\@order, [(200) x 9], 'all others are answered');
ok(await_condition(seconds(5), sub {
	my $pool = pool();
	($pool->{queued} // 1) == 0 && ($pool->{active} // 1) == 0;
}), 'queue and worker are empty again');
my $count = $server->get_json('/count');
is($count->{requests}, 2 + 2 + 9,
	'the request of the client that left the queue never ran');

$server->stop;
done_testing;
