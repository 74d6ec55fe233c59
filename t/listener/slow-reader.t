# SPDX-License-Identifier: Apache-2.0
#
# A client that takes 1 KiB/s of a huge file must not slow its neighbour on
# the same worker and loop: the neighbour's p99 at most doubles.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_readable);
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'times mean nothing under a sanitizer'
	if ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';

my $size = 1 << 30;

# Two servers alike: one has slow readers, the other is what it is compared
# with.  They are asked in turns, so what else the machine does hits both.
sub new_server
{
	my $server = Portico::Server->new(
		listener => { minSendRate => 0 },
		pools => { main => { workers => 1, threads => 1 } },
		applications => {
			'/' => { modules => ['probe'], handlers =>
				[ { path => '*', module => 'probe' } ] },
			'/files' => { modules => ['static'], handlers =>
				[ { path => '*', module => 'static' } ] },
		},
	);
	open my $file, '>', $server->root . '/huge.bin' or die $!;
	truncate $file, $size or die $!;
	close $file;
	return $server->start;
}

my $busy = new_server();
my $calm = new_server();

# Slow readers of two kinds: of a file that the listener sends by itself, and
# of a stream that the worker has to produce under a window.
sub slow_reader
{
	my ($target) = @_;
	my $client = $busy->connect(receive_buffer => 4096);
	my $next = time;
	my $total = 0;

	$client->send("GET $target HTTP/1.1\r\nHost: a\r\n\r\n");
	return sub {
		return $total if time < $next;
		return $total unless await_readable(0, $client->socket);
		$next = time + 1;
		my $count = sysread $client->socket, my $data, 1024;
		$total += $count if $count;
		return $total;
	};
}

sub ask
{
	my ($client) = @_;
	my $start = time;
	my $response = $client->request('GET', '/count');

	die "no answer\n" unless $response && $response->{status} == 200;
	return (time - $start) * 1e6;
}

sub p99
{
	my (@sorted) = sort { $a <=> $b } @_;
	return $sorted[ 0.99 * $#sorted ];
}

# The p99 of both servers' neighbours, in microseconds.
sub compare
{
	my ($seconds, @readers) = @_;
	my @clients = ($calm->connect, $busy->connect);
	my $until = time + $seconds;
	my @times = ([], []);

	while (time < $until) {
		push @{ $times[$_] }, ask($clients[$_]) for 0, 1;
		$_->() for @readers;
	}
	return map { p99(@$_) } @times;
}

compare(0.5);
my %slow = (
	'a file' => '/files/huge.bin',
	'a stream' => "/stream?bytes=$size",
);
for my $kind (sort keys %slow) {
	my @readers = map { slow_reader($slow{$kind}) } 1 .. 4;
	my ($alone, $beside);
	# The machine may be busy with something else: three attempts.
	for my $attempt (1 .. 3) {
		($alone, $beside) = compare(4, @readers);
		last if $beside <= 2 * $alone;
	}
	ok((grep { $_->() > 0 } @readers) == 4, "four read $kind slowly");
	cmp_ok($beside, '<=', 2 * $alone, sprintf
		'%s: p99 %.0f us alone, %.0f us beside them', $kind, $alone,
		$beside);
}
for my $kind (qw(worker listener)) {
	cmp_ok(Portico::Server::private_memory($busy->pid_of($kind)), '<',
		64 * 1024, "the $kind keeps under 64 MiB");
}
$_->stop for $busy, $calm;
done_testing;
