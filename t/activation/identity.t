# SPDX-License-Identifier: Apache-2.0
#
# Started as root, each worker runs as its pool's identity and the listener
# as nobody of importance; started as a user, everything runs as that user.

use strict;
use warnings;
use Portico::Server;
use Test::More;

my $application = { modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ] };

sub ids
{
	my ($pid) = @_;
	my %ids;

	open my $file, '<', "/proc/$pid/status" or return {};
	while (<$file>) {
		$ids{uid} = $1 if /^Uid:\s+\d+\s+(\d+)/;
		$ids{gid} = $1 if /^Gid:\s+\d+\s+(\d+)/;
		$ids{capabilities} = $1 if /^CapEff:\s+(\w+)/;
	}
	return \%ids;
}

subtest 'as root' => sub {
	plan skip_all => 'this test was not started by root' if $> != 0;
	my ($name, undef, $uid, $gid) = getpwnam 'nobody';
	my $server = Portico::Server->new(
		pools => { main => { identity => { user => $name },
			environment => { PORTICO_TEST_WORD => 'from-the-pool' } } },
		applications => { '/' => {%$application} },
	)->start;
	my $who = $server->get_json('/who');
	is($who->{uid}, $uid, "the worker's user is the pool's");
	is($who->{gid}, $gid, 'its group is that user\'s');
	is($who->{noNewPrivs}, 1, 'it can gain no privileges');
	ok($who->{groups} <= 1, 'no group of root is left');
	is($who->{word}, 'from-the-pool', "the pool's environment");
	my $worker = ids($server->pid_of('worker'));
	like($worker->{capabilities}, qr/^0+$/, 'it has no capability');
	my $listener = ids($server->pid_of('listener'));
	isnt($listener->{uid}, 0, 'the listener is not root');
	like($listener->{capabilities}, qr/^0+$/, 'and has no capability');
	is(ids($server->pid)->{uid}, 0, 'porticod still is');
	$server->stop;
};

subtest 'a group alone' => sub {
	plan skip_all => 'this test was not started by root' if $> != 0;
	my $user = getpwnam('daemon') ? 'daemon' : 'bin';
	my ($group) = grep { defined getgrnam $_ } qw(games users mail);
	my $server = Portico::Server->new(
		pools => { main => { identity => { group => $group } } },
		applications => { '/' => {%$application} },
		top => { user => $user })->start;
	my $who = $server->get_json('/who');
	is($who->{gid}, scalar getgrnam $group, 'is the group');
	is($who->{uid}, scalar getpwnam $user,
		'the user is that of the configuration, as without it');
	$server->stop;
};

# LogsDirectory= of systemd and packages make it as root's.
subtest 'a log directory that is there before' => sub {
	plan skip_all => 'this test was not started by root' if $> != 0;
	my $server = Portico::Server->new(
		applications => { '/' => {%$application} });
	my $log = $server->directory . '/log';
	mkdir $log, 0755 or -d $log or die "$log: $!";
	is((stat $log)[4], 0, 'is root\'s');
	$server->start;
	my $listener = ids($server->pid_of('listener'));
	is((stat $log)[4], $listener->{uid}, 'an empty one is the listener\'s');
	is($server->get('/who')->{status}, 200, 'a request');
	ok($server->await_access_log(qr{ GET /who }), 'is logged');
	$server->stop;

	$server = Portico::Server->new(applications => { '/' => {%$application} },
		allow => [qr/P2005/]);
	$log = $server->directory . '/log';
	mkdir $log, 0755 or -d $log or die "$log: $!";
	open my $file, '>', "$log/precious" or die "$log/precious: $!";
	close $file;
	$server->start;
	is((stat $log)[4], 0, 'one that somebody uses stays root\'s');
	my $uid = ids($server->pid_of('listener'))->{uid};
	ok($server->await_log(
		qr/access\.log cannot be opened: Permission denied to the listener's user, $uid;/),
		'and it is said who may not write there');
	$server->stop;
};

subtest "a root that its worker may not enter" => sub {
	plan skip_all => 'this test was not started by root' if $> != 0;
	my $server = Portico::Server->new(applications => { '/' => {} },
		allow => [qr/P4021/]);
	chmod 0700, $server->root;
	$server->start;
	is($server->get('/')->{status}, 403, 'its files are refused');
	my $root = $server->root;
	ok($server->await_log(qr/\Q$root\E.*may not be entered.*P4021/),
		'and the log says why');
	$server->stop;
};

subtest 'an identity that does not exist' => sub {
	plan skip_all => 'this test was not started by root' if $> != 0;
	my $server = Portico::Server->new(
		pools => { main => { identity => { user => 'no-such-user' } } },
		applications => { '/' => {%$application} },
		allow => [qr/no-such-user/, qr/main/],
	);
	$server->launch;
	ok($server->await_log(
		qr/pools\.main\.identity: user "no-such-user"/), 'the user is named')
		or diag $server->log;
	$server->kill_all;
	$server->remove;
};

subtest 'as an ordinary user' => sub {
	my $server = Portico::Server->new(
		applications => { '/' => {%$application} });
	my $uid = $>;
	if ($uid == 0) {
		# Root gives itself up for this one.
		$uid = getpwnam 'nobody';
		chown $uid, -1, map { $server->directory . $_ }
			'', qw(/root /modules /portico.json);
		$server->{wrapper} = ['setpriv', "--reuid=$uid",
			'--regid=' . (getpwnam 'nobody')[3], '--clear-groups'];
	}
	plan skip_all => 'setpriv is not installed'
		if $server->{wrapper}
		&& !grep { -x "$_/setpriv" } split /:/, $ENV{PATH};
	SKIP: {
		my $readable = !system 'setpriv', "--reuid=$uid", '--clear-groups',
			'test', '-x', Portico::Server::program('porticod');
		skip 'the build directory is closed to others', 4
			if $server->{wrapper} && !$readable;
		$server->start;
		is($server->get_json('/who')->{uid}, $uid, 'the worker');
		is(ids($server->pid_of('listener'))->{uid}, $uid,
			'the listener');
		is(ids($server->pid)->{uid}, $uid, 'porticod');
		$server->stop;
	}
};

done_testing;
