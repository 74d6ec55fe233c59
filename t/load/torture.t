# SPDX-License-Identifier: Apache-2.0
#
# Everything at once: clients of all kinds ask several pools while four actors
# (t/lib/Portico/Mischief.pm) do to them what a server has to bear; in the
# second part the listener is killed and upgraded, too, in the third porticod and
# its keeper.
#
# Each failure that a client saw must be one that an event permits which was
# under way; no byte may ever be wrong; no POST may run twice.  At the end of
# each part the accounts agree: what clients saw, what the listener counted and
# what the logs have; and what is in use is what was in use before.
#
# PORTICO_TORTURE_SECONDS: of all parts; PORTICO_TORTURE_SEED repeats a run.
# script/torture runs it for long.

use strict;
use warnings;
use JSON::PP;
use List::Util qw(sum0);
use POSIX ();
use Portico::Family qw(adopt_orphans);
use Portico::Load;
use Portico::Mischief;
use Portico::Server;
use Portico::Stops;
use Portico::Tunnels;
use Portico::Wait qw(await_condition await_readable seconds);
use Test::More;
use Time::HiRes qw(time);

my $seconds = $ENV{PORTICO_TORTURE_SECONDS} // 10;
my $seed = $ENV{PORTICO_TORTURE_SEED} // int rand 1 << 30;
srand $seed;
diag("PORTICO_TORTURE_SEED=$seed PORTICO_TORTURE_SECONDS=$seconds");

# So long before its first line, for Portico::Mischief::no_room_for_logs.
use constant LOG_HOLE => 64 << 20;

# ---- the server --------------------------------------------------------------

my @files = ([1, 0], [2, 900], [3, 40_000], [4, 2_000_000]);
my $stops = Portico::Stops->new;
my %forever = (rapidFailProtection => JSON::PP::false);
my %static = (modules => ['static'],
	handlers => [ { path => '*', module => 'static' } ]);

sub load_application
{
	my ($pool, %more) = @_;
	return { modules => ['load'], pool => $pool,
		handlers => [ { path => '*', module => 'load' } ], %more };
}

my $server = Portico::Server->new(
	worker => 't/worker/stopping-worker',
	# Slow clients are meant to be slow, also those of a listener that was
	# replaced.
	listener => { threads => 2, minSendRate => 0,
		shutdownTimeLimit => '20m', accessLog => {
		fields => [qw(cs-uri-stem sc-status)] } },
	pools => {
		# A slow client's request does not keep a worker longer.
		main => { %forever, workers => 2, threads => 1 + int rand 2,
			shutdownTimeLimit => '1s', queueLength => 5000 },
		other => { queueLength => 5000 },
		stopped => {},
		'added-0' => {},
		odd => { %forever, environment => $stops->environment,
			startupTimeLimit => '1s', shutdownTimeLimit => '1s',
			queueTimeout => '2s', activationTimeout => '2s',
			executionTimeout => '3s' },
	},
	applications => {
		(map { $_ => load_application('main') }
			qw(/gets /puts /posts /slow /leave)),
		(map { $_ => { %static } } qw(/files /large)),
		'/tunnels' => { modules => ['tunnel'], pool => 'main',
			handlers => [ { path => '*', module => 'tunnel',
				handler => 'tunnel' } ] },
		'/other' => load_application('other'),
		'/stopped' => load_application('stopped'),
		'/added' => load_application('added-0'),
		'/odd' => { pool => 'odd',
			modules => [qw(start-steps steps probe load)],
			handlers => [
				{ path => '/steps', module => 'steps' },
				{ path => '/block', module => 'probe' },
				{ path => '*', module => 'load' } ] },
	},
	allow => [
		qr/pool=odd\b|pool "odd"/,
		qr/terminated unexpectedly: it was killed by signal 9/,
		qr/the new configuration was not applied/,
		# Slow clients do not finish in that time.
		qr/\[P(?:5013|4040)\]/,
		# Broken files, and their faults one by one.
		qr/\[P52(?:0[038]|12|3\d)\]/,
		# The listener is killed, never by itself.
		qr/listener.*killed by signal 9 .*\[P5201\]/,
		# The keeper is killed; an upgrade of porticod may be refused; how
		# children of another porticod end nobody knows.
		qr/\[P526[013]\]/,
		qr/terminated unexpectedly: it ended, how is not known/,
		# No descriptors, no room for logs, also at the end of one that
		# was replaced.
		qr/\[P(?:1001|2002|2005|2031|2033|2034|5093)\]/,
	],
);
my $lies = add_liars();
my $counts = $server->directory . '/counts';
{
	my $configuration = $server->configuration;
	$_->{load} = { countFile => $counts } for @{
		$configuration->{sites}{main}{applications} }{'/posts', '/odd'};
	$server->{applications} = $configuration->{sites}{main}{applications};
	$server->write_configuration;
	# The workers and the listener may be somebody else.
	mkdir $server->directory . '/log';
	for my $path ($counts, $server->access_log) {
		open my $file, '>', $path or die $!;
		chmod 0666, $path;
	}
	chmod 0777, $server->directory . '/log';
	truncate $server->access_log, LOG_HOLE;
}
Portico::Load::write_file($server->root, @$_) for @files;
$server->start;

# A pool whose workers lie (t/hostile/), if those were built; the file where
# they count.
sub add_liars
{
	my $program = Portico::Server::build_directory()
		. '/t/hostile/hostile-worker';
	my $directory = $server->directory . '/liars';
	my $stats = "$directory/stats";

	return unless -x $program;
	mkdir $directory;
	symlink Portico::Server::program('portico-listener'),
		"$directory/portico-listener";
	Portico::Server::open_copy($program, "$directory/portico-worker");
	open my $file, '>', $stats or die $!;
	# As struct evil_stats has it: the sixth word is the seed.
	print $file pack 'Q*', (0) x 5, $seed, (0) x (2 + 3 * 320);
	close $file;
	chmod 0666, $stats;
	$server->{environment} = {
		PORTICO_LIBEXEC_DIR => $directory,
		PORTICO_HOSTILE_REAL =>
			$server->directory . '/bin/portico-worker',
		PORTICO_HOSTILE_STATS => $stats,
	};
	$server->{pools}{evil} = { %forever, maxConcurrentRequests => 40,
		queueLength => 100, executionTimeout => '2s',
		shutdownTimeLimit => '1s' };
	$server->{applications}{'/evil'} = load_application('evil');
	push @{ $server->{allow} }, qr/pool=evil\b|pool "evil"/;
	return $stats;
}

sub liars
{
	open my $file, '<', $lies or die $!;
	read $file, my $bytes, 8 * 5;
	my ($lives, $attached, undef, $survived, $possible)
		= unpack 'Q*', $bytes;
	return { lives => $lives, attached => $attached,
		survived => $survived, possible => $possible };
}

# `survived`: before listeners were killed that had not heard a lie yet.
sub check_liars
{
	my ($survived) = @_;
	my $liars = liars();

	cmp_ok($liars->{attached}, '>', 0, "$liars->{lives} liars lived");
	is($survived, 0, 'and none longer than its lie');
	is($liars->{possible}, 0, 'none could what must not be possible');
}

# ---- the clients -------------------------------------------------------------

my %slow = (receive_buffer => 4096, max_segment => 1460, timeout => 600);
my @names = map { "$_->[0]-$_->[1]" } @files;
my %clients = (
	gets => { connections => 24, bytes => '0-100000', delay => 10,
		mix => 'pattern=8,file=2', file => [@names[0 .. 2]],
		requests_per_connection => 100 },
	other => { connections => 8, bytes => '0-100000', delay => 10 },
	posts => { connections => 8, bytes => '0-20000', mix => 'post=1',
		delay => 10 },
	puts => { connections => 6, bytes => '0-400000', mix => 'store=1',
		delay => 30 },
	slow => { connections => 40, bytes => '100000-2000000', rate => 3000,
		mix => 'pattern=3,file=1,store=1', file => $names[3],
		files_prefix => '/large', %slow },
	leave => { connections => 12, bytes => '0-300000', leave => 400,
		delay => 10, mix => 'pattern=3,store=2,file=1',
		file => $names[3], files_prefix => '/large' },
	stopped => { connections => 4, bytes => '0-1000', delay => 10 },
	added => { connections => 4, bytes => '0-50000', delay => 20 },
	odd => { connections => 6, bytes => '0-50000', delay => 20,
		mix => 'pattern=3,store=1,post=1' },
);
# They get what liars say.
$clients{evil} = { connections => 4, mix => 'pattern=3,store=1,post=1',
	bytes => '0-50000', delay => 20, timeout => 10 } if $lies;
# Those whose number of requests is known: no one leaves, nobody else asks.
my @exact = qw(other stopped posts puts);
my @pools = qw(main other stopped added odd);
# "added" comes and goes, under several names.
my @counted = grep { $_ ne 'added' } @pools;
my %asked; # by this test, of each pool

sub file_of { return $server->directory . "/$_[0]" }

# As a service manager would: porticod, a while after it was killed.
my $dead_until;
sub start_again
{
	if ($dead_until) {
		return if time < $dead_until;
		$dead_until = undef;
		$server->launch;
		return;
	}
	return unless waitpid($server->{pid}, POSIX::WNOHANG()) > 0;
	my $status = $?;
	1 while $server->pump && await_readable(0, $server->{output});
	if ($status != 9) {
		$server->show_log;
		BAIL_OUT("porticod ended by itself, with status $status");
	}
	$dead_until = time + 2 * rand(1) ** 3;
}

# Runs clients and actors; returns what clients have seen and actors have done.
sub part
{
	my ($part, $duration, %options) = @_;
	my (%loads, %ends);
	my $until = time + $duration;

	$server->command('pool', 'start', 'evil') if $lies;
	for my $name (sort keys %clients) {
		$loads{$name} = Portico::Load->start($server,
			%{ $clients{$name} }, prefix => "/$name",
			seed => 1 + int rand 1 << 30, name => "$part-$name",
			journal => file_of("journal-$part-$name"),
			failures => file_of("failures-$part-$name"),
			grace => seconds(30));
	}
	my $tunnels = Portico::Tunnels->start($server, count => 8,
		target => '/tunnels/echo', seed => int rand 1 << 30);
	my @actors;
	for my $name (qw(files machine main odd),
		$options{porticod} ? 'manager' : ()) {
		push @actors, Portico::Mischief->start($server,
			actor => $name, seed => int rand 1 << 30,
			until => $until, stops => $stops, %options);
	}
	my @permits;
	for my $actor (@actors) {
		my $report;
		await_condition(seconds(120) + $duration, sub {
			$server->pump;
			start_again() if $options{porticod};
			return $report = $actor->report;
		}) or BAIL_OUT("the actor $actor->{actor} does not end");
		my $done = $report->{done};
		ok(!$report->{error}, "$part: $actor->{actor}: "
			. join ', ', map { "$_ $done->{$_}" } sort keys %$done)
			or diag("$report->{last}: $report->{error}");
		push @permits, @{ $report->{permits} };
	}
	kill 'TERM', $_->pid for values %loads;
	$ends{$_} = $loads{$_}->finish(seconds(60)) for sort keys %loads;
	judge_tunnels($part, $tunnels->finish, $options{listener});
	$server->command('pool', 'stop', 'evil') if $lies;
	judge($part, $_, $ends{$_}, \@permits)
		for grep { $_ ne 'evil' } sort keys %ends;
	return \%ends;
}

sub total { my ($end) = @_; return sum0 @$end{qw(good failed wrong left)} }

# ---- what may fail -----------------------------------------------------------

# One line of load-client's --failures; uses up a permit.
sub is_permitted
{
	my ($name, $line, $permits) = @_;
	my ($began, $ended, $how, $method, $target) = split ' ', $line;
	my $file = ($target // '') =~ m{^/(?:files|large)/};

	for my $permit (@$permits) {
		my $clients = $permit->{clients};
		my $methods = $clients->{$name} // $clients->{'*'} // next;
		my @hows = map { @{ $methods->{$_} // [] } } '*', $method // (),
			$file ? 'FILE' : ();

		# Who takes an answer slowly finds out with the next request.
		my $until = $permit->{until} + ($name eq 'slow'
			&& $permit->{event} =~ /kill_listener/ ? seconds(60) : 0);

		next if $began > $until || $ended < $permit->{from}
			|| !grep { $_ eq $how } @hows;
		my $most = $permit->{most} * $clients{$name}{connections};
		next if ($permit->{used}{$name} // 0) >= $most;
		$permit->{used}{$name}++;
		return 1;
	}
	return 0;
}

# As the server's log has it.
sub clock
{
	my ($time) = @_;
	return POSIX::strftime('%Y-%m-%dT%H:%M:%S', gmtime $time)
		. sprintf '.%03d', 1000 * ($time - int $time);
}

sub judge
{
	my ($part, $name, $end, $permits) = @_;
	my ($count, @strange) = (0);

	open my $file, '<', file_of("failures-$part-$name") or die $!;
	while (my $line = <$file>) {
		$count++;
		push @strange, $line unless is_permitted($name, $line, $permits);
	}
	my $fine = ok(!@strange && $end->{wrong} == 0
		&& $count == $end->{failed}, sprintf '%s: %s: %d good, %d left,'
		. ' %d failed with permission, p99 %d us', $part, $name,
		@$end{qw(good left failed p99)});
	return if $fine;
	diag("wrong $end->{wrong}, failed $end->{failed}, not permitted:");
	diag($_) for @strange[0 .. ($#strange < 8 ? $#strange : 8)];
	diag(Portico::Load::complaints($end)) if $end->{wrong};
	return unless @strange;
	my ($began, $ended, undef, undef, $target) = split ' ', $strange[0];
	open my $log, '<', $server->error_log or return;
	diag("error log: $_") for grep { / \Q$target\E / } <$log>;
	my @times = map { clock($_) } $began - 1, $ended + 0.1;
	diag($_) for grep { /^(\S+)Z / && $1 ge $times[0] && $1 le $times[1] }
		split /\n/, $server->log;
	diag("permits: " . JSON::PP->new->canonical->encode($_)) for grep {
		$_->{from} < $ended + 1 && $_->{until} > $began - 1 } @$permits;
}

# Whatever is done to them: no byte is wrong, and what is cut looks so; only a
# listener that is killed cannot see to that.
sub judge_tunnels
{
	my ($part, $seen, $killed) = @_;
	my $bad = sum0 map { $_ // 1 } @$seen{qw(wrong stuck)},
		$killed ? () : $seen->{short};

	ok(!$bad && !$seen->{error}, "$part: tunnels: " . join ', ',
		map { "$seen->{$_} $_" } sort keys %$seen);
	cmp_ok($seen->{ended} // 0, '>', 0, "$part: some came to their end");
}

# ---- the accounts ------------------------------------------------------------

sub listener_figures
{
	my $answer = $server->command_json('listener', 'show');
	return $answer ? $answer->{counters} : undef;
}

# Nothing is in progress, each pool has the workers that it is meant to have.
# What the listener has in use then, or nothing.
sub in_use
{
	for my $pool (@pools) {
		my $target = $pool eq 'main' ? '/gets' : "/$pool";
		my $response = $server->get("$target/pattern?seed=1&bytes=1");
		$asked{$pool}++;
		return unless $response && $response->{status} == 200;
	}
	my $figures = listener_figures() or return;
	my $all = $figures->{resources};
	return { workers => scalar @{ $figures->{workers} },
		map { $_ => $all->{$_} } qw(active blocks blocksBySize channels
		held lostChannels overflow requests slots) };
}

# The same with what is removed at the end of a part.
sub settle
{
	my $before = $_[0];
	my $encoder = JSON::PP->new->canonical;
	my $now;

	$server->write_configuration;
	my ($status, undef, $errors) = $server->command('reload');
	is($status, 0, 'the first configuration is in force again')
		or diag($errors);
	await_condition(seconds(30), sub {
		$server->pump;
		return 0 unless $server->pids_of('listener') == 1;
		$now = in_use() or return 0;
		return $before ? $encoder->encode($now)
			eq $encoder->encode($before) : $now->{workers} == 6
			&& $now->{channels} == 12 && $now->{active} == 0;
	});
	return $now;
}

# Lines of the access log: path's first segment => status => number.
sub log_lines
{
	my %lines;

	open my $log, '<', $server->access_log or return {};
	seek $log, LOG_HOLE, 0;
	while (<$log>) {
		$lines{$1}{$2}++ if m{^/(\w+)\S* (\S+)$};
	}
	return \%lines;
}

# Those of a pool.
sub lines_of
{
	my ($lines, $pool) = @_;
	my %names = (main => [qw(gets puts posts slow leave files large tunnels)],
		other => [qw(other away)]);
	my @names = @{ $names{$pool} // [$pool] };

	return sum0 map { values %{ $lines->{$_} // {} } } @names;
}

# Statuses that clients saw and those that were logged are the same, and the
# listener has accepted and refused as many.
sub check_accounts
{
	my ($ends) = @_;
	my ($lines, $logs);

	ok(await_condition(seconds(20), sub {
		my $figures = listener_figures() or return 0;
		$logs = $figures->{logs};
		return !grep { $_->{waiting} || $_->{state} ne 'written' }
			@$logs;
	}), 'no line of a log waits');
	is(sum0(map { $_->{lost} } @$logs), 0, 'and none was lost');
	# What is not handed over yet comes with the next tick.
	await_condition(seconds(5), sub {
		$lines = log_lines();
		return !grep { lines_of($lines, $_)
			< $server->counters($_)->{accepted} } @counted;
	});
	for my $name (@exact) {
		my %seen = %{ $ends->{$name}{statuses} };
		my %logged = %{ $lines->{$name} // {} };
		my $own = $asked{$name} // 0;

		# Rude clients have requests of their own, without an answer.
		is(($logged{$_} // 0) - ($_ == 200 ? $own : 0), $seen{$_} // 0,
			"$name: $_ in the log as often as clients saw it")
			for $name eq 'puts' ? grep { $_ != 200 } keys %seen
				: keys %{ { %seen, %logged } };
	}
	for my $pool (@counted) {
		my $counters = $server->counters($pool);
		is(lines_of($lines, $pool), $counters->{accepted},
			"$pool: each accepted request has one line");
		is($counters->{queued} + $counters->{active}, 0,
			"$pool: nothing waits or runs");
	}
	is($server->counters('stopped')->{rejected},
		$lines->{stopped}{503} // 0,
		'what was refused is what got 503');
	is($server->counters($_)->{rejected}, 0, "$_: nothing was refused")
		for qw(main other);
}

# Of porticod and the listener; files that the static module keeps open are
# no account of ours.
sub descriptors
{
	my $root = quotemeta $server->root;
	my @targets;

	for my $pid ($server->pid, $server->pid_of('listener')) {
		push @targets, map { "$pid $_" } grep { !/^$root/ }
			map { readlink $_ // '' } glob "/proc/$pid/fd/*";
	}
	return @targets;
}

sub executions
{
	my %executed;

	open my $file, '<', $counts or die $!;
	while (<$file>) {
		$executed{$1}++ if /^(\S+) \d+$/;
	}
	return \%executed;
}

# Each POST by what its client saw.
sub check_posts
{
	my $executed = executions();
	my (%outcomes, @bad);

	for my $path (grep { !/-evil$/ }
		glob $server->directory . '/journal-*') {
		open my $file, '<', $path or die $!;
		while (<$file>) {
			my ($id, $what) = split;
			my $count = delete $executed->{$id} // 0;

			$outcomes{$what}++;
			push @bad, "$id: $what, executed $count times"
				if $count > 1 || ($what eq 'good' && !$count);
		}
	}
	ok(!@bad, 'no POST was executed twice, and none that was answered '
		. 'never: ' . join ', ', map { "$outcomes{$_} $_" }
		sort keys %outcomes)
		or diag(join "\n", @bad[0 .. ($#bad < 10 ? $#bad : 10)]);
	is(scalar keys %$executed, 0, 'none was executed that nobody sent')
		or diag(join ' ', (sort keys %$executed)[0 .. 5]);
}

# Kilobytes of each process, by "program pid".
sub memory_by_process
{
	return { map { Portico::Server::program_of($_) . " $_" =>
		(Portico::Server::memory($_, 'Pss_Anon') // 0)
			+ (Portico::Server::memory($_, 'Pss_Shmem') // 0) }
		$server->pid, $server->pids_of('listener'),
		$server->pids_of('worker') };
}

sub memory_of_all { return sum0 values %{ memory_by_process() } }

# ---- what happens ------------------------------------------------------------

my $quiet = settle();
ok($quiet, 'the server is ready');
my @before = descriptors();
my $listener = $server->pid_of('listener');

my $ends = part('workers', 0.5 * $seconds);
is($server->pid_of('listener'), $listener, 'the listener is the same');
is_deeply(settle($quiet), $quiet, 'requests, slots, blocks: as before');
check_accounts($ends);

# Not before the first load: the heap and the regions of the channels have then
# what so many connections need, which is more the faster the machine is.
my $memory = memory_of_all();

my $survived = $lies ? liars()->{survived} : 0;
part('listener', 0.3 * $seconds, listener => 1);
is_deeply(settle($quiet), $quiet, 'requests, slots, blocks: as before');
SKIP: {
	skip 'too short for porticod to be killed', 1 if $seconds < 30;
	skip 'children of a porticod that was killed cannot be found here', 1
		unless adopt_orphans($server);
	part('porticod', 0.2 * $seconds, porticod => 1);
	is_deeply(settle($quiet), $quiet,
		'requests, slots, blocks: as before');
}
check_posts();
check_liars($survived) if $lies;

# One that was replaced at the very end may still be leaving.
ok(await_condition(seconds(20), sub { $server->pids_of('worker') == 6 }),
	'each pool has its workers and no others');
my @after;
ok(await_condition(seconds(20), sub {
	return (@after = descriptors()) <= @before + 2;
}), 'no descriptor is left')
	or diag(scalar(@before) . ' before, now ' . join ', ', sort @after);
SKIP: {
	skip 'memory means nothing under a sanitizer', 1
		if ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';
	my $now;
	ok(await_condition(seconds(30), sub {
		$now = memory_of_all();
		return $now < $memory + 16 * 1024;
	}), "and no memory: $memory KiB after the first part, now $now")
		or diag(explain(memory_by_process()));
}
$server->stop;
done_testing;
