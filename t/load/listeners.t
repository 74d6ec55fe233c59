# SPDX-License-Identifier: Apache-2.0
#
# Listeners are replaced, and killed, while 64 connections ask without a pause,
# half of them on connections that they keep, half on a new one each time.
#
# `portico upgrade listener` loses nothing: not one request fails, every byte
# of every answer is the right one, and each request has its line in the log,
# once.  A listener that is killed loses what is in progress on it, no more: the
# next one accepts who waits, and the workers go on with it.
#
# PORTICO_UPGRADES and PORTICO_LISTENER_KILLS set other numbers.

use strict;
use warnings;
use Portico::Load;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;
use Time::HiRes qw(time);

my $sanitized = ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';
my $upgrades = $ENV{PORTICO_UPGRADES} // ($sanitized ? 4 : 20);
my $kills = $ENV{PORTICO_LISTENER_KILLS} // 4;
my $connections = 64;

my @files = ([1, 700], [2, 9_000], [3, 300_000]);
my $server = Portico::Server->new(
	listener => { threads => 2 },
	pools => { main => { workers => 2, threads => 2,
		startMode => 'AlwaysRunning' } },
	applications => {
		'/' => { modules => ['load'],
			handlers => [ { path => '*', module => 'load' } ] },
		'/files' => { modules => ['static'],
			handlers => [ { path => '*', module => 'static' } ] },
	},
	allow => [qr/listener .*terminated unexpectedly: it was killed by/],
);
Portico::Load::write_file($server->root, @$_) for @files;
$server->start;

# The workers that the listener that serves has attached.
sub attached
{
	my $counters = $server->counters('main') or return ();

	my @pids = sort { $a <=> $b } map { $_->{pid} }
		grep { $_->{attached} && $_->{attached} == $_->{count} }
		@{ $counters->{workers} };
	return @pids;
}

my @loads;
sub start_load
{
	my %common = (connections => $connections / 2, bytes => '0-100000',
		mix => 'pattern=9,file=1', delay => 2,
		file => [map { "$_->[0]-$_->[1]" } @files]);

	@loads = (
		Portico::Load->start($server, %common, seed => 1),
		Portico::Load->start($server, %common, seed => 2,
			requests_per_connection => 1),
	);
	ok($_->await_ready, 'every connection is served') for @loads;
}

# The sum of what both have seen.
sub sum
{
	my @parts = @_;
	my %sum;

	for my $name (qw(good failed wrong)) {
		$sum{$name} += $_->{$name} // 0 for @parts;
	}
	return \%sum;
}

sub totals { return sum(map { $_->totals } @loads) }

sub end_load
{
	my @ends = map { $_->stop } @loads;
	my $sum = sum(@ends);

	$sum->{complaints} = join "\n", map { Portico::Load::complaints($_) }
		@ends;
	return $sum;
}

# Both have had so many more answers.
sub await_answers
{
	my ($count) = @_;

	for my $load (@loads) {
		my $before = $load->totals->{good};
		await_condition(seconds(20), sub {
			$load->totals->{good} >= $before + $count })
			or return 0;
	}
	return 1;
}

sub is_free
{
	my $counters = $server->counters('main') or return 0;
	my $sum = $counters->{queued} + $counters->{active};

	$sum += $_->{active} + $_->{blocks} + $_->{held}
		for map { @{ $_->{channels} } } @{ $counters->{workers} };
	return $sum == 0;
}

my @workers;
ok(await_condition(seconds(10), sub { (@workers = attached()) == 2 }),
	'both workers run');

subtest 'upgrades' => sub {
	my $began = time;
	my @old;

	start_load();
	for my $number (1 .. $upgrades) {
		my ($status, $output, $errors) = $server->command('upgrade',
			'listener');
		last unless is($status, 0, "upgrade $number") || diag($errors);
		push @old, $output =~ /^process (\d+) finishes/m;
		ok(await_answers(20), 'requests go on');
		# All ask again soon, so it has nothing to wait for.
		ok(await_exit($old[-1], seconds(20)), 'the old one ends');
	}
	my $seconds = time - $began;
	my $end = end_load();
	is(scalar @old, $upgrades, 'all were done');
	is($end->{failed}, 0, sprintf '%d upgrades in %.1f s: none of %d '
		. 'requests failed', $upgrades, $seconds, $end->{good});
	is($end->{wrong}, 0, 'every byte was right');
	diag($end->{complaints}) if $end->{failed} + $end->{wrong};
	is_deeply([attached()], \@workers, 'the workers are the same');
	ok(await_condition(seconds(10), \&is_free),
		'every slot and every block is free');
	my $lines = 0;
	ok(await_condition(seconds(10), sub {
		open my $log, '<', $server->access_log or return 0;
		$lines = grep { !/^#/ } <$log>;
		return $lines >= $end->{good};
	}), 'every request has a line in the log');
	is($lines, $end->{good}, 'and only one');
};

subtest 'crashes' => sub {
	start_load();
	for my $number (1 .. $kills) {
		my $old = $server->command_json('status')->{listener}{pid};

		kill 'KILL', $old;
		ok(await_exit($old, seconds(5)), "listener $number is killed");
		ok(await_answers(20), 'another one serves');
	}
	ok(await_condition(seconds(10), sub { attached() == 2 }),
		'it has both workers');
	my $before = totals();
	ok(await_answers(200), 'requests go on');
	my $end = end_load();
	is($end->{failed}, $before->{failed}, 'and none fails any more');
	# Each connection had one request, or one that had not been accepted.
	cmp_ok($end->{failed}, '<=', $kills * $connections,
		"$kills crashes: $end->{failed} of $end->{good} requests were lost");
	cmp_ok($end->{failed}, '>', 0, 'since they were in progress');
	is($end->{wrong}, 0, 'no answer was wrong');
	diag($end->{complaints}) if $end->{wrong};
	is_deeply([attached()], \@workers, 'the workers are the same');
	ok(await_condition(seconds(10), \&is_free),
		'every slot and every block is free');
};

$server->stop;
done_testing;
