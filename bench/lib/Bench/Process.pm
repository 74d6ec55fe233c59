# SPDX-License-Identifier: Apache-2.0
#
# What a set of processes costs: CPU time and memory, from /proc.

package Bench::Process;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(family cpu_microseconds memory_kilobytes
	made_kilobytes);

# A process and all that descend from it.
sub family
{
	my ($root) = @_;
	my (%children, @family);

	for my $path (glob '/proc/[0-9]*/stat') {
		open my $file, '<', $path or next;
		my ($pid, $parent) = (<$file> // '') =~ /^(\d+) \(.*\) \S (\d+)/s
			or next;
		push @{ $children{$parent} }, $pid;
	}
	@family = ($root);
	for (my $i = 0; $i < @family; $i++) {
		push @family, @{ $children{ $family[$i] } // [] };
	}
	return @family;
}

# User and system time that all threads of the processes have used, in
# microseconds.  schedstat counts nanoseconds; where it is missing, the clock
# ticks of stat have to do.
sub cpu_microseconds
{
	my (@pids) = @_;
	my $total = 0;

	for my $pid (@pids) {
		for my $task (glob "/proc/$pid/task/*") {
			if (open my $file, '<', "$task/schedstat") {
				my ($ns) = split ' ', <$file> // '0';
				$total += ($ns // 0) / 1000;
			} elsif (open my $stat, '<', "$task/stat") {
				my ($rest) = (<$stat> // '') =~ /^\d+ \(.*\) (.*)/s;
				my @field = split ' ', $rest // '';
				$total += (($field[11] // 0) + ($field[12] // 0))
					* 10_000;
			}
		}
	}
	return $total;
}

# (proportional set size, private memory) of all of them together.
sub memory_kilobytes
{
	my (@pids) = @_;
	my ($pss, $private) = (0, 0);

	for my $pid (@pids) {
		open my $file, '<', "/proc/$pid/smaps_rollup" or next;
		while (my $line = <$file>) {
			$pss += $1 if $line =~ /^Pss:\s+(\d+)/;
			$private += $1
				if $line =~ /^Private_(?:Clean|Dirty):\s+(\d+)/;
		}
	}
	return ($pss, $private);
}

# What they have made themselves, shared among them or not: without the pages of
# programs and libraries, of which others have a changing part.
sub made_kilobytes
{
	my (@pids) = @_;
	my $sum = 0;

	for my $pid (@pids) {
		open my $file, '<', "/proc/$pid/smaps_rollup" or next;
		while (my $line = <$file>) {
			$sum += $1 if $line =~ /^Pss_(?:Anon|Shmem):\s+(\d+)/;
		}
	}
	return $sum;
}

1;
