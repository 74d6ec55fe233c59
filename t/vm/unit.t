# SPDX-License-Identifier: Apache-2.0
#
# The installed unit under a real systemd: it gets ready, reloads, is killed,
# hangs, starts again and stops, and meanwhile limits of pools hold by version 2
# of control groups, in the group that systemd delegates.  Only script/vm runs
# this: it starts and stops the machine's own portico.service.

use strict;
use warnings;
use File::Copy qw(copy);
use JSON::PP;
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

plan skip_all => 'only in the machine of script/vm'
	unless ($ENV{PORTICO_VM} // '') eq 'yes';

my $prefix = '/usr/local';
my $port = 8080;
my $home = '/sys/fs/cgroup/system.slice/portico.service';
my @confined = (modules => ['confined'],
	handlers => [ { path => '*', module => 'confined' } ]);
my %configuration = (
	pools => { main => {},
		limited => { identity => { dynamic => JSON::PP::true },
			limits => { memory => '96MiB', memoryHigh => '80MiB',
				tasks => 40 },
			cpu => { limit => 10000, action => 'Throttle' } } },
	sites => { main => { bindings => ["http://*:$port"],
		applications => {
			'/' => { pool => 'main', root => '/srv', @confined },
			'/limited' => { pool => 'limited', root => '/srv',
				@confined } } } },
	events => { target => 'journal' },
	listener => { threads => 1 },
	logDirectory => '/var/log/portico',
	runtimeDirectory => '/run/portico',
);

sub run
{
	my ($status, $said, $errors) = Portico::Server::run(@_);

	return wantarray ? ($status, "$said$errors") : $said;
}

sub contents
{
	my ($path) = @_;

	open my $file, '<', $path or return '';
	local $/;
	return <$file> // '';
}

sub put
{
	my ($path, $text) = @_;

	open my $file, '>', $path or die "$path: $!";
	print $file $text;
	close $file or die "$path: $!";
}

sub configure
{
	put("$prefix/etc/portico/portico.json",
		JSON::PP->new->canonical->pretty->encode(\%configuration));
}

sub property
{
	my ($name) = @_;

	return run('systemctl', 'show', '--value', '-p', $name,
		'portico.service') =~ s/\n\z//r;
}

sub get
{
	my ($path, %more) = @_;
	my $response = eval {
		Portico::Http->connect($port)->request('GET', $path, %more);
	};
	return $response // { status => 0, body => "$@" };
}

sub self
{
	my ($path) = @_;

	return await_condition(seconds(3), sub {
		my $response = get("$path/self");
		return $response->{status} == 200
			&& decode_json($response->{body});
	}) || {};
}

# Records of the journal since the mark, decoded.
sub journal
{
	my (@more) = @_;

	return map { decode_json($_) } split /\n/, run('journalctl', '-u',
		'portico.service', '-o', 'json', '--no-pager', @more);
}

sub told
{
	my ($number) = @_;

	return await_condition(seconds(3), sub {
		return (grep { ($_->{PORTICO_EVENT} // 0) == $number }
			journal())[-1];
	}) || {};
}

sub group_of { return contents("/proc/$_[0]/cgroup") =~ /^0::(.*)/m ? $1 : '' }
sub knob { return contents("$home/" . (glob "$home/portico-*")[0] =~ s{.*/}{}r
	. "/limited/$_[0]") =~ s/\n\z//r }

mkdir '/srv';
copy(Portico::Server::build_directory() . '/t/worker/.libs/confined.so',
	"$prefix/lib/portico/modules/confined.so") or die "confined: $!";
configure();

subtest 'start' => sub {
	my ($status, $said) = run(qw(systemctl start portico.service));

	is($status, 0, 'it starts') or diag $said;
	is(property('ActiveState'), 'active', 'and has said READY');
	like(property('StatusText'), qr/^Serving 1 binding/, '... and more');
	is(get('/self')->{status}, 200, 'it serves');
	unlike(run(qw(systemctl --failed --no-legend)), qr/portico/,
		'nothing has failed');
};

# What an administrator searches for.
subtest 'the journal' => sub {
	my $event = told(5214);

	ok(%$event, 'has events') or return;
	is($event->{_TRANSPORT}, 'journal', '... in its own form');
	is($event->{_SYSTEMD_UNIT}, 'portico.service', '... of this unit');
	is($event->{PRIORITY}, 6, '... with a priority');
	is($event->{SYSLOG_IDENTIFIER}, 'porticod', '... of porticod');
	like($event->{MESSAGE}, qr/^serving /, '... as a sentence');
	is((grep { ($_->{MESSAGE} // '') =~ /Permission denied/ } journal()), 0,
		'nothing is denied to anybody');
	like(contents('/var/log/portico/access.log'), qr{ /self }, 'the access log');
};

subtest 'limits' => sub {
	my $self = self('/limited');
	my $version = contents('/proc/version') =~ /(\S+-amd64)/ ? $1 : '';
	my (undef, $status) = run("$prefix/bin/portico", 'status');
	my ($limits) = $status =~ /^(limited is limited: .*)$/m;

	diag $version, ', ', run('systemctl', '--version') =~ /^(.*)/;
	is(() = ($limits // '') =~ /by cgroup v2/g, 4, $limits // $status);
	like(group_of($self->{pid}), qr{/portico\.service/portico-[^/]*/limited$},
		'the worker is in the group of its pool');
	like(group_of(property('MainPID')), qr{/portico\.service/[^/]+$},
		'porticod in one of its own');
	is(knob('memory.max'), 96 << 20, 'memory');
	is(knob('memory.high'), 80 << 20, 'memoryHigh');
	is(knob('pids.max'), 40, 'tasks');
	my $cores = POSIX::sysconf(84);
	is(knob('cpu.max'), 10000 * $cores . ' 100000', 'cpu.limit');
	cmp_ok($self->{uid}, '>=', 1000, "a dynamic identity: $self->{uid}");

	isnt(get('/limited/threads?count=100')->{body}, "100\n",
		'more threads than may be');
	like(knob('pids.events'), qr/^max [1-9]/m, '... is the kernel\'s no');
	get('/limited/spin?ms=500');
	like(knob('cpu.stat'), qr/^nr_throttled [1-9]/m, 'cores are throttled');
	is(get('/limited/memory?mib=32')->{body}, "0\n", 'some memory');
	isnt(get('/limited/memory?mib=200')->{status}, 200, 'too much');
	my $event = told(5009);
	like($event->{MESSAGE} // '', qr/out of memory.*limits\.memory/,
		'... which is told as what it is');
	is($event->{PRIORITY}, 4, '... as a warning');
	ok((grep { $_->{PORTICO_EVENT} == 5009 }
			journal('PORTICO_POOL=limited')),
		'... and found by its pool');
};

subtest 'reload' => sub {
	my $pid = property('MainPID');

	$configuration{pools}{limited}{limits}{tasks} = 50;
	configure();
	is((run(qw(systemctl reload portico.service)))[0], 0, 'is done');
	ok(await_condition(seconds(10), sub {
		self('/limited');
		return knob('pids.max') eq '50';
	}), 'what is new is in force') or diag knob('pids.max');
	is(property('MainPID'), $pid, 'by the same porticod');
};

# A limit that holds before has to hold after, though systemd may only start
# porticod when no group of workers has controllers.
sub serves_on
{
	my ($how, $old, $worker) = @_;
	my $new;

	ok(await_condition(seconds(10), sub {
		$new = property('MainPID');
		return $new != 0 && $new != $old
			&& property('ActiveState') eq 'active';
	}), "$how: systemd starts it again") or return;
	is(self('/limited')->{pid}, $worker, "$how: the worker has lived on");
	like(group_of($new), qr{/portico\.service/[^/]+$},
		"$how: the new one is where it belongs");
	is(knob('pids.max'), 50, "$how: tasks are limited");
	is(knob('memory.max'), 96 << 20, "$how: memory is limited");
	my (undef, $status) = run("$prefix/bin/portico", 'status');
	like($status, qr/^limited is limited: .*by cgroup v2/m,
		"$how: which it says");
}

subtest 'porticod is killed' => sub {
	for my $round (1 .. 2) {
		my $worker = self('/limited')->{pid};
		my $old = property('MainPID');

		kill 'KILL', $old;
		serves_on("round $round", $old, $worker);
	}
	my $worker = self('/limited')->{pid};
	isnt(get('/limited/memory?mib=200')->{status}, 200, 'too much memory');
	ok(await_condition(seconds(5), sub {
		return grep { ($_->{MESSAGE} // '') =~
			/process $worker\).*out of memory/ } journal();
	}), 'is told by the new one, too');
};

subtest 'porticod hangs' => sub {
	mkdir '/run/systemd/system/portico.service.d';
	put('/run/systemd/system/portico.service.d/watchdog.conf',
		"[Service]\nWatchdogSec=4\n");
	run(qw(systemctl daemon-reload));
	is((run(qw(systemctl restart portico.service)))[0], 0, 'restart');
	my $worker = self('/limited')->{pid};
	my $old = property('MainPID');

	kill 'STOP', $old;
	serves_on('watchdog', $old, $worker);
	unlink '/run/systemd/system/portico.service.d/watchdog.conf';
	run(qw(systemctl daemon-reload));
};

subtest 'stop' => sub {
	my $worker = self('/limited')->{pid};

	is((run(qw(systemctl stop portico.service)))[0], 0, 'it stops');
	is(property('Result'), 'success', '... well');
	ok(!-e "/proc/$worker", 'workers are gone');
	ok(!-e $home, 'so is the group');
	ok(!-e '/run/portico', 'and the runtime directory');
};

# Connections wait for it in systemd's socket.
subtest 'by a socket' => sub {
	put('/run/systemd/system/portico.socket', <<"UNIT");
[Socket]
ListenStream=0.0.0.0:$port
UNIT
	run(qw(systemctl daemon-reload));
	is((run(qw(systemctl start portico.socket)))[0], 0, 'the socket');
	is(property('ActiveState'), 'inactive', '... and no more');
	is(get('/self')->{status}, 200, 'the first request starts it');
	is((run(qw(systemctl restart portico.service)))[0], 0, 'a restart');
	is(get('/self')->{status}, 200, '... has the socket, too');
	my $old = property('MainPID');
	kill 'KILL', $old;
	is(get('/self')->{status}, 200, 'nobody notices that it is killed');
	ok(await_condition(seconds(10), sub {
		return property('MainPID') !~ /^(?:0|$old)$/
			&& property('ActiveState') eq 'active';
	}), 'and it is started again');
	ok(!(grep { ($_->{PORTICO_EVENT} // 0) == 5213 } journal()),
		'all without a complaint of its socket');
	run(qw(systemctl stop portico.socket portico.service));
	is(property('ActiveState'), 'inactive', 'both stop');
};

done_testing;
diag run(qw(journalctl -u portico.service --no-pager -n 60 -o short-monotonic))
	unless Test::More->builder->is_passing;
