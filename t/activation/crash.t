# SPDX-License-Identifier: Apache-2.0
#
# Event 1000: how a worker crashed, and in which module, event and request,
# read from memory that outlives it.

use strict;
use warnings;
use JSON::PP qw(decode_json);
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;

my @ways = qw(segv abort kill one idle);
my $server = Portico::Server->new(
	pools => { map { $_ => {} } @ways },
	applications => { map { ("/$_" => { pool => $_, modules => ['probe'],
		handlers => [ { path => '*', module => 'probe' } ] }) } @ways },
	allow => [qr/worker|fatal signal|portico-worker/i],
)->start;

# The event of that pool's worker.
sub event
{
	my ($pool) = @_;
	my $event;

	await_condition(seconds(10), sub {
		my ($status, $output) = $server->command('--json', 'events',
			'--pool', $pool);
		($event) = grep { $_->{number} == 1000 }
			map { decode_json($_) } split /\n/, $output;
		return $event;
	});
	return $event // { message => '', fields => {} };
}

# Requests that wait in the worker.
sub hold
{
	my ($pool, $count) = @_;
	my @clients = map { $server->connect } 1 .. $count;
	for my $i (0 .. $#clients) {
		$clients[$i]->send("POST /$pool/hold?$i HTTP/1.1\r\nHost: a\r\n"
			. "Content-Length: 0\r\n\r\n");
		$server->await_request(qr/\/$pool\/hold\?$i$/);
	}
	return @clients;
}

# Asks for the end of the worker; the request that does it.
sub crash
{
	my ($pool, $how) = @_;
	my $client = $server->connect;
	$client->send("POST /$pool/crash?how=$how HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 0\r\n\r\n");
	return $client;
}

# The sanitizer handles signals itself: nobody says then who it was.
my $sanitized = ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';

subtest 'one of several' => sub {
	my @waiting = hold('segv', 3);
	my $client = crash('segv', 'segv');
	is($client->read_response->{status}, 502, 'a request is fatal');
	my $event = event('segv');
	like($event->{message}, qr/^the worker \(process \d+\) crashed: it /,
		'is an event');
	if ($sanitized) {
		like($event->{message}, qr/it ran 4 requests/, 'of all');
		return;
	}
	like($event->{message}, qr/killed by signal 11/, '... how it ended');
	like($event->{message}, qr/in module "probe" at EXECUTE with request [0-9a-f]{16} \(POST \/segv\/crash\?how=segv\)/,
		'... the module, the event and the request');
	like($event->{message}, qr/; 3 others were in progress(?:; its core .*)?$/,
		'... beside others');
	is($event->{fields}{module}, 'probe', '... as fields');
	is($event->{fields}{event}, 'EXECUTE', '... event');
	like($event->{fields}{request}, qr/^[0-9a-f]{16}$/, '... request');
};

subtest 'the only one' => sub {
	my $client = crash('abort', 'abort');
	$client->read_response;
	like(event('abort')->{message}, qr/it was killed by signal 6.*in module "probe".*how=abort\)(?:; its core .*)?$/,
		'needs not to say so');
};

subtest 'killed by somebody' => sub {
	my @waiting = hold('kill', 5);
	my ($worker) = grep { $_->{pool} eq 'kill' }
		@{ $server->command_json('worker', 'list')->{workers} };
	kill 'KILL', $worker->{pid};
	my $event = event('kill');
	like($event->{message}, qr/it ran 5 requests: in module "probe" at EXECUTE with request \S+ \(POST \/kill\/hold/,
		'what it ran');
	is(scalar(() = $event->{message} =~ /with request/g), 3,
		'... not endlessly');
	is($event->{fields}{worker}, $worker->{id}, '... which worker');
};

subtest 'killed when idle' => sub {
	my $pid = $server->get_json('/idle/count')->{pid};
	kill 'KILL', $pid;
	like(event('idle')->{message}, qr/signal 9.*it ran no request$/,
		'is said');
};

$server->stop;
done_testing;
