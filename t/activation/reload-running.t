# SPDX-License-Identifier: Apache-2.0
#
# Reading the configuration again while requests run: those of what is removed
# or changed finish as they began, those of everything else do not notice, and
# what comes next meets the new configuration.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds process_is_alive);
use Test::More;

my @probe = (modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ]);
my $port = Portico::Server::free_port();
my $server;
$server = Portico::Server->new(
	pools => { main => {}, other => {}, going => {}, both => {},
		full => { maxConcurrentRequests => 1 } },
	applications => { '/' => { @probe },
		'/other' => { pool => 'other', @probe },
		'/both' => { pool => 'both', @probe } },
	allow => [qr/\[P52\d\d\]/],
);
my $root = $server->root;
my $original = $server->configuration;
$original->{sites}{second} = {
	bindings => ["http://127.0.0.1:$port"],
	applications => {
		'/' => { pool => 'going', root => $root, @probe },
		'/full' => { pool => 'full', root => $root, @probe },
		'/both' => { pool => 'both', root => $root, @probe } },
};
$server->write_configuration($original);
$server->start;

sub configuration
{
	return JSON::PP::decode_json(JSON::PP::encode_json($original));
}

sub reload
{
	my ($configuration) = @_;
	$server->write_configuration($configuration);
	my ($status, $out, $err) = $server->command('reload');
	is($status, 0, 'the new configuration is accepted') or diag $err;
}

# A request that runs until the test says so: its body is not complete yet.
sub begin
{
	my ($to, $path) = @_;
	my $client = Portico::Http->connect($to);

	$client->send("POST $path HTTP/1.1\r\nHost: localhost\r\n"
		. "Content-Length: 10\r\n\r\n12345");
	ok($server->await_request(qr/^\Q$path\E$/), "$path runs");
	return $client;
}

sub finish_request
{
	my ($client, $what) = @_;

	$client->send('67890');
	my $response = $client->read_response;
	is($response && $response->{status}, 200, $what);
	like($response->{body} // '', qr/\b10\b/, 'and is complete');
	return $client;
}

sub pid_at
{
	my ($to, $path) = @_;
	my $response = Portico::Http->connect($to)->request('GET', "$path/count");
	return JSON::PP::decode_json($response->{body})->{pid};
}

my $main = pid_at($server->port, '');
my $other = pid_at($server->port, '/other');
# They run through everything.
my $bystander = begin($server->port, '/body?all');
my $neighbour = begin($server->port, '/other/body?all');
my $idle = $server->connect;
is($idle->request('GET', '/count')->{status}, 200, 'a connection is open');

subtest 'a binding and a pool are removed' => sub {
	my $going = pid_at($port, '');
	my $affected = begin($port, '/body?going');
	my $both = pid_at($port, '/both');
	my $shared = begin($port, '/both/body?shared');
	my $open = Portico::Http->connect($port);
	is($open->request('GET', '/count')->{status}, 200,
		'another connection is open there');
	my $changed = configuration();
	delete $changed->{sites}{second};
	delete $changed->{pools}{going};
	delete $changed->{pools}{full};
	reload($changed);
	ok(await_condition(seconds(5), sub {
		!IO::Socket::INET->new(PeerAddr => '127.0.0.1',
			PeerPort => $port) }), 'nobody gets in any more');
	ok(process_is_alive($going), 'its worker stays while requests run');
	finish_request($affected, 'a request of the removed pool finishes');
	ok(await_exit($going, seconds(5)), 'then its worker ends');
	ok(process_is_alive($both),
		'so does that of a pool that loses an application');
	isnt(pid_at($server->port, '/both'), $both,
		'while a new one takes what is new');
	finish_request($shared, 'its request finishes, too');
	ok(await_exit($both, seconds(5)), 'then it ends');
	# The connection was not closed, but leads nowhere: HTTP.sys's answer.
	my $response = $affected->request('GET', '/count');
	is($response && $response->{status}, 400,
		'the next request on such a connection gets 400');
	ok($server->await_error_log(qr{ /count - 400 - Hostname }),
		'Hostname in the error log');
	reload($original);
	is(Portico::Http->connect($port)->request('GET', '/count')->{status},
		200, 'the binding can come back');
	$response = $open->request('GET', '/count');
	is($response && $response->{status}, 200,
		'for a connection that stayed, too');
};

subtest 'a pool is changed' => sub {
	my $old = pid_at($port, '');
	my $client = begin($port, '/body?change');
	my $changed = configuration();
	$changed->{pools}{going}{environment} = { COLOUR => 'red' };
	reload($changed);
	my $new = pid_at($port, '');
	isnt($new, $old, 'a new worker takes what is new');
	ok(process_is_alive($old), 'the old one stays while a request runs');
	finish_request($client, 'which finishes');
	ok(await_exit($old, seconds(5)), 'then it ends');
	is($client->request('GET', '/count')->{status}, 200,
		'its connection goes on');
	is(pid_at($port, ''), $new, 'with the new worker');
	reload($original);
};

subtest 'more and fewer workers' => sub {
	for my $count (3, 2, 1) {
		my $changed = configuration();
		my @workers;

		$changed->{pools}{going}{workers} = $count;
		reload($changed);
		ok(await_condition(seconds(10), sub {
			@workers = @{ $server->command_json('pool', 'show',
				'going')->{pool}{workers} };
			return @workers == $count
				&& !grep { $_->{state} ne 'running' } @workers;
		}), "$count are running") or diag explain \@workers;
		is(Portico::Http->connect($port)->request('GET', '/count')
			->{status}, 200, 'and serve');
	}
	reload($original);
};

subtest 'an application moves to another pool' => sub {
	my $old = pid_at($port, '');
	my $client = begin($port, '/body?move');
	my $changed = configuration();
	$changed->{sites}{second}{applications}{'/'}{pool} = 'main';
	reload($changed);
	my $now = pid_at($port, '');
	isnt($now, $old, 'what is new goes to the other pool');
	is(pid_at($server->port, ''), $now, 'which serves both sites');
	finish_request($client, 'what runs stays where it is');
	$main = $now; # it learned of an application
	reload($original);
};

subtest 'what waits in the queue of a pool that goes' => sub {
	my $running = begin($port, '/full/body?runs');
	my $waiting = Portico::Http->connect($port);
	$waiting->send("GET /full/count?waits HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($server->await_request(qr/waits/), 'one more waits');
	my $changed = configuration();
	delete $changed->{sites}{second}{applications}{'/full'};
	delete $changed->{pools}{full};
	reload($changed);
	is($waiting->read_response->{status}, 503, 'it gets 503');
	finish_request($running, 'what runs finishes');
	ok(await_condition(seconds(5), sub {
		!grep { $_->{name} eq 'full' }
			@{ $server->command_json('pool', 'list')->{pools} };
	}), 'then the pool is gone');
	reload($original);
	is(Portico::Http->connect($port)->request('GET', '/full/count')
		->{status}, 200, 'it can come back');
};

subtest 'the same port for another site' => sub {
	my $client = begin($port, '/both/body?site');
	my $changed = configuration();
	$changed->{sites}{third} = delete $changed->{sites}{second};
	$changed->{sites}{third}{applications} = { '/' => {
		pool => 'going', root => $root, @probe } };
	my $open = Portico::Http->connect($port);
	is($open->request('GET', '/both/count')->{status}, 200,
		'a connection is open');
	reload($changed);
	is($open->request('GET', '/count')->{status}, 200,
		'it goes on to the new site');
	finish_request($client, 'what runs finishes');
	reload($original);
};

subtest 'a broken file' => sub {
	my $client = begin($port, '/body?broken');
	my $before = $server->command_json('status')->{generation};
	my $changed = configuration();
	$changed->{sites}{second}{bindings} = ['nonsense'];
	my $mark = $server->log_position;
	$server->write_configuration($changed);
	$server->signal('HUP');
	like($server->await_log(qr/\[P5200\]/, 5, $mark) // '',
		qr/portico\.json:\d+:\d+: .*binding/i,
		'SIGHUP: the log says where and what');
	ok($server->await_log(qr/\[P5208\]/, 5, $mark),
		'and that it was not applied');
	is($server->command_json('status')->{generation}, $before,
		'the generation is what it was');
	finish_request($client, 'what runs finishes');
	is(Portico::Http->connect($port)->request('GET', '/count')->{status},
		200, 'the binding is open');
	# A port that is not to be had: nothing of the rest happens either.
	my $taken = IO::Socket::INET->new(Listen => 1,
		LocalAddr => '127.0.0.1', LocalPort => 0) or die $!;
	$changed = configuration();
	delete $changed->{pools}{full};
	delete $changed->{sites}{second}{applications}{'/full'};
	push @{ $changed->{sites}{second}{bindings} },
		'http://127.0.0.1:' . $taken->sockport;
	$server->write_configuration($changed);
	my ($status, undef, $err) = $server->command('reload');
	is($status, 1, 'a port that is taken is refused');
	like($err, qr/already in use/, 'the reason is given');
	is(Portico::Http->connect($port)->request('GET', '/full/count')
		->{status}, 200, 'nothing else of that file is in force');
};

subtest 'while a recycle is under way' => sub {
	my $client = begin($port, '/body?recycle');
	my $old = pid_at($port, '');
	is(($server->command('pool', 'recycle', 'going'))[0], 0,
		'the pool is recycled');
	my $changed = configuration();
	$changed->{pools}{going}{environment} = { COLOUR => 'blue' };
	reload($changed);
	my $new = pid_at($port, '');
	isnt($new, $old, 'a new worker answers');
	my $colour = Portico::Http->connect($port)->request('GET',
		'/who?name=COLOUR');
	finish_request($client, 'what runs finishes');
	ok(await_condition(seconds(5), sub {
		my @workers = @{ $server->command_json('pool', 'show',
			'going')->{pool}{workers} };
		return @workers == 1 && $workers[0]{state} eq 'running';
	}), 'one worker is left');
	reload($original);
};

subtest 'those that ran through everything' => sub {
	finish_request($bystander, 'a request of a pool that never changed');
	is($bystander->request('GET', '/count')->{status}, 200,
		'its connection goes on');
	finish_request($neighbour, 'one of another');
	is(pid_at($server->port, '/other'), $other, 'its worker, too');
	is($idle->request('GET', '/count')->{status}, 200,
		'the idle connection of the beginning is still good');
};

$server->stop;
done_testing;
