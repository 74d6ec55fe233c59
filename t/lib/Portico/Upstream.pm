# SPDX-License-Identifier: Apache-2.0
#
# An HTTP server for the tests of what calls other servers: a process that
# forks for each connection and answers as the test says.
#
#	my $upstream = Portico::Upstream->new(sub {
#		my ($request, $connection) = @_;
#		return [200, ['X-A: b'], 'body'];    # or bytes, or undef
#	});
#	$upstream->port; $upstream->lines; $upstream->stop;
#
# The handler gets method, target, fields (lower-case names), body, and the
# numbers of connection and request; bytes are sent as they are and the
# connection is closed, undef closes it.  note(text) adds a line that lines()
# gives, as each request does.

package Portico::Upstream;

use strict;
use warnings;
use File::Temp ();
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Portico::Wait qw(await_condition seconds);

# Options: unix => path instead of a port.
sub new
{
	my ($class, $handler, %options) = @_;
	my $listener = $options{unix}
		? IO::Socket::UNIX->new(Listen => 64, Local => $options{unix})
		: IO::Socket::INET->new(Listen => 64, ReuseAddr => 1,
			LocalAddr => '127.0.0.1', LocalPort => 0);
	die "cannot listen: $!" unless $listener;
	my $self = bless { owner => $$, handler => $handler,
		notes => File::Temp->new(TEMPLATE => 'portico-up-XXXXXXXX',
			TMPDIR => 1),
		port => $options{unix} ? 0 : $listener->sockport }, $class;

	chmod 0777, $options{unix} if $options{unix};
	$self->{pid} = fork // die "fork: $!";
	if ($self->{pid} == 0) {
		setpgrp 0, 0;
		$SIG{CHLD} = 'IGNORE';
		$SIG{TERM} = 'DEFAULT';
		$self->serve($listener);
		POSIX::_exit(0);
	}
	return $self;
}

sub port { return $_[0]{port} }
sub url { return "http://127.0.0.1:$_[0]{port}$_[1]" }

sub serve
{
	my ($self, $listener) = @_;

	for (my $number = 1; ; $number++) {
		my $connection = $listener->accept or next;
		my $pid = fork // next;
		if ($pid == 0) {
			close $listener;
			eval { $self->talk($connection, $number); 1 }
				or $self->note("error: $@");
			POSIX::_exit(0);
		}
		close $connection;
	}
}

# One line, whole, whoever writes it.
sub note
{
	my ($self, $text) = @_;

	open my $out, '>>', "$self->{notes}" or return;
	syswrite $out, "$text\n";
}

sub talk
{
	my ($self, $connection, $number) = @_;

	binmode $connection;
	for (my $count = 1; ; $count++) {
		my $request = read_request($connection) or last;
		@$request{qw(connection number)} = ($number, $count);
		$self->note("$request->{method} $request->{target}");
		my $answer = $self->{handler}->($request, $connection, $self);
		last unless defined $answer;
		if (!ref $answer) {
			print $connection $answer;
			last;
		}
		my ($status, $fields, $body) = @$answer;
		print $connection "HTTP/1.1 $status Word\r\n",
			map({ "$_\r\n" } @$fields),
			'Content-Length: ', length $body, "\r\n\r\n",
			$request->{method} eq 'HEAD' ? '' : $body;
		$connection->flush;
	}
	close $connection;
}

sub read_request
{
	my ($connection) = @_;
	my %fields;

	my $line = <$connection> // return;
	my ($method, $target) = split ' ', $line;
	while (defined($line = <$connection>) && $line =~ s/\r\n\z//) {
		last if $line eq '';
		my ($name, $value) = $line =~ /^([^:]+):\s*(.*)$/ or return;
		$fields{lc $name} = $value;
	}
	my $body = '';
	if (($fields{'transfer-encoding'} // '') eq 'chunked') {
		while (defined($line = <$connection>)) {
			my $length = hex($line =~ s/\s+\z//r);
			my $got = read $connection, my $chunk, $length + 2;
			last if !$length || $got < $length + 2;
			$body .= substr $chunk, 0, $length;
		}
	} elsif ($fields{'content-length'}) {
		read $connection, $body, $fields{'content-length'};
	}
	return { method => $method, target => $target, fields => \%fields,
		body => $body };
}

# What was noted so far: a list of lines.
sub lines
{
	my ($self) = @_;

	open my $in, '<', "$self->{notes}" or return;
	chomp(my @lines = <$in>);
	return @lines;
}

# Waits until a line matches; returns how many do.
sub await_line
{
	my ($self, $pattern, $count) = @_;

	return await_condition(seconds(10), sub {
		my $found = grep { $_ =~ $pattern } $self->lines;
		return $found >= ($count // 1) ? $found : 0;
	});
}

sub stop
{
	my ($self) = @_;

	return unless $self->{pid} && $self->{owner} == $$;
	kill 'TERM', -$self->{pid} or kill 'TERM', $self->{pid};
	local $?;
	waitpid delete $self->{pid}, 0;
}

sub DESTROY { $_[0]->stop }

1;
