# SPDX-License-Identifier: Apache-2.0
#
# A worker that was taken over says to porticod what it likes, on its control
# socket and in its log: it cannot hide what is said about it or others.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

# More than porticod keeps events.
use constant TIMES => 10000;

my @confined = (modules => ['confined'],
	handlers => [ { path => '*', module => 'confined' } ]);
my $server = Portico::Server->new(
	pools => { main => {}, other => {} },
	applications => { '/' => {@confined},
		'/other' => { @confined, pool => 'other' } },
	allow => [qr/lies|it drives|SIGKILL|forged/],
)->start;

sub events
{
	my ($status, $output) = $server->command('--json', 'events');
	return split /\n/, $output;
}

sub is_kept
{
	my ($what) = @_;
	my @events = events();

	ok((grep { /"number":5214/ } @events),
		"what porticod has said before is still there, $what");
	cmp_ok(scalar(grep { /it lies/ } @events), '<', 10,
		'... and what it says once is there once or twice');
}

for my $what (qw(unhealthy failed)) {
	my $pid = $server->get_json('/self')->{pid};

	eval { $server->get("/tell?what=$what&times=" . TIMES) };
	ok(await_condition(seconds(20), sub {
		my $now = eval { $server->get_json('/self')->{pid} };
		$now && $now != $pid }), "a worker that has $what is replaced");
	is_kept("after $what " . TIMES . ' times');
}

# A line of the log begins with its time, and who says it.
subtest 'lines of the log' => sub {
	my $other = $server->get_json('/other/self')->{pid};
	my $pid = $server->get_json('/self')->{pid};
	my $porticod = $server->pid;
	my $time = '2026-01-01T00:00:00.000Z';

	for my $who ("porticod[$porticod]", "portico-worker[$other]",
		"portico-listener[" . $server->pid_of('listener') . ']',
		"porticod[$porticod", "[$pid]", "porticod[x]: [$pid]")
	{
		(my $text = "$time error $who: forged") =~ tr/ /+/;
		$text =~ s/([][])/sprintf '%%%02X', ord $1/ge;
		is($server->get("/print?text=$text")->{status}, 200,
			"a line as if of $who");
	}
	$server->get('/print?text=the+last+one');
	ok(await_condition(seconds(10), sub {
		$server->pump;
		$server->{log} =~ /the last one/ }), 'all are there');
	my @forged = grep { /forged/ } split /
/, $server->{log};
	is(scalar(@forged), 6, '... all of them');
	is_deeply([ grep { !/^\S+ info porticod\[$porticod\]: \Q$time\E .*\(pool=main worker=\d+\)$/ }
		@forged ], [], '... as said by that worker');
	like($server->{log}, qr/^\S+ info portico-worker\[$pid\]: pool main/m,
		'its own lines are as they are');
};

# CSI, as one character.
subtest 'what drives a terminal' => sub {
	my ($said, $csi) = (0, "\xc2\x9b");

	$server->get('/print?text=%C2%9B2J+is+printed+%C3%A4');
	ok(await_condition(seconds(10), sub {
		$server->pump;
		$server->{log} =~ /is printed/ }), 'a line with some of it');
	unlike($server->{log}, qr/$csi/, '... has none in the log');
	like($server->{log}, qr/2J is printed \xc3\xa4/, '... but all else');
	$server->get('/tell?what=terminal');
	ok(await_condition(seconds(10), sub {
		($server->command('events'))[1] =~ /it drives/ }),
		'an event with some of it');
	unlike(($server->command('events'))[1], qr/$csi|\x1b/,
		'... is shown without');
	unlike(($server->command('--json', 'events'))[1], qr/$csi|\\u001[bB]/,
		'... as data, too');
	$server->pump;
	unlike($server->{log}, qr/$csi|\x1b/, '... and logged so');
};

$server->stop;
done_testing;
