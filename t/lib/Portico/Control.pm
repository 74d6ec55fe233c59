# SPDX-License-Identifier: Apache-2.0
#
# The control socket, spoken without the portico command: what an answer takes
# is porticod's time then, not that of starting a program.

package Portico::Control;

use strict;
use warnings;
use IO::Handle;
use JSON::PP;
use Portico::Wait qw(await_readable seconds);
use Socket qw(AF_UNIX SOCK_SEQPACKET pack_sockaddr_un);
use Time::HiRes qw(time);

# One question on a connection of its own; returns the answer's text and what
# it took in milliseconds, or nothing when none came.  Answers beyond one packet
# (64 KiB) come in a way that core Perl cannot read: their time is right, and
# the text has only a "type".
sub ask_text
{
	my ($path, $type, %members) = @_;
	my $text = encode_json({ type => $type, %members });
	my $start = time;

	socket my $socket, AF_UNIX, SOCK_SEQPACKET, 0 or die "socket: $!";
	connect $socket, pack_sockaddr_un($path) or return;
	defined syswrite $socket, $text or return;
	await_readable(seconds(10), $socket) or return;
	sysread $socket, my $packet, 1 << 20 or return;
	my $took = (time - $start) * 1000;
	return ($packet, $took);
}

# The same, as data.
sub ask
{
	my ($text, $took) = ask_text(@_);

	return unless defined $text;
	return (decode_json($text), $took);
}

1;
