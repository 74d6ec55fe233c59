# SPDX-License-Identifier: Apache-2.0
#
# Stopping workers at exact steps (t/worker/stop.h) and counting what they ran.
#
#	my $stops = Portico::Stops->new;
#	... environment => $stops->environment ...  # of a pool
#	$stops->arm('take');                        # hold; or 'exit'
#	... send a request ...
#	ok($stops->await('take'), 'it is there');
#	$stops->go;                                 # whoever holds goes on

package Portico::Stops;

use strict;
use warnings;
use File::Temp ();
use POSIX ();
use Portico::Wait qw(await_condition await_file seconds);

sub new
{
	my ($class) = @_;
	my $self = bless { directory => File::Temp->newdir(
		'portico-stop-XXXXXXXX', TMPDIR => 1) }, $class;

	# Workers run as somebody else when the test is run by root.
	chmod 0777, "$self->{directory}";
	POSIX::mkfifo($self->path('go'), 0666) or die "mkfifo: $!";
	chmod 0666, $self->path('go');
	return $self;
}

sub path { my ($self, $name) = @_; return "$self->{directory}/$name" }
sub environment { return { PORTICO_TEST_STOP => "$_[0]{directory}" } }

# The next worker that comes to `step` stops there.
sub arm
{
	my ($self, $step, $mode) = @_;

	unlink $self->path("$step.reached");
	# Whole when it appears.
	open my $file, '>', $self->path("$step.new") or die $!;
	print $file $mode // 'hold';
	close $file or die $!;
	chmod 0666, $self->path("$step.new");
	rename $self->path("$step.new"), $self->path($step) or die $!;
}

# True when a worker has stopped there.
sub await
{
	my ($self, $step) = @_;
	my $path = $self->path("$step.reached");

	return await_file($path, seconds(10), sub { -e $path });
}

# Waits for a note that a worker left (stop_note), and takes it away.
sub await_note
{
	my ($self, $name) = @_;
	my $path = $self->path($name);

	return await_file($path, seconds(10), sub { unlink $path });
}

sub has { my ($self, $name) = @_; return -e $self->path($name) }

# Whoever holds between two steps (t/worker/stopping.c) goes on.
sub go
{
	my ($self) = @_;

	# Opening without blocking fails while nobody waits.
	return await_condition(seconds(10), sub {
		sysopen my $file, $self->path('go'),
			POSIX::O_WRONLY() | POSIX::O_NONBLOCK();
	});
}

# How often the request of that id was run.
sub runs
{
	my ($self, $id) = @_;
	return -s $self->path("runs.$id") // 0;
}

1;
