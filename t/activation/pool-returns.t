# SPDX-License-Identifier: Apache-2.0
#
# A pool that is removed and comes back under its name is a new one: what the
# old one waited for, or was told, is forgotten.

use strict;
use warnings;
use Portico::Server;
use Portico::Stops;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $stops = Portico::Stops->new;
my @probe = (modules => [ 'start-steps', 'probe' ],
	handlers => [ { path => '*', module => 'probe' } ]);
my $server = Portico::Server->new(
	worker => 't/worker/stopping-worker',
	pools => { main => {}, guest => { environment => $stops->environment,
		shutdownTimeLimit => '1s',
		rapidFailProtectionMaxCrashes => 1 } },
	applications => { '/' => { @probe },
		'/guest' => { pool => 'guest', @probe } },
	allow => [qr/\[P5\d\d\d\]|disabled/],
)->start;
my $with = $server->configuration;
my $without = JSON::PP::decode_json(JSON::PP::encode_json($with));
delete $without->{pools}{guest};
delete $without->{sites}{main}{applications}{'/guest'};

sub reload
{
	my ($configuration) = @_;
	$server->write_configuration($configuration);
	is(($server->command('reload'))[0], 0, 'a reload');
}

sub serves
{
	my $response = eval { $server->get('/guest/count',
		timeout => seconds(10)) };
	is($response && $response->{status}, 200, 'it serves again')
		or diag($@);
}

subtest 'while its first worker starts' => sub {
	$stops->arm('load');
	my $client = $server->connect;
	$client->send("GET /guest/count HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($stops->await('load'), 'a worker starts');
	reload($without);
	is($client->read_response->{status}, 503,
		'who waits for the one that goes gets 503');
	reload($with);
	serves();
};

subtest 'stopped by an operator' => sub {
	is(($server->command('pool', 'stop', 'guest'))[0], 0, 'it is stopped');
	is($server->get('/guest/count')->{status}, 503, 'it answers 503');
	reload($without);
	reload($with);
	serves();
};

subtest 'disabled since it failed' => sub {
	my $pid = $server->get_json('/guest/count')->{pid};
	kill 'KILL', $pid;
	ok(await_condition(seconds(10), sub {
		$server->get('/guest/count')->{status} == 503 }),
		'it answers 503');
	reload($without);
	reload($with);
	serves();
};

$server->stop;
done_testing;
