# SPDX-License-Identifier: Apache-2.0
#
# A large file that is not in the page cache: the worker's threads read it
# from the disk, and the listener's loop never does.  The kernel charges each
# block read to the process that caused it (/proc/PID/io, read_bytes).

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

# /tmp may be in memory, where nothing is ever cold.
BEGIN { $ENV{TMPDIR} //= '/var/tmp' }

use constant MIB => 1 << 20;
use constant SIZE => 40 * MIB;
# What the listener may read: pages of its own program, and a few of the file
# that a kernel short of memory took back between hand-over and sendfile.
use constant LISTENER_BYTES => 5 * MIB;
# Of the whole file also what the kernel reads ahead (nobody waits for that)
# when sendfile comes to a page that the worker's reading has marked: it is
# charged to who comes first, on a busy machine 8 MiB of it.
use constant AHEAD_BYTES => 12 * MIB;

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();

my $helper = Portico::Server::build_directory() . '/t/modules/page-cache';
plan skip_all => "$helper is not built" unless -x $helper;

my $server = Portico::Server->new(
	listener => { minSendRate => 0 },
	applications => { '/' => { modules => ['static'],
		handlers => [{ path => '*', module => 'static' }] } },
);
my $path = $server->root . '/cold.bin';
my $content = join '', map { pack('N', $_) x 256 } 1 .. SIZE / 1024;
open my $out, '>:raw', $path or die $!;
print $out $content;
close $out or die $!;

# ---- what is cold, and who warmed it ----------------------------------------

sub resident { my $bytes = qx{$helper resident $path}; chomp $bytes; return $bytes }

# Pages that a socket or a processor's list of new pages still refers to stay
# at the first try.  What is left: 0 unless the file system keeps it.
sub evict
{
	my $left;

	# A file that was in memory is believed to be for 100 ms.
	select undef, undef, undef, 0.15;
	await_condition(seconds(5), sub {
		system($helper, 'evict', $path) == 0
			or die "cannot evict $path\n";
		$left = resident();
		return $left == 0;
	});
	return $left;
}

# Bytes that this process had read from disks; undef: the kernel does not say.
sub read_bytes
{
	my ($pid) = @_;

	open my $file, '<', "/proc/$pid/io" or return;
	my ($bytes) = map { /^read_bytes: (\d+)/ } <$file>;
	return $bytes;
}

sub slurp
{
	open my $file, '<:raw', $path or die $!;
	local $/;
	return <$file>;
}

my $left = evict();
my $before = read_bytes($$);
my $same = slurp() eq $content;
my $charged = (read_bytes($$) // 0) - ($before // 0);
if ($left > 0 || $charged < SIZE) {
	plan skip_all => "nothing is cold in $ENV{TMPDIR}: after eviction "
		. "$left bytes stay, and reading all was charged as $charged";
}
ok($same, 'the file is what was written');
$server->start;
is($server->get('/none')->{status}, 404, 'a worker runs');

my %pid = map { $_ => $server->pid_of($_) } qw(listener worker);
if (!defined read_bytes($pid{listener})) {
	$server->stop;
	done_testing;
	diag('SKIPPED: /proc/PID/io of the listener cannot be read');
	exit 0;
}

# What listener and worker read from the disk while the code runs.
sub charged
{
	my ($code) = @_;
	my %start = map { $_ => read_bytes($pid{$_}) } keys %pid;

	$code->();
	return map { $_ => read_bytes($pid{$_}) - $start{$_} } keys %pid;
}

# Gets it cold: right bytes, `wanted` of them (or a little more) from the
# disk by the worker and none by the listener.
sub get_cold
{
	my ($what, $range, $status, $wanted, $check) = @_;
	my $allowed = $wanted == SIZE ? AHEAD_BYTES : LISTENER_BYTES;
	my $response;

	# The kernel keeps a few pages at times; they are not asked for below.
	my $left = evict();
	cmp_ok($left, '<=', $wanted / 4, "$what: little is in memory");
	my %bytes = charged(sub {
		$response = $server->get('/cold.bin',
			($range ? (fields => ["Range: $range"]) : ()));
	});
	is($response->{status}, $status, "$what: answered");
	ok($check->($response->{body}), "$what: byte for byte");
	cmp_ok($bytes{worker} + $allowed, '>=', $wanted - $left,
		"$what: the worker read it");
	cmp_ok($bytes{listener}, '<=', $allowed,
		"$what: the listener read nothing from the disk");
	note("$what: from the disk $bytes{worker} bytes by the worker, "
		. "$bytes{listener} by the listener");
}

sub is_part
{
	my ($offset, $length) = @_;
	return sub { $_[0] eq substr $content, $offset, $length };
}

my ($offset, $length) = (11 * MIB + 4321, 9 * MIB + 77);
my $whole = is_part(0, SIZE);

get_cold('never opened', undef, 200, SIZE, $whole);
get_cold('evicted again', undef, 200, SIZE, $whole);
get_cold('a range in the middle', "bytes=$offset-" . ($offset + $length - 1),
	206, $length, is_part($offset, $length));
get_cold('the last bytes', 'bytes=-' . 8 * MIB, 206, 8 * MIB,
	is_part(SIZE - 8 * MIB, 8 * MIB));
get_cold('two ranges', sprintf('bytes=%d-%d,%d-%d', MIB, 4 * MIB - 1,
	30 * MIB, 37 * MIB - 1), 206, 10 * MIB, sub {
		my ($body) = @_;
		return index($body, substr $content, MIB, 3 * MIB) > 0
			&& index($body, substr $content, 30 * MIB, 7 * MIB) > 0;
	});

# ---- warm: nobody reads -------------------------------------------------------

slurp();
my %bytes = charged(sub {
	ok($whole->($server->get('/cold.bin')->{body}), 'from memory');
});
cmp_ok($bytes{$_}, '<=', LISTENER_BYTES, "from memory: no disk for the $_")
	for qw(listener worker);
$left = evict();
cmp_ok($left, '<=', SIZE / 4, 'little is in memory');
%bytes = charged(sub { $server->get('/cold.bin', method => 'HEAD') });
cmp_ok(resident(), '<=', $left + 2 * MIB, 'HEAD reads nothing of it');

# ---- a client that takes its time ----------------------------------------------

# What is in memory when it has not changed for half a second.
sub settled
{
	my ($last, $since) = (-1, time);

	await_condition(seconds(20), sub {
		my $now = resident();
		($last, $since) = ($now, time) if $now != $last;
		return time - $since > 0.5;
	}) or diag('it does not settle');
	return $last;
}

evict();
my $slow = $server->connect(receive_buffer => 4096);
$slow->send("GET /cold.bin HTTP/1.1\r\nHost: a\r\n\r\n");
await_condition(seconds(20), sub { resident() > 0 });
my $ahead = settled();
cmp_ok($ahead, '<', 32 * MIB,
	"who reads nothing draws only $ahead bytes into memory");
my $response;
%bytes = charged(sub { $response = $slow->read_response });
is(md5_hex($response->{body}), md5_hex($content), 'and gets all at last');
cmp_ok($bytes{listener}, '<=', LISTENER_BYTES,
	'none of it read by the listener');
$slow->close;

# ---- clients that leave, a file that shrinks ------------------------------------

for my $round (1 .. 10) {
	evict() if $round % 2;
	my $client = $server->connect;
	$client->send("GET /cold.bin HTTP/1.1\r\nHost: a\r\n\r\n");
	await_condition(seconds(20), sub { resident() > 0 }) if $round % 3 == 0;
	$client->close;
}
is($server->get('/none')->{status}, 404, 'clients that leave do no harm');
is($server->pid_of($_), $pid{$_}, "the $_ lives") for qw(listener worker);

evict();
$slow = $server->connect(receive_buffer => 4096);
$slow->send("GET /cold.bin HTTP/1.1\r\nHost: a\r\n\r\n");
await_condition(seconds(20), sub { resident() > 0 });
settled();
truncate $path, SIZE - 10 * MIB or die $!;
$response = $slow->read_response;
ok(!$response->{complete}, 'a file that shrank is cut, not closed as if complete');
$slow->close;
is($server->get('/none')->{status}, 404, 'and the server goes on');
$server->stop;

# ---- a file system that cannot tell what is cached -------------------------------

my $refuse = Portico::Server::build_directory() . '/t/worker/refuse-call';
SKIP: {
	system $refuse, 'preadv2', 'EOPNOTSUPP', 'true';
	skip 'there is no seccomp here', 3 if $? != 0;
	my $other = Portico::Server->new(
		wrapper => [$refuse, 'preadv2', 'EOPNOTSUPP'],
		applications => { '/' => { modules => ['static'],
			handlers => [{ path => '*', module => 'static' }] } },
	);
	open my $file, '>:raw', $other->root . '/large.bin' or die $!;
	print $file substr $content, 0, 9 * MIB;
	close $file or die $!;
	$other->start;
	ok($other->get('/large.bin')->{body} eq substr($content, 0, 9 * MIB),
		'no RWF_NOWAIT: the same bytes');
	ok($other->get('/large.bin', fields => ['Range: bytes=5000000-'])
		->{body} eq substr($content, 5_000_000, 9 * MIB - 5_000_000),
		'no RWF_NOWAIT: a range');
	$other->stop;
}
done_testing;
