# SPDX-License-Identifier: Apache-2.0
#
# 5,000 keep-alive connections stay open through 1,000 reloads, each of which
# changes something and every tenth of which is refused; none is closed, all
# are served after it, and no process has grown.
#
# PORTICO_RELOADS and PORTICO_RELOAD_CONNECTIONS set other numbers.

use strict;
use warnings;
use JSON::PP;
use Portico::Load;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

my $sanitized = ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';
my $reloads = $ENV{PORTICO_RELOADS} // ($sanitized ? 50 : 1000);
my $connections = $ENV{PORTICO_RELOAD_CONNECTIONS}
	// ($sanitized ? 1000 : 5000);

my $server = Portico::Server->new(
	listener => { threads => 2 },
	pools => {
		# All connections ask at once, before its worker is there.
		main => { queueLength => 65535 },
		other => {},
	},
	applications => {
		'/' => { modules => ['load'],
			handlers => [ { path => '*', module => 'load' } ] },
		'/other' => { modules => ['load'], pool => 'other',
			handlers => [ { path => '*', module => 'load' } ] },
	},
	allow => [qr/the new configuration was not applied/,
		qr/queueLength: found/],
)->start;
my $second_port = Portico::Server::free_port();
my $configuration = $server->configuration;
my $load;

# What the next configuration has that the last one had not.
my @changes = (
	# Another pool is recycled.
	sub { $configuration->{pools}{other}{queueLength} = 1000 + $_[0] },
	# Every loop's time-outs change.
	sub { $configuration->{listener}{headerWaitTimeout} = (100 + $_[0]) . 's' },
	# A socket is opened, or closed, and with it a site and a pool.
	sub {
		my $sites = $configuration->{sites};
		my $pools = $configuration->{pools};

		if (delete $sites->{second}) {
			delete $pools->{second};
			return;
		}
		$pools->{second} = {};
		$sites->{second} = {
			bindings => ["http://*:$second_port"],
			applications => { '/' => { pool => 'second',
				root => $server->root, modules => ['load'],
				handlers => [ { path => '*', module => 'load' } ]
			} },
		};
	},
	# A route of the site whose connections are open.
	sub {
		my $applications = $configuration->{sites}{main}{applications};

		$applications->{"/moved$_[0]"} = { %{ $applications->{'/other'} } };
		delete $applications->{"/moved$_"}
			for grep { $_ < $_[0] } map { /^\/moved(\d+)/ }
			keys %$applications;
	},
	# Nothing.
	sub { },
);

sub reload
{
	my ($number) = @_;
	my $broken = $number % 10 == 0;

	$changes[ $number % @changes ]->($number);
	my $queue = $configuration->{pools}{other}{queueLength};
	$configuration->{pools}{other}{queueLength} = 'many' if $broken;
	$server->write_configuration($configuration);
	my ($status, undef, $errors) = $server->command('reload');
	$configuration->{pools}{other}{queueLength} = $queue;
	delete $configuration->{pools}{other}{queueLength}
		unless defined $queue;
	return $broken ? $status != 0 && $errors =~ /queueLength/ : $status == 0;
}

# Kilobytes: the listener, porticod, and the worker whose pool stays as it is.
my $worker;
sub measure
{
	my %pids = (listener => $server->pid_of('listener'),
		porticod => $server->pid, worker => $worker);

	# Their own memory and their share of the channels; the share of what
	# comes from files changes with who else on the machine maps them.
	return { map {
		$_ => Portico::Server::memory($pids{$_}, 'Pss_Anon')
			+ Portico::Server::memory($pids{$_}, 'Pss_Shmem')
	} keys %pids };
}

sub table
{
	my ($what, $memory) = @_;
	note("$what: " . join ', ', map { "$_ $memory->{$_} KiB" }
		sort keys %$memory);
}

# Opened one after the other: the memory of a burst is another test's.
$load = Portico::Load->start($server, connections => $connections,
	hold => 1, spread => 2, bytes => '0-1000', timeout => seconds(60));
ok($load->await_ready(60), "$connections connections are open and idle");
($worker) = $server->pids_of('worker');

my $listener = $server->pid_of('listener');
my $before = measure();
table('before', $before);

my $began = time;
my $settled;
my ($refused, $descriptors) = (0);
for my $number (1 .. $reloads) {
	$refused++ unless reload($number);
	# By now every kind of change has been made several times, and what is
	# kept for the next time is there.
	($settled, $descriptors) = (measure(), [map {
		Portico::Server::descriptor_count($_) } $server->pid, $listener])
		if $number == int($reloads / 10);
}
my $each = (time - $began) / $reloads;
my $after = measure();
table('after a tenth', $settled);
table('after all', $after);
is($refused, 0, sprintf '%d reloads did what they should, %.1f ms each',
	$reloads, 1000 * $each);

my $totals = $load->totals;
is($totals->{closed}, 0, 'no connection was closed');
is($totals->{open}, $connections, 'all are open');
my $end = $load->stop;
is($end->{good}, 2 * $connections, 'and all are served')
	or diag(Portico::Load::complaints($end));
is($server->pid_of('listener'), $listener, 'by the same listener');
ok((grep { $_ == $worker } $server->pids_of('worker')),
	'and the same worker');

SKIP: {
	skip 'memory means nothing under a sanitizer', 4 if $sanitized;
	cmp_ok($after->{$_}, '<=', 1.05 * $before->{$_},
		"the $_ has grown by less than 5 %") for qw(listener worker);
	# It begins with half a megabyte, so what the first reloads need once
	# is not a leak.  The heap grows in steps of 64 KiB.
	cmp_ok($after->{porticod}, '<=', 1.05 * $settled->{porticod} + 192,
		'porticod does not grow with the reloads');
	cmp_ok($after->{porticod}, '<=', $before->{porticod} + 1024,
		'porticod takes less than 1 MiB for its first ones');
}
ok(await_condition(seconds(10), sub {
	Portico::Server::descriptor_count($server->pid) <= $descriptors->[0] + 8
}), 'porticod has no more descriptors than after a tenth');
ok(await_condition(seconds(10), sub {
	Portico::Server::descriptor_count($listener)
		<= $descriptors->[1] - $connections + 16
}), 'nor has the listener, but for the connections');
$server->stop;
done_testing;
