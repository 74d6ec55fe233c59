# SPDX-License-Identifier: Apache-2.0
#
# A listener out of descriptors: accepting pauses and goes on by itself,
# nothing spins, what is open is served, what is kept suffices for a worker,
# and the reason can be seen.

use strict;
use warnings;
use Portico::Limits qw(get_limit set_limit starve_descriptors cpu_seconds);
use Portico::Server;
use Portico::Wait qw(await_condition await_readable seconds);
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'no prlimit(2) here' unless get_limit($$, 'NOFILE');

my @probe = (modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ]);
my @pools = qw(main late starved refused);
my $server = Portico::Server->new(
	listener => { threads => 2 },
	pools => { map { $_ => { activationTimeout => '1s',
		rapidFailProtectionMaxCrashes => 2 } } @pools },
	applications => { '/' => { @probe },
		map { ("/$_" => { pool => $_, @probe }) } @pools[1 .. 3] },
	allow => [qr/\[P(?:1001|2002|203[012]|5230|5231)\]/],
)->start;
my $listener = $server->pid_of('listener');
is($server->get('/count')->{status}, 200, 'it serves');

sub accepting { return $server->command_json('status')->{counters}{accepting} }

sub count_log
{
	my ($pattern) = @_;
	return scalar(() = $server->log =~ /$pattern/g);
}

# Neither loop nor main thread works while there is nothing to do.
sub is_idle
{
	my ($pid, $name) = @_;
	my $before = cpu_seconds($pid);
	my $start = time;
	select undef, undef, undef, 1;
	my $used = cpu_seconds($pid) - $before;
	cmp_ok($used, '<', 0.1, sprintf '%s is idle: %.2f s CPU in %.1f s',
		$name, $used, time - $start);
}

subtest 'more clients than descriptors' => sub {
	my $before = starve_descriptors($listener, 40);
	my $limit = (get_limit($listener, 'NOFILE'))[0];
	is(accepting()->{descriptors}, $limit, 'the limit is seen');
	my @clients = map { $server->connect } 1 .. 60;
	$_->send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n") for @clients;
	ok($server->await_log(qr/accepting pauses.*LimitNOFILE.*\[P2002\]/, 5),
		'accepting pauses, the log says why and what helps');
	my $now = accepting();
	is($now->{state}, 'paused', 'status says so');
	like($now->{reason}, qr/no descriptors \(limit $limit/,
		'and gives the reason');
	my (undef, $text) = $server->command('status');
	like($text, qr/^accepting +paused on \d of 2 sockets: no descriptors/m,
		'in words, too');
	(undef, $text) = $server->command('listener', 'show');
	like($text, qr/^accepting +paused on/m, 'as does listener show');

	my (@served, @waiting);
	for my $client (@clients) {
		if (await_readable(0, $client->socket)) {
			push @served, $client;
		} else {
			push @waiting, $client;
		}
	}
	cmp_ok(scalar @served, '>', 0, scalar(@served) . ' are served');
	cmp_ok(scalar @waiting, '>', 0, scalar(@waiting) . ' wait');
	my $bad = grep { $_->read_response->{status} != 200 } @served;
	is($bad, 0, 'all that were accepted are answered');
	is_idle($listener, 'the listener that pauses');

	my $response = $served[0]->request('GET', '/late/count');
	is($response->{status}, 200,
		'a worker can be taken on with what is kept');
	is($served[0]->request('GET', '/count')->{status}, 200,
		'an open connection goes on');

	# Some leave, one is let in: at once, not at the next tick.  Each of the
	# two sockets may have accepted one more than it should.
	$_->close for splice @served, 0, 3;
	ok((await_readable(seconds(5), map { $_->socket } @waiting))[0],
		'when some leave another is accepted');
	while (@served || @waiting) {
		$_->close for splice @served, 0, 5;
		my @ready = await_readable(seconds(5),
			map { $_->socket } @waiting) or last;
		my %ready = map { fileno($_) => 1 } @ready;
		my @next = grep { $ready{ fileno $_->socket } } @waiting;
		@waiting = grep { !$ready{ fileno $_->socket } } @waiting;
		$bad += grep { $_->read_response->{status} != 200 } @next;
		push @served, @next;
		last unless @waiting;
	}
	is(scalar @waiting, 0, 'in the end all were accepted');
	is($bad, 0, 'and answered');
	$_->close for @served;
	ok($server->await_log(qr/accepting goes on.*\[P2031\]/, 10),
		'the log says that it is over');
	is(accepting()->{state}, 'yes', 'so does status');
	cmp_ok(count_log(qr/\[P2002\]/), '<=', 2, 'it was not said too often');
	set_limit($listener, 'NOFILE', $before);
};

# One descriptor for the link, three for a channel that needs eight.
subtest 'a worker for which there are no channels' => sub {
	my $client = $server->connect;
	is($client->request('GET', '/count')->{status}, 200, 'it is open');
	my $before = starve_descriptors($listener, 4);
	my $start = time;
	my $response = $client->request('GET', '/refused/count');
	my $took = time - $start;
	is($response->{status}, 503, 'its request gets 503');
	cmp_ok($took, '>', 0.9, 'after activationTimeout');
	ok($server->await_error_log(qr/ Timer_AppPool refused\b/),
		'Timer_AppPool in the error log');
	like($server->await_log(qr/\[P5230\]/, 5) // '',
		qr/pool "refused" cannot.*channel.*Too many open files/,
		'the log says why there is none');
	my (undef, $text) = $server->command('pool', 'list');
	like($text, qr/refused is degraded: .*Too many open files/,
		'pool list, too');
	is($client->request('GET', '/count')->{status}, 200,
		'another pool goes on');
	is_idle($listener, 'the listener');
	is_idle($server->pid, 'porticod');
	# It never counts as the pool's failure, of which two disable it.
	ok(await_condition(seconds(10), sub {
		$server->command_json('pool', 'show', 'refused')
			->{pool}{starts} >= 4;
	}), 'it is tried again and again');
	is(count_log(qr/\[P5230\]/), 1, 'but told once');
	set_limit($listener, 'NOFILE', $before);
	ok(await_condition(seconds(10), sub {
		$client->request('GET', '/refused/count')->{status} == 200;
	}), 'with descriptors again it answers');
	ok($server->await_log(qr/pool "refused" has a worker again.*P5231/, 5),
		'the log says so');
	my $pool = $server->command_json('pool', 'show', 'refused')->{pool};
	is($pool->{degraded}, '', 'it is not degraded any more');
	is($pool->{failures}, 0, 'and has not failed');
};

# Not even the link.
subtest 'a listener that can receive no descriptor' => sub {
	my $client = $server->connect;
	is($client->request('GET', '/count')->{status}, 200, 'it is open');
	my $before = starve_descriptors($listener, 0);
	is($client->request('GET', '/starved/count')->{status}, 503,
		'a request for a pool without worker gets 503');
	ok($server->await_log(qr/no descriptors.*\[P1001\]/, 5),
		'the log says why');
	is($client->request('GET', '/count')->{status}, 200,
		'what has a worker goes on');
	is_idle($listener, 'the listener');
	set_limit($listener, 'NOFILE', $before);
	ok(await_condition(seconds(10), sub {
		$client->request('GET', '/starved/count')->{status} == 200;
	}), 'with descriptors again it answers');
	is($server->pid_of('listener'), $listener, 'it is the same listener');
};

subtest 'maxConnections' => sub {
	my $configuration = $server->configuration;
	$configuration->{listener}{maxConnections} = 3;
	$server->write_configuration($configuration);
	is(($server->command('reload'))[0], 0, 'there is a limit of 3');
	my @clients = map { $server->connect } 1 .. 3;
	my $good = grep { $_->request('GET', '/count')->{status} == 200 }
		@clients;
	is($good, 3, 'three are served');
	for my $more (1 .. 20) {
		my $client = $server->connect;
		ok($client->at_end, 'more are closed') if $more == 1;
	}
	ok($server->await_log(qr/maxConnections \(3\).*\[P2030\]/, 5),
		'the log says why');
	my $now = accepting();
	like($now->{reason}, qr/maxConnections \(3\) are open/,
		'status, too');
	is($now->{maxConnections}, 3, 'with the limit');
	my (undef, $text) = $server->command('status');
	like($text, qr/^accepting .*maxConnections \(3\) are open/m,
		'in words, too');
	$_->close for @clients;
	like($server->await_log(qr/\[P2032\]/, 5) // '', qr/20 were closed/,
		'the log says that it is over and how many were closed');
	is(count_log(qr/\[P2030\]/), 1, 'it was said once');
	is($server->get('/count')->{status}, 200, 'a new one is served');
	ok(!exists accepting()->{reason}, 'status is back to normal');
};

$server->stop;
done_testing;
