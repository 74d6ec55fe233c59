# SPDX-License-Identifier: Apache-2.0
#
# A listener that was taken over says to porticod what it likes: it can neither
# hold it up nor take its memory.

use strict;
use warnings;
use Portico::Control;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(sleep time);

# A server whose listener tells this lie.
sub server
{
	my ($lie) = @_;
	my $server = Portico::Server->new(
		listener => { startupTimeLimit => '60s' },
		pools => { main => { startMode => 'AlwaysRunning' } },
		environment => { PORTICO_LIE => $lie },
	)->own_programs;

	$server->install('portico-listener', Portico::Server::test_program(
		't/activation/lying-listener'));
	$server->launch;
	ok(await_condition(seconds(20), sub {
		$server->pump;
		$server->{log} =~ /about to lie/ }), "$lie: the listener runs");
	# The next one is honest.
	$server->install('portico-listener');
	return $server;
}

# MiB that it had at most.
sub peak
{
	open my $file, '<', "/proc/$_[0]/status" or die $!;
	return join('', <$file>) =~ /VmHWM:\s+(\d+)/ ? $1 / 1024 : 0;
}

# Seconds until the control socket has answered.
sub asking_takes
{
	my ($server) = @_;
	my $before = time;
	my ($answer) = Portico::Control::ask($server->socket_path, 'pool-show',
		pool => 'main');

	return $answer && $answer->{ok} ? time - $before : undef;
}

# The control socket answers all the while.
sub answers
{
	my ($server, $what) = @_;
	my $longest = 0;

	for (1 .. 4) {
		my $took = asking_takes($server);
		return ok(0, $what) unless defined $took;
		$longest = $took if $took > $longest;
		sleep 0.1;
	}
	return ok(1, sprintf '%s, within %.2f s', $what, $longest);
}

# porticod has read what the listener said last.
sub is_told
{
	my ($server) = @_;

	return await_condition(seconds(20), sub {
		$server->pump;
		$server->{log} =~ /all has been told/ });
}

subtest 'an answer that nobody has asked for' => sub {
	my $server = server('strangers');

	ok(is_told($server), 'the listener has lied');
	answers($server, 'porticod does not go through half a million workers');
	$server->kill_all;
};

subtest 'messages as large as they may be' => sub {
	my $server = server('large');
	my $refused = qr/control connection of the listener ended/;

	answers($server, 'porticod does not make millions of values of them');
	ok(await_condition(seconds(20), sub {
		$server->pump;
		$server->{log} =~ $refused }), '... but hangs up');
	ok($server->await_ready, '... and the next listener serves');
	my $memory = peak($server->pid);
	cmp_ok($memory, '<', 600, sprintf 'it took %.0f MiB of memory', $memory)
		unless ($ENV{PORTICO_SANITIZED} // '') eq 'yes';
	$server->kill_all;
};

# 4,000 times 60,000 bytes.
subtest 'what workers have left without end' => sub {
	my $server = server('remains');

	ok(is_told($server), 'the listener has lied');
	my $memory = peak($server->pid);
	cmp_ok($memory, '<', 120, sprintf 'porticod took %.0f MiB of memory',
		$memory) unless ($ENV{PORTICO_SANITIZED} // '') eq 'yes';
	$server->kill_all;
};

done_testing;
