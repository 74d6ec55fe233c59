# SPDX-License-Identifier: Apache-2.0
#
# cpu.limit with the actions that count: NoAction says that a pool has used
# more than it may, once in each resetInterval; KillWorker kills its workers
# and gives it none until the interval ends, whatever becomes of porticod
# meanwhile.  Each by control groups, where there are some, and by polling.

use strict;
use warnings;
use Portico::Family qw(kill_porticod);
use Portico::Server;
use POSIX ();
use Portico::Wait qw(await_condition seconds);
use Test::More;

# So many seconds of the cores within the interval: the machine's size does not
# matter.
sub allows
{
	my ($used, $interval) = @_;
	my $cores = POSIX::sysconf(84) || 1;    # _SC_NPROCESSORS_ONLN
	my $limit = int(100_000 * $used / ($interval * $cores));

	return $limit < 1 ? 1 : $limit;
}

# It is used up early in the interval, so that the rest of that can be looked
# at; but not by a worker's start alone.
my $interval = 4;
my $used = ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes' ? 0.8 : 0.4;
my %ways = (kernel => 'auto', polled => 'off');
my (%pools, %applications);
for my $way (sort keys %ways) {
	my $limits = { controlGroups => $ways{$way} };

	$pools{"told-$way"} = { limits => $limits, cpu => {
			limit => allows(0.2, 600), resetInterval => '10m' } };
	$pools{"killed-$way"} = { limits => $limits, cpu => {
			limit => allows($used, $interval), action => 'KillWorker',
			resetInterval => "${interval}s" } };
	$applications{"/$_-$way"} = { pool => "$_-$way",
		modules => ['confined'],
		handlers => [ { path => '*', module => 'confined' } ] }
		for qw(told killed);
}
$pools{main} = {};
$applications{'/'} = { %{ $applications{'/told-polled'} }, pool => 'main' };
my $server = Portico::Server->new(pools => \%pools,
	applications => \%applications,
	allow => [qr/P525[56]/])->start;

sub pid_of
{
	my ($pool) = @_;
	my $self = await_condition(seconds(10),
		sub { $server->get_json("/$pool/self") });

	return $self->{pid};
}

sub spin
{
	my ($pool, $until) = @_;

	return await_condition(seconds(40), sub {
		$server->get("/$pool/spin?ms=600");
		return $server->log =~ $until;
	});
}

my %by;
for my $pool (sort keys %pools) {
	my ($shown) = grep { $_->{name} eq $pool }
		@{ $server->command_json('status')->{pools} };
	my ($cpu) = @{ $shown->{limits} };

	$by{$pool} = $cpu->{by};
	if ($pool eq 'main') {
		is_deeply($shown->{limits}, [], "$pool: no limits");
		next;
	}
	like($cpu->{by}, $pool =~ /polled/ ? qr/^polling$/ :
			qr/^(?:cgroup v[12]|polling)$/, "$pool: $cpu->{by}");
	is($cpu->{why}, 'limits.controlGroups', "$pool: why")
		if $pool =~ /polled/;
	cmp_ok($shown->{cpuCounted}{allowedMs}, '>', 0, "$pool: counted");
}
my (undef, $status) = $server->command('status');
my $told = qr/told-polled is limited: cpu [\d.]+ % NoAction within 10m/;
my $killed = qr/killed-kernel is limited: cpu [\d.]+ % KillWorker within/;
like($status, qr/^$told by polling \(limits\.controlGroups\); \d/m,
	'status says so');
like($status, qr/^$killed ${interval}s by \Q$by{'killed-kernel'}\E/m,
	'of each of them');
unlike($status, qr/^main is limited/m, 'and not of one without');
unlike($status, qr/ is limited[^\n]*\n\n+\S+ is limited/,
	'with no gap between the lines');

for my $way (sort keys %ways) {
	my $name = "told-$way";
	my $pid = pid_of($name);

	ok(spin($name, qr/pool "$name" has used .*cpu\.limit.*P5255/),
		"$name: NoAction: said") or $server->show_log;
	$server->get("/$name/spin?ms=300");
	is(pid_of($name), $pid, "$name: nothing else happens");
	my ($shown) = grep { $_->{name} eq $name }
		@{ $server->command_json('status')->{pools} };
	cmp_ok($shown->{cpuCounted}{usedMs}, '>=',
		$shown->{cpuCounted}{allowedMs}, "$name: counted");
	is(() = $server->log =~ /pool "$name" has used/g, 1, "$name: once");
}

for my $way (sort keys %ways) {
	my $name = "killed-$way";
	my $pid = pid_of($name);
	my $mark = $server->log_position;

	ok(spin($name, qr/pool "$name" has used .*killed.*P5256/),
		"$name: KillWorker") or $server->show_log;
	ok($server->await_log(qr/process $pid\) has stopped: it was killed/),
		"$name: the worker is killed");
	is($server->get("/$name/self")->{status}, 503, "$name: disabled");
	like(($server->command('status'))[1], qr/^$name is disabled: it has used/m,
		"$name: status says why");
	is($server->get('/self')->{status}, 200, 'other pools are as they were');
	ok($server->await_log(qr/pool "$name" may have workers again.*P5257/,
			seconds(2 * $interval), $mark), "$name: for a time");
	isnt(pid_of($name), $pid, "$name: a new worker");
	my ($shown) = grep { $_->{name} eq $name }
		@{ $server->command_json('status')->{pools} };
	is($shown->{failures}, 0, "$name: that is no failure");
}

# By command it is over at once.
my $name = 'killed-kernel';
ok(await_condition(seconds(20), sub {
	$server->get("/$name/spin?ms=600");
	return $server->get("/$name/self")->{status} == 503;
}), 'killed again');
is(($server->command('pool', 'start', $name))[0], 0, 'pool start');
is($server->get("/$name/self")->{status}, 200, 'enables it at once');

# What another porticod has held goes on being held.
my $pid = pid_of($name);
ok(await_condition(seconds(20), sub {
	$server->get("/$name/spin?ms=600");
	return $server->get("/$name/self")->{status} == 503;
}), 'and again');
ok($server->await_log(qr/process $pid\) has stopped/), 'its worker is gone');
$server->command('status');
my $mark = $server->log_position;
kill_porticod($server);
$server->launch(@{ $server->{arguments} // [] });
ok($server->await_ready, 'another porticod');
ok($server->await_log(qr/pool "$name" may have workers again/,
		seconds(2 * $interval), $mark), 'lets it go when it is time');
ok(pid_of($name), 'and it serves');

$server->stop;
done_testing;
