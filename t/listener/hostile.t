# SPDX-License-Identifier: Apache-2.0
#
# A pool whose workers lie in all the ways that t/hostile/ knows, while clients
# ask that pool and another one: the listener and porticod live on and do not
# grow, each liar ends with a reason, and the other pool answers as if it were
# alone.
#
#	PORTICO_HOSTILE_TRIES  lies to be told (default 600); above 20000 the
#	                       floods are long, too
#	PORTICO_TEST_SEED      repeats a run, as far as that is possible
#	PORTICO_HOSTILE_ONLY   kinds with this in their name

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use File::Copy qw(copy);
use List::Util qw(min);
use Portico::Server;
use Portico::Wait qw(await_condition await_readable process_is_alive seconds);
use Test::More;
use Time::HiRes qw(time);

my $tries = $ENV{PORTICO_HOSTILE_TRIES} // 600;
my $seed = $ENV{PORTICO_TEST_SEED} // int(rand 2**31);
# Processes at once.  Those that only hang up take a second to be killed.
my $liars = $tries > 20_000 ? 16 : 4;
my $patience = seconds(90 + $tries / 20);

# ---- what was tried --------------------------------------------------------

use constant { KINDS_MAX => 320, HEAD_WORDS => 8 };

my $directory = File::Temp->newdir('portico-hostile-XXXXXXXX', TMPDIR => 1);
chmod 0755, "$directory";
my $stats_file = "$directory/stats";
my $program = "$directory/portico-worker";
copy(Portico::Server::build_directory() . '/t/hostile/hostile-worker',
	$program) or plan skip_all => 'hostile-worker is not built';
chmod 0755, $program;
symlink Portico::Server::program('portico-listener'),
	"$directory/portico-listener";
open my $stats, '+>', $stats_file or die $!;
binmode $stats;
syswrite $stats, pack('Q*', (0) x 5, $seed,
	(0) x (HEAD_WORDS - 6 + 3 * KINDS_MAX));
chmod 0666, $stats_file;

my @kinds = map { [ /^(\d+) (\w+) (.+)$/ ] }
	split /\n/, (Portico::Server::run($program, '--kinds'))[1];

# Totals, and [tried, caught, missed] by kind.
sub account
{
	sysseek $stats, 0, 0;
	sysread $stats, my $bytes, 8 * (HEAD_WORDS + 3 * KINDS_MAX);
	my @words = unpack 'Q*', $bytes;
	my %account = (lives => $words[0], attached => $words[1],
		requests => $words[2], survived => $words[3],
		possible => $words[4], tried => 0, caught => 0);
	for my $kind (@kinds) {
		my @counts = @words[ map { HEAD_WORDS + 3 * $kind->[0] + $_ }
			0 .. 2 ];
		$account{kinds}{ $kind->[2] } = \@counts;
		$account{tried} += $counts[0];
		$account{caught} += $counts[1];
	}
	return \%account;
}

# ---- the server ------------------------------------------------------------

my $server = Portico::Server->new(
	listener => { threads => 2, drainEntityBodyTimeout => '1s' },
	pools => {
		good => {},
		evil => { workers => $liars, startMode => 'AlwaysRunning',
			rapidFailProtection => JSON::PP::false,
			maxConcurrentRequests => 40, queueLength => 100,
			executionTimeout => '20s',
			shutdownTimeLimit => '200ms' },
	},
	applications => {
		'/' => { pool => 'good', modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] },
		'/files' => { pool => 'good', modules => ['static'],
			handlers => [ { path => '*', module => 'static' } ] },
		'/evil' => { pool => 'evil', modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] },
	},
	environment => {
		PORTICO_LIBEXEC_DIR => "$directory",
		PORTICO_HOSTILE_REAL => Portico::Server::program(
			'portico-worker'),
		PORTICO_HOSTILE_STATS => $stats_file,
		($tries > 20_000 ? (PORTICO_HOSTILE_LONG => 1) : ()),
	},
	allow => [qr/pool=evil/],
);
my $content = join '', map { chr(32 + $_ * 7 % 90) } 1 .. 300_000;
open my $file, '>', $server->root . '/some.bin' or die $!;
print $file $content;
close $file;
my $digest = md5_hex($content);
$server->start;

# ---- the good pool's client ------------------------------------------------

# One request in one of several ways: what is wrong with its answer, or ''.
sub ask_good
{
	my ($connection, $number) = @_;
	my $size = ($number * 7919) % 60_000 + 1;
	my $what = $number % 4;
	my $response = $what == 0
		? $connection->request('GET', "/stream?bytes=$size&sized=1")
		: $what == 1 ? $connection->request('GET', '/files/some.bin')
		: $what == 2 ? $connection->request('GET', "/fields?n=$number")
		: $connection->request('PUT', '/body', body => 'x' x $size);

	return 'no answer' unless $response && $response->{complete};
	return "status $response->{status}" if $response->{status} != 200;
	my $body = $response->{body};
	return 'another body' unless $what == 0
		? length $body == $size && substr($body, -1)
			eq substr('wabcdefghijklmnopqrstuv', $size % 23, 1)
		: $what == 1 ? md5_hex($body) eq $digest
		: $what == 2 ? $body =~ /"n=$number"/
		: $body =~ /^$size /;
	return '';
}

# Asks until it is told to stop; prints requests, wrong ones with the first
# complaint, and the slowest and median time in ms.
sub good_client
{
	my ($stop) = @_;
	my ($wrong, $complaint, $connection, @times) = (0, 'none');

	# Not all the time: the liars need some of it.
	for (my $i = 0; !await_readable(0.002, $stop); $i++) {
		my $start = time;
		$connection = $server->connect(timeout => 60)
			if $i % 50 == 0 || !$connection;
		my $fault = eval { ask_good($connection, $i) } // "died: $@";
		push @times, (time - $start) * 1000;
		next if $fault eq '';
		$complaint = $fault =~ s/\s+/ /gr if $wrong++ == 0;
		undef $connection;
	}
	@times = sort { $a <=> $b } @times;
	return sprintf "%d %d %.1f %.1f %.1f %s\n", scalar @times, $wrong,
		$times[ $#times / 2 ], $times[ 0.99 * $#times ], $times[-1],
		$complaint;
}

# ---- the evil pool's clients -----------------------------------------------

sub pick { return $_[ rand @_ ] }

sub evil_request
{
	my ($stays) = @_;
	my $size = int rand pick(10, 3000, 100_000);
	my $target = ($stays ? '/evil/stay/' : '/evil/') . int rand 1000;

	return pick(
		("GET $target HTTP/1.1\r\nHost: a\r\n\r\n") x 4,
		("GET $target HTTP/1.1\r\nHost: a\r\nConnection: upgrade"
			. "\r\nUpgrade: x\r\n\r\n" . 'c' x $size) x 2,
		"HEAD $target HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET $target HTTP/1.0\r\n\r\n",
		("POST $target HTTP/1.1\r\nHost: a\r\n"
			. "Content-Length: $size\r\n\r\n" . 'b' x $size) x 2,
		"PUT $target HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
			. "\r\n\r\n5\r\nhello\r\n",
		"POST $target HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n"
			. "Expect: 100-continue\r\n\r\n",
	);
}

# Some connections at once, each with a short life of its own; how often bytes
# came that no worker may send.
sub evil_clients
{
	my ($stop) = @_;
	my ($count, $stolen, @clients) = (0, 0);

	while (!await_readable(0.001, $stop)) {
		while (@clients < 64) {
			my $client = $server->connect(
				rand() < 0.2 ? (receive_buffer => 4096) : ());
			# Those who wait for their answer are those about whom
			# no lie may pass.
			my $stays = rand() < 0.5;
			my $bytes = join '', map { evil_request($stays) }
				1 .. ($stays ? 1 : pick(1, 1, 1, 4));
			$client->socket->blocking(0);
			local $SIG{PIPE} = 'IGNORE';
			syswrite $client->socket, $bytes;
			push @clients, { client => $client, reads => $stays || rand() < 0.8,
				until => time + ($stays ? 60
					: rand pick(0.02, 0.1, 0.1, 1)) };
			$count++;
		}
		@clients = grep {
			my $socket = $_->{client}->socket;
			my $open = 1;
			if ($_->{reads} && defined(my $got = sysread $socket,
					my $data, 65536)) {
				$open = $got > 0;
				$stolen++ if $data =~ /^(?:set-cookie|evil):/mi;
				$_->{until} = min($_->{until}, time + 0.1);
			}
			$open && time < $_->{until};
		} @clients;
	}
	return "$count $stolen\n";
}

# ---- running ---------------------------------------------------------------

# A child that runs until its pipe is closed; a function that ends it and
# returns its words.
my @ends;

sub beside
{
	my ($work) = @_;

	pipe my $stop, my $go_on or die $!;
	pipe my $from, my $to or die $!;
	my $pid = fork // die $!;
	push @ends, $go_on;
	if ($pid == 0) {
		close $_ for @ends;
		srand $seed;
		syswrite $to, eval { $work->($stop) } // "died: $@";
		POSIX::_exit(0);
	}
	close $stop;
	close $to;
	return sub {
		close $go_on;
		my $line = <$from> // '';
		waitpid $pid, 0;
		return split ' ', $line, 6;
	};
}

my $listener = $server->pid_of('listener');
my $good_worker;

sub worker_of
{
	my ($pool) = @_;
	my $answer = $server->command_json('worker', 'list') or return 0;

	return (map { $_->{pid} } grep { $_->{pool} eq $pool }
		@{ $answer->{workers} // [] })[0] // 0;
}

sub sizes
{
	my @sizes;

	for my $pid ($listener, $server->pid) {
		push @sizes, {
			memory => scalar Portico::Server::private_memory($pid),
			descriptors =>
				scalar Portico::Server::descriptor_count($pid),
		};
	}
	return @sizes;
}

sub hush
{
	my ($on) = @_;

	sysseek $stats, 8 * 6, 0;
	syswrite $stats, pack 'Q', $on;
}

sub awaits_verdict
{
	my ($pid) = @_;

	open my $file, '<', "/proc/$pid/comm" or return 0;
	return (<$file> // '') eq "awaits verdict\n";
}

# Until so many lies have been told.
sub run_until
{
	my ($count) = @_;
	my $until = time + $patience;

	while ((my $tried = account()->{tried}) < $count) {
		# Not pid_of(): the kernel leaves out children when others end.
		my $alive = process_is_alive($listener);
		if (time > $until || !$alive) {
			$server->show_log;
			BAIL_OUT(!$alive ? 'the listener has ended'
				: "$tried lies of $count in $patience s");
		}
		$server->pump;
		await_readable(0.05, $server->{output});
	}
	# Those that nobody has minded yet: they say so in the end.
	hush(1);
	my $none = 0;
	return await_condition(seconds(20), sub {
		$server->pump;
		$none = (grep { awaits_verdict($_) } $server->pids_of('worker'))
			? 0 : $none + 1;
		return $none > 3;
	});
}

# No liar is left, and nothing of what they did.
sub calm_down
{
	my ($name) = @_;

	$server->command('pool', 'stop', 'evil');
	ok(await_condition(seconds(20), sub {
		$server->pump;
		my $counters = $server->counters('evil');
		$server->pids_of('worker') == 1 && !$server->requests
			&& !@{ $counters->{workers} // [] }
			&& !$counters->{queued};
	}), "$name: no liar and no request is left")
		or diag explain [ [$server->pids_of('worker')],
			$server->counters('evil'), [$server->requests] ];
	return sizes();
}

$server->get('/count');
$good_worker = worker_of('good');
$server->get('/files/some.bin');
my $good_alone = beside(\&good_client);
select undef, undef, undef, 1;
my @alone = $good_alone->();

# Memory that a process needs at all it has after the first part.
my (@good, @evil);
sub part
{
	my ($name, $count) = @_;
	my $good = beside(\&good_client);
	my $evil = beside(\&evil_clients);

	hush(0);
	ok(run_until($count), "$name: each lie that is to be found out was, or "
		. 'was not');
	@good = $good->();
	@evil = $evil->();
	is($good[1], 0, "$name: $good[0] requests to the good pool, none failed")
		or diag "the first: $good[5]";
	is($evil[1], 0, "$name: $evil[0] connections to the evil pool, no line "
		. 'of a head was smuggled');
	# Liars and clients take most of the machine; but nobody stalls.
	cmp_ok($good[4], '<', 1000 * seconds(3), sprintf '%s: median %.1f ms, '
		. 'p99 %.1f, slowest %.1f ms; alone %.1f, %.1f, %.1f', $name,
		@good[ 2 .. 4 ], @alone[ 2 .. 4 ]);
	return calm_down($name);
}
# The long floods are rare, and what the heap had to keep at most for one it
# keeps for the next: that has been seen by half of a long run.
my @before = part('at first', $tries > 20_000 ? $tries / 2 : $tries / 4);
$server->command('pool', 'start', 'evil');
my @after = part('in the end', $tries);
my $account = account();

# ---- the verdict -----------------------------------------------------------

is($server->pid_of('listener'), $listener, 'the listener is the same');
cmp_ok($good[0], '>', 50, 'the good pool was asked');
cmp_ok($evil[0], '>', 50, 'so was the evil one');

# What a liar says is that something is wrong: its whole life, then.
my %told = map { $_ => 1 } $server->log =~ /hostile-worker: .*? (worker=\d+)\)/g;
for my $line (split /\n/, $server->log) {
	diag $line if grep { $line =~ /\b$_\)/ } keys %told;
}
my @missed = grep { $account->{kinds}{$_}[2] } sort keys %{ $account->{kinds} };
ok(!@missed, 'no lie went unpunished') or diag "missed: @missed";
is($account->{survived}, 0, 'every liar was killed');
is($account->{possible}, 0, 'what is sealed cannot be changed');
unlike($server->log, qr/cannot wake the listener/, 'liars are heard');
my @untold = grep { !$account->{kinds}{$_}[0] } sort keys %{ $account->{kinds} };
if ($ENV{PORTICO_HOSTILE_ONLY}) {
	pass('some kinds only');
} else {
	cmp_ok(scalar @untold, '<', @kinds / 10, 'of ' . @kinds . ' kinds '
		. (@kinds - @untold) . ' were told') or diag "not: @untold";
}
diag "$account->{tried} lies in $account->{lives} processes (seed $seed), "
	. "$account->{caught} found out, $account->{requests} requests";

my @reasons = $server->log =~ /broke the protocol: ([^\n]*) \(pool=evil/g;
my %reasons = map { $_ => 1 } @reasons;
cmp_ok(scalar(grep { /^\S.*\S$/ } @reasons), '==', scalar @reasons,
	scalar(@reasons) . ' liars have a reason in the log, '
	. scalar(keys %reasons) . ' different ones');
cmp_ok(scalar keys %reasons, '>', 20, 'of many kinds')
	unless $ENV{PORTICO_HOSTILE_ONLY};

# Each counts as a crash, but for those that were being stopped with the pool.
my %counted = map { $_ => 1 } $server->log =~
	/(?:terminated unexpectedly|did not start): .* \(pool=evil worker=(\d+)/g;
my %liars = map { $_ => 1 } $server->log =~
	/broke the protocol: .* \(pool=evil worker=(\d+)/g;
my @uncounted = grep { !$counted{$_} } sort keys %liars;
cmp_ok(scalar @uncounted, '<=', 2 * $liars, keys(%liars) . ' liars, '
	. @uncounted . ' not counted as crashes, while the pool was stopped')
	or diag "not counted: @uncounted";
unlike($server->log, qr/broke the protocol:.*pool=good/,
	'nobody else is accused');
is(worker_of('good'), $good_worker, 'the good worker is the same');

for my $i (0, 1) {
	my $name = $i == 0 ? 'listener' : 'porticod';
	cmp_ok($after[$i]{descriptors}, '<=', $before[$i]{descriptors} + 2,
		"$name: descriptors (before: $before[$i]{descriptors})");
	next if ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';
	cmp_ok($after[$i]{memory}, '<=', $before[$i]{memory} * 1.25 + 2048,
		"$name: KiB of private memory (before: $before[$i]{memory})");
}
is_deeply(ask_good($server->connect, $_), '', 'and it serves') for 1;
if ($ENV{PORTICO_HOSTILE_VERBOSE}) {
	diag sprintf '%8d %8d  %s', @{ $account->{kinds}{$_} }[ 0, 1 ], $_
		for sort keys %{ $account->{kinds} };
	diag $_ for sort keys %reasons;
}
$server->stop;
done_testing;
