# SPDX-License-Identifier: Apache-2.0
#
# The four deadlines of a request, seen by its client, in the error log and in
# the module, at each stage where each can end it; and workers that get ready
# and then never read, or block their loop.  All cases run side by side.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition await_readable seconds stop_process);
use Test::More;
use Time::HiRes qw(time);

# Every deadline is this long where a case has one.
my $LIMIT = 1.5;
my $limit = '1500ms';

# Pools, each with what it is about.
my %pools = (
	queue => { queueTimeout => $limit, maxConcurrentRequests => 1 },
	deaf => { queueTimeout => $limit },
	late => { activationTimeout => $limit },
	execute => { executionTimeout => $limit },
	'execute-queue' => { executionTimeout => $limit,
		maxConcurrentRequests => 1 },
	'execute-deaf' => { executionTimeout => $limit },
	idle => { responseIdleTimeout => $limit },
	two => { workers => 2, queueTimeout => $limit, revokeAfter => '100ms' },
	block => { queueTimeout => '800ms', executionTimeout => $limit },
);
my $server = Portico::Server->new(
	listener => { threads => 1 },
	pools => \%pools,
);
my $file = $server->directory . '/marks';
{
	open my $handle, '>', $file or die "$file: $!";
	chmod 0666, $file;
}
$server->{applications} = { map {
	("/$_" => { pool => $_, modules => ['marks'],
		handlers => [ { path => '*', module => 'marks' } ],
		marks => { file => $file,
			startDelay => $_ eq 'late' ? 4000 : 0 } })
} keys %pools };
$server->{applications}{'/'} = { pool => 'execute', modules => ['marks'],
	handlers => [ { path => '*', module => 'marks' } ] };
$server->write_configuration;
$server->start;

sub has_mark
{
	my ($what, $name) = @_;

	return Portico::Wait::await_file($file, seconds(5), sub {
		open my $handle, '<', $file or die $!;
		return grep { /^\Q$what $name\E / } <$handle>;
	});
}

# Pids of a pool's workers.
sub workers_of
{
	my ($pool) = @_;

	return grep {
		open my $handle, '<', "/proc/$_/cmdline" or next;
		local $/;
		join(' ', split /\0/, <$handle> // '') =~ /--pool \Q$pool\E(?: |\z)/;
	} $server->pids_of('worker');
}

my $count = 0;

# Sends a request: { client, name, start, path }.
sub ask
{
	my ($path, %options) = @_;
	my $name = 'd' . ++$count;
	my $method = defined $options{body} ? 'POST' : 'GET';
	my $client = $server->connect(
		$options{buffer} ? (receive_buffer => $options{buffer}) : ());
	my $start = time;

	$client->send("$method $path?name=$name&ms=" . ($options{ms} // 0)
		. " HTTP/1.1\r\nHost: a\r\n" . ($options{fields} // '')
		. "\r\n" . ($options{body} // ''));
	return { client => $client, name => $name, start => $start,
		path => $path };
}

# Reads what comes for all of these until each has its answer or its end, and
# notes when.
sub collect
{
	my %open = map { fileno($_->{client}->socket) => $_ } @_;
	my $until = time + seconds(10);

	while (%open && time < $until) {
		my @ready = await_readable($until - time,
			map { $_->{client}->socket } values %open);
		for my $socket (@ready) {
			my $number = fileno $socket;
			my $one = $open{$number};
			my $more = $one->{client}->fill(time + 1);

			next if $more && $one->{cut};
			$one->{took} = time - $one->{start};
			delete $open{$number};
		}
	}
}

# Ends as it must: with that status and reason, after `limit` and not before.
# Status "cut": the head has left, and the connection is reset.
sub ends
{
	my ($one, $status, $reason, $detail, %options) = @_;
	my $name = "$one->{path}, $detail";
	my $client = $one->{client};
	my $limit = $options{limit} // $LIMIT;
	my $line_status = $status;

	if ($status eq 'cut') {
		$line_status = 200;
		1 while $client->fill(time + seconds(10));
		ok($client->{reset}, "$name: the connection is cut");
	} else {
		my $response = $client->read_response;
		is($response && $response->{status}, $status,
			"$name: the status");
		is(defined $response->{header}{'retry-after'} ? 1 : 0,
			$status == 503 ? 1 : 0, "$name: Retry-After");
	}
	my $took = $one->{took} // time - $one->{start};
	cmp_ok($took, '>=', $limit - 0.01, "$name: not before its time");
	cmp_ok($took, '<', $limit + seconds(3), "$name: and not long after")
		if $one->{took};
	note sprintf '%s: %.3f s', $name, $took;
	like($server->await_error_log(qr/name=$one->{name}&/) // 'no line',
		qr/ $line_status \d+ \Q$reason\E \S+ $detail$/,
		"$name: the reason");
	return if $options{not_run};
	ok(has_mark(abort => $one->{name}), "$name: the module is told")
		if $detail =~ /Running|Responding/;
}

# Workers are there before anything is measured, but for "late".
for my $pool (grep { $_ ne 'late' } keys %pools) {
	is($server->get("/$pool/run?name=warm")->{status}, 200,
		"a worker of $pool runs");
}
ok(await_condition(seconds(10), sub { workers_of('two') == 2 }),
	'pool two has two workers');
my @deaf = (workers_of('deaf'), workers_of('execute-deaf'),
	(workers_of('two'))[0]);
is(scalar @deaf, 3, 'three workers stop reading');
stop_process($_) for @deaf;

# Who occupies the one place of a pool.
my @holders = (ask('/queue/hold'), ask('/execute-queue/block', ms => 4000));
has_mark(run => $_->{name}) or die for @holders;

my @cases = (
	[ ask('/queue/run'), 503, 'Timer_ReqQueue', 'Queued' ],
	[ ask('/deaf/run'), 503, 'Timer_ReqQueue', 'Offered|Queued' ],
	[ ask('/late/run'), 503, 'Timer_AppPool', 'Queued' ],
	[ ask('/execute-queue/run'), 504, 'Timer_Response', 'Queued' ],
	[ ask('/execute-deaf/run'), 504, 'Timer_Response',
		'Offered|Queued' ],
	[ ask('/execute/hold'), 504, 'Timer_Response', 'Running' ],
	[ ask('/execute/offload', ms => 5000), 504, 'Timer_Response',
		'Running' ],
	[ ask('/execute/read', fields => "Content-Length: 9\r\n",
		body => 'half'), 504, 'Timer_Response', 'Running' ],
	[ ask('/execute/start'), 'cut', 'Timer_Response', 'Responding' ],
	[ ask('/execute/begin'), 'cut', 'Timer_Response', 'Responding' ],
	[ ask('/idle/hold'), 504, 'Timer_ResponseIdle', 'Running' ],
	[ ask('/idle/offload', ms => 5000), 504, 'Timer_ResponseIdle',
		'Running' ],
	[ ask('/idle/begin'), 'cut', 'Timer_ResponseIdle', 'Responding' ],
);
# Nobody reads what this one writes.
my @full = ([ ask('/execute/write', buffer => 4096), 'cut', 'Timer_Response',
	'Responding' ]);
# The client is the one who is waited for: no deadline of these runs.
my @free = map { ask(@$_) } (
	[ '/idle/read', fields => "Content-Length: 9\r\n", body => 'half' ],
	[ '/idle/write', buffer => 4096 ],
);
# One of two workers reads nothing: the other gets all.
my @two = map { ask('/two/run') } 1 .. 20;
# The one that runs holds the loop; the others wait for it in vain.
my $blocking = ask('/block/block', ms => 4000);
has_mark(run => $blocking->{name}) or die;
my @behind = map { ask('/block/run') } 1 .. 3;

# While all that hangs, who asks is answered.
for (1 .. 5) {
	my $start = time;
	my ($status) = $server->command('status');
	is($status, 0, 'portico status answers');
	cmp_ok(time - $start, '<', seconds(1), 'at once');
}

for my $one (@two) {
	my $response = $one->{client}->read_response;
	is($response && $response->{status}, 200,
		"/two/run $one->{name}: the other worker answers");
}
$_->[0]{cut} = $_->[1] eq 'cut' for @cases;
collect(@behind, $blocking, map { $_->[0] } @cases);
ends($_, 503, 'Timer_ReqQueue', 'Offered|Queued', limit => 0.8) for @behind;
ends($blocking, 504, 'Timer_Response', 'Running', not_run => 1);
ends(@$_) for @cases, @full;

$free[0]{client}->send('tails');
is($free[0]{client}->read_response->{body}, "done\n",
	'a slow upload is not the silence of the worker');
my $got = 0;
while ($got < 400_000 && await_readable(seconds(5), $free[1]{client}->socket)) {
	my $count = sysread $free[1]{client}->socket, my $data, 65536;
	last unless $count;
	$got += $count;
}
cmp_ok($got, '>=', 400_000, 'nor is a slow download');
$free[1]{client}->reset;

# Deaf workers hear again: they find their requests taken back.
kill 'CONT', @deaf;
for my $pool (qw(deaf execute-deaf two)) {
	is($server->get("/$pool/run?name=again")->{status}, 200,
		"$pool goes on");
}
open my $handle, '<', $file or die $!;
my @lines = <$handle>;
for my $one ((map { $_->[0] } @cases[0 .. 4]), @behind) {
	ok(!(grep { /^run $one->{name} / } @lines),
		"$one->{path} $one->{name}: never ran");
}
for my $one (@two) {
	is(scalar(grep { /^run $one->{name} / } @lines), 1,
		"$one->{path} $one->{name}: ran once");
}
# The late one gets ready, and is used.
ok(await_condition(seconds(10), sub {
	my $response = $server->get('/late/run?name=ready');
	return $response && $response->{status} == 200;
}), 'the late worker is there');
$_->{client}->reset for @holders;
ok(await_condition(seconds(10), sub { !$server->requests }),
	'no request is left');
$server->stop;
done_testing;
