# SPDX-License-Identifier: Apache-2.0
#
# Pools that fail: disabled after exactly so many failures, without their
# neighbours noticing; the program that is run then; what clients get; probes
# that enable them again; and workers that are left alone instead of ended.

use strict;
use warnings;
use JSON::PP ();
use Portico::Server;
use Portico::Wait qw(await_condition await_exit process_is_alive seconds);
use Test::More;
use Time::HiRes qw(time);

my $yes = JSON::PP::true();
my @probe = (modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ]);
my %orphan = (pingInterval => '100ms', pingResponseTime => '500ms');
my $server = Portico::Server->new(
	applications => { map { ("/$_" => { pool => $_, @probe }) }
		qw(bad good thrice tcp probe orphan) },
	pools => { good => {} },
	allow => [qr/\[P(?:500[29]|5010|5022|525[0-3])\]/],
)->own_programs;
my $directory = $server->directory;
my $real = Portico::Server::program('portico-worker');

# Workers of two pools crash at once unless there is a file.
$server->install('portico-worker', <<"END");
#!/bin/sh
case "\$*" in
*"--pool bad "*) test -e $directory/bad || kill -SEGV \$\$ ;;
*"--pool probe "*) test -e $directory/probe || exit 9 ;;
esac
exec $real "\$@"
END

sub write_file
{
	my ($name, $text, $mode) = @_;

	open my $file, '>', "$directory/$name" or die "$name: $!";
	print $file $text;
	close $file or die $!;
	chmod $mode // 0644, "$directory/$name";
	return "$directory/$name";
}

sub read_lines
{
	open my $file, '<', "$directory/$_[0]" or return ();
	chomp(my @lines = <$file>);
	return @lines;
}

my $action = write_file('action', <<"END", 0755);
#!/bin/sh
echo "\$1|\$2|\$PORTICO_POOL|\$PORTICO_REASON|\$PORTICO_PID" >>$directory/\$1
echo told of it
END
$server->{pools} = {
	good => {},
	bad => { failure => { autoShutdownExe => $action,
		autoShutdownParams => [ 'disabled', 'the pool %1%, %1%' ] } },
	thrice => { rapidFailProtectionMaxCrashes => 3 },
	tcp => { failure => { loadBalancerCapabilities => 'TcpLevel' } },
	probe => { rapidFailProtectionMaxCrashes => 2,
		failure => { probe => { after => '200ms', atMost => '700ms' } } },
	orphan => { %orphan, failure => { orphanWorkerProcess => $yes,
		orphanActionExe => $action,
		orphanActionParams => [ 'orphaned', '%1%' ] } },
};
$server->write_configuration;
$server->start;

sub show { return $server->command_json('pool', 'show', $_[0])->{pool} }
sub pid_of { return $server->get_json("/$_[0]/count")->{pid} }

# One that is not repeated on another worker.
sub post
{
	my $client = $server->connect;

	$client->send("POST $_[0] HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 0\r\n\r\n");
	return $client->read_response;
}

sub starts
{
	my ($pool) = @_;
	my $count = () = $server->log =~ /starting a worker, .*pool=$pool /g;
	return $count;
}

# Milliseconds of requests to the neighbour until `enough` says so.
sub measure
{
	my ($enough) = @_;
	my $client = $server->connect;
	my @took;

	until ($enough->(scalar @took)) {
		my $start = time;
		$client->send("GET /good/count HTTP/1.1\r\nHost: a\r\n\r\n");
		die 'no 200' unless $client->read_response->{status} == 200;
		push @took, (time - $start) * 1000;
	}
	@took = sort { $a <=> $b } @took;
	return $took[ int(0.99 * @took) ];
}

subtest 'a pool that crashes at its start' => sub {
	my $before = measure(sub { $_[0] >= 1000 });
	my $client = $server->connect;
	$client->send("GET /bad/count HTTP/1.1\r\nHost: a\r\n\r\n");
	my $until = time + 30;
	my $during = measure(sub { $_[0] % 100 == 0 && ($_[0] >= 1000
		&& $server->log_position && $server->log =~ /P5002/
		|| time > $until) });
	is($client->read_response->{status}, 503, 'its request gets 503');
	my $now = show('bad');
	is($now->{state}, 'disabled', 'it is disabled');
	is($now->{starts}, 5, '... after five starts');
	is($now->{failures}, 5, '... all of which failed');
	ok($server->await_error_log(qr{/bad/count - 503 .* AppOffline bad}),
		'... AppOffline in the error log');
	is($server->get('/bad/count')->{status}, 503, 'the next gets it, too');
	is(starts('bad'), 5, '... without a start');
	note(sprintf 'p99 of its neighbour: %.2f ms before, %.2f ms during it',
		$before, $during);
	cmp_ok($during, '<', 3 * $before + 20, 'its neighbour does not notice');
	my $line = await_condition(seconds(5), sub { (read_lines('disabled'))[0] });
	is($line, 'disabled|the pool bad, bad|bad|5 failures within 5m|',
		'autoShutdownExe is run, with what it has to know');
	ok($server->await_log(qr/autoShutdownExe: told of it .*pool=bad/, 5),
		'... its output is logged');
	ok($server->await_log(qr/autoShutdownExe has been run/, 5), '... its end');
	write_file('bad', '');
	is(($server->command('pool', 'enable', 'bad'))[0], 0,
		'"portico pool enable"');
	is($server->get('/bad/count')->{status}, 200, '... enables it');
	is(scalar(() = read_lines('disabled')), 1, '... it was run once');
};

subtest 'exactly as many as configured' => sub {
	for my $crash (1 .. 3) {
		is(show('thrice')->{failures}, $crash - 1, "crash $crash");
		is($server->get('/thrice/count')->{status}, 200, '... it serves');
		post('/thrice/crash?how=exit');
		await_condition(seconds(5),
			sub { show('thrice')->{failures} == $crash });
	}
	is(show('thrice')->{state}, 'disabled', 'then it is disabled');
};

subtest 'TcpLevel' => sub {
	is($server->get('/tcp/count')->{status}, 200, 'while it serves');
	is(($server->command('pool', 'stop', 'tcp'))[0], 0, 'stopped');
	my $client = $server->connect;
	$client->send("GET /tcp/count HTTP/1.1\r\nHost: a\r\n\r\n");
	my $answer = eval { $client->read_response };
	is($answer, undef, 'its clients are reset');
	ok($server->await_error_log(qr{/tcp/count .*Disabled tcp}),
		'... the error log says why');
};

subtest 'probe' => sub {
	is($server->get('/probe/count')->{status}, 503, 'it cannot start');
	like($server->log, qr/"probe" is disabled.*: 2 failures within/,
		'... twice');
	my $line = $server->await_log(qr/"probe" stays disabled.*P5251/, 10);
	like($line, qr/exited with status 9; the next one follows in 400ms/,
		'one is tried, the next one later');
	cmp_ok(show('probe')->{nextProbeMs}, '<=', 401, '... which is shown');
	ok($server->await_log(qr/P5251.*"probe".*follows in 700ms|"probe".*follows in 700ms.*P5251/, 10),
		'... but not later than atMost');
	is($server->get('/probe/count')->{status}, 503,
		'requests get 503 meanwhile');
	write_file('probe', '');
	ok($server->await_log(qr/"probe" is enabled again.*P5250/, 10),
		'one can be started');
	# The listener hears it a moment later.
	ok(await_condition(seconds(5), sub {
		$server->get('/probe/count')->{status} == 200 }),
		'... it serves');
	unlink "$directory/probe";
	my $mark = $server->log_position;
	post('/probe/crash?how=exit');
	ok($server->await_log(
		qr/"probe" is disabled.*a failure within 5m of being enabled.*P5002/, 5,
		$mark), 'one failure more, and it is disabled');
	ok($server->await_log(qr/"probe" stays disabled.*follows in 700ms/, 10,
		$mark), '... the next probe comes as late as before');
	is(($server->command('pool', 'stop', 'probe'))[0], 0, 'stopped');
	is(show('probe')->{nextProbeMs}, 0, '... no other is tried');
};

subtest 'orphanWorkerProcess' => sub {
	my $old = pid_of('orphan');
	my $client = $server->connect;
	$client->send("POST /orphan/hold HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 0\r\n\r\n");
	await_condition(seconds(5), sub {
		grep { $_->{target} eq '/orphan/hold' } $server->requests });
	kill 'STOP', $old;
	ok($server->await_log(qr/process $old\) .*is orphaned.*P5253/, 10),
		'a worker that does not answer');
	is($client->read_response->{status}, 502, '... loses its request');
	my $new = pid_of('orphan');
	isnt($new, $old, 'another answers');
	ok(process_is_alive($old), '... it is left alone');
	my $now = show('orphan');
	is_deeply([ map { "$_->{pid} $_->{state}" } @{ $now->{workers} } ],
		[ "$new running", "$old orphaned" ], '... and shown');
	is($now->{failures}, 1, '... as a failure');
	my $line = await_condition(seconds(5), sub { (read_lines('orphaned'))[0] });
	like($line, qr/^orphaned\|$old\|orphan\|no answer to a ping .*\|$old$/,
		'orphanActionExe is run');
	kill 'CONT', $old;
	my $recycled = $server->log_position;
	is(($server->command('pool', 'recycle', 'orphan'))[0], 0, 'recycling');
	ok(await_exit($new, seconds(10)), '... is not held up by it');
	ok(process_is_alive($old), 'it lives on, without anything to do');
	for my $i (1 .. 3) {
		my $pid = pid_of('orphan');
		kill 'STOP', $pid;
		$server->await_log(qr/process $pid\) .*is orphaned/, 10);
	}
	ok(await_exit($old, seconds(5)), 'the fourth ends the oldest');
};

$server->stop;
done_testing;
