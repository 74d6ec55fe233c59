# SPDX-License-Identifier: Apache-2.0
#
# Workers and the listener make the system calls that programs usually make.
# Others fail, the log names them, and the configuration can allow them.

use strict;
use warnings;
use Errno qw(EINVAL EPERM);
use Portico::Server;
use Test::More;

my $application = { modules => ['confined'],
	handlers => [ { path => '*', module => 'confined' } ] };

sub server
{
	my ($calls, %more) = @_;

	return Portico::Server->new(applications => { '/' => {%$application} },
		pools => { main => { isolation => { systemCalls => $calls } } },
		%more);
}

# What /proc says of a process: 2 = a filter is in force.
sub seccomp_of
{
	my ($pid) = @_;

	open my $file, '<', "/proc/$pid/status" or return '';
	my ($mode) = map { /^Seccomp:\s*(\d)/ ? $1 : () } <$file>;
	return $mode // 'none';
}

my $own = seccomp_of($$);
plan skip_all => 'this kernel has no seccomp' if $own eq 'none';

subtest 'refused' => sub {
	my $server = server({}, allow => [qr/P4131/])->start;
	is($server->get('/space')->{body}, EPERM . "\n",
		'a namespace of its own');
	ok($server->await_log(
		qr/call unshare \(\d+\) is not allowed.*\.allow would.*P4131/),
		'the log names it');
	my $before = $server->log_position;
	is($server->get('/space')->{body}, EPERM . "\n", 'again');
	is($server->get('/mount')->{body}, EPERM . "\n", 'mounting');
	ok($server->await_log(qr/system call mount /), 'is told');
	unlike(substr($server->log, $before), qr/unshare/, 'each of them once');
	is($server->get('/packet')->{body}, EPERM . "\n",
		'a socket that is not for the Internet');
	is($server->get('/limit?pid=0')->{body}, "0\n", 'limits of its own');
	is($server->get('/limit?pid=' . $server->pid_of('worker'))->{body},
		EPERM . "\n", 'limits of a process by its number');
	is($server->get('/run?path=/bin/true')->{body}, "0\n",
		'programs can be run');
	is(seccomp_of($server->pid_of('worker')), 2, 'a filter is in force');
	is(seccomp_of($server->pid_of('listener')), 2,
		'also in the listener');
	like(($server->command(qw(pool show main)))[1],
		qr/^system calls +those that programs usually make, and 0 more/m,
		'portico pool show says it');
	$server->stop;
};

subtest 'allowed' => sub {
	my $server = server({ allow => ['unshare', 'mount', 'prlimit64'] })
		->start;
	# A process with threads cannot have a user namespace of its own.
	is($server->get('/space')->{body}, EINVAL . "\n",
		'the kernel looks at the call');
	is($server->get('/limit?pid=' . $server->pid_of('worker'))->{body},
		"0\n", 'also where some were allowed before');
	$server->stop;
};

subtest 'off' => sub {
	my $server = server({ filter => 'off' },
		listener => { systemCalls => { filter => 'off' } })->start;
	is($server->get('/space')->{body}, EINVAL . "\n",
		'the kernel looks at the call');
	is(seccomp_of($server->pid_of('worker')), $own, 'no filter of ours');
	is(seccomp_of($server->pid_of('listener')), $own, 'nor there');
	$server->stop;
};

subtest 'a name that is none' => sub {
	my $server = server({ allow => ['no-such-call'] },
		allow => [qr/no-such-call/, qr/P5022|P5002/])->start;
	is($server->get('/self')->{status}, 503, 'no worker starts');
	ok($server->await_log(qr/there is no system call "no-such-call"/),
		'and the log says why');
	$server->stop;
};

done_testing;
