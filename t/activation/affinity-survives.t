# SPDX-License-Identifier: Apache-2.0
#
# Sessions: a client stays with its worker by its cookie when the listener is
# replaced or porticod is killed, since a worker keeps its name; and where the
# workers of a pool share what they know of a session, it survives that they are
# recycled.  So do workers that load has asked for.

use strict;
use warnings;
use Portico::Family qw(kill_porticod);
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;

my $server = Portico::Server->new(
	pools => { shop => { workers => 3, startMode => 'AlwaysRunning',
		affinity => 'cookie' } },
	applications => { '/' => { pool => 'shop', modules => ['shared', 'probe'],
		handlers => [
			{ path => '/shared/counter', module => 'shared',
				handler => 'counter' },
			{ path => '*', module => 'probe' } ] } },
	allow => [qr/listener .*killed by signal 9/],
)->start;

# Who answers, and its cookie if one came.
sub ask
{
	my ($target, $cookie) = @_;
	my $response = $server->connect->request('GET', $target,
		$cookie ? (fields => ["Cookie: $cookie"]) : ());
	my ($set) = map { $_->[1] =~ /^(PorticoAffinity=[0-9a-f]{32});/ }
		grep { lc $_->[0] eq 'set-cookie' } @{ $response->{fields} };

	return ($response->{body}, $set);
}

sub worker_of
{
	my ($body) = ask('/count', $_[0]);
	return $body =~ /"pid":(\d+)/ ? $1 : 0;
}

sub running
{
	my $pool = $server->command_json('pool', 'show', 'shop')->{pool} // {};
	return grep { $_->{state} eq 'running' } @{ $pool->{workers} // [] };
}

ok(await_condition(seconds(10), sub { 3 == running() }), 'three workers');

# Of each worker one client.
my %cookies;
ok(await_condition(seconds(10), sub {
	my (undef, $cookie) = ask('/sleep?ms=5');
	$cookies{ worker_of($cookie) } //= $cookie;
	my @held = map { my $client = $server->connect;
		$client->send("GET /sleep?ms=20 HTTP/1.1\r\nHost: a\r\n\r\n");
		$client } 1 .. int rand 4;
	return 3 == keys %cookies;
}), 'each has a client');

sub stays
{
	my ($name) = @_;
	is_deeply([ map { worker_of($cookies{$_}) } sort keys %cookies ],
		[ sort keys %cookies ], $name);
}
stays('each client has its worker');

is(($server->command(qw(upgrade listener --wait)))[0], 0, 'another listener');
stays('... to which workers have the same names');

kill_porticod($server);
stays('porticod is killed: they stay');
$server->launch;
ok($server->await_ready, 'another porticod') or $server->show_log;
ok(await_condition(seconds(10), sub { 3 == running() }),
	'has the same three');
is(($server->command(qw(upgrade listener --wait)))[0], 0, 'another listener');
stays('... learns their names from it');

is(($server->command(qw(upgrade manager)))[0], 0, 'porticod is replaced');
my $listener = $server->pid_of('listener');
kill 'KILL', $listener;
ok(await_exit($listener, seconds(10)), 'the listener is killed');
ok(await_condition(seconds(10), sub {
	($server->pid_of('listener') // $listener) != $listener
		&& eval { $server->get('/count')->{status} // 0 } == 200
}), 'another one serves');
ok(await_condition(seconds(10), sub { 3 == running() }), 'with all workers');
stays('... and knows their names, too');

# The session itself: a counter by the client's name.
my ($first) = values %cookies;
my $session = '/shared/counter?name=basket&op=add&by=1';
like((ask($session, $first))[0], qr/ 0 1$/, 'a basket has one thing');
like((ask($session, $first))[0], qr/ 0 2$/, '... two');
my @old = map { $_->{pid} } running();
is(($server->command(qw(pool recycle shop)))[0], 0, 'recycling');
ok(await_condition(seconds(20), sub {
	my %now = map { $_->{pid} => 1 } running();
	return 3 == keys %now && !grep { $now{$_} } @old;
}), 'all workers are others');
my ($body, $cookie) = ask($session, $first);
like($body, qr/ 0 3$/, 'the basket is there');
isnt($cookie // '', '', 'its client has another worker');
like((ask($session, $cookie))[0], qr/ 0 4$/, '... with the same basket');
$server->stop;
done_testing;
