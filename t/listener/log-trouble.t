# SPDX-License-Identifier: Apache-2.0
#
# Logs that cannot be written: requests go on, lines wait, are lost beyond a
# bound and counted, the reason can be seen, and writing goes on by itself.

use strict;
use warnings;
use Portico::Limits qw(get_limit set_limit);
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my @allow = (allow => [qr/\[P(?:2005|2033|2034)\]/]);

sub log_of
{
	my ($server, $name) = @_;
	my ($log) = grep { $_->{name} eq $name }
		@{ $server->command_json('status')->{counters}{logs} };
	return $log;
}

# Its access log is written to a disk without room.
sub fill_disk
{
	my ($server) = @_;
	my $directory = $server->directory . '/log';

	mkdir $directory;
	chmod 0777, $directory;
	symlink '/dev/full', $server->access_log;
}

sub await_state
{
	my ($server, $name, $state) = @_;
	return await_condition(seconds(10), sub {
		log_of($server, $name)->{state} eq $state });
}

# Numbers of the requests that have a line, in the file's order.
sub numbers
{
	my ($path) = @_;
	open my $file, '<', $path or return;
	return map { /(?:^|[ ?&])n=(\d+)/ ? $1 : () } <$file>;
}

sub requests
{
	my ($server, $from, $to) = @_;
	my $client = $server->connect;
	my $good = 0;

	for my $n ($from .. $to) {
		my $response = $client->request('GET', "/count?n=$n");
		$good++ if $response && $response->{status} == 200;
	}
	return $good == $to - $from + 1;
}

subtest 'no room on the disk' => sub {
	my $server = Portico::Server->new(@allow);
	fill_disk($server);
	$server->start;
	ok(requests($server, 1, 20), 'requests are answered');
	ok(await_state($server, 'access log', 'failing'),
		'status says that the access log fails');
	is(log_of($server, 'error log')->{state}, 'written',
		'and the error log does not');
	ok(requests($server, 21, 40), 'requests go on');
	like($server->await_log(qr/\[P2005\]/, 5),
		qr/access log.*No space left on device/, 'the log says why');
	my $log = log_of($server, 'access log');
	is($log->{error}, 'No space left on device', 'status says why');
	cmp_ok($log->{waiting}, '>', 0, 'lines wait');
	is($log->{lost}, 0, 'none is lost');
	my (undef, $text) = $server->command('status');
	like($text, qr/^access log .*No space left.*wait/m, 'in words, too');
	# Room: another file by the same name.
	unlink $server->access_log;
	ok(await_state($server, 'access log', 'written'),
		'when there is room it is written');
	ok($server->await_access_log(qr/n=40\b/, 5), 'to the last line');
	is_deeply([ numbers($server->access_log) ], [ 1 .. 40 ],
		'no line is missing');
	is(scalar(() = $server->log =~ /\[P2005\]/g), 1, 'it was said once');
	ok($server->await_log(qr/\[P2033\]/, 5), 'and that it is over');
	(undef, $text) = $server->command('status');
	unlike($text, qr/^access log/m, 'status is as before');
	(undef, $text) = $server->command('listener', 'show');
	like($text, qr/^access log +\Q${\$server->access_log}\E$/m,
		'listener show names the file');
	$server->stop;
};

subtest 'more lines than may wait' => sub {
	my $server = Portico::Server->new(@allow,
		listener => { accessLog => { fields => [ 'cs-uri-query',
			'cs(User-Agent)', 'cs(Referer)' ] } });
	fill_disk($server);
	$server->start;
	# 9 kB a line: 2,000 of them are more than 16 MiB.
	my $count = 2500;
	my $padding = 'x' x 3000;
	my $client = $server->connect;
	for (my $n = 0; $n < $count; $n += 25) {
		$client->send(join '', map {
			"GET /count?n=$_&$padding HTTP/1.1\r\nHost: a\r\n"
			. "User-Agent: $padding\r\nReferer: $padding\r\n\r\n"
		} $n .. $n + 24);
		$client->read_response for 1 .. 25;
	}
	ok(await_condition(seconds(10), sub {
		log_of($server, 'access log')->{lost} > 0 }), 'lines are lost');
	is($server->get('/count')->{status}, 200, 'requests go on');
	cmp_ok(log_of($server, 'access log')->{waiting}, '<=', 16 << 20,
		'what waits is bounded');
	unlink $server->access_log;
	ok($server->await_log(qr/\[P2033\]/, 10), 'it is written again');
	my $lost = log_of($server, 'access log')->{lost};
	my $remark = $server->await_access_log(qr/^#Remark/, 5) // '';
	like($remark, qr/^#Remark: \d+ lines from \d{4}.*No space left/,
		'the file says that lines are missing, and why');
	ok(await_condition(seconds(5), sub {
		numbers($server->access_log) + $lost >= $count }),
		'lines in the file and those lost are all');
	like($server->log, qr/\b$lost lines are lost \[P2033\]/,
		'the log has the same number');
	$server->stop;
};

subtest 'a file that may not grow' => sub {
	plan skip_all => 'no prlimit(2) here' unless get_limit($$, 'FSIZE');
	my $server = Portico::Server->new(@allow)->start;
	ok(requests($server, 1, 5), 'requests are answered');
	ok($server->await_access_log(qr/n=5\b/), 'and logged');
	my $listener = $server->pid_of('listener');
	my $before = set_limit($listener, 'FSIZE',
		(-s $server->access_log) + 100);
	ok(requests($server, 6, 30), 'requests go on at the limit');
	ok(await_state($server, 'access log', 'failing'), 'the log fails');
	like(log_of($server, 'access log')->{error}, qr/too large/i,
		'status says why');
	is($server->pid_of('listener'), $listener, 'the listener lives');
	set_limit($listener, 'FSIZE', $before);
	ok($server->await_access_log(qr/n=30\b/, 10),
		'without the limit it is written');
	is_deeply([ numbers($server->access_log) ], [ 1 .. 30 ],
		'no line is missing or torn');
	$server->stop;
};

subtest 'a directory that may not be written' => sub {
	my $server = Portico::Server->new(@allow);
	my $directory = $server->directory . '/log';
	mkdir $directory;
	chmod 0555, $directory;
	$server->start;
	ok(requests($server, 1, 5), 'requests are answered without logs');
	like($server->await_log(qr/access log.*\[P2005\]/, 5),
		qr/cannot be opened: Permission denied/, 'the log says why');
	ok(await_state($server, 'access log', 'failing'), 'status, too');
	chmod 0777, $directory;
	ok($server->await_access_log(qr/n=5\b/, 10),
		'when it may be written the lines are there');
	is_deeply([ numbers($server->access_log) ], [ 1 .. 5 ], 'all of them');
	ok(await_state($server, 'error log', 'written'), 'both logs go on');
	$server->stop;
};

done_testing;
