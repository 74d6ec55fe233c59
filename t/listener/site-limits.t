# SPDX-License-Identifier: Apache-2.0
#
# Limits of a site: its own, over those of siteDefaults, over the listener's.
# Its neighbour on the same port keeps others.

use strict;
use warnings;
use Portico::Http2;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

my $port = Portico::Server::free_port();
my %applications = (applications => { '/' => { pool => 'main', root => '/',
	modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ] } });
my $server = Portico::Server->new(
	bindings => ["http://*:$port"],
	top => { siteDefaults => { limits => {
		maxRequestsPerConnection => 3, connectionTimeout => '30s' } } },
	sites => {
		strict => {
			bindings => ["http://strict.example:$port"], %applications,
			limits => { maxRequestLine => 200,
				maxRequestBytes => 1000, maxHeaderCount => 8,
				urlSegmentMaxCount => 4,
				urlSegmentMaxLength => 20,
				connectionTimeout => '500ms',
				headerWaitTimeout => '600ms',
				entityBodyTimeout => '500ms',
				drainEntityBodyTimeout => '600ms',
				minReceiveRate => 100_000,
				maxRequestsPerConnection => 0 },
		},
		brisk => {
			bindings => ["http://brisk.example:$port"], %applications,
			limits => { minSendRate => 1_000_000_000,
				minSendRateWindow => '1s' },
		},
		few => {
			bindings => ["http://few.example:$port"], %applications,
			limits => { maxConnections => 2 },
		},
		narrow => {
			bindings => ["http://narrow.example:$port"],
			%applications,
			limits => { maxBandwidth => 200_000,
				maxRequestsPerConnection => 0 },
		},
		files => {
			bindings => ["http://files.example:$port"],
			applications => { '/' => { pool => 'main',
				modules => ['static'] } },
			limits => { maxBandwidth => '200000' },
		},
	},
	allow => [qr/maxHeaderCount/, qr/was not applied/],
);
$server->{port} = $port;
$server->{sites}{files}{applications}{'/'}{root} = $server->root;
$server->write_configuration;
{
	open my $file, '>', $server->root . '/big.bin' or die $!;
	print $file 'x' x 300_000;
}
$server->start;

# Status and reason of one request on a connection of its own.
sub verdict
{
	my ($host, $target, @fields) = @_;
	my $client = $server->connect;
	my $response = $client->request('GET', $target, host => $host,
		fields => \@fields);
	my $reason = '-';
	if ($response->{status} >= 400 && $host eq 'strict.example') {
		my $from = $client->socket->sockport;
		$reason = (split / /, $server->await_error_log(
			qr{^\S+ \S+ 127\.0\.0\.1 $from }) // '')[12] // 'none';
		ok($client->at_end, 'and the connection ends');
	}
	return "$response->{status} $reason";
}

subtest 'heads' => sub {
	my @more = map { "X-$_: 1" } 1 .. 10;
	my $long = 'x' x 180;
	my @cases = (
		['a longer request line', '/count?' . $long,
			'414 URL_Length'],
		['more bytes', '/count', '431 RequestLength',
			'X: ' . 'y' x 1000],
		['more fields', '/count', '431 RequestLength', @more],
		['more segments', '/a/b/c/d/e', '400 URL'],
		['a longer segment', '/' . 'a' x 21, '400 URL'],
	);
	for my $case (@cases) {
		my ($name, $target, $verdict, @fields) = @$case;
		is(verdict('strict.example', $target, @fields), $verdict,
			"$name than the site allows");
		unlike(verdict('other.example', $target, @fields),
			qr/^4(?!04)/, 'another site allows it');
	}
	is(verdict('strict.example', '/count?' . 'x' x 150), '200 -',
		'what is within them is served');
	is(verdict('strict.example', '/count', @more[0 .. 5]), '200 -',
		'also with as many fields');
};

subtest 'idle connections' => sub {
	my $strict = $server->connect;
	my $other = $server->connect;
	my $fresh = $server->connect;
	is($strict->request('GET', '/count', host => 'strict.example')->{status},
		200, 'a request to the strict site');
	is($other->request('GET', '/count')->{status}, 200,
		'a request to another');
	my $start = time;
	ok($strict->at_end, 'the first is closed');
	cmp_ok(time - $start, '>', 0.4, 'not before its time');
	like($server->await_error_log(
		qr/127\.0\.0\.1 @{[$strict->socket->sockport]} /) // '',
		qr/Timer_ConnectionIdle/, 'with the reason');
	is($other->request('GET', '/count')->{status}, 200,
		'the other is not');
	is($fresh->request('GET', '/count')->{status}, 200,
		'nor is one of nobody');
};

subtest 'a head that does not end' => sub {
	my $client = $server->connect;
	$client->request('GET', '/count', host => 'strict.example');
	$client->send("GET / HT");
	is(($client->read_response // {})->{status}, 408,
		'is waited for as the last request\'s site says');
};

subtest 'a body that stalls' => sub {
	my $client = $server->connect;
	$client->send("POST /body HTTP/1.1\r\nHost: strict.example\r\n"
		. "Content-Length: 100\r\n\r\nhalf");
	is(($client->read_response // {})->{status}, 408,
		'is waited for as the site says');
};

# The line of a client's request in the error log, or "".
sub line_of
{
	my ($client, $request) = @_;
	my $port = $client->socket->sockport;

	return $server->await_error_log(
		qr{^\S+ \S+ 127\.0\.0\.1 $port .*$request}) // '';
}

subtest 'a body that comes too slowly' => sub {
	my $client = $server->connect;
	$client->send("POST /body?slow HTTP/1.1\r\nHost: strict.example\r\n"
		. "Content-Length: 1000\r\n\r\n");
	my $answered;
	for (1 .. 100) {
		last if $answered = Portico::Wait::await_readable(0.1,
			$client->socket);
		$client->send('x') or last;
	}
	ok($answered, 'is not waited for');
	is(($client->read_response // {})->{status}, 408, '... but answered');
	like(line_of($client, '/body[?]slow'),
		qr/ 408 \d+ Timer_EntityBody main MinReceiveRate$/, 'with the reason');
};

subtest 'a body that nobody reads' => sub {
	my $client = $server->connect;
	$client->send("POST /count?rest HTTP/1.1\r\nHost: strict.example\r\n"
		. "Content-Length: 100\r\n\r\nhalf");
	is(($client->read_response // {})->{status}, 200, 'is answered');
	ok($client->at_end, 'its rest is waited for as the site says');
	like(line_of($client, '/count[?]rest'),
		qr/ 200 \d+ Timer_EntityBody main Drain$/, 'with the reason');
};

subtest 'a client that does not read' => sub {
	my $path = '/stream?bytes=30000000&sized=1';
	my ($brisk, $other) = map { $server->connect } 1 .. 2;
	$other->send("GET $path HTTP/1.1\r\nHost: other.example\r\n\r\n");
	$brisk->send("GET $path HTTP/1.1\r\nHost: brisk.example\r\n\r\n");
	like(line_of($brisk, '/stream'),
		qr/ 200 \d+ Timer_MinBytesPerSecond main -$/,
		'is cut as the site says, with the reason');
	my $response = $other->read_response(timeout => 60);
	ok($response->{complete}, 'another one is not');
};

subtest 'requests per connection' => sub {
	my $client = $server->connect;
	my @responses = map { $client->request('GET', '/count') } 1 .. 3;
	is(join(' ', map { $_->{status} } @responses), '200 200 200',
		'three are served');
	is($responses[1]{header}{connection} // 'kept', 'kept',
		'the second is not the last');
	is($responses[2]{header}{connection} // 'kept', 'close',
		'the third says that it is');
	ok($client->at_end, 'and it is');
	$client = $server->connect;
	my @all = map { $client->request('GET', '/count',
		host => 'strict.example')->{status} } 1 .. 5;
	is("@all", '200 200 200 200 200', 'a site that says 0 has no such limit');
};

subtest 'requests of a connection, HTTP/2' => sub {
	my $client = Portico::Http2->connect($port);
	my @ids = map { $client->begin({ path => '/sleep?ms=100' }) } 1 .. 3;
	my @status = map { $client->response($_)->{status} } @ids;
	is("@status", '200 200 200', 'three are served');
	is($client->end, 'NO_ERROR', 'then the connection ends in good order');
	is($client->{goaways}[-1][0], $ids[2], '... and says which was the last');
	$client = Portico::Http2->connect($port);
	@ids = map { $client->begin({ path => '/sleep?ms=100' }) } 1 .. 4;
	@status = map { $client->response($_)->{status} } @ids[0 .. 2];
	is("@status", '200 200 200', 'of four at once three are served');
	$client->end;
	is($client->{goaways}[-1][0], $ids[2], '... and the fourth was not seen');
	ok(!@{ $client->stream($ids[3])->{heads} }, '... nor answered');
};

subtest 'connections' => sub {
	my @clients = map { $server->connect } 1 .. 3;
	my @status = map { $_->request('GET', '/count',
		host => 'few.example')->{status} } @clients;
	is("@status", '200 200 503', 'the third is one too many');
	like($server->await_error_log(
		qr/127\.0\.0\.1 @{[$clients[2]->socket->sockport]} /) // '',
		qr/ConnLimit/, 'with the reason');
	is($server->get('/count')->{status}, 200, 'other sites are open');
	is($clients[0]->request('GET', '/count', host => 'few.example')
		->{status}, 200, 'who is counted already goes on');
	# A connection counts for the site of its last request.
	is($clients[0]->request('GET', '/count')->{status}, 200,
		'one leaves for another site');
	my $next = $server->connect;
	is($next->request('GET', '/count', host => 'few.example')->{status},
		200, 'so there is room');
	$_->close for @clients, $next;
	ok(await_condition(seconds(5), sub {
		my $client = $server->connect;
		my $second = $server->connect;
		return $client->request('GET', '/count', host => 'few.example')
			->{status} == 200
			&& $second->request('GET', '/count',
				host => 'few.example')->{status} == 200;
	}), 'connections that are closed count no more');
};

# Bytes per second of all requests together, each on a connection of its own.
sub rate
{
	my ($host, @targets) = @_;
	my @clients = map { $server->connect } @targets;
	my $start = time;
	my $bytes = 0;

	for my $i (0 .. $#targets) {
		$clients[$i]->send("GET $targets[$i] HTTP/1.1\r\n"
			. "Host: $host\r\n\r\n");
	}
	for my $client (@clients) {
		my $response = $client->read_response(timeout => 60) or last;
		return "status $response->{status}"
			if $response->{status} != 200;
		return 'incomplete' unless $response->{complete};
		$bytes += length $response->{body};
	}
	return $bytes / (time - $start);
}

subtest 'bandwidth' => sub {
	# A tenth of a second's bytes may be sent ahead.
	for my $case (['narrow.example', '/stream?bytes=300000&sized=1', 'made by a module'],
		['files.example', '/big.bin', 'of a file']) {
		my ($host, $target, $name) = @$case;
		my $rate = rate($host, $target);
		cmp_ok($rate, '<', 240_000, "a response $name is sent slowly");
		cmp_ok($rate, '>', 60_000, 'but is sent');
	}
	my $rate = rate('narrow.example', ('/stream?bytes=100000&sized=1') x 3);
	cmp_ok($rate, '<', 240_000, 'three clients share it');
	my $start = time;
	my $client = $server->connect;
	my $served = grep {
		($client->request('GET', '/stream?bytes=3000&sized=1',
			host => 'narrow.example') // {})->{status} == 200
	} 1 .. 100;
	is($served, 100, 'small responses are sent');
	cmp_ok(300_000 / (time - $start), '<', 260_000,
		'and count as well');
	$client = $server->connect;
	$client->send("GET /stream?bytes=2000000&sized=1 HTTP/1.1\r\n"
		. "Host: narrow.example\r\n\r\n");
	ok(Portico::Wait::await_readable(5, $client->socket), 'one is busy');
	$start = time;
	$server->get("/stream?bytes=3000000&sized=1");
	cmp_ok(time - $start, '<', 3, 'another site is not slowed');
	$client->close;
	ok(await_condition(seconds(5), sub { !$server->requests }),
		'who leaves while it waits is forgotten');
};

subtest 'what is shown' => sub {
	my $client = $server->connect;
	$client->request('GET', '/count', host => 'strict.example');
	my $from = '127.0.0.1:' . $client->socket->sockport;
	my $all = $server->command_json('listener', 'connections')
		->{figures}{clients};
	my ($shown) = grep { $_->{client} eq $from } @$all;
	is($shown->{state}, 'idle', 'a connection: its state');
	is($shown->{site}, 'strict', 'and its site');
	is($shown->{requests}, 1, 'and its requests');
	is($shown->{server}, "127.0.0.1:$port", 'and our end');
	my ($few) = grep { $_->{name} eq 'few' } @{ $server->command_json(
		'listener', 'counters')->{figures}{sites} };
	is($few->{refused}, 1, 'a site: connections refused');
	is($few->{maxConnections}, 2, 'out of so many');
	cmp_ok($few->{requests}, '>=', 6, 'requests');
	cmp_ok($few->{bytesSent}, '>', 6 * 100, 'bytes sent');
	cmp_ok($few->{bytesReceived}, '>', 6 * 30, 'bytes received');
	my $before = $few->{requests};
	$server->get('/count', host => 'few.example');
	($few) = grep { $_->{name} eq 'few' } @{ $server->command_json(
		'listener', 'counters')->{figures}{sites} };
	is($few->{requests}, $before + 1, 'each is counted');
	my %times = map { $_->{name} => $_ } @{ $server->command_json(
		'listener', 'timeouts')->{timeouts} };
	is($times{'(all)'}{connectionTimeout}, '2m', 'times: of all');
	is($times{strict}{connectionTimeout}, '500ms', 'of a site');
	is($times{brisk}{drainEntityBodyTimeout}, '2m',
		'also what is as for all');
	is($times{few}{connectionTimeout}, '30s', 'of siteDefaults');
};

subtest 'a new configuration' => sub {
	my $configuration = $server->configuration;
	my $few = $configuration->{sites}{few}{limits};
	my $kept = $server->connect;

	is($kept->request('GET', '/count', host => 'few.example')->{status},
		200, 'a connection before');
	$few->{maxConnections} = 1;
	$server->write_configuration($configuration);
	is(($server->command('reload'))[0], 0, 'another limit');
	my $other = $server->connect;
	is($other->request('GET', '/count', host => 'few.example')->{status},
		503, 'it counts those that were there');
	is($kept->request('GET', '/count', host => 'few.example')->{status},
		200, 'and cuts none');
	$few->{maxHeaderCount} = 101;
	$few->{urlSegmentMaxLength} = 10;
	$server->write_configuration($configuration);
	my ($exit, $out, $err) = $server->command('reload');
	isnt($exit, 0, 'a site cannot be laxer about heads than the listener');
	like("$out$err", qr/portico\.json:\d+:\d+: sites\.few\.limits\.maxHeaderCount: has to be at most 100/,
		'and is told so');
};

$server->stop;
done_testing;
