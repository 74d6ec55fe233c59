# SPDX-License-Identifier: Apache-2.0
#
# Session affinity in a pool with several workers: by a cookie that names a
# worker and cannot be made up, and by the client's address; and what happens
# to those whose worker is replaced.

use strict;
use warnings;
use IO::Socket::INET;
use Portico::Http2;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;

my @probe = (modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ]);
my %workers = (workers => 3);
my $server = Portico::Server->new(
	pools => {
		shop => { %workers, affinity => 'cookie' },
		bank => { %workers, affinity => 'cookie' },
		near => { %workers, affinity => 'clientAddress' },
		plain => {%workers},
	},
	applications => { map { ("/$_" => { pool => $_, @probe }) }
		qw(shop bank near plain) },
)->start;

# Who answers, and the cookie that came.
sub ask
{
	my ($path, $cookie) = @_;
	my $client = $server->connect;
	my $response = $client->request('GET', $path,
		$cookie ? (fields => ["Cookie: $cookie"]) : ());
	my ($pid) = $response->{body} =~ /"pid":(\d+)/;
	my ($set) = map { $_->[1] } grep { lc $_->[0] eq 'set-cookie' }
		@{ $response->{fields} };

	return ($pid, $set);
}

sub value_of { return $_[0] =~ /^(PorticoAffinity=[0-9a-f]{32});/ ? $1 : '' }

# All of its workers serve.
sub await_workers
{
	my ($pool) = @_;
	return await_condition(seconds(10), sub {
		my $now = $server->command_json('pool', 'show', $pool)->{pool};
		3 == grep { $_->{state} eq 'running' } @{ $now->{workers} };
	});
}

for my $pool (qw(shop bank near plain)) {
	ask("/$pool/count");
	await_workers($pool);
}

# Requests that stay, so that the least busy worker is another each time.
my @held;
sub hold
{
	my ($path, $cookie) = @_;
	my $client = $server->connect;

	$client->send("GET $path/hold HTTP/1.1\r\nHost: a\r\n"
		. ($cookie ? "Cookie: $cookie\r\n" : '') . "\r\n");
	push @held, $client;
	ok(await_condition(seconds(5), sub {
		@held == grep { $_->{target} eq "$path/hold" }
			$server->requests }), 'one more waits');
}

subtest 'by cookie' => sub {
	my (%of, %cookie);
	for (1 .. 10) {
		my ($pid, $set) = ask('/shop/count');
		like($set // '', qr{^PorticoAffinity=[0-9a-f]{32}; Path=/shop; HttpOnly; SameSite=Lax\z},
			'a client without one gets one') if $_ == 1;
		$of{ value_of($set) } = $pid;
		$cookie{$pid} = value_of($set);
		hold('/shop', $cookie{$pid});
		last if keys %of == 3;
	}
	is(keys %of, 3, 'each worker has its own');
	is(keys %cookie, 3, '... of three');
	my ($busy) = keys %cookie;
	hold('/shop', $cookie{$busy}) for 1 .. 5;
	my @others = map { [ ask('/shop/count', "a=b; $cookie{$busy}; c=d") ] } 1 .. 30;
	is(scalar(grep { $_->[0] != $busy } @others), 0,
		'who has one goes there, however busy it is');
	is(scalar(grep { defined $_->[1] } @others), 0, '... and gets no other');
	isnt((ask('/shop/count'))[0], $busy, '... who has none goes elsewhere');
	my ($pid, $set) = ask('/bank/count', $cookie{$busy});
	ok($set, 'to another pool it says nothing');
	isnt(value_of($set), $cookie{$busy}, '... which has its own');
	(undef, $set) = ask('/shop/count', 'PorticoAffinity=' . 'a' x 32);
	ok($set, 'one that was made up is none');
	is((ask('/shop/count', "PorticoAffinity=" . 'a' x 32 . "; $cookie{$busy}"))[0],
		$busy, 'of several the one that is right counts');
	my $client = Portico::Http2->connect($server->port);
	my $response = $client->request({ path => '/shop/count' });
	my $given = value_of($response->{header}{'set-cookie'} // '');
	like($given, qr/./, 'over HTTP/2, too');
	for (1 .. 5) {
		$response = $client->request({ path => '/shop/count' },
			cookie => 'a=b', cookie => $cookie{$busy});
		like($response->{body}, qr/"pid":$busy\b/, '... it is heeded');
	}
	is($response->{header}{'set-cookie'}, undef, '... and not set again');
	$client->close;
	$_->close for @held;
	@held = ();
};

subtest 'a worker that is replaced' => sub {
	my ($old, $set) = ask('/shop/count');
	my $cookie = value_of($set);
	is(($server->command('pool', 'recycle', 'shop'))[0], 0, 'recycling');
	ok(await_exit($old, seconds(20)), 'it goes');
	await_workers('shop');
	my ($new, $other) = ask('/shop/count', $cookie);
	isnt($new, $old, 'another takes its clients');
	isnt(value_of($other), '', '... who get a new cookie');
	is((ask('/shop/count', value_of($other)))[0], $new, '... which holds');
};

subtest 'by address' => sub {
	my (%pid, $moved);
	for my $round (1 .. 4) {
		for my $host (1 .. 40) {
			my $socket = IO::Socket::INET->new(
				PeerAddr => '127.0.0.1', PeerPort => $server->port,
				LocalAddr => "127.0.0.$host") or die "127.0.0.$host: $@";
			print $socket "GET /near/count HTTP/1.1\r\nHost: a\r\n"
				. "Connection: close\r\n\r\n";
			my ($pid) = join('', <$socket>) =~ /"pid":(\d+)/;
			$pid{$host} //= $pid;
			$moved++ if $pid{$host} != $pid;
		}
	}
	is($moved, undef, 'each client keeps its worker');
	my %share;
	$share{$_}++ for values %pid;
	is(keys %share, 3, '... and each worker has some: '
		. join ', ', sort values %share);
};

subtest 'none' => sub {
	my (undef, $set) = ask('/plain/count');
	is($set, undef, 'no cookie');
};

$server->stop;
done_testing;
