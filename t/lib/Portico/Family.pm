# SPDX-License-Identifier: Apache-2.0
#
# The processes of a server beyond one porticod: who they are by what porticod
# says, whoever's children they are, and what tests of take-overs do to them.
#
#	my $before = await_workers($server, 2);
#	kill_porticod($server);
#	... the listener and the workers serve on ...
#	$server->launch;
#	is(family($server)->{listener}, $before->{listener}, 'the same');

package Portico::Family;

use strict;
use warnings;
use Config;
use Exporter 'import';
use Portico::Wait qw(await_condition seconds);

our @EXPORT_OK = qw(family await_workers strike kill_porticod adopt_orphans);

# prctl(PR_SET_CHILD_SUBREAPER)
use constant PR_SET_CHILD_SUBREAPER => 36;
my %prctl = (x86_64 => 157, aarch64 => 167);

# The pids, of workers those that run; how often one porticod followed another.
sub family
{
	my ($server) = @_;
	my $status = $server->command_json('status') // {};
	my $workers = $server->command_json('worker', 'list') // {};

	return { pid => $status->{pid}, keeper => $status->{keeper},
		takeOvers => $status->{takeOvers},
		listener => $status->{listener}{pid},
		workers => [ sort { $a <=> $b } map { $_->{pid} }
			grep { $_->{state} eq 'running' }
			@{ $workers->{workers} // [] } ] };
}

# The family with so many workers; or nothing.
sub await_workers
{
	my ($server, $count) = @_;

	return await_condition(seconds(10), sub {
		my $family = family($server);
		return $family if @{ $family->{workers} } == $count;
		return;
	});
}

# Never to number 0, which is all of us.
sub strike
{
	my ($signal, $pid) = @_;

	die "no process\n" unless ($pid // 0) > 1;
	return kill $signal, $pid;
}

sub kill_porticod
{
	my ($server) = @_;

	strike('KILL', $server->pid);
	waitpid $server->pid, 0;
}

# The children of a porticod of this server that dies become ours, so that they
# are found (pids_of), by other processes of the test as well.
sub adopt_orphans
{
	my ($server) = @_;
	my ($arch) = $Config{archname} =~ /^([^-]+)/;
	my $number = $prctl{$arch} // return;

	return if syscall($number, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0;
	return $server->{reaper} = $$;
}

1;
