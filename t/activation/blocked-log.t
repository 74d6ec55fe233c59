# SPDX-License-Identifier: Apache-2.0
#
# Nobody reads porticod's log, or nobody can: it goes on, counts the lines
# that are missing, and writes again when it can.

use strict;
use warnings;
use Fcntl;
use Portico::Server;
use Portico::Wait qw(await_exit seconds);
use Test::More;

use constant F_SETPIPE_SZ => 1031;

sub recycles
{
	my ($server, $count) = @_;
	my $good = 0;

	# Each writes half a dozen lines, its children's among them.
	for my $time (1 .. $count) {
		my $old = $server->get_json('/count')->{pid};
		my ($status) = $server->command('pool', 'recycle', 'main');
		$good++ if $status == 0 && await_exit($old, seconds(10));
	}
	return $good == $count;
}

subtest 'a pipe that is full' => sub {
	my $server = Portico::Server->new(allow => [qr/\[P1002\]/])->start;
	is($server->get('/count')->{status}, 200, 'it serves');
	$server->log;
	ok(fcntl($server->{output}, F_SETPIPE_SZ, 4096), 'its log is short');
	ok(recycles($server, 15), 'commands are answered');
	my $answer = $server->command_json('status');
	cmp_ok($answer->{logLinesLost}, '>', 20,
		"status counts $answer->{logLinesLost} lines that are lost");
	my (undef, $text) = $server->command('status');
	like($text, qr/^log +\d+ lines of porticod's log could not/m,
		'in words, too');
	is($server->get('/count')->{status}, 200, 'it serves');
	# Somebody reads again.
	my $mark = $server->log_position;
	ok(fcntl($server->{output}, F_SETPIPE_SZ, 1 << 20), 'it is long again');
	ok(recycles($server, 1), 'it goes on');
	like($server->await_log(qr/\[P1002\]/, 5) // '',
		qr/\d+ lines of this log could not be written and are lost/,
		'when it is read again it says how many are missing');
	ok($server->await_log(qr/has been recycled/, 5, $mark),
		'and what comes after them');
	$server->stop;
};

subtest 'nobody is there' => sub {
	my $server = Portico::Server->new->start;
	is($server->get('/count')->{status}, 200, 'it serves');
	close delete $server->{output};
	ok(recycles($server, 2), 'commands are answered');
	cmp_ok($server->command_json('status')->{logLinesLost}, '>', 0,
		'status counts');
	is($server->get('/count')->{status}, 200, 'it serves');
	$server->stop;
};

done_testing;
