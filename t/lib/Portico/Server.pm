# SPDX-License-Identifier: Apache-2.0
#
# A Portico server for one test: its own directory, a free port, the programs
# of the build tree.  stop() is itself a test: clean exit, nothing unexpected
# in the log, no process left.
#
#	my $server = Portico::Server->new(
#		applications => { '/' => { modules => ['probe'], ... } },
#		pools => { main => { workers => 2 } },
#	)->start;
#	my $response = $server->get('/count');
#	$server->stop;
#
# Everything is by pid: other servers on the machine are never touched.

package Portico::Server;

use strict;
use warnings;
use Cwd qw(abs_path);
use Fcntl;
use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use File::Find ();
use File::Path qw(make_path);
use File::Spec ();
use File::Temp ();
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Portico::Http;
use Portico::Wait qw(await_condition await_exit await_readable
	process_is_alive seconds);
use Test::More ();
use Time::HiRes qw(time);

use constant F_SETPIPE_SZ => 1031;

my $json = JSON::PP->new->utf8->canonical->pretty;
my %running;
my @programs = qw(porticod portico portico-listener portico-ocsp
	portico-worker);

sub source_directory
{
	return $ENV{PORTICO_SRCDIR} // abs_path(dirname(__FILE__) . '/../../..');
}

sub build_directory
{
	return $ENV{PORTICO_BUILDDIR} // source_directory() . '/build';
}

# Started by root, the listener and the workers run as somebody else, who must
# be able to reach their programs and modules wherever the tree lies.
sub is_open_to_all
{
	for (my $path = abs_path($_[0]); $path ne '/'; $path = dirname $path) {
		return 0 unless (stat $path)[2] & 1;
	}
	return 1;
}

my $copies;

# Where the programs are run from: the build directory, or copies of them.
sub program_directory
{
	return build_directory() if $> != 0 || is_open_to_all(build_directory());
	return "$copies" if $copies;
	$copies = File::Temp->newdir('portico-bin-XXXXXXXX', TMPDIR => 1);
	chmod 0755, "$copies";
	for my $name (@programs) {
		open_copy(build_directory() . "/$name", "$copies/$name");
	}
	return "$copies";
}

# A file that everybody may read and run.
sub open_copy
{
	my ($from, $to) = @_;

	copy($from, $to) or die "$to: $!";
	chmod 0755, $to;
}

sub program { return program_directory() . "/$_[0]" }

# A program of the tests' own by its path in the build tree, where everybody
# may run it.
sub test_program
{
	my ($name) = @_;
	my $path = build_directory() . "/$name";

	program_directory();
	return $path unless $copies;
	my $copy = "$copies/" . basename($name);
	open_copy($path, $copy) unless -e $copy;
	return $copy;
}

# True when the programs that a system test needs were built.
sub is_built
{
	for my $name (@programs) {
		return 0 unless -x build_directory() . "/$name";
	}
	return 1;
}

sub free_port
{
	my $socket = IO::Socket::INET->new(Listen => 1,
		LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1)
		or die "no free port: $!";
	return $socket->sockport;
}

# Options: applications, pools, listener, bindings (of the site "main"),
# sites, modules, top (any keys of portico.json), configuration (the whole
# file as text or data instead), wrapper (command prefix), environment, allow
# (expected warnings, as regular expressions), keep (directory is kept),
# arguments (more of them for porticod), worker
# (a program of the build tree that is run as portico-worker).
sub new
{
	my ($class, %options) = @_;
	my $self = bless { allow => [], %options, log => '', lines => [] },
		$class;

	$self->{directory} = File::Temp->newdir('portico-test-XXXXXXXX',
		TMPDIR => 1, CLEANUP => 0);
	chmod 0755, "$self->{directory}";
	$self->{port} = free_port();
	make_path(map { "$self->{directory}/$_" } qw(root modules));
	$self->link_modules;
	$self->stand_in($self->{worker}) if $self->{worker};
	$self->write_configuration;
	return $self;
}

# Another program in the place of portico-worker.
sub stand_in
{
	my ($self, $program) = @_;
	my $directory = "$self->{directory}/bin";

	make_path($directory);
	symlink program('portico-listener'), "$directory/portico-listener";
	open_copy(build_directory() . "/$program", "$directory/portico-worker");
	$self->{environment}{PORTICO_LIBEXEC_DIR} = $directory;
}

sub directory { return "$_[0]{directory}" }
sub port { return $_[0]{port} }
# Of the porticod that runs.  Where several follow one another ("reaper", the
# pid of a process that gets the children of those that died) it need not be
# the one that this process has started.
sub pid
{
	my ($self) = @_;

	return $self->{pid} unless $self->{reaper};
	open my $file, '<', "$self->{directory}/run/porticod.pid" or return 0;
	return (<$file> // 0) + 0;
}

sub root { return "$_[0]{directory}/root" }
sub socket_path { return "$_[0]{directory}/run/control.sock" }
sub configuration_file { return "$_[0]{directory}/portico.json" }
sub log_file { my ($self, $name) = @_; return "$self->{directory}/log/$name" }
sub access_log { return $_[0]->log_file('access.log') }
sub error_log { return $_[0]->log_file('httperr.log') }

# All modules of the build tree, the tests' own included, in one directory.
sub link_modules
{
	my ($self) = @_;
	my $target = "$self->{directory}/modules";

	program_directory();
	for my $part (qw(modules sdk t)) {
		my $from = build_directory() . "/$part";
		next unless -d $from;
		File::Find::find({ no_chdir => 1, wanted => sub {
			return unless m{/\.libs/([a-z0-9-]+)\.so\z};
			my $link = "$target/$1.so";
			return if -e $link;
			return open_copy($_, $link) if $copies;
			symlink abs_path($_), $link;
		} }, $from);
	}
}

sub module_file { my ($self, $name) = @_; return abs_path("$self->{directory}/modules/$name.so") }

# Programs of its own, which install() can replace while it runs.  Before
# start().
sub own_programs
{
	my ($self) = @_;

	make_path("$self->{directory}/libexec");
	$self->{environment}{PORTICO_LIBEXEC_DIR} =
		"$self->{directory}/libexec";
	$self->install($_) for qw(portico-listener portico-worker);
	return $self;
}

# Puts a program where porticod will find it: the one of the build tree, or a
# file (a path), or a script (text that begins with "#!").
sub install
{
	my ($self, $name, $what) = @_;
	my $path = "$self->{directory}/libexec/$name";

	unlink "$path.new";
	if (($what // '') =~ /^#!/) {
		open my $file, '>', "$path.new" or die "$path.new: $!";
		print $file $what;
		close $file or die $!;
		chmod 0755, "$path.new";
	} else {
		symlink $what // program($name), "$path.new"
			or die "$path.new: $!";
	}
	rename "$path.new", $path or die "$path: $!";
}

# The configuration as data, after the defaults of tests were filled in.
sub configuration
{
	my ($self) = @_;
	my $directory = $self->directory;
	my $applications = $self->{applications}
		// { '/' => { modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] } };

	for my $application (values %$applications) {
		$application->{pool} //= 'main';
		$application->{root} //= $self->root;
	}
	return {
		runtimeDirectory => "$directory/run",
		logDirectory     => "$directory/log",
		moduleDirectory  => "$directory/modules",
		listener => { threads => 1, %{ $self->{listener} // {} } },
		# Tests look from inside at what they have put there.
		poolDefaults => { isolation => {
			paths => { write => [File::Spec->tmpdir],
				execute => [File::Spec->tmpdir, program_directory()],
			} } },
		pools => $self->{pools} // { main => {} },
		sites => {
			main => {
				bindings => $self->{bindings}
					// ["http://*:$self->{port}"],
				applications => $applications,
			},
			%{ $self->{sites} // {} },
		},
		($self->{modules} ? (modules => $self->{modules}) : ()),
		%{ $self->{top} // {} },
	};
}

sub write_configuration
{
	my ($self, $configuration) = @_;
	$configuration //= $self->{configuration} // $self->configuration;
	my $text = ref $configuration ? $json->encode($configuration)
		: $configuration;

	open my $file, '>', $self->configuration_file or die $!;
	print $file $text;
	close $file or die $!;
}

# Starts porticod without waiting for anything.
sub launch
{
	my ($self, @arguments) = @_;

	pipe my $reader, my $writer or die "pipe: $!";
	pipe my $ready, my $say_ready or die "pipe: $!";
	fcntl $writer, F_SETPIPE_SZ, 1 << 20;
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>&', $writer;
		open STDERR, '>&', $writer;
		close $reader;
		fcntl $say_ready, F_SETFD, 0;
		$ENV{PORTICO_LIBEXEC_DIR} = program_directory();
		$ENV{$_} = $self->{environment}{$_}
			for keys %{ $self->{environment} // {} };
		my @command = (@{ $self->{wrapper} // [] }, program('porticod'),
			'--config', $self->configuration_file,
			'--ready-fd', fileno $say_ready, @arguments);
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	close $writer;
	$reader->blocking(0);
	close $say_ready;
	@$self{qw(pid output ready ended owner)} =
		($pid, $reader, $ready, 0, $$);
	$running{$pid} = $self;
	return $self;
}

sub start
{
	my ($self) = @_;

	$self->launch(@{ $self->{arguments} // [] });
	if (!$self->await_ready) {
		$self->show_log;
		$self->kill_all;
		die "porticod did not get ready\n";
	}
	return $self;
}

# Waits for the line that porticod writes when it serves.
sub await_ready
{
	my ($self) = @_;
	my $deadline = time + seconds(20);

	while (time < $deadline) {
		my @handles = grep { $_ } @$self{qw(ready output)};
		my @readable = await_readable($deadline - time, @handles);
		return sysread($self->{ready}, my $line, 100) ? 1 : 0
			if grep { $_ == $self->{ready} } @readable;
		$self->pump;
	}
	return 0;
}

# ---- the log ---------------------------------------------------------------

# Takes what porticod has written so far; false at its end.
sub pump
{
	my ($self) = @_;

	return 0 unless $self->{output};
	while (1) {
		my $count = sysread $self->{output}, $self->{log}, 65536,
			length $self->{log};
		return 1 unless defined $count;
		last if $count == 0;
	}
	$self->{output} = undef;
	return 0;
}

sub log { my ($self) = @_; $self->pump; return $self->{log} }

# Waits until the pattern is in the log (from `offset` on, default: all of
# it); returns the line that has it.
sub await_log
{
	my ($self, $pattern, $timeout, $offset) = @_;
	my $deadline = time + seconds($timeout // 10);

	while (1) {
		my $open = $self->pump;
		my $text = substr $self->{log}, $offset // 0;
		for my $line (split /\n/, $text) {
			return $line if $line =~ $pattern;
		}
		my $left = $deadline - time;
		return if !$open || $left <= 0;
		await_readable($left, $self->{output});
	}
}

# A mark for await_log: only what comes after it.
sub log_position { my ($self) = @_; $self->pump; return length $self->{log} }

sub show_log
{
	my ($self) = @_;

	$self->pump;
	Test::More::diag("---- log of porticod ($self->{directory})");
	Test::More::diag($self->{log});
	for my $path (glob "$self->{directory}/log/httperr.log") {
		open my $file, '<', $path or next;
		local $/;
		Test::More::diag("---- $path\n" . (<$file> // ''));
	}
}

# Lines that no healthy server writes, less those the test expects.
sub unexpected_lines
{
	my ($self) = @_;
	my @found;

	$self->pump;
	for my $line (split /\n/, $self->{log}) {
		next unless $line =~ /^\S+Z (?:error|warn(?:ing)?) /
			|| $line =~ /assert|runtime error:/i
			|| $line =~ /[A-Z][a-z]+Sanitizer/; # not build-sanitizers/
		# A machine that is busy holds loops up as well; and deadlines that
		# pass are what many tests are about.
		next if $line =~ /\bP407[0-4]\b/;
		# Said besides of a worker whose end the test expects or not.
		next if $line =~ /\(process (\d+)\) crashed: .*\bP1000\b/
			&& $self->{log} =~ /\(process $1\) terminated unexpectedly/;
		next if grep { $line =~ $_ } @{ $self->{allow} };
		push @found, $line;
	}
	return @found;
}

# ---- processes -------------------------------------------------------------

sub children
{
	my ($pid) = @_;
	my @found;

	for my $path (glob "/proc/$pid/task/*/children") {
		open my $file, '<', $path or next;
		push @found, split ' ', <$file> // '';
	}
	return @found;
}

sub program_of
{
	my ($pid) = @_;
	my $path = readlink "/proc/$pid/exe";

	if (!defined $path) {
		open my $file, '<', "/proc/$pid/cmdline" or return '';
		($path) = split /\0/, <$file> // '';
	}
	return basename($path // '') =~ s/ \(deleted\)$//r;
}

# Pids of porticod's children that run portico-listener or portico-worker.
sub pids_of
{
	my ($self, $kind) = @_;

	my @pids = sort { $a <=> $b } grep {
		process_is_alive($_) && program_of($_) eq "portico-$kind"
	} map { children($_) } $self->pid || (), $self->{reaper} // ();
	return @pids;
}

sub pid_of { my ($self, $kind) = @_; return ($self->pids_of($kind))[0] }

sub descendants
{
	my ($self) = @_;
	my @all = ($self->{pid}, grep { program_of($_) =~ /^portico/ }
		$self->{reaper} ? children($self->{reaper}) : ());

	for (my $i = 0; $i < @all; $i++) {
		push @all, children($all[$i]);
	}
	return @all;
}

# Kilobytes of memory that belong to this process alone.
sub private_memory
{
	my ($pid) = @_;
	my $total = 0;

	open my $file, '<', "/proc/$pid/smaps_rollup" or return;
	while (<$file>) {
		$total += $1 if /^Private_(?:Clean|Dirty):\s+(\d+) kB/;
	}
	return $total;
}

# Kilobytes of memory that this process is charged for: what is shared counts
# by its share (Pss).  `part`: Pss_Anon, Pss_Shmem or Pss_File alone.
sub memory
{
	my ($pid, $part) = @_;
	my $name = $part // 'Pss';

	open my $file, '<', "/proc/$pid/smaps_rollup" or return;
	while (my $line = <$file>) {
		return $1 if $line =~ /^\Q$name\E:\s+(\d+) kB/;
	}
	return;
}

# Whether this process would take connections to the server's port.
sub listens
{
	my ($self, $pid) = @_;
	my $port = sprintf '%04X', $self->port;

	my %sockets;
	for my $table (qw(/proc/net/tcp /proc/net/tcp6)) {
		open my $file, '<', $table or next;
		$sockets{"socket:[$_->[9]]"} = 1
			for grep { $_->[1] =~ /:$port$/ && $_->[3] eq '0A' }
			map { [split] } <$file>;
	}
	return scalar grep { $sockets{ readlink($_) // '' } }
		glob "/proc/$pid/fd/*";
}

sub descriptor_count
{
	my ($pid) = @_;

	opendir my $directory, "/proc/$pid/fd" or return;
	return scalar grep { !/^\./ } readdir $directory;
}

sub signal { my ($self, $signal, $pid) = @_; return kill $signal, $pid // $self->{pid} }

# Waits until porticod has ended; returns its status as waitpid gives it, or
# undef when it still runs.
sub await_end
{
	my ($self, $timeout) = @_;

	return $self->{status} if $self->{ended};
	my $deadline = time + seconds($timeout // 20);
	# Its log is read meanwhile: a full pipe would keep it from ending.
	while ($self->pump && time < $deadline) {
		await_readable($deadline - time, $self->{output});
	}
	my $left = $deadline - time;
	await_exit($self->{pid}, $left > 0 ? $left : 0) or return;
	waitpid $self->{pid}, 0;
	$self->{status} = $?;
	$self->{ended} = 1;
	delete $running{ $self->{pid} };
	return $self->{status};
}

# Ends the server and reports one test: everything went as it must.
sub stop
{
	my ($self, $name) = @_;
	my @pids = $self->descendants;
	my @complaints;

	$self->signal('TERM') unless $self->{ended};
	my $status = $self->await_end;
	push @complaints, 'porticod did not end' unless defined $status;
	push @complaints, "porticod ended with status $status" if $status;
	for my $pid (@pids) {
		next if await_exit($pid, seconds(2)) || !process_is_alive($pid);
		push @complaints, 'left over: ' . program_of($pid) . " $pid";
	}
	push @complaints, map { "in the log: $_" } $self->unexpected_lines;
	my $result = Test::More::ok(!@complaints,
		$name // 'the server ends cleanly and its log is clean');
	if (@complaints) {
		Test::More::diag($_) for @complaints;
		$self->show_log;
		$self->kill_all;
	}
	$self->remove if $result;
	return $result;
}

sub kill_all
{
	my ($self) = @_;

	return unless $self->{pid} && !$self->{ended};
	my @pids = $self->descendants;
	kill 'KILL', $_ for @pids;
	waitpid $self->{pid}, 0;
	$self->{ended} = 1;
	delete $running{ $self->{pid} };
}

sub remove
{
	my ($self) = @_;

	return if $self->{keep} || $ENV{PORTICO_TEST_KEEP};
	File::Path::remove_tree($self->directory, { safe => 1 });
}

END {
	my $status = $?;
	# A test's own children leave the server to it.
	$_->kill_all for grep { $_->{owner} == $$ } values %running;
	$? = $status;
}

# ---- talking to it ---------------------------------------------------------

sub connect
{
	my ($self, %options) = @_;
	return Portico::Http->connect($self->{port}, %options);
}

# One request on a connection of its own.
sub get
{
	my ($self, $target, %options) = @_;
	return $self->connect->request($options{method} // 'GET', $target,
		%options);
}

sub get_json
{
	my ($self, $target, %options) = @_;
	my $response = $self->get($target, %options);

	return unless $response && $response->{status} == 200;
	return decode_json($response->{body});
}

# Sends bytes, reads one response or undef.
sub exchange
{
	my ($self, $bytes, %options) = @_;
	my $connection = $self->connect;

	$connection->send($bytes);
	return $connection->read_response(%options);
}

# A request of the probe that runs until it is given the rest of its body by
# finish_request(); the connection.
sub begin_request
{
	my ($self, $name) = @_;
	my $connection = $self->connect;

	$connection->send("PUT /body?n=$name HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 4\r\n\r\nab");
	$self->await_request(qr/n=$name/) or die "no request $name";
	return $connection;
}

# Its response.
sub finish_request
{
	my ($self, $connection) = @_;

	$connection->send('cd');
	return $connection->read_response;
}

# Runs a program; returns (exit status, stdout, stderr).
sub run
{
	my (@command) = @_;
	my $output = File::Temp->new;
	my $errors = File::Temp->new;
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>&', $output;
		open STDERR, '>&', $errors;
		$ENV{PORTICO_LIBEXEC_DIR} = program_directory();
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	local $/;
	seek $_, 0, 0 for $output, $errors;
	return ($status, scalar <$output> // '', scalar <$errors> // '');
}

# The portico command against this server.
sub command
{
	my ($self, @arguments) = @_;
	return run(program('portico'), '--socket', $self->socket_path,
		@arguments);
}

sub command_json
{
	my ($self, @arguments) = @_;
	my ($status, $output) = $self->command('--json', @arguments);

	return if $status != 0;
	return JSON::PP->new->utf8->decode($output);
}

# The requests in flight, as `portico request list` has them.
sub requests
{
	my ($self) = @_;
	my $answer = $self->command_json('request', 'list') or return;

	return @{ $answer->{requests} // $answer->{figures}{requests} // [] };
}

# Waits until a request whose target matches is in flight; returns it.
sub await_request
{
	my ($self, $pattern) = @_;

	return await_condition(seconds(5), sub {
		my ($found) = grep { $_->{target} =~ $pattern }
			$self->requests;
		return $found;
	});
}

# The listener's counters of a pool.
sub counters
{
	my ($self, $pool) = @_;
	my $answer = $self->command_json('pool', 'list') or return {};
	my ($found) = grep { $_->{name} eq $pool }
		@{ $answer->{counters}{pools} // [] };

	return $found // {};
}

# Waits for a line in one of the logs; returns it.
sub await_error_log
{
	my ($self, $pattern, $timeout) = @_;
	return $self->await_line($self->error_log, $pattern, $timeout);
}

sub await_access_log
{
	my ($self, $pattern, $timeout) = @_;
	return $self->await_line($self->access_log, $pattern, $timeout);
}

sub await_line
{
	my ($self, $path, $pattern, $timeout) = @_;

	return Portico::Wait::await_file($path, seconds($timeout // 5), sub {
		open my $file, '<', $path or return;
		while (my $line = <$file>) {
			chomp $line;
			return $line if $line =~ $pattern;
		}
		return;
	});
}

1;
