# SPDX-License-Identifier: Apache-2.0
#
# load-client (t/load/) for tests: started beside a server, asked for totals,
# stopped.  It compares every byte of every answer; what it found is a hash:
# good, failed, wrong, left, stale, opened, closed, open, bytes, statuses,
# p50, p90, p99, max (us), seconds, complaints.
#
#	my $load = Portico::Load->start($server, connections => 64);
#	$load->await_ready;
#	...
#	my $end = $load->stop;

package Portico::Load;

use strict;
use warnings;
use IO::Handle;
use JSON::PP;
use Portico::Server;
use Portico::Wait qw(await_readable seconds);
use Time::HiRes qw(time);

my %running;

# Options are those of the program, with _ for -; a list is repeated.
sub start
{
	my ($class, $server, %options) = @_;
	my $program = Portico::Server::build_directory() . '/t/load/load-client';
	my @command = ($program, '--port', delete $options{port}
		// $server->port);

	for my $name (sort keys %options) {
		my $option = '--' . $name =~ tr/_/-/r;
		my $value = $options{$name};
		push @command, ref $value ? map { ($option, $_) } @$value
			: $name eq 'hold' ? ($value ? $option : ())
			: ($option, $value);
	}
	pipe my $reader, my $writer or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>&', $writer;
		exec { $program } @command or POSIX::_exit(127);
	}
	$reader->blocking(0);
	my $self = bless { pid => $pid, output => $reader, buffer => '',
		events => [], owner => $$ }, $class;
	$running{$pid} = $self;
	return $self;
}

sub pid { return $_[0]{pid} }

# Takes lines; false at the end of the output.
sub pump
{
	my ($self) = @_;
	my $open = 1;

	while ($self->{output}) {
		my $count = sysread $self->{output}, $self->{buffer}, 65536,
			length $self->{buffer};
		last unless defined $count;
		($open, $self->{output}) = (0, undef) if $count == 0;
	}
	push @{ $self->{events} }, decode_json($1)
		while $self->{buffer} =~ s/^(.*)\n//;
	return $open && $self->{output} ? 1 : 0;
}

# The next event of that name, or undef when the time is over.
sub await
{
	my ($self, $event, $timeout) = @_;
	my $deadline = time + seconds($timeout // 30);

	while (1) {
		my $open = $self->pump;
		my @events = @{ $self->{events} };
		for my $i (0 .. $#events) {
			next if $events[$i]{event} ne $event;
			splice @{ $self->{events} }, $i, 1;
			return $events[$i];
		}
		my $left = $deadline - time;
		return if !$open || $left <= 0;
		await_readable($left, $self->{output});
	}
}

# Each connection has had an answer.
sub await_ready { my ($self, $timeout) = @_; return $self->await('ready', $timeout) }

# What it has seen so far.
sub totals
{
	my ($self) = @_;

	kill 'USR1', $self->{pid};
	return $self->await('totals');
}

# Ends it, or awaits its end if it has a time or a number of requests.
sub stop
{
	my ($self, $timeout) = @_;

	kill 'TERM', $self->{pid};
	return $self->finish($timeout);
}

sub finish
{
	my ($self, $timeout) = @_;
	my $end = $self->await('end', $timeout // 60)
		// { failed => 1, wrong => 0, good => 0, left => 0,
			complaints => ['load-client did not end in time'] };

	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	delete $running{ $self->{pid} };
	return $end;
}

# What there is to complain about, for diag().
sub complaints
{
	my ($end) = @_;
	return join "\n", @{ $end->{complaints} };
}

# A file that `file => "SEED-BYTES"` asks for.
sub write_file
{
	my ($directory, $seed, $bytes) = @_;
	my $program = Portico::Server::build_directory() . '/t/load/load-client';

	open my $file, '>', "$directory/$seed-$bytes" or die $!;
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDOUT, '>&', $file;
		exec { $program } $program, '--write-file', "$seed-$bytes"
			or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	die "load-client --write-file failed\n" if $?;
}

END {
	my $status = $?;
	for my $self (grep { $_->{owner} == $$ } values %running) {
		kill 'KILL', $self->{pid};
		waitpid $self->{pid}, 0;
	}
	$? = $status;
}

1;
