# SPDX-License-Identifier: Apache-2.0
#
# Events: `portico events` shows what happened, by pool and time, and what
# happens; they outlive porticod, and are handed on to journal or syslog.

use strict;
use warnings;
use File::Temp;
use IO::Socket::UNIX;
use JSON::PP qw(decode_json);
use Portico::Server;
use Portico::Wait qw(await_condition await_readable seconds);
use Socket;
use Test::More;

my $directory = File::Temp->newdir('portico-events-XXXXXXXX', TMPDIR => 1);
my $path = "$directory/log";
my $reader = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path)
	or die "$path: $!";

my $server = Portico::Server->new(
	keep => 1,
	pools => { main => {}, other => {} },
	applications => {
		'/' => { modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] },
		'/other' => { pool => 'other', modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] },
	},
	top => { events => { target => 'journal', socket => $path } },
	allow => [qr/P5009/],
)->start;

# As objects.
sub events
{
	my ($status, $output) = $server->command('--json', 'events', @_);
	return map { decode_json($_) } split /\n/, $output;
}

# The next datagram that matches.
sub datagram
{
	my ($pattern) = @_;

	while (await_readable(10, $reader)) {
		my $text;
		$reader->recv($text, 65536);
		return $text if $text =~ $pattern;
	}
	return '';
}

subtest 'what happened' => sub {
	my ($first, @rest) = events();
	is($first->{sequence}, 1, 'the first one');
	is($first->{number}, 5214, 'says that it serves');
	like($first->{message}, qr/^serving/, '... in a sentence');
	like($first->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
		'... when');
	$server->command('pool', 'stop', 'other');
	$server->command('pool', 'stop', 'main');
	$server->command('pool', 'start', 'other');
	is_deeply([ map { $_->{number} } events('--pool', 'other') ],
		[5218, 5217], 'those of a pool');
	my ($wrong, undef, $why) = $server->command('events', '--pool',
		'mian');
	is($wrong, 1, 'a pool that there is not');
	like($why, qr/there is no pool "mian"/, '... which is said');
	my ($status, $output) = $server->command('events', '--pool', 'main');
	is($status, 0, 'for people');
	like($output, qr/^\S+Z info +5218 pool "main" is stopped \(pool=main\)$/,
		'... on a line');
	$server->command('pool', 'start', 'main');
};

subtest 'a worker that dies' => sub {
	my $pid = $server->get_json('/count')->{pid};
	kill 'KILL', $pid;
	ok(await_condition(seconds(10), sub {
		grep { $_->{number} == 5009 } events() }), 'is an event');
	my ($event) = grep { $_->{number} == 5009 } events();
	is($event->{level}, 'warning', 'a warning');
	is($event->{fields}{pool}, 'main', '... with its pool');
	like($event->{message}, qr/signal 9/, '... and how it ended');
};

subtest 'by time' => sub {
	my $all = events();
	is(events('--since', '1h'), $all, 'of the last hour');
	is(events('--since', '2999-01-01'), 0, 'of the future');
	is(events('--since', '2020-01'), $all, 'since then');
	my ($status, $output, $errors) =
		$server->command('events', '--since', 'yesterday');
	is($status, 2, 'what is no time is refused');
};

my ($follower, $follower_pid);
subtest 'what happens' => sub {
	my $before = events();
	$follower_pid = open $follower, '-|', Portico::Server::program('portico'),
		'--socket', $server->socket_path, 'events', '--follow',
		'--json' or die $!;
	my $text = '';
	my $line = sub {
		while ($text !~ /\n/ && await_readable(10, $follower)) {
			sysread $follower, $text, 65536, length $text or last;
		}
		return $text =~ s/^(.*)\n// ? decode_json($1) : {};
	};
	$line->() for 1 .. $before;
	$server->command('pool', 'stop', 'other');
	is($line->()->{number}, 5218, 'is shown when it happens');
	$server->command('pool', 'start', 'other');
	is($line->()->{number}, 5217, '... one after the other');
};

subtest 'the journal' => sub {
	my $text = datagram(qr/PORTICO_EVENT=5009/);
	like($text, qr/^MESSAGE=.*signal 9/m, 'the sentence');
	like($text, qr/^PRIORITY=4$/m, 'a warning');
	like($text, qr/^PORTICO_POOL=main$/m, 'fields');
	like($text, qr/^SYSLOG_IDENTIFIER=porticod$/m, 'of whom');
};

my $last = (events())[-1]{sequence};
subtest 'syslog, and nobody who reads' => sub {
	$server->{top}{events}{target} = 'syslog';
	delete $server->{configuration};
	$server->write_configuration;
	$server->command('reload');
	$server->command('pool', 'stop', 'other');
	like(datagram(qr/pool "other" is stopped.*P5218/),
		qr/^<30>[A-Z][a-z]{2} [ \d]\d [\d:]{8} porticod\[\d+\]: pool "other" is stopped pool=other \[P5218\]$/,
		'as /dev/log takes it');
	close $reader;
	unlink $path;
	is(($server->command('pool', 'start', 'other'))[0], 0,
		'it goes on without a reader');
	cmp_ok($server->command_json('status')->{events}{notHandedOn}, '>', 0,
		'... and says how many were not handed on');
};

$server->stop;
$server->start;
my @all = events();
is($all[0]{sequence}, 1, 'events of the porticod before');
cmp_ok($all[-1]{sequence}, '>', $last, '... and it goes on counting');
is_deeply([ (grep { $_ != 1000 } map { $_->{number} } @all)[-2, -1] ], [5215, 5214],
	'... from the end to the new beginning');
my $seen = '';
ok(await_condition(seconds(15), sub {
	await_readable(1, $follower) and sysread $follower, $seen, 65536,
		length $seen;
	return $seen =~ /"sequence":$all[-1]{sequence},/;
}), 'who follows is not left behind');
close $follower if kill 'TERM', $follower_pid;
delete $server->{keep};
$server->stop;
done_testing;
