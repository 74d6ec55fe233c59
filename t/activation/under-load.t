# SPDX-License-Identifier: Apache-2.0
#
# What happens to processes while requests run: a recycle or a reload fails
# no request; a killed worker fails at most what it was running; a killed
# listener fails only its connections.  No answer is ever wrong or mixed up.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit await_readable seconds);
use Test::More;
use Time::HiRes qw(time);

my $clients = 8;
my $server = Portico::Server->new(
	listener => { threads => 2 },
	pools => { main => { workers => 2, threads => 2 } },
	allow => [qr/worker|listener/],
)->start;

# Each client is a process that asks until it is told to stop, and reports
# "good failed wrong" counts.  A failure is no answer, or one of 5xx; wrong is
# an answer that is not the one to the question.
sub client
{
	my ($number, $stop) = @_;
	my ($good, $failed, $wrong) = (0, 0, 0);
	my $connection;

	for (my $i = 0; !await_readable(0, $stop); $i++) {
		my $size = ($i * 7919) % 60_000;
		my ($target, $body) = @{ [
			["/stream?bytes=$size&sized=1", undef],
			["/fields?n=$number-$i", undef],
			['/sleep?ms=3', undef],
			['/body', 'x' x ($size / 10)],
		]->[ $i % 4 ] };
		my $response = eval {
			$connection //= $server->connect;
			$connection->request(defined $body ? 'PUT' : 'GET', $target,
				defined $body ? (body => $body) : ());
		};
		if (!$response || !$response->{complete}
			|| $response->{status} >= 500) {
			$failed++;
			undef $connection;
			next;
		}
		my $right = $response->{status} == 200 && (
			$i % 4 == 0 ? length $response->{body} == $size
				&& substr($response->{body}, -1)
				eq substr('wabcdefghijklmnopqrstuv', $size % 23, 1)
				|| $size == 0
			: $i % 4 == 1 ? $response->{body} =~ /"n=$number-$i"/
			: $i % 4 == 2 ? $response->{body} eq "slept\n"
			: $response->{body} =~ /^@{[length $body]} /);
		$right ? $good++ : $wrong++;
		undef $connection
			if ($response->{header}{connection} // '') =~ /close/i;
	}
	return "$good $failed $wrong\n";
}

# Runs `events` while clients ask; returns the sums.
sub under_load
{
	my ($events) = @_;
	my @results;

	pipe my $stop, my $go_on or die $!;
	for my $number (1 .. $clients) {
		pipe my $from, my $to or die $!;
		my $pid = fork // die $!;
		if ($pid == 0) {
			close $go_on;
			syswrite $to, client($number, $stop);
			POSIX::_exit(0);
		}
		push @results, [$pid, $from];
	}
	my $served = $server->counters('main')->{served} // 0;
	await_condition(seconds(10), sub {
		($server->counters('main')->{served} // 0) > $served + 100 });
	$events->();
	# Let it settle: whatever was lost must not be lost for ever.
	$served = $server->counters('main')->{served} // 0;
	await_condition(seconds(10), sub {
		($server->counters('main')->{served} // 0) > $served + 200 });
	close $go_on;
	my @sums = (0, 0, 0);
	for my $result (@results) {
		my $line = readline $result->[1];
		waitpid $result->[0], 0;
		my @counts = split ' ', $line // '0 0 1';
		$sums[$_] += $counts[$_] for 0 .. 2;
	}
	return @sums;
}

$server->get('/count');

subtest 'recycle' => sub {
	my ($good, $failed, $wrong) = under_load(sub {
		for my $round (1 .. 4) {
			my @old = $server->pids_of('worker');
			my ($status) = $server->command('pool', 'recycle',
				'main');
			is($status, 0, "recycle $round");
			ok(await_exit($_, seconds(30)), "worker $_ ends")
				for @old;
		}
	});
	cmp_ok($good, '>', 200, "$good requests");
	is($failed, 0, 'none failed');
	is($wrong, 0, 'none was answered wrongly');
};

subtest 'reload' => sub {
	my ($good, $failed, $wrong) = under_load(sub {
		for my $round (1 .. 3) {
			my $configuration = $server->configuration;
			$configuration->{listener}{headerWaitTimeout} =
				"1${round}0s";
			$server->write_configuration($configuration);
			my ($status) = $server->command('reload');
			is($status, 0, "reload $round");
			ok(await_condition(seconds(10), sub {
				$server->command_json('status')->{generation}
					> $round
			}), 'takes effect');
		}
	});
	is($failed, 0, "of $good requests none failed");
	is($wrong, 0, 'none was answered wrongly');
};

subtest 'a worker is killed' => sub {
	my $kills = 3;
	my ($good, $failed, $wrong) = under_load(sub {
		for (1 .. $kills) {
			my $pid = $server->pid_of('worker');
			kill 'KILL', $pid;
			await_exit($pid, seconds(5));
			my $served = $server->counters('main')->{served} // 0;
			await_condition(seconds(10), sub {
				($server->counters('main')->{served} // 0)
					> $served + 50 });
		}
	});
	cmp_ok($failed, '<=', $kills * $clients,
		"of $good requests at most those in progress failed");
	is($wrong, 0, 'none was answered wrongly');
};

subtest 'the listener is killed' => sub {
	my $kills = 3;
	my ($good, $failed, $wrong) = under_load(sub {
		for (1 .. $kills) {
			my $pid = $server->pid_of('listener');
			kill 'KILL', $pid;
			await_exit($pid, seconds(5));
			await_condition(seconds(10), sub {
				($server->counters('main')->{served} // 0) > 50
			});
		}
	});
	cmp_ok($failed, '<=', $kills * $clients,
		"of $good requests at most one for each connection failed");
	is($wrong, 0, 'none was answered wrongly');
};

# Nothing is left of all this.
ok(await_condition(seconds(10), sub { !$server->requests }),
	'no request is left behind');
my $counters = $server->counters('main');
my $blocks = 0;
$blocks += $_->{active} for map { @{ $_->{channels} } }
	@{ $counters->{workers} };
is($blocks, 0, 'every slot is free');
is(scalar(@{ $server->command_json('worker', 'list')->{workers} }),
	scalar $server->pids_of('worker'), 'no worker is left behind');
$server->stop;
done_testing;
