# SPDX-License-Identifier: Apache-2.0
#
# The portico command: each subcommand in text and as JSON, --help everywhere,
# exit statuses, and what the pool commands do to a pool.

use strict;
use warnings;
use JSON::PP;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;

my $server = Portico::Server->new(
	pools => { main => {}, other => { queueLength => 77 } },
	applications => {
		'/' => { modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] },
		'/other' => { pool => 'other', modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] },
	},
	allow => [qr/stopp|recycl/i],
)->start;
my $pid = $server->get_json('/count')->{pid};

sub find
{
	my ($name, $list) = @_;
	my ($found) = grep { $_->{name} eq $name } @$list;
	return $found // {};
}

my %expected = (
	'status'        => qr/main/,
	'pool list'     => qr/main.*other/s,
	'pool show main' => qr/main/,
	'worker list'   => qr/\b$pid\b/,
	'module list'   => qr/probe/,
	'request list'  => qr/./,
	'listener show' => qr/@{[$server->port]}/,
	'listener urls' => qr{http://\*:@{[$server->port]}/other/ .* other\b},
	'listener connections' => qr/CLIENT/,
	'listener counters' => qr/accepted.*main/s,
	'listener cache' => qr/hits +0.*Snapshot of HTTP response cache/s,
	'listener certs' => qr/^NAME +KEY +EXPIRES/,
	'listener timeouts' => qr/\(all\).*2m/s,
);
for my $command (sort keys %expected) {
	my @words = split / /, $command;
	my ($status, $out, $err) = $server->command(@words);
	is($status, 0, "$command: exit status 0") or diag $err;
	like($out, $expected{$command}, "$command: says something");
	($status, $out) = $server->command(@words, '--json');
	is($status, 0, "$command --json: exit status 0");
	ok(ref eval { decode_json($out) }, "$command --json: is JSON")
		or diag $out;
	($status, $out) = $server->command(@words[0, $#words > 0 ? 1 : 0],
		'--help');
	is($status, 0, "$command --help: exit status 0");
	like($out, qr/usage/i, "$command --help: says how it is used");
	like($out, qr/^(?!Shows or does)[A-Z].*[^.?][.?]$/m,
		'... and what it does');
}

subtest 'what the answers contain' => sub {
	my $pools = $server->command_json('pool', 'list')->{pools};
	is_deeply([ sort map { $_->{name} } @$pools ], [qw(main other)],
		'pool list: all pools');
	is(find('other', $pools)->{queueLength}, 77, 'with their settings');
	my $workers = $server->command_json('worker', 'list')->{workers};
	is_deeply([ map { $_->{pid} } @$workers ], [$pid],
		'worker list: the one worker');
	is($workers->[0]{pool}, 'main', 'with its pool');
	my $listener = $server->command_json('listener', 'show');
	my $text = JSON::PP->new->encode($listener);
	like($text, qr{"path":"/other"}, 'listener show: routes');
	like($text, qr/"accepted":/, 'and counters');
	ok(await_condition(seconds(5), sub {
		$listener = $server->command_json('listener', 'show');
		$listener->{counters}{resources}{descriptors}
			== Portico::Server::descriptor_count(
			$server->pid_of('listener'));
	}), 'and how many descriptors are open');
	is($listener->{counters}{resources}{active}, 0, 'no slot is in use');
	cmp_ok($listener->{counters}{resources}{slots}, '>', 0, 'of some');
	is_deeply($listener->{counters}{resources}{blocksBySize},
		{ '4KiB' => 0, '16KiB' => 0, '64KiB' => 0 }, 'nor a block');
	$server->get('/count') for 1 .. 3;
	my $client = $server->connect;
	$client->send("GET /hold?visible HTTP/1.1\r\nHost: a\r\n\r\n");
	my $found = $server->await_request(qr/visible/);
	ok($found, 'request list: a request in flight');
	is($found->{pool}, 'main', 'its pool');
	is($found->{method}, 'GET', 'its method');
	like($found->{client}, qr/^127\.0\.0\.1/, 'its client');
	like($found->{ageMs}, qr/^\d+$/, 'its age');
	is($found->{module}, 'probe', 'the module that has it');
	is($found->{listener}, $server->pid_of('listener'), 'the listener');
	$client->reset;
};

subtest 'the commands of a group' => sub {
	my ($status, $out) = $server->command('module', 'check', '--help');
	like($out, qr/^Is the file a module that this server can load\?$/m,
		'a question ends as one');
	($status, $out) = $server->command('pool', '--help');
	is($status, 0, 'pool --help: exit status 0');
	like($out, qr/^Usage: portico pool COMMAND.*^  pool recycle /ms,
		'has the commands of pools');
	unlike($out, qr/^  (?:worker|reload)/m, 'and no others');
	unlike(($server->command('--help'))[1], qr/portico \w+ COMMAND/,
		'all of them otherwise');
};

subtest 'pool stop and start' => sub {
	my ($status) = $server->command('pool', 'stop', 'main');
	is($status, 0, 'pool stop');
	ok(await_exit($pid, seconds(10)), 'its worker ends');
	is($server->get('/count')->{status}, 503, 'requests get 503');
	like($server->await_error_log(qr/Disabled|AppOffline|AppShutdown/)
		// '', qr/main/, 'with a reason in the error log');
	is($server->get('/other/count')->{status}, 200,
		'the other pool goes on');
	is(find('main', $server->command_json('pool', 'list')->{pools})
		->{state}, 'stopped', 'pool list shows it');
	($status) = $server->command('pool', 'start', 'main');
	is($status, 0, 'pool start');
	is($server->get('/count')->{status}, 200, 'requests are answered');
};

subtest 'pool recycle' => sub {
	my $old = $server->get_json('/count')->{pid};
	my $busy = $server->connect;
	$busy->send("GET /sleep?ms=500 HTTP/1.1\r\nHost: a\r\n\r\n");
	$server->await_request(qr/sleep/);
	my ($status, $out) = $server->command('pool', 'recycle', 'main');
	is($status, 0, 'pool recycle');
	my ($next) = $out =~ /^pool main: worker \d+ \(process $old\) is replaced by worker \d+ \(process (\d+)\)$/m;
	ok($next, 'says which worker is replaced by which') or diag($out);
	my $new = await_condition(seconds(10), sub {
		my $answer = $server->get_json('/count') or return;
		return $answer->{pid} != $old && $answer->{pid};
	});
	is($new, $next, 'the new worker answers');
	is($busy->read_response->{body}, "slept\n",
		'the old one finishes what it had');
	ok(await_exit($old, seconds(10)), 'and ends');
};

subtest 'upgrade listener' => sub {
	my $old = $server->pid_of('listener');
	my ($status, $out) = $server->command('upgrade', 'listener', '--help');
	is($status, 0, '--help: exit status 0');
	like($out, qr/upgrade listener \[--wait\]/, 'says how it is used');
	like($out, qr/nothing has changed.*exit status is 1/s, 'and more');
	is($server->pid_of('listener'), $old, 'and does nothing');
	($status, $out) = $server->command('upgrade', 'listener', '--wait');
	is($status, 0, 'upgrade listener --wait');
	my ($new) = $out =~ /^process (\d+) is the listener now$/m;
	like($out, qr/^process $old has ended$/m, 'says what became of both');
	is_deeply([ $server->pids_of('listener') ], [$new], 'and it is so');
	is($server->get('/count')->{status}, 200, 'it serves');
};

subtest 'mistakes' => sub {
	for my $case (
		[['pool', 'show', 'nowhere'], 1, qr/nowhere/],
		[['pool', 'recycle', 'nowhere'], 1, qr/nowhere/],
		[['pool', 'show'], 2, qr/^portico: pool show needs NAME$/m],
		[['pool', 'list', 'main'], 2,
			qr/^portico: pool list cannot use "main"\nUsage: /m],
		[['pool', 'paint', 'main'], 2, qr/paint/],
		[['nonsense'], 2, qr/nonsense/],
		[['--nonsense'], 2, qr/nonsense/],
		[['status', '--wait'], 2, qr/status does not know --wait/],
		[['upgrade'], 2, qr/upgrade/],
		[['upgrade', 'listener', 'now'], 2, qr/upgrade listener/],
		[[], 2, qr/usage/i],
		[['pool'], 2, qr/pool needs one more word.*pool show/s],
		[['pool', 'rubbish'], 2,
			qr/no such command: pool rubbish.*pool show/s],
		[['rubbish', '--help'], 2, qr/no such command: rubbish/],
	) {
		my ($words, $wanted, $pattern) = @$case;
		my ($status, $out, $err) = $server->command(@$words);
		is($status, $wanted, "portico @$words: exit status $wanted");
		like($err, $pattern, 'and why, on the standard error output');
	}
	my ($status, $out, $err) = Portico::Server::run(
		Portico::Server::program('portico'), '--socket',
		$server->directory . '/run/nothing.sock', 'status');
	is($status, 3, 'no server there: exit status 3');
	like($err, qr/nothing\.sock/, 'the socket is named');
};

$server->stop;
done_testing;
