# SPDX-License-Identifier: Apache-2.0
#
# Handshakes that are many, slow, large or begun again: a flood of them leaves
# others their turns, half of one is cut off in time, a flight that the client's
# window does not take goes on, tickets are renewed and their keys replaced.

use strict;
use warnings;
use File::Temp ();
use IO::Socket::INET;
use Portico::Http;
use Portico::Server;
use Portico::Tls;
use Portico::Wait qw(await_condition seconds stop_process);
use Test::More;
use Time::HiRes qw(sleep time);

use constant TIOCOUTQ => 0x5411;

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();

my $directory = File::Temp->newdir;
chmod 0755, "$directory";
my $tls = Portico::Tls->new("$directory/tls");
my ($port, $plain, $long_port) = map { Portico::Server::free_port() } 1 .. 3;

# Flights that are kept whole until they have left, and larger ones.
my %issuers = (long => 150, longer => 330);
my %certificates = map { $_ => $tls->issue($_, names => ["$_.example"]) }
	qw(short long longer);
for my $name (keys %issuers) {
	open my $file, '>>', $tls->file("$name.pem") or die $!;
	open my $issuer, '<', $tls->file('ca.pem') or die $!;
	my $text = join '', <$issuer>;
	print $file $text x $issuers{$name};
	close $file or die $!;
}
my $server = Portico::Server->new(
	listener => { ticketKeyRotation => '2s', headerWaitTimeout => '2s',
		maxConnections => 260 },
	bindings => ["http://*:$plain",
		{ url => "https://*:$port", certificate => 'short' },
		{ url => "https://long.example:$long_port", certificate => 'long' },
		{ url => "https://longer.example:$long_port",
			certificate => 'longer' }],
	top => { certificates => \%certificates },
	allow => [qr{P203[02]\]}],
)->start;

sub lines_of_error_log
{
	open my $log, '<', $server->error_log or return;
	return <$log>;
}

# Bytes that the other side's kernel has not confirmed.
sub in_transit
{
	my ($socket) = @_;
	my $count = pack 'i', 0;

	ioctl $socket, TIOCOUTQ, $count or die "TIOCOUTQ: $!";
	return unpack 'i', $count;
}

# In the order in which the loop, of which there is one, came to them.
subtest 'many at once leave others their turns' => sub {
	my $neighbour = Portico::Http->connect($plain);
	my @many = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
		or die "connecting: $!" } 1 .. 200;

	is($neighbour->request('GET', '/count')->{status}, 200, 'a neighbour');
	ok(await_condition(seconds(10), sub {
		my $all = $server->command_json('listener', 'connections');
		return @{ $all->{figures}{clients} } >= 201;
	}), '... among many');
	my $listener = $server->pid_of('listener');
	stop_process($listener);
	$_->syswrite('nonsense' x 10) for @many;
	$neighbour->send("GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
	ok(await_condition(seconds(10), sub {
		return !grep { in_transit($_) } @many, $neighbour->socket;
	}), 'all of them send something at the same time');
	kill 'CONT', $listener;
	ok(await_condition(seconds(10), sub {
		return (() = grep { /TlsHandshake/ } lines_of_error_log()) >= 200;
	}), 'all come to their turn');
	my ($before, $found) = (0, 0);
	for my $line (lines_of_error_log()) {
		last if $found = $line =~ / $plain HTTP.* BadRequest|Hostname/;
		$before++ if $line =~ /TlsHandshake/;
	}
	ok($found, 'the neighbour does, too');
	cmp_ok($before, '<=', 32, "... after few of them ($before)");
};

subtest 'halves of handshakes' => sub {
	my @many;

	ok(await_condition(seconds(10), sub {
		my $one = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
			or return 1;
		$one->blocking(0);
		push @many, $one if @many < 300;
		return @many == 300;
	}), '300 connect, where 260 may be');
	my $begun = time;
	my (%open, $written) = map { fileno $_ => $_ } @many;

	# A record of TLS that says how much is to come, in crumbs.
	$_->syswrite("\x16\x03\x01\x02\x00") for @many;
	my $closed = await_condition(seconds(15), sub {
		for my $one (values %open) {
			my $got = sysread $one, my $byte, 1;
			if (defined $got ? $got == 0 : !$!{EAGAIN}) {
				delete $open{ fileno $one };
				next;
			}
			syswrite $one, "\x01";
		}
		sleep 0.02;
		return !%open;
	});
	ok($closed, 'whatever comes slowly, all are cut off in time');
	cmp_ok(time - $begun, '>=', 1.5, '... not before');
	ok(await_condition(seconds(10), sub {
		return $tls->curl('short.example', $port, '/count')->{status}
			eq '200' }), 'then others are served again');
};

subtest 'a flight that does not fit' => sub {
	my $client = Portico::Server::test_program('t/listener/slow-handshake');

	for my $name (sort keys %issuers) {
		my ($status, $seen) = $tls->command([$client, $long_port,
			"$name.example"], '');
		my ($size) = $seen =~ /^(\d+) bytes$/m;
		cmp_ok($size // 0, '>', 380 * $issuers{$name},
			"$name: has many certificates");
		like($seen, qr{^HTTP/1\.1 200 OK$}m, '... and goes on slowly');
	}
};

# What it says of a session that was kept, and the name of its ticket's key.
sub resume
{
	my ($from, $to, @arguments) = @_;
	my $text = $tls->client($port, '-servername', 'short.example',
		$from ? ('-sess_in', $from) : (), '-sess_out', $to, @arguments);
	my ($kind) = $text =~ /^(Reused|New), /m;
	my ($key) = $text =~ /TLS session ticket:\s+0000 - ([0-9a-f -]{47})/;

	return ($kind // 'nothing', $key // 'none');
}

subtest 'tickets of TLS 1.3 are renewed with each use' => sub {
	my ($first, $second, $third) = map { $tls->file("session$_") } 1 .. 3;

	is((resume(undef, $first, '-tls1_3'))[0], 'New', 'a session');
	is((resume($first, $second, '-tls1_3'))[0], 'Reused', 'goes on');
	ok(-s $second, '... and is given another ticket');
	is((resume($second, $third, '-tls1_3'))[0], 'Reused', '... which is good');
};

subtest 'keys of tickets are replaced' => sub {
	my ($old, $other) = map { $tls->file("key$_") } 1 .. 2;
	my (undef, $key) = resume(undef, $old, '-tls1_2');
	my %keys = ($key => 1);
	my $wait = sub {
		my ($count) = @_;
		return await_condition(seconds(20), sub {
			$keys{ (resume(undef, $other, '-tls1_2'))[1] } = 1;
			return keys %keys > $count;
		});
	};

	ok($wait->(1), 'there is another key');
	is((resume($old, $other, '-tls1_2'))[0], 'Reused',
		'an older ticket is good');
	ok($wait->(3), 'after two more');
	is((resume($old, $other, '-tls1_2'))[0], 'New', 'it is no more');
};

$server->stop;
done_testing;
