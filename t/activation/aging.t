# SPDX-License-Identifier: Apache-2.0
#
# Workers are replaced when they have lived, served or taken enough, and ended
# when nobody asks them anything; each time with its event and reason.

use strict;
use warnings;
use JSON::PP ();
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;

my %often = (pingInterval => '100ms');
my @global = (modules => ['global'],
	handlers => [ { path => '*', module => 'probe' } ]);
my %pools = (
	time => { %often, recycling => { time => '1s' } },
	requests => { %often, recycling => { requests => 20 } },
	memory => { pingInterval => '500ms', recycling => { memory => '1MiB' } },
	private => { pingInterval => '500ms', threads => 32, recycling => { privateMemory => '1MiB' } },
	alone => { %often, recycling => { requests => 20,
		disallowOverlappingRotation => JSON::PP::true() } },
	idle => { %often, idleTimeout => '500ms', workers => 2 },
	busy => { %often, idleTimeout => '500ms' },
	always => { %often, idleTimeout => '200ms',
		startMode => 'AlwaysRunning' },
	near => { %often, threads => 32 },
	never => { %often, recycling => { time => '0s' } },
	unasked => { %often, pingingEnabled => JSON::PP::false(),
		idleTimeout => '500ms', recycling => { requests => 20 } },
	seldom => { recycling => { requests => 500 } },
);
my $server = Portico::Server->new(pools => \%pools,
	applications => { map { ("/$_" => { pool => $_, @global }) }
		keys %pools },
)->start;

sub pid_of { return $server->get_json("/$_[0]/count")->{pid} }
sub show { return $server->command_json('pool', 'show', $_[0])->{pool} }

# Asks until another worker answers; how often it asked, and the worker.
sub replaced
{
	my ($pool, $old) = @_;
	my ($asked, $new) = (0, 0);

	await_condition(seconds(15), sub {
		$asked++;
		$new = pid_of($pool);
		return $new != $old;
	});
	return ($asked, $new);
}

my $always = show('always');
my $never = pid_of('never');
my $busy = $server->connect;
$busy->send("GET /busy/hold HTTP/1.1\r\nHost: a\r\n\r\n");

subtest 'memory' => sub {
	my %number = (memory => 5077, private => 5117);
	for my $pool (sort keys %number) {
		my $pid = pid_of($pool);
		like($server->await_log(
			qr/pool "$pool" is to be replaced.*P$number{$pool}/, 10),
			qr/[mM]emory: \d{4,} KiB.*limit 1024 KiB/,
			"$pool, with how much it is");
		ok(await_exit($pid, seconds(10)), '... it ends');
	}
};

# KiB, when it does not change any more: threads touch their stacks after the
# worker has answered.
sub own_memory
{
	my ($pid) = @_;
	my ($last, $same) = (0, 0);

	await_condition(seconds(5), sub {
		open my $file, '<', "/proc/$pid/status" or return 1;
		my ($own) = join('', <$file>) =~ /RssAnon:\s+(\d+)/;
		$same = ($own // 0) == $last ? $same + 1 : 0;
		$last = $own // 0;
		return $same > 10;
	});
	return $last;
}

my $near;
subtest 'near the limit of memory' => sub {
	my $at = $server->log_position;

	$near = pid_of('near');
	# That would go on for ever.
	delete $pools{$_}{recycling} for qw(memory private);
	# The next worker may have a little more or less than the one before.
	for my $try (1 .. 10) {
		my $limit = int(own_memory($near) * 1.05);
		$pools{near}{recycling} = { privateMemory => "${limit}KiB" };
		delete $server->{configuration};
		$server->write_configuration;
		die 'reload' if ($server->command('reload'))[0] != 0;
		(undef, $near) = replaced('near', $near);
		my $part = own_memory($near) / $limit;
		last if $part > 0.92 && $part < 0.98;
	}
	ok($server->await_log(
		qr/portico-worker\[$near\].*CLEANUP \(privateMemory\)/, 10, $at),
		'modules are told');
};

subtest 'idleTimeout' => sub {
	my $pid = pid_of('idle');
	ok($server->await_log(qr/"idle" is idle for 500ms.*P5186/, 10),
		'a pool that nobody asks anything');
	ok(await_exit($pid, seconds(10)), '... ends its workers');
	$server->await_log(qr/STOP \(idle for 500ms\)/, 10);
	like($server->log, qr/CLEANUP \(idle for 500ms\).*STOP \(idle for 500ms\)/s,
		'... whose modules are told');
	ok(await_condition(seconds(5), sub {
		!@{ show('idle')->{workers} } }), '... all of them');
	isnt(pid_of('idle'), $pid, 'the next request starts one');
	is(show('idle')->{failures}, 0, '... and nothing failed');
};

subtest 'time' => sub {
	my $pid = pid_of('time');
	my (undef, $new) = replaced('time', $pid);
	isnt($new, $pid, 'another answers');
	like($server->await_log(qr/pool "time" is to be replaced.*P5074/, 5),
		qr/time: it has run for [01]\.[0-9] s/, '... after that time');
	ok(await_exit($pid, seconds(10)), '... and the old one ends');
	is(show('time')->{failures}, 0, '... which is no failure');
};

for my $pool (qw(requests alone)) {
	subtest "requests ($pool)" => sub {
		my $pid = pid_of($pool);
		my ($asked, $new) = replaced($pool, $pid);
		isnt($new, $pid, 'another answers');
		cmp_ok($asked, '>', 15, "... after $asked requests");
		like($server->await_log(qr/pool "$pool" is to be replaced.*P5075/, 5),
			qr/requests: \d+ served, limit 20/, '... with the reason');
		my $replaced = $server->log =~ /pool "$pool" is replaced by/;
		is(!!$replaced, $pool eq 'requests',
			'... with or without overlap');
	};
}

# Neither needs pings: at the defaults one comes each 30 s.
subtest 'requests, where a worker is not pinged' => sub {
	my $pid = pid_of('unasked');
	my ($asked, $new) = replaced('unasked', $pid);
	isnt($new, $pid, 'another answers');
	cmp_ok($asked, '>', 15, "... after $asked requests");
	ok(await_exit($new, seconds(10)), 'and that ends when it is idle');
	ok($server->await_log(qr/"unasked" is idle for 500ms.*P5186/, 5),
		'... as idleTimeout says');
	unlike($server->log, qr/HEALTH.*pool=unasked/,
		'modules are not told HEALTH');
};

subtest 'requests, long before a ping' => sub {
	my $pid = pid_of('seldom');
	my $client = $server->connect;
	ok(await_condition(seconds(20), sub {
		$client->request('GET', '/seldom/count');
		return $server->log =~ /pool "seldom" is to be replaced/;
	}), 'a worker is replaced');
	ok(await_exit($pid, seconds(10)), '... and ends');
	my ($served) = $server->log
		=~ /"seldom" is to be replaced \(requests: (\d+) served/;
	cmp_ok($served, '>=', 500, "... after $served requests");
	my $told = () = $server->log =~ /HEALTH.*pool=seldom/g;
	is($told, 0, 'modules are told HEALTH with pings only');
};

subtest 'without overlap one is gone before the other starts' => sub {
	my ($log) = $server->log =~ /(pool "alone" is to be replaced.*)/s;
	like($log, qr/has stopped: it exited[^\n]*pool=alone.*starting a worker[^\n]*pool=alone/s,
		'first the end, then the start');
	($log) = $log =~ /(.*?)has stopped[^\n]*pool=alone/s;
	unlike($log, qr/starting a worker[^\n]*pool=alone/, '... not before');
};

subtest 'who stays' => sub {
	unlike($server->log, qr/"busy" is idle/, 'a pool with one request');
	$busy->close;
	ok($server->await_log(qr/"busy" is idle/, 10), '... until it is over');
	is(show('always')->{workers}[0]{pid}, $always->{workers}[0]{pid},
		'AlwaysRunning');
	is(pid_of('never'), $never, 'time 0');
	is(pid_of('near'), $near, 'near the limit');
	my $told = () = $server->log =~ /portico-worker\[$near\].*CLEANUP/g;
	is($told, 1, '... and told only once');
};

$server->stop;
done_testing;
