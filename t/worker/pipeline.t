# SPDX-License-Identifier: Apache-2.0
#
# The pipeline of a worker, seen from outside through the module `stages`:
# order of the twelve events and their post-events, suspension in each of
# them, verdicts, completion from other threads, response filters.

use strict;
use warnings;
use Portico::Server;
use Test::More;

my @events = qw(begin authenticate authorize resolve-cache map-handler
	acquire-state pre-execute execute release-state update-cache log end);

my $server = Portico::Server->new(
	pools => { main => { threads => 2 } },
	applications => {
		'/' => { modules => [ 'stages', 'probe' ], handlers => [
			{ path => '/stages', module => 'stages' },
			{ path => '*', module => 'probe' },
		] },
	},
)->start;

# Asks, and returns (response, the whole order from the log).
my $mark = 0;
sub stages
{
	my (@fields) = @_;
	my $response = $server->get('/stages',
		fields => [ 'X-Report: yes', @fields ]);
	my $line = $server->await_log(qr/stages: /, 5, $mark) // '';

	$mark = $server->log_position;
	my ($order, $resumed) = $line =~ /stages: (.*?) \(resumed (\d+)\)/;
	return ($response, [ split / /, $order // '' ], $resumed);
}

my @both = map { ($_, "$_+") } @events;
# The handler runs as the last thing of "execute", before its post-event.
my @all = map { $_ eq 'execute' ? ($_, 'handler') : $_ } @both;

subtest 'the order' => sub {
	my ($response, $order, $resumed) = stages();
	is($response->{status}, 200, 'answered');
	is_deeply($order, \@all, 'twelve events, each with its post-event')
		or diag "@$order";
	is($resumed, 0, 'without a suspension');
	my @until = @all[0 .. 15];
	is($response->{body}, "@until", 'the handler comes in execute');
};

subtest 'suspension' => sub {
	for my $event (@both) {
		my ($response, $order, $resumed) = stages("X-Pending: $event");
		ok($response && $response->{status} == 200
			&& "@$order" eq "@all" && $resumed == 1,
			"in $event, completed from another thread")
			or diag "status ", $response && $response->{status},
			", resumed ", $resumed // '-', ": @$order";
	}
	my ($response, $order, $resumed) = stages('X-Pending: all');
	is("@$order", "@all", 'in all of them');
	is($resumed, 24, 'twenty-four times');
};

subtest 'done' => sub {
	for my $event (qw(begin authorize+ pre-execute)) {
		my ($response, $order) = stages("X-Stop: $event=done");
		my @before;
		for (@both) {
			push @before, $_;
			last if $_ eq $event;
		}
		is("@$order", join(' ', @before, qw(log log+ end end+)),
			"$event: straight to log and end");
		ok($response, 'and there is an answer');
	}
	my ($response, $order) = stages('X-Stop: authenticate=done',
		'X-Pending: authenticate');
	is("@$order", 'begin begin+ authenticate log log+ end end+',
		'after a suspension it counts the same');
};

subtest 'error' => sub {
	for my $event (qw(begin map-handler execute)) {
		my ($response, $order) = stages("X-Stop: $event=error");
		is($response->{status}, 500, "$event: 500");
		is("@{$order}[-4 .. -1]", 'log log+ end end+',
			'log and end run all the same');
		ok(!grep({ $_ eq 'update-cache' } @$order),
			'what lies between does not');
	}
};

subtest 'filters' => sub {
	my ($plain) = stages();
	my ($response) = stages('X-Filter: upper');
	is($response->{body}, uc $plain->{body}, 'each chunk is changed');
	is($response->{header}{'x-filtered'}, 'upper', 'and the head');
	($response) = stages('X-Filter: double');
	is($response->{body}, $plain->{body} x 2, 'one that makes it longer');
	my $big = $server->get('/stream?bytes=1000000',
		fields => ['X-Filter: upper']);
	is(length $big->{body}, 1_000_000, 'a stream goes through it');
	ok($big->{body} !~ /[a-z]/, 'wholly');
	$big = $server->get('/stream?bytes=500000&sized=1',
		fields => ['X-Filter: double']);
	ok($big->{complete} && length $big->{body} == 1_000_000,
		'an announced length does not survive it');
	my $page = $server->get('/status?code=404',
		fields => ['X-Filter: upper']);
	is($page->{status}, 404, 'an error page passes the filter');
};

subtest 'threads and tokens' => sub {
	like($server->get('/thread?twice=1')->{body},
		qr/^thread, second use -\d+$/,
		'completed at once from a thread; a second use is refused');
	like($server->get('/thread?ms=50')->{body}, qr/^thread/,
		'completed later');
	is($server->get('/offload?ms=20')->{body}, "offloaded\n",
		'work on the thread pool');
	is($server->get('/sleep?ms=20')->{body}, "slept\n", 'a timer');
	# Many at once on one connection each: none is lost, none is mixed up.
	my @clients = map { $server->connect } 1 .. 100;
	for my $i (0 .. $#clients) {
		my $target = ('/thread?ms=5', '/offload?ms=5', '/sleep?ms=5',
			"/fields?n=$i")[ $i % 4 ];
		$clients[$i]->send("GET $target HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	my @wrong = grep {
		my $response = $clients[$_]->read_response;
		my $wanted = (qr/^thread/, qr/^offloaded/, qr/^slept/,
			qr/"query":"n=$_"/)[ $_ % 4 ];
		$response->{status} != 200 || $response->{body} !~ $wanted;
	} 0 .. $#clients;
	is("@wrong", '', 'a hundred of them at once');
	my @slow = map { $server->connect } 1 .. 6;
	$_->send("GET /offload?ms=50 HTTP/1.1\r\nHost: a\r\n\r\n") for @slow;
	is($server->get('/fields?quick')->{status}, 200,
		'more offloaded work than threads does not hold up others');
	is($_->read_response->{body}, "offloaded\n", 'and is done') for @slow;
};

like($server->await_log(qr/token|complet/i, 2) // '', qr/\S/,
	'the second use of a token is in the log');
@{ $server->{allow} } = (qr/token|complet/i);
$server->stop;
done_testing;
