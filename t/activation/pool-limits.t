# SPDX-License-Identifier: Apache-2.0
#
# Limits of all processes of a pool together, by control groups; a worker that
# is killed since there is no memory left is told apart from other deaths.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $application = { modules => ['confined'],
	handlers => [ { path => '*', module => 'confined' } ] };
my $main = { limits => { memory => '96MiB', tasks => 64 },
	cpu => { limit => 25000, action => 'Throttle' } };
my $server = Portico::Server->new(
	pools => { main => $main, other => {} },
	applications => { '/' => {%$application},
		'/other' => { %$application, pool => 'other' } },
	allow => [qr/P5009|P5260|P1000|channel/])->start;

sub groups_of
{
	my ($pid) = @_;

	open my $file, '<', "/proc/$pid/cgroup" or return '';
	local $/;
	return <$file>;
}

my $pid = $server->get_json('/self')->{pid};
my (undef, $shown) = $server->command(qw(pool show main));
my ($limits) = $shown =~ /^limits +(.*)$/m;
diag $limits;
my %by = map { $_ => $limits =~ /\b$_ [^,]*?\((cgroup v[12])\)/ ? $1 : undef }
	qw(memory tasks cpu);

for my $name (sort keys %by) {
	SKIP: {
		skip "$name: no control group here: $limits", 1
			unless $by{$name};
		like(groups_of($pid), qr{/portico-[0-9a-f]{8}/main$}m,
			"$name: the worker is in its pool's group");
	}
}
unlike(groups_of($server->get_json('/other/self')->{pid}), qr{/portico-[0-9a-f]{8}\b},
	'a pool without limits has none');
unlike(groups_of($server->pid_of('listener')), qr{/portico-[0-9a-f]{8}/main},
	'nor has the listener');

SKIP: {
	skip "no control group for memory here: $limits", 5
		unless $by{memory};
	is($server->get('/memory?mib=16')->{body}, "0\n", 'some memory');
	my $answer = $server->get('/memory?mib=256', method => 'POST');
	is($answer->{status}, 502, 'too much');
	ok($server->await_log(
		qr/terminated unexpectedly.*out of memory.*limits\.memory/),
		'the log says that it was killed for its memory');
	isnt($server->get_json('/self')->{pid}, $pid, 'another one serves');
	my $victim = $server->get_json('/self')->{pid};
	my $mark = $server->log_position;
	kill 'KILL', $victim;
	like($server->await_log(qr/process $victim\) terminated .*P5009/, 10,
			$mark) // '', qr/KILL\)(?!.*out of memory)/,
		'one that is killed otherwise is not said to have been');
}

# Its successor comes while it is still in the group.
$pid = $server->get_json('/self')->{pid};
delete $main->{limits}{memory};
delete $server->{configuration};
$server->write_configuration;
is(($server->command('reload'))[0], 0, 'a limit is taken away');
ok(await_condition(seconds(10), sub {
	($server->get_json('/self') // { pid => $pid })->{pid} != $pid }),
	'by another worker');
is($server->get('/memory?mib=256')->{body}, "0\n", '... which has none');

$server->stop;
done_testing;
