# SPDX-License-Identifier: Apache-2.0
#
# Clients with tunnels to a handler that echoes (t/sdk/modules/tunnel.c), beside
# a server to which things are done.  Each sends bytes that tell their place,
# compares what comes back, and ends: by saying so and waiting for the rest, by
# closing, or with a reset.
#
#	my $tunnels = Portico::Tunnels->start($server, target => '/t/echo',
#		count => 8, seed => 1);
#	my $end = $tunnels->finish;
#
# What they saw: opened, ended (all came back, then the end), left (by the
# client), refused (another status than 101), cut (a reset), short (an end that
# nobody asked for), wrong (another byte), stuck (no end within 30 s of asking
# for it), bytes.

package Portico::Tunnels;

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Portico::Wait qw(seconds);
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

# Of a prime length, so that a piece that is lost or doubled shows.
my $pattern = join '', map { chr($_ * 2654435761 / 2**13 & 255) } 1 .. 4099;
my $ask = "Host: a\r\nConnection: upgrade\r\nUpgrade: x-test\r\n\r\n";

sub start
{
	my ($class, $server, %options) = @_;
	my $self = bless { %options, port => $server->port, open => [],
		seen => { map { $_ => 0 } qw(opened ended left refused cut
			short wrong stuck bytes) } }, $class;

	pipe my $stop, my $go_on or die "pipe: $!";
	pipe my $reader, my $writer or die "pipe: $!";
	$self->{pid} = fork // die "fork: $!";
	if ($self->{pid} == 0) {
		close $go_on;
		close $reader;
		srand $options{seed};
		local $SIG{PIPE} = 'IGNORE';
		eval { $self->run($stop); 1 } or $self->{seen}{error} = "$@";
		print {$writer} encode_json($self->{seen});
		close $writer;
		POSIX::_exit(0);
	}
	@$self{qw(go_on reader)} = ($go_on, $reader);
	return $self;
}

# Ends them; what they saw.
sub finish
{
	my ($self) = @_;
	close $self->{go_on};
	my $text = do { local $/; readline $self->{reader} };
	waitpid $self->{pid}, 0;
	return eval { decode_json($text) } // { error => 'no report' };
}

# ---- in its process ----------------------------------------------------------

sub run
{
	my ($self, $stop) = @_;
	my ($open, $stopping) = ($self->{open}, 0);

	while (!$stopping || @$open) {
		$self->open_one while !$stopping && @$open < $self->{count};
		my $reading = IO::Select->new($stopping ? () : $stop,
			map { $_->{socket} } @$open);
		my $writing = IO::Select->new(map { $_->{socket} }
			grep { wants_to_send($_) } @$open);
		my ($in, $out) = IO::Select->select($reading, $writing, undef,
			0.5);
		my %ready = map { ($_ => 1) } @{ $in // [] };
		my %room = map { ($_ => 1) } @{ $out // [] };

		if (!$stopping && $ready{$stop}) {
			$stopping = 1;
			$_->{most} = $_->{sent} for @$open;
		}
		for my $tunnel (@$open) {
			send_some($tunnel) if $room{ $tunnel->{socket} };
			$self->take($tunnel) if $ready{ $tunnel->{socket} }
				&& !$tunnel->{is};
			$self->look($tunnel) unless $tunnel->{is};
		}
		$self->{seen}{ $_->{is} }++ for grep { $_->{is} } @$open;
		@$open = grep { !$_->{is} } @$open;
	}
}

sub open_one
{
	my ($self) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $self->{port}, Timeout => 5);

	# A listener that has just been killed.
	if (!$socket) {
		select undef, undef, undef, 0.05;
		return;
	}
	syswrite $socket, "GET $self->{target} HTTP/1.1\r\n$ask";
	$socket->blocking(0);
	my $most = int rand((1000, 30_000, 500_000)[rand 3]);
	push @{ $self->{open} }, { socket => $socket, head => '', sent => 0,
		got => 0, most => $most, at => int rand 4099, pause => 0,
		leaves => rand() < 0.3 ? int rand 1 + $most : undef,
		resets => rand() < 0.5, until => time + seconds(60) };
	return;
}

sub wants_to_send
{
	my ($tunnel) = @_;
	return !defined $tunnel->{head} && $tunnel->{sent} < $tunnel->{most}
		&& time >= $tunnel->{pause};
}

sub expected
{
	my ($tunnel, $from, $length) = @_;
	my $at = ($tunnel->{at} + $from) % length $pattern;
	return substr $pattern x (2 + $length / length $pattern), $at, $length;
}

sub send_some
{
	my ($tunnel) = @_;
	my $length = 1 + int rand((10, 1000, 20_000)[rand 3]);
	my $left = $tunnel->{most} - $tunnel->{sent};

	$length = $left if $length > $left;
	my $sent = syswrite $tunnel->{socket},
		expected($tunnel, $tunnel->{sent}, $length);

	# Who is told of a reset by this is not told again when reading.
	$tunnel->{is} = 'cut' if !defined $sent && !$!{EAGAIN} && !$!{EINTR};
	$tunnel->{sent} += $sent // 0;
	$tunnel->{pause} = time + rand 0.02;
	return;
}

# Bytes, or the end.
sub take
{
	my ($self, $tunnel) = @_;
	my $count = sysread $tunnel->{socket}, my $data, 65536;

	return if !defined $count && ($!{EAGAIN} || $!{EINTR});
	if (!$count) {
		$tunnel->{is} = defined $tunnel->{head}
			? ($tunnel->{refused} ? 'refused' : 'cut')
			: !defined $count ? 'cut'
			: $tunnel->{shut} && $tunnel->{got} == $tunnel->{sent}
			? 'ended' : 'short';
		return;
	}
	if (defined $tunnel->{head}) {
		$tunnel->{head} .= $data;
		return if $tunnel->{head} !~ s{^HTTP/1\.1 (\d+) .*?\r\n\r\n}{}s;
		if ($1 != 101) {
			$tunnel->{is} = 'refused';
			return;
		}
		$self->{seen}{opened}++;
		$data = delete $tunnel->{head};
		$count = length $data or return;
	}
	if ($tunnel->{got} + $count > $tunnel->{sent}
		|| $data ne expected($tunnel, $tunnel->{got}, $count)) {
		$tunnel->{is} = 'wrong';
		return;
	}
	$tunnel->{got} += $count;
	$self->{seen}{bytes} += $count;
	return;
}

# Whether it is time to go.
sub look
{
	my ($self, $tunnel) = @_;
	my $socket = $tunnel->{socket};

	if (defined $tunnel->{leaves} && !defined $tunnel->{head}
		&& $tunnel->{got} >= $tunnel->{leaves}) {
		setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0
			if $tunnel->{resets};
		close $socket;
		$tunnel->{is} = 'left';
	} elsif (!defined $tunnel->{head} && !$tunnel->{shut}
		&& $tunnel->{sent} >= $tunnel->{most}) {
		shutdown $socket, 1;
		$tunnel->{shut} = 1;
		$tunnel->{until} = time + seconds(30);
	} elsif (time > $tunnel->{until}) {
		$tunnel->{is} = 'stuck';
	}
	return;
}

1;
