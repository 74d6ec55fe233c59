# SPDX-License-Identifier: Apache-2.0
#
# Clients that leave: the module is told at once whatever it is doing, and
# what waits in the queue for a client that is gone never runs.  The module
# `marks` writes down what runs and what is aborted, with the time.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

sub now { return clock_gettime(CLOCK_MONOTONIC) }

my $server = Portico::Server->new(
	listener => { threads => 1 },
	pools => { main => { threads => 1 },
		narrow => { threads => 1, maxConcurrentRequests => 1,
			workers => 1 } },
);
my $file = $server->directory . '/marks';
{
	open my $handle, '>', $file or die "$file: $!";
	chmod 0666, $file;
}
$server->{applications} = { map {
	my ($path, $pool) = @$_;
	$path => { pool => $pool, modules => ['marks'],
		handlers => [ { path => '*', module => 'marks' } ],
		marks => { file => $file } };
} [ '/', 'main' ], [ '/narrow', 'narrow' ] };
$server->write_configuration;
$server->start;

# The lines "WHAT NAME TIME" of a name: { WHAT => [times in seconds] }.
sub marks
{
	my ($name) = @_;
	my %found;

	open my $handle, '<', $file or die $!;
	while (<$handle>) {
		my ($what, $whose, $time) = split ' ';
		push @{ $found{$what} }, $time / 1e6 if $whose eq $name;
	}
	return \%found;
}

# The time of a mark; waits for it.
sub mark
{
	my ($what, $name, $timeout) = @_;
	my $found = Portico::Wait::await_file($file, seconds($timeout // 10),
		sub { marks($name)->{$what} });

	return $found && $found->[0];
}

my $count = 0;

# A request whose handler has been called.
sub begin
{
	my ($path, %options) = @_;
	my $name = 'r' . ++$count;
	my $version = $options{version} // '1.1';
	my $method = defined $options{body} ? 'POST' : 'GET';
	my $client = $server->connect(
		$options{buffer} ? (receive_buffer => $options{buffer}) : ());

	$client->send("$method $path?name=$name&ms=" . ($options{ms} // 0)
		. " HTTP/$version\r\nHost: a\r\n" . ($options{fields} // '')
		. "\r\n" . ($options{body} // '') . ($options{rest} // ''));
	mark(run => $name) or die "$path was not run";
	return ($client, $name);
}

sub worker_sleeps
{
	for my $pid ($server->pids_of('worker')) {
		for my $stat (glob "/proc/$pid/task/*/stat") {
			open my $handle, '<', $stat or next;
			return 0 unless <$handle> =~ /\) S /;
		}
	}
	return 1;
}

# How long until on_abort, in seconds.
sub leave
{
	my ($client, $name, $how) = @_;
	my $before = now();

	$client->$how;
	my $time = mark(abort => $name);
	return defined $time ? $time - $before : 999;
}

$server->get('/run?name=warm');

# Each stage of a request, left in both ways.
my %stages = (
	'suspended' => ['/hold'],
	'in an offload' => [ '/offload', ms => 1500 ],
	'writing with a full window' => [ '/write', buffer => 4096 ],
	'reading a body' => [ '/read', fields => "Content-Length: 100\r\n",
		body => 'half' ],
	'reading a chunked body' => [ '/read', body => "a\r\nhalf",
		fields => "Transfer-Encoding: chunked\r\n" ],
	'with a body that it does not read' => [ '/hold', body => 'x' x 40_000,
		fields => "Content-Length: 40000\r\n" ],
	'after the head of its response' => ['/start'],
	'after a chunk of its response' => ['/begin'],
	'with another request behind it' => [ '/hold',
		rest => "GET /run?name=behind HTTP/1.1\r\nHost: a\r\n\r\n" ],
	'with many requests behind it' => [ '/hold', rest =>
		"GET /run?name=behind HTTP/1.1\r\nHost: a\r\n\r\n" x 600 ],
);
my @latencies;
for my $stage (sort keys %stages) {
	for my $how (qw(close reset)) {
		my ($path, @options) = @{ $stages{$stage} };
		my ($client, $name) = begin($path, @options);

		if ($path =~ /begin|start/) {
			my $head = $client->read_head(time + seconds(10));
			is($head->{status}, 200, "$stage: it has begun");
			$client->take(9, time + seconds(10))
				if $path eq '/begin';
		}
		# Nothing is left to be done: the loop has gone to sleep.
		ok(await_condition(seconds(5), \&worker_sleeps),
			"$stage: the worker sleeps")
			if $stage !~ /offload/;
		my $took = leave($client, $name, $how);
		cmp_ok($took, '<', seconds(1), "$stage, $how: on_abort");
		push @latencies, $took;
		note sprintf '%s, %s: %.1f ms', $stage, $how, $took * 1000;
		is(scalar @{ marks($name)->{abort} }, 1, "$stage, $how: once");
		ok(mark(end => $name), "$stage, $how: and it goes on to its end");
	}
}
@latencies = sort { $a <=> $b } @latencies;
my $median = $latencies[ @latencies / 2 ];
note sprintf 'on_abort after %.2f ms (median), %.2f ms at most',
	$median * 1000, $latencies[-1] * 1000;
cmp_ok($median, '<', seconds(0.1), 'in the median far below any timer');
ok(!marks('behind')->{run}, 'what was sent behind never ran');

# It closes its side, shows that it is there, and leaves; see the end.
my ($late, $late_name) = begin('/hold');
$late->finish;
is($late->read_head(time + seconds(10))->{status}, 100,
	'a client that has closed its side is asked');
$late->close;

subtest 'a client that has only closed its side' => sub {
	my ($slow, $name) = begin('/offload', ms => 2600);
	my ($pipelined) = begin('/offload', ms => 300,
		rest => "GET /run?name=second HTTP/1.1\r\nHost: a\r\n\r\n");
	my ($quick) = begin('/run');

	$_->finish for $quick, $pipelined, $slow;
	my $response = $quick->read_response;
	is($response->{body}, "done\n", 'gets its answer');
	is(scalar @{ $response->{interim} }, 0, 'and nothing before it');
	is($pipelined->read_response->{body}, "done\n", 'one of two');
	is($pipelined->read_response->{body}, "done\n", 'and the other');
	$response = $slow->read_response;
	is($response && $response->{body}, "done\n",
		'however long it takes');
	is(join(' ', map { $_->{status} } @{ $response->{interim} }), '100',
		'asked once whether it is there');
	ok(!marks($name)->{abort}, 'and not aborted');
};

subtest 'HTTP/1.0, which cannot be asked' => sub {
	my ($client, $name) = begin('/hold', version => '1.0');
	my ($other, $answered) = begin('/offload', version => '1.0',
		ms => 500);
	my $before = now();

	$_->finish for $client, $other;
	like($other->read_response->{body}, qr/done/, 'waits for a while');
	my $took = mark(abort => $name) - $before;
	cmp_ok($took, '>', 1.9, 'is believed for two seconds');
	cmp_ok($took, '<', 2.5 + seconds(2), 'and no longer');
};

# One runs, others wait and leave in every way.
subtest 'the queue' => sub {
	my ($running, $first) = begin('/narrow/hold');
	my %waiting;
	my $queued = 0;
	my $upload = "Content-Length: 30000\r\n\r\n" . 'x' x 30_000;

	for my $case ([ stay => "\r\n" ], [ close => "\r\n" ],
		[ reset => "\r\n" ], [ stay => $upload ], [ close => $upload ],
		[ reset => $upload ], [ finish => "\r\n" ],
		[ finish => $upload ]) {
		for my $number (1 .. 2) {
			my ($how, $rest) = @$case;
			my $name = 'q' . ++$count;
			my $client = $server->connect;

			$client->send("POST /narrow/run?name=$name HTTP/1.1"
				. "\r\nHost: a\r\n$rest");
			$waiting{$name} = [ $client, $how ];
			$queued++;
		}
	}
	my $waits = sub {
		my ($count) = @_;
		return await_condition(seconds(10), sub {
			($server->counters('narrow')->{queued} // -1) == $count
		});
	};
	ok($waits->($queued), "$queued requests wait");
	for my $name (keys %waiting) {
		my ($client, $how) = @{ $waiting{$name} };
		$client->$how unless $how eq 'stay';
	}
	my @stay = grep { $waiting{$_}[1] =~ /stay|finish/ } keys %waiting;
	ok($waits->(scalar @stay), 'those of clients that left are dropped');
	$running->reset;
	for my $name (@stay) {
		my $response = $waiting{$name}[0]->read_response;
		is($response && $response->{status}, 200,
			"$name ($waiting{$name}[1]) is answered");
	}
	ok($waits->(0), 'the queue is empty');
	for my $name (sort keys %waiting) {
		my $runs = scalar @{ marks($name)->{run} // [] };
		my $how = $waiting{$name}[1];

		is($runs, $how =~ /stay|finish/ ? 1 : 0,
			"$name ($how) ran " . ($how =~ /stay|finish/
				? 'once' : 'never'));
	}
	like($server->await_error_log(qr/Client_Reset/) // '',
		qr{ POST /narrow/run\?name=q\d+ - - \S+ Client_Reset narrow\b},
		'and the error log says who left');
};

ok(mark(abort => $late_name, 15), 'who left after it was asked is found out');
ok(await_condition(seconds(10), sub { !$server->requests }),
	'no request is left');
$server->stop;
done_testing;
