# SPDX-License-Identifier: Apache-2.0
#
# The workers of a pool share its requests: each goes to the one that has the
# fewest.  Only a recycle makes some newer than others, and only while it lasts
# or after it was done.

use strict;
use warnings;
use Portico::Server;
use Portico::Stops;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $stops = Portico::Stops->new;
my $server = Portico::Server->new(
	worker => 't/worker/stopping-worker',
	listener => { threads => 1 },
	pools => { main => { workers => 2, threads => 1,
		environment => $stops->environment } },
	allow => [qr{worker|recycled}],
)->start;

# Requests that each worker has now, by the listener's figures; the worker's
# pid is the key.
sub active
{
	my $answer = $server->command_json('worker', 'list') or return {};

	return { map {
		my $worker = $_;
		my $sum = 0;
		$sum += $_->{active} for @{ $worker->{channels} };
		($worker->{pid} => $sum);
	} grep {
		$_->{attached} == $_->{count} && !$_->{draining}
	} @{ $answer->{counters}{workers} // [] } };
}

sub hold
{
	my ($number) = @_;
	my $client = $server->connect;

	$client->send("GET /hold?$number HTTP/1.1\r\nHost: localhost\r\n\r\n");
	await_condition(seconds(5), sub {
		($server->counters('main')->{active} // 0) == $number });
	return $client;
}

sub shares { return [sort { $a <=> $b } values %{ active() }] }

is($server->get('/count')->{status}, 200, 'the pool is started');
ok(await_condition(seconds(10), sub { @{ shares() } == 2 }),
	'with two workers');
my @held = map { hold($_) } 1 .. 10;
is_deeply(shares(), [5, 5], 'ten requests: five for each');

# One of them starts again: it is no better than the other.
sub replace_one
{
	my ($killed) = sort { $a <=> $b } keys %{ active() };

	$server->signal('KILL', $killed);
	ok(await_condition(seconds(10), sub {
		@{ shares() } == 2 && !exists active()->{$killed};
	}), 'a new worker comes for one that was killed');
	$_->reset for @held;
	ok(await_condition(seconds(5), sub { "@{ shares() }" eq '0 0' }),
		'nobody waits any more');
	@held = map { hold($_) } 1 .. 10;
	is_deeply(shares(), [5, 5], 'it gets half again');
}

sub main_pool { return $server->command_json('pool', 'show', 'main')->{pool} }

replace_one();

# A recycle that failed has made nothing newer, either.
$stops->arm('configure', 'exit');
is(($server->command('pool', 'recycle', 'main'))[0], 0, 'it is recycled');
ok(await_condition(seconds(10), sub { main_pool()->{degraded} =~ /status 9/ }),
	'which fails');
replace_one();
$_->reset for @held;
$server->stop;
done_testing;
