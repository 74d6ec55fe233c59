# SPDX-License-Identifier: Apache-2.0
#
# Limits of all processes of a pool together where there are no control groups:
# memory, tasks and CPU time are polled, and what is above a limit is ended, or
# stopped for a while.  A pool that requires control groups has no worker
# without them.

use strict;
use warnings;
use POSIX ();
use Portico::Family qw(kill_porticod);
use Portico::Limits qw(cpu_seconds);
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

my %confined = (modules => ['confined'],
	handlers => [ { path => '*', module => 'confined' } ]);
# In thousandths of a percent of all.
sub part_of_a_core
{
	my $cores = POSIX::sysconf(84) || 1;    # _SC_NPROCESSORS_ONLN

	return int(100_000 * $_[0] / $cores) || 1;
}

my $server = Portico::Server->new(
	pools => { main => {},
		memory => { limits => { controlGroups => 'off',
				memory => '256MiB' } },
		tasks => { limits => { controlGroups => 'off',
				tasks => 64 } },
		yields => { limits => { controlGroups => 'off' },
			cpu => { limit => 1000,
				action => 'ThrottleUnderLoad' } },
		slowed => { limits => { controlGroups => 'off' },
			cpu => { action => 'Throttle',
				limit => part_of_a_core(0.15) } },
		sleepy => { limits => { controlGroups => 'off' },
			idleTimeout => '100ms', pingInterval => '50ms',
			idleTimeoutAction => 'Suspend', cpu => {
				action => 'Throttle',
				limit => part_of_a_core(0.1) } },
		required => { limits => { controlGroups => 'required',
				tasks => 1000 } } },
	applications => { '/sleepy' => { %confined, pool => 'sleepy',
			healthCheck => { path => '/spin?ms=80',
				interval => '100ms', timeout => '1m' } },
		map { ("/$_" => { %confined, pool => $_ || 'main' }) }
			'', qw(memory tasks yields slowed required) },
	allow => [qr/P525[48]|P5009|P5022|P5002/])->start;

sub limits_of
{
	my ($pool) = @_;
	my ($shown) = grep { $_->{name} eq $pool }
		@{ $server->command_json('status')->{pools} };

	return { map { $_->{name} => $_->{by} } @{ $shown->{limits} } };
}

sub self_of
{
	my ($pool) = @_;

	return await_condition(seconds(10),
		sub { $server->get_json("/$pool/self") });
}

# A request that is begun.
sub spin
{
	my ($ms, $pool) = (@_, 'slowed');
	my $connection = $server->connect;

	$connection->send("GET /$pool/spin?ms=$ms HTTP/1.1\r\n"
		. "Host: a\r\n\r\n");
	return $connection;
}

sub is_stopped
{
	my ($process) = @_;

	open my $file, '<', "/proc/$process/stat" or return 0;
	return <$file> =~ /\) T /;
}

is_deeply(limits_of('memory'), { memory => 'polling' }, 'memory is polled');
is_deeply(limits_of('tasks'), { tasks => 'polling' }, 'so are tasks');
is_deeply(limits_of('yields'), { cpu => 'nice' },
	'who gives way has the lowest priority');
like(($server->command('pool', 'show', 'memory'))[1],
	qr/^limits .*memory 256 MiB \(polling: limits\.controlGroups\)/m,
	'pool show says it, and why');
is(self_of('yields')->{nice}, 19, 'it has it');

my $pid = self_of('memory')->{pid};
is($server->get('/memory/memory?mib=16')->{body}, "0\n", 'some memory');
$server->get('/memory/memory?mib=384');
my $victim = qr/\(process $pid\), which has most, is killed .*P5258/;
ok($server->await_log(qr/pool "memory" has \d+ MiB of memory, .*$victim/),
	'more than the limit: its worker is killed') or $server->show_log;
ok($server->await_log(qr/process $pid\) terminated .*limits\.memory .*P5009/),
	'its end says why');
isnt(self_of('memory')->{pid}, $pid, 'another one serves');

$pid = self_of('tasks')->{pid};
is($server->get('/tasks/threads?count=96')->{body}, "0\n", 'threads');
$victim = qr/\(process $pid\), which has most, is killed .*P5258/;
ok($server->await_log(qr/pool "tasks" has \d+ .*limits\.tasks .*$victim/),
	'more than the limit: the same');
ok($server->await_log(qr/process $pid\) terminated .*limits\.tasks .*P5009/),
	'its end says why');
isnt(self_of('tasks')->{pid}, $pid, 'another one serves');

is_deeply(limits_of('slowed'), { cpu => 'polling' }, 'Throttle is polled');
$pid = self_of('slowed')->{pid};
my $spinning = spin(3000);
ok(await_condition(seconds(10), sub { is_stopped($pid) }),
	'a pool above its share is stopped');
ok(await_condition(seconds(10), sub { !is_stopped($pid) }), 'and continued');
my ($began, $before) = (time, cpu_seconds($pid));
is($spinning->read_response->{status}, 200, 'time and again');
my $share = (cpu_seconds($pid) - $before) / (time - $began);
cmp_ok($share, '<', 0.5, 'it gets less than it wants')
	or diag "it had $share of a core";

# Before it is frozen (its listener has to agree) it may be woken again.
$pid = self_of('sleepy')->{pid};
$spinning = spin(500, 'sleepy');
ok($server->await_request(qr/sleepy/), 'a pool is busy');
my $listener = $server->pid_of('listener');
kill 'STOP', $listener;
ok(await_condition(seconds(10), sub {
	$server->command_json('pool', 'show', 'sleepy')->{pool}{state}
		eq 'suspended' }), '... and then is to sleep');
ok(await_condition(seconds(10), sub { !is_stopped($pid) }),
	'... before that it is continued as any other');
kill 'CONT', $listener;
is($spinning->read_response->{status}, 200, '... and has answered');
is(self_of('sleepy')->{pid}, $pid, '... and does so again');

$pid = self_of('slowed')->{pid};
# Without porticod nobody stays stopped.
$spinning = spin(1500);
ok(await_condition(seconds(10), sub { is_stopped($pid) }), 'stopped again');
kill_porticod($server);
ok(await_condition(seconds(10), sub { !is_stopped($pid) }),
	'porticod dies: the worker is continued');
is($spinning->read_response->{status}, 200, 'and answers');
is(self_of('slowed')->{pid}, $pid, 'and serves');
$server->launch(@{ $server->{arguments} // [] });
ok($server->await_ready, 'another porticod');
$spinning = spin(1500);
ok(await_condition(seconds(10), sub { is_stopped($pid) }),
	'goes on with that, too');
is($spinning->read_response->{status}, 200, 'to the end');

SKIP: {
	my $by = limits_of('required')->{tasks};

	is(self_of('required')->{pid} > 0, 1, 'control groups are required')
		if $by ne 'polling';
	skip "control groups are required, and there are: $by", 2
		if $by ne 'polling';
	is($server->get('/required/self')->{status}, 503,
		'control groups are required, and there are none');
	ok($server->await_log(qr/limits\.controlGroups is required: /),
		'the log says so');
}

$server->stop;
done_testing;
