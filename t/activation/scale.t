# SPDX-License-Identifier: Apache-2.0
#
# Many pools cost little while nobody asks them anything, and a worker without
# modules costs little private memory.  PORTICO_SCALE_POOLS=1000 and
# PORTICO_SCALE_WORKERS=200 are the sizes of the requirement (a start within
# 2 s, 64 MiB for porticod, its keeper and the listener, 3 MiB for each worker);
# what the test takes by itself is less, with the same bounds for memory.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

my $pools = $ENV{PORTICO_SCALE_POOLS} // 250;
my $workers = $ENV{PORTICO_SCALE_WORKERS} // 8;

# Kilobytes; another one may have ended meanwhile.
sub sum
{
	my ($measure, @pids) = @_;
	my $sum = 0;

	$sum += $measure->($_) // 0 for @pids;
	return $sum;
}

my %applications = map { ("/p$_" => { pool => "p$_", modules => [] }) }
	1 .. $pools;
my $server = Portico::Server->new(applications => \%applications,
	pools => { map { ("p$_" => {}) } 1 .. $pools });

my $began = time;
$server->start;
my $took = time - $began;
my $status = $server->command_json('status');
is(scalar @{ $status->{pools} }, $pools, "$pools pools");
is(scalar $server->pids_of('worker'), 0, 'no worker runs');
# A busy machine is not what this is about.
cmp_ok($took, '<', seconds($ENV{PORTICO_SCALE_POOLS} ? 2 : 10),
	sprintf 'started within %.2f s', $took);

# The requirement is for 1,000: 64 MiB.  Fewer have their part of it, or nobody
# would notice here that memory is not given back.
sub look_at_memory
{
	my ($when) = @_;
	my $most = (14 << 10) + 44 * ($pools < 1000 ? $pools : 1000);

	SKIP: {
		skip 'sanitizers need memory of their own', 1
			if Portico::Server::build_directory() =~ /sanitizers/;
		my $memory = sum(\&Portico::Server::memory, $server->pid,
			$status->{listener}{pid}, $status->{keeper});
		cmp_ok($memory, '<', $most,
			"$when: porticod, keeper and listener: $memory KiB");
	}
	return;
}

look_at_memory('started');
# What was read for it is given back, also that of the time before.
for my $time (1 .. 2) {
	$began = time;
	is(($server->command('reload'))[0], 0, 'a reload');
	cmp_ok(time - $began, '<', seconds(10),
		sprintf 'within %.2f s', time - $began);
}
look_at_memory('read again');

for my $number (1 .. $workers) {
	my $response = $server->get("/p$number/");
	cmp_ok($response->{status}, '<', 500, "pool $number answers")
		if $response->{status} >= 500;
}
my @pids = $server->pids_of('worker');
is(scalar @pids, $workers, "$workers workers");
SKIP: {
	skip 'sanitizers need memory of their own', 1
		if Portico::Server::build_directory() =~ /sanitizers/;
	my $each = int(sum(\&Portico::Server::private_memory, @pids) / @pids);
	cmp_ok($each, '<=', 3 << 10, "$each KiB of private memory each");
}

# All of it goes on under another porticod.
$began = time;
is(($server->command('upgrade', 'manager'))[0], 0, 'porticod is replaced');
cmp_ok(time - $began, '<', seconds(10),
	sprintf 'within %.2f s', time - $began);
# One more checks the configuration, for a moment.
ok(await_condition(seconds(10), sub {
	return join(' ', $server->pids_of('worker')) eq "@pids"; }),
	'the same workers');
is(scalar(grep { $_->{state} eq 'running' }
	@{ $server->command_json('worker', 'list')->{workers} }), $workers,
	'all of them serve');
$server->stop;
done_testing;
