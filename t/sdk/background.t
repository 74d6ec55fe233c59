# SPDX-License-Identifier: Apache-2.0
#
# Timers and blocking work without a request: t/sdk/modules/background.c in a
# whole server.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $server = Portico::Server->new(
	pools => { main => { threads => 1 } },
	applications => { '/' => {
		modules => ['background'],
		handlers => [{ path => '*', module => 'background' }],
	} },
)->start;

my $wanted = "ticks 1 own 2 once 1 worked 1 done 1 threads 1 here 0 -15\n";
my $last;
await_condition(seconds(10), sub {
	$last = $server->get('/')->{body};
	return $last eq $wanted;
});
is($last, $wanted, 'timers repeat and stop; work runs elsewhere, its end here');
# Several of the late timer's works are under way now, and one is not begun.
select undef, undef, undef, 0.3;
$server->command('pool', 'recycle', 'main');
ok($server->await_log(qr/fini after ticks/), 'all of it ends before worker_fini');
$server->stop;
done_testing();
