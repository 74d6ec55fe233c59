# SPDX-License-Identifier: Apache-2.0
#
# What script/torture does to a server.  An actor is a process that does one
# thing after the other, chosen by random numbers of its own, while others do
# theirs; it writes down which failures each of them permits, and when:
#
#	my $actor = Portico::Mischief->start($server, actor => 'main',
#		seed => 1, until => time + 10, stops => $stops);
#	my $report = $actor->finish;  # done, permits, error
#
#	main     kills, freezes and recycles workers of the pool "main"
#	files    reloads: other pools change, come and go; broken files
#	odd      stops workers of the pool "odd" at every step of their start and
#	         of a request; blocks them, hangs them up, stops the pool
#	machine  takes descriptors, room for logs and time from the listener and
#	         from porticod; clients that are rude.  With `listener`: kills
#	         and upgrades it, too
#	manager  kills and upgrades porticod, kills its keeper; with `porticod`,
#	         which the others bear then.  Whoever has started porticod starts
#	         it again when it was killed
#
# A permit: from, until (s), most (failures per connection), clients: name =>
# { METHOD => [how] } in the words of load-client's --failures; * is any, and
# FILE the GET of a file.

package Portico::Mischief;

use strict;
use warnings;
use IO::Handle;
use JSON::PP;
use List::Util qw(sum0);
use POSIX ();
use Portico::Limits qw(get_limit set_limit starve_descriptors);
use Portico::Wait qw(await_condition await_exit await_readable
	process_is_alive seconds);
use Time::HiRes qw(sleep time);

# What a client of the worst pool may see while something is done to it.
my %any = ('*' => [qw(502 503 504 cut)]);

my %actors = (
	main => {
		kill_worker => [8, \&kill_worker],
		freeze_worker => [4, \&freeze_worker],
		recycle => [3, \&recycle],
	},
	files => {
		reload => [4, \&reload_other],
		reload_by_signal => [1, \&reload_by_signal],
		broken_file => [3, \&broken_file],
		pool_comes => [3, \&pool_comes],
		pool_goes => [2, \&pool_goes],
		site_comes_and_goes => [1, \&site_comes_and_goes],
		stop_pool => [2, \&stop_pool],
	},
	odd => {
		start_fails => [3, \&start_fails],
		lease_stops => [3, \&lease_stops],
		request_stops => [5, \&request_stops],
		module_blocks => [1, \&module_blocks],
		never_reads => [2, \&never_reads],
		stop_odd => [1, \&stop_odd],
		calm => [3, \&calm],
	},
	machine => {
		no_descriptors => [3, \&no_descriptors],
		no_descriptors_for_porticod =>
			[1, \&no_descriptors_for_porticod],
		no_room_for_logs => [2, \&no_room_for_logs],
		pause_listener => [1, \&pause_listener],
		pause_porticod => [1, \&pause_porticod],
		rude_clients => [3, \&rude_clients],
	},
	manager => {
		kill_porticod => [5, \&kill_porticod],
		upgrade_manager => [2, \&upgrade_manager],
		kill_keeper => [1, \&kill_keeper],
	},
);
my %with_listener = (
	kill_listener => [2, \&kill_listener],
	upgrade_listener => [3, \&upgrade_listener],
);

# ---- an actor's process ----------------------------------------------------

sub start
{
	my ($class, $server, %options) = @_;
	my $self = bless { %options, server => $server, done => {},
		permits => [], last => 'nothing' }, $class;

	pipe my $reader, my $writer or die "pipe: $!";
	$self->{pid} = fork // die "fork: $!";
	if ($self->{pid} == 0) {
		close $reader;
		srand $options{seed};
		eval { $self->act; 1 } or $self->{error} = "$@" || 'died';
		print {$writer} encode_json({ map { $_ => $self->{$_} }
			qw(done permits last error) });
		close $writer;
		POSIX::_exit(0);
	}
	close $writer;
	$self->{reader} = $reader;
	$reader->blocking(0);
	$self->{text} = '';
	return $self;
}

# Its report, or nothing while it is at work.
sub report
{
	my ($self) = @_;

	while (1) {
		my $count = sysread $self->{reader}, $self->{text}, 1 << 16,
			length $self->{text};
		return unless defined $count;
		last if $count == 0;
	}
	waitpid $self->{pid}, 0;
	return eval { decode_json($self->{text}) }
		// { done => {}, permits => [], error => 'it has no report' };
}

sub act
{
	my ($self) = @_;
	my %events = %{ $actors{ $self->{actor} } };

	%events = (%events, %with_listener)
		if $self->{actor} eq 'machine' && $self->{listener};
	while (time < $self->{until}) {
		my $chosen = int rand sum0 map { $_->[0] } values %events;
		my $name;

		for (sort keys %events) {
			$name = $_;
			last if ($chosen -= $events{$_}[0]) < 0;
		}
		$self->{last} = $name;
		$events{$name}[1]->($self);
		$self->{done}{$name}++;
		sleep rand 0.05;
	}
	$self->{last} = 'the end';
	$self->await_both if $self->{actor} eq 'main';
	$self->recover_odd if $self->{actor} eq 'odd';
}

# Does it; while it lasts, and as long as news of it takes, those failures are
# permitted.
sub permitted
{
	my ($self, $clients, $most, $what) = @_;
	my $permit = { from => time, clients => $clients, most => $most,
		event => "$self->{actor}: $self->{last}" };

	$what->();
	$permit->{until} = time + seconds(0.5);
	push @{ $self->{permits} }, $permit;
}

# ---- asking the server -----------------------------------------------------

# Porticod may be out of descriptors, or busy with a reload: asked again then.
# Or it is killed: what it was asked for may have been done.
sub ask
{
	my ($self, @command) = @_;
	my $deadline = time + seconds(20);
	my $again = qr/Too many open files|goes on already/;
	my $dead = $self->{porticod}
		? qr/connecting to|closed the connection|sending the request/
		: qr/(?!)/;
	my $lost = 0;

	while (1) {
		my ($status, $output, $errors) = $self->{server}->command(
			'--json', @command);
		return eval { JSON::PP->new->utf8->decode($output) } // {}
			if $status == 0;
		my $text = "$output$errors";
		return {} if $lost && $text =~ /it is \w+ already/;
		return { error => $text } if time > $deadline
			|| $text !~ /$again|$dead/;
		$lost = 1 if $text =~ $dead;
		sleep 0.05;
	}
}

sub must
{
	my ($self, @command) = @_;
	my $answer = $self->ask(@command);

	die "@command: $answer->{error}\n" if $answer->{error};
	return $answer;
}

sub workers_of
{
	my ($self, $pool) = @_;
	my $list = $self->ask('worker', 'list');

	return map { $_->{pid} } grep {
		$_->{pool} eq $pool && $_->{state} eq 'running'
	} @{ $list->{workers} // [] };
}

# The listener has noticed that this worker is gone.
sub await_loss
{
	my ($self, $pid) = @_;

	await_exit($pid, seconds(20)) or die "$pid does not end\n";
	await_condition(seconds(20), sub {
		my $list = $self->ask('listener', 'show')->{counters}{workers}
			or return 0;
		return !grep { $_->{pid} == $pid } @$list;
	}) or die "the listener keeps worker $pid\n";
}

# ---- main ------------------------------------------------------------------

# Both workers are there, and no short request is in progress that has been
# run once more already: it would not be run a third time.
sub await_both
{
	my ($self) = @_;
	my @pids;

	await_condition(seconds(30), sub {
		(@pids = $self->workers_of('main')) == 2 })
		or die "the pool has not got both workers\n";
	my $since = time;
	await_condition(seconds(20), sub {
		my $now = time;
		my $answer = $self->ask('request', 'list');
		my $list = $answer->{requests} // $answer->{figures}{requests}
			or return 0;
		return !$answer->{figures}{partial} && !grep {
			$_->{target} =~ m{^/(?:gets|files)}
			&& $_->{ageMs} >= ($now - $since) * 1000 - 1
		} @$list;
	}) or die "requests do not end\n";
	return @pids;
}

sub kill_worker
{
	my ($self) = @_;
	my @pids = $self->await_both;
	my $pid = $pids[rand @pids];
	my %cut = (GET => [qw(502 cut)], PUT => ['502']);

	sleep rand 0.02;
	$self->permitted({ posts => { POST => ['502'] },
		puts => { PUT => ['502'] }, slow => \%cut, leave => \%cut }, 1,
		sub {
			kill 'KILL', $pid;
			$self->await_loss($pid);
		});
}

# Hangs for a while: what it was offered goes to the other.
sub freeze_worker
{
	my ($self) = @_;
	my @pids = $self->await_both;
	my $pid = $pids[rand @pids];

	kill 'STOP', $pid;
	sleep 0.05 + rand(1) ** 4;
	kill 'CONT', $pid;
}

# Those who are slow do not finish within shutdownTimeLimit.
sub recycle
{
	my ($self) = @_;
	my @old = $self->await_both;
	my $until = time + seconds(30);

	$self->permitted({ slow => { '*' => [qw(502 503 cut)] } }, 1, sub {
		$self->must('pool', 'recycle', 'main');
		while (grep { process_is_alive($_) } @old) {
			await_exit($_, seconds(1)) for @old;
			die "workers @old stay\n" if time > $until;
			my $pool = $self->ask('pool', 'show', 'main')->{pool};
			# It had no descriptors for a new one, or the listener
			# none to offer it channels with.
			$self->must('pool', 'recycle', 'main')
				if ($pool->{degraded} // '')
					=~ /Too many open/;
		}
	});
}

# ---- files -----------------------------------------------------------------

sub generation
{
	my ($self) = @_;
	my $status = $self->must('status');
	return $status->{generation};
}

# A copy of the configuration that is in force.
sub configuration
{
	my ($self) = @_;

	$self->{configuration} //= $self->{server}->configuration;
	return decode_json(encode_json($self->{configuration}));
}

sub reload
{
	my ($self, $configuration) = @_;

	$self->{server}->write_configuration($configuration);
	$self->must('reload');
	$self->{configuration} = $configuration;
}

# Something that concerns no worker, and something that concerns "other".
sub changed
{
	my ($self) = @_;
	my $changed = $self->configuration;

	$changed->{pools}{other}{queueLength} = 5000 + int rand 1000;
	$changed->{pools}{other}{environment} = { NUMBER => 'n' . int rand 1e6 }
		if rand() < 0.3;
	$changed->{listener}{headerWaitTimeout} = int(100 + rand 100) . 's';
	return $changed;
}

sub reload_other { my ($self) = @_; $self->reload($self->changed) }

sub reload_by_signal
{
	my ($self) = @_;
	my $before = $self->generation;
	my $changed = $self->changed;

	$self->{server}->write_configuration($changed);
	# Refused while porticod has no descriptors.
	await_condition(seconds(20), sub {
		kill 'HUP', $self->{server}->pid;
		return await_condition(seconds(1),
			sub { $self->generation != $before });
	}) or die "SIGHUP changes nothing\n";
	$self->{configuration} = $changed;
}

my @breaks = (
	sub { $_[0]{pools}{other}{queueLength} = 'many' },
	sub { $_[0]{pools}{main}{colour} = 'red' },
	sub { $_[0]{sites}{main}{applications}{'/gets'}{pool} = 'none' },
	sub { $_[0]{sites}{main}{bindings} = ['nonsense'] },
	sub { delete $_[0]{pools}{main} },
	# A port that is taken: found out when everything else was right.
	sub { push @{ $_[0]{sites}{main}{bindings} }, 'http://127.0.0.1:'
		. $_[1]->sockport },
);

sub broken_file
{
	my ($self) = @_;
	my $before = $self->must('status');
	my $broken = $self->changed;
	my $socket = IO::Socket::INET->new(Listen => 1,
		LocalAddr => '127.0.0.1', LocalPort => 0) or die "listen: $!";
	my $kind = int rand 1 + @breaks;

	if ($kind == @breaks) {
		# Cut off behind where a porticod that follows a killed one
		# finds what that has left.
		my $begin = '{"runtimeDirectory":"'
			. delete($broken->{runtimeDirectory}) . '",';
		my $text = substr encode_json($broken), 1;
		$broken = $begin . substr $text, 0, rand(length($text) - 1);
	} else {
		$breaks[$kind]->($broken, $socket);
	}
	$self->{server}->write_configuration($broken);
	my $answer = $self->ask('reload');
	die "broken file $kind was taken\n" unless $answer->{error};
	my $now = $self->must('status');
	# A new porticod may have read the file before, and counts anew.
	die "broken file $kind is in force\n"
		if $now->{generation} != $before->{generation}
		&& $now->{takeOvers} == $before->{takeOvers};
}

# The application /added moves to another pool, which is new; the old one goes.
# What a worker of that has is finished, what waits for one gets 503.
sub pool_comes
{
	my ($self) = @_;
	my $changed = $self->configuration;
	my $name = 'added-' . int rand 3;
	my $applications = $changed->{sites}{main}{applications};

	$changed->{pools}{$name} = { workers => 1 + int rand 2 };
	delete $changed->{pools}{$_} for grep { /^added/ && $_ ne $name }
		keys %{ $changed->{pools} };
	$applications->{'/added'} = { %{ $applications->{'/gets'} },
		pool => $name };
	$self->permitted({ added => { GET => ['503'] } }, 1,
		sub { $self->reload($changed) });
	sleep rand 0.3;
}

# Requests for it find no site for a while.
sub pool_goes
{
	my ($self) = @_;
	my $changed = $self->configuration;

	delete $changed->{pools}{$_} for grep { /^added/ }
		keys %{ $changed->{pools} };
	delete $changed->{sites}{main}{applications}{'/added'};
	$self->permitted({ added => { GET => [qw(400 503)] } }, 1e9, sub {
		$self->reload($changed);
		sleep rand 0.2;
		$self->pool_comes;
	});
}

sub site_comes_and_goes
{
	my ($self) = @_;
	my $changed = $self->configuration;
	my $port = $self->{port} //= Portico::Server::free_port();

	$changed->{sites}{second} = { bindings => ["http://127.0.0.1:$port"],
		applications => { '/' =>
			$changed->{sites}{main}{applications}{'/other'} } };
	$self->reload($changed);
	my $client = Portico::Http->connect($port);
	my $response = $client->request('GET', '/away?');
	die "the new site does not answer\n"
		unless $response && $response->{status} == 404;
	$changed = $self->configuration;
	delete $changed->{sites}{second};
	$self->reload($changed);
	await_condition(seconds(10), sub {
		!IO::Socket::INET->new(PeerAddr => '127.0.0.1',
			PeerPort => $port) }) or die "the port stays open\n";
}

sub stop_pool
{
	my ($self) = @_;

	$self->permitted({ stopped => { GET => ['503'] } }, 1e9, sub {
		$self->must('pool', 'stop', 'stopped');
		sleep rand 0.1;
		$self->must('pool', 'start', 'stopped');
	});
}

# ---- odd -------------------------------------------------------------------

my @start_steps = qw(configure dlopen load worker_init application_init ready
	attach);

sub pick { return $_[ rand @_ ] }

sub disarm
{
	my ($self) = @_;

	unlink map { $self->{stops}->path($_) } @start_steps,
		qw(take start started body head middle);
	# Whoever holds goes on; nobody may.
	sysopen my $file, $self->{stops}->path('go'),
		POSIX::O_WRONLY() | POSIX::O_NONBLOCK();
}

# It serves again.
sub recover_odd
{
	my ($self) = @_;

	$self->disarm;
	await_condition(seconds(30), sub {
		$self->disarm;
		my $response = eval {
			$self->{server}->get('/odd/pattern?seed=1&bytes=10');
		};
		return $response && $response->{status} == 200;
	}) or die "the pool \"odd\" does not recover\n";
}

sub mistreat
{
	my ($self, $what) = @_;

	$self->permitted({ odd => \%any }, 1e9, sub {
		$what->();
		$self->recover_odd;
	});
}

sub reached
{
	my ($self, $step, $timeout) = @_;
	return await_condition(seconds($timeout), sub {
		$self->{stops}->has("$step.reached") });
}

# Its worker is killed, and the next ones do not get far.
sub start_fails
{
	my ($self) = @_;
	my $step = pick(@start_steps);
	my $mode = pick(qw(hold exit crash));

	$self->mistreat(sub {
		$self->{stops}->arm($step, $mode);
		kill 'KILL', $self->workers_of('odd');
		$self->reached($step, 10)
			or die "no worker comes to \"$step\"\n";
		sleep rand 1.5 if $mode eq 'hold' && rand() < 0.5;
	});
}

# It is killed, hangs up and lives on, or goes on after a while.
sub end_or_resume
{
	my ($self) = @_;
	my @pids = $self->workers_of('odd');
	my $how = pick(qw(KILL KILL USR1 resume));

	sleep rand(1) ** 3 * 2.5;
	return if $how eq 'resume';
	kill $how, @pids;
	return if $how eq 'KILL';
	sleep rand 0.3;
	$self->disarm;
	kill 'KILL', @pids;
}

sub lease_stops
{
	my ($self) = @_;
	my $step = pick(qw(take start));

	$self->mistreat(sub {
		$self->{stops}->arm($step, pick(qw(hold hold exit crash)));
		$self->reached($step, 10)
			or die "no worker comes to \"$step\"\n";
		$self->end_or_resume;
	});
}

my %bodies = (POST => ['x' x 10, 'x' x 200_000], GET => [undef],
	PUT => ['x' x 1000, 'x' x 200_000]);

sub send_steps
{
	my ($self, $method) = @_;
	my $id = "$$-" . ++$self->{number};
	my $body = pick(@{ $bodies{$method} });
	my $client = $self->{server}->connect;
	my $target = "/odd/steps?id=$id"
		. (rand() < 0.5 ? '&sized=1' : '') . ($body ? '&read=1' : '');

	$client->send("$method $target HTTP/1.1\r\nHost: a\r\n"
		. (defined $body ? 'Content-Length: ' . length($body) . "\r\n"
		: '') . "\r\n" . ($body // ''));
	return { id => $id, method => $method, client => $client };
}

# Requests that stop in the middle, each with an end of its own.
sub request_stops
{
	my ($self) = @_;
	my $step = pick(qw(started body head middle));
	my @methods = $step eq 'body' ? qw(POST PUT) : qw(GET POST PUT);

	$self->mistreat(sub {
		$self->{stops}->arm($step, pick(qw(hold hold hold exit crash)));
		my @requests = map { $self->send_steps(pick(@methods)) } 1 .. 4;
		$self->reached($step, 3);
		$self->end_or_resume;
		(pop @requests)->{client}->reset if rand() < 0.3;
		$self->check_steps($_) for @requests;
	});
}

# What a client got, and how often it was run.
sub check_steps
{
	my ($self, $request) = @_;
	my $response = eval { $request->{client}->read_response };
	my $status = $response ? $response->{status} : 0;
	my $runs = $self->{stops}->runs($request->{id});
	my $what = "$request->{method} $request->{id}";

	die "$what: $@" if $@;
	die "$what: no answer and no reset\n" unless $response
		|| $request->{client}{reset} || $self->{listener};
	die "$what: status $status\n" unless $status =~ /^(?:0|200|50[0234])$/;
	die "$what: its body is wrong\n" if $status == 200
		&& $response->{body} ne substr(pattern(), 0,
			length $response->{body});
	die "$what: half an answer that looks whole\n" if $status == 200
		&& $response->{complete}
		&& length $response->{body} != length pattern();
	die "$what: run $runs times\n"
		if $runs > ($request->{method} eq 'POST' ? 1 : 2);
	die "$what: answered, but never run\n" if $status == 200 && !$runs;
}

my $pattern;
sub pattern
{
	$pattern //= join '', map { chr(ord('a') + $_ % 23) } 0 .. 19_999;
	return $pattern;
}

sub module_blocks
{
	my ($self) = @_;

	$self->mistreat(sub {
		my $client = $self->{server}->connect;
		$client->send('GET /odd/block?ms=' . int(rand 2500)
			. " HTTP/1.1\r\nHost: a\r\n\r\n");
		sleep rand 1;
		$client->reset if rand() < 0.5;
	});
}

sub never_reads
{
	my ($self) = @_;

	$self->mistreat(sub {
		my @pids = $self->workers_of('odd');
		kill 'STOP', @pids;
		sleep rand 1.5;
		$self->must('pool', 'recycle', 'odd') if rand() < 0.5;
		sleep rand 1.5;
		kill 'CONT', @pids;
	});
}

sub stop_odd
{
	my ($self) = @_;

	$self->mistreat(sub {
		$self->must('pool', 'stop', 'odd');
		sleep rand 0.3;
		$self->must('pool', 'start', 'odd');
	});
}

# Nothing is permitted while this lasts.
sub calm { sleep 0.6 + rand 0.5 }

# ---- machine ---------------------------------------------------------------

sub listener_pid
{
	my ($self) = @_;
	my $pid = $self->{server}->pid_of('listener') // 0;

	die "there is no listener\n" unless $pid;
	return $pid;
}

sub without
{
	my ($self, $pid, $resource, $old) = @_;

	return unless defined $old;
	sleep 0.1 + rand 1;
	# A listener that was replaced may be at its end.
	eval { set_limit($pid, $resource, $old); 1 }
		or process_is_alive($pid) && die $@;
}

sub no_descriptors
{
	my ($self) = @_;
	my $pid = $self->listener_pid;
	# A file that cannot be received cannot be sent.
	my %none = (FILE => [qw(503 cut)]);

	$self->permitted({ gets => \%none, slow => \%none, leave => \%none },
		1e9, sub {
			my $old = eval { starve_descriptors($pid, int rand 40) };
			# One that was replaced ends when it likes.
			die $@ if $@ && process_is_alive($pid);
			$self->without($pid, 'NOFILE', $old) if $old;
		});
}

sub no_descriptors_for_porticod
{
	my ($self) = @_;
	my $pid = $self->{server}->pid;

	# Workers that it starts have its limit.
	my %none = (FILE => ['503']);
	$self->permitted({ gets => \%none, slow => \%none, leave => \%none },
		1e9, sub {
			my $old = eval { starve_descriptors($pid, int rand 4) };
			die $@ if $@ && process_is_alive($pid);
			$self->without($pid, 'NOFILE', $old) if $old;
			# Some may be about to end.
			eval { set_limit($_, 'NOFILE', $old) if $old }
				for $self->{server}->pids_of('worker');
		});
}

# The log must be longer than any memory that the listener makes: the limit is
# one of both.
sub no_room_for_logs
{
	my ($self) = @_;
	my $pid = $self->listener_pid;

	$self->without($pid, 'FSIZE', scalar set_limit($pid, 'FSIZE',
		(-s $self->{server}->access_log) + 1000));
}

sub pause
{
	my ($pid, $seconds) = @_;

	kill 'STOP', $pid;
	sleep rand $seconds;
	kill 'CONT', $pid;
}

sub pause_listener { my ($self) = @_; pause($self->listener_pid, 0.2) }
sub pause_porticod { my ($self) = @_; pause($self->{server}->pid, 0.5) }

# Heads that end early, nonsense, bodies that do not come; then they vanish.
my @rude = (
	'', "GET", "GET /gets/pattern?seed=1&bytes=9 HTTP/1.1\r\nHost: a\r\n",
	"\r\n\r\n\0\1\2", "GET / HTTP/1.1\r\n\r\n",
	"PUT /puts/store?seed=1&bytes=99 HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 99\r\n\r\nabc",
	"PUT /puts/store?seed=1&bytes=99 HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
	"GET /gets/pattern?seed=1&bytes=90000 HTTP/1.1\r\nHost: a\r\n\r\n" x 20,
);

sub rude_clients
{
	my ($self) = @_;
	my @clients = map { $self->{server}->connect } 1 .. 10 + rand 50;

	$_->send(pick(@rude)) for @clients;
	sleep rand 0.05;
	rand() < 0.5 ? $_->reset : $_->close for @clients;
}

# Costs nothing.  It may be refused, since a worker that was stopped by another
# actor does not attach, or slow clients keep several old ones.
sub upgrade_listener
{
	my ($self) = @_;
	my (undef, $help) = $self->{server}->command('--help');

	return unless $help =~ /\bupgrade\b/;
	my $answer = $self->ask('upgrade', 'listener');
	my $refused = $answer->{error} // return;
	die "upgrade: $refused\n"
		unless $refused =~ /attach|worker|descriptor|Too[ ]many
			|not[ ]finished|none[ ]that[ ]serves/x
		|| ($self->{porticod} && $refused =~ /closed the connection/);
	$self->{done}{upgrade_refused}++;
}

# Costs what is on its connections; the next one has them all again.
sub kill_listener
{
	my ($self) = @_;
	my $pid = $self->listener_pid;

	$self->permitted({ '*' => { '*' => [qw(none cut connect)] } }, 1, sub {
		kill 'KILL', $pid;
		await_exit($pid, seconds(10)) or die "$pid cannot be killed\n";
		await_condition(seconds(20), sub {
			my $show = $self->ask('listener', 'show');
			my $new = $self->{server}->pid_of('listener') // 0;
			return $new && $new != $pid && !$show->{error};
		}) or die "no listener follows\n";
	});
}

# ---- manager ---------------------------------------------------------------

# Costs nothing, whatever else is under way.
sub kill_porticod
{
	my ($self) = @_;
	my $pid = $self->{server}->pid or die "there is no porticod\n";

	kill 'KILL', $pid;
	await_exit($pid, seconds(10)) or die "$pid cannot be killed\n";
	await_condition(seconds(30), sub {
		($self->ask('status')->{pid} // $pid) != $pid
	}) or die "no porticod follows\n";
	sleep rand 0.5;
}

# The same process as before.  Not while a listener is replaced.
sub upgrade_manager
{
	my ($self) = @_;
	my $before = $self->must('status');
	my $refused = $self->ask('upgrade', 'manager')->{error};

	if ($refused) {
		die "upgrade manager: $refused\n"
			unless $refused =~ /configuration|listener|keeper|child|Too many/;
		$self->{done}{upgrade_manager_refused}++;
		return;
	}
	my $now = $self->must('status');
	die "upgrade manager: $before->{pid} became $now->{pid}\n"
		if $now->{pid} != $before->{pid};
}

# With it and porticod all would be gone: it has a moment to get everything.
sub kill_keeper
{
	my ($self) = @_;
	my $pid = $self->must('status')->{keeper} or return;

	kill 'KILL', $pid;
	await_condition(seconds(20), sub {
		my $keeper = $self->ask('status')->{keeper};
		return $keeper && $keeper != $pid;
	}) or die "no keeper follows\n";
	sleep seconds(0.5);
}

1;
