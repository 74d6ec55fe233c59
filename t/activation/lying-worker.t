# SPDX-License-Identifier: Apache-2.0
#
# A worker that was taken over says to porticod what it likes, on its control
# socket and in its log: it cannot hide what is said about it or others.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

# More than porticod keeps events.
use constant TIMES => 10000;

my @confined = (modules => ['confined'],
	handlers => [ { path => '*', module => 'confined' } ]);
my $server = Portico::Server->new(
	pools => { main => {}, other => {} },
	applications => { '/' => {@confined},
		'/other' => { @confined, pool => 'other' } },
	allow => [qr/lies|SIGKILL|forged/],
)->start;

sub events
{
	my ($status, $output) = $server->command('--json', 'events');
	return split /\n/, $output;
}

sub is_kept
{
	my ($what) = @_;
	my @events = events();

	ok((grep { /"number":5214/ } @events),
		"what porticod has said before is still there, $what");
	cmp_ok(scalar(grep { /it lies/ } @events), '<', 10,
		'... and what it says once is there once or twice');
}

for my $what (qw(unhealthy failed)) {
	my $pid = $server->get_json('/self')->{pid};

	eval { $server->get("/tell?what=$what&times=" . TIMES) };
	ok(await_condition(seconds(20), sub {
		my $now = eval { $server->get_json('/self')->{pid} };
		$now && $now != $pid }), "a worker that has $what is replaced");
	is_kept("after $what " . TIMES . ' times');
}

$server->stop;
done_testing;
