# SPDX-License-Identifier: Apache-2.0
#
# A module that holds a loop up is named in the log, with its stack, once; and
# so is one that never completes what it has suspended.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $probe = [{ path => '*', module => 'probe' }];
my $server = Portico::Server->new(
	pools => {
		watched => { loopBlockLimit => '100ms', threads => 2 },
		free => { loopBlockLimit => '0s' },
		short => { executionTimeout => '300ms' },
	},
	applications => {
		'/' => { pool => 'watched', handlers => $probe },
		'/free' => { pool => 'free', handlers => $probe },
		'/short' => { pool => 'short', handlers => $probe },
	},
)->start;

my $at = $server->log_position;
is($server->get('/block?ms=900')->{status}, 200, 'a module that blocks');
my $line = $server->await_log(qr/P4070/, 10, $at);
like($line, qr/module "probe" \(EXECUTE\) has held loop \d up for \d+\.\d s/,
	'... is named');
like($line, qr/: GET \/block\?ms=900;/, '... with its request');
like($line, qr/request=[0-9a-f]{16}/, '... and its number');
$line = $server->await_log(qr/P4071/, 10, $at);
like($line, qr/module "probe" \(EXECUTE\) goes on: .* for (\d\.\d) s/,
	'... and when it returns');
my ($seconds) = $line =~ /for (\d+\.\d) s/;
cmp_ok($seconds, '>=', 0.5, "... after $seconds s");
my @told = grep { /P4070/ } split /\n/, substr $server->log, $at;
is(@told, 1, 'told once');
my @stack = grep { /P4073/ } split /\n/, substr $server->log, $at;
cmp_ok(scalar @stack, '>', 3, 'its stack has functions');
ok((grep { /probe/ } @stack), '... of the module')
	or diag(join "\n", @stack);
ok((grep { /portico-worker/ } @stack), '... and of those who call it');

$at = $server->log_position;
is($server->get('/free/block?ms=500')->{status}, 200, 'nobody watches');
is($server->get('/sleep?ms=500')->{status}, 200, 'one that waits');
is($server->get('/offload?ms=500')->{status}, 200, 'one that works elsewhere');
is((grep { /P407\d/ } split /\n/, substr $server->log, $at), 0,
	'... and nothing is told');

is($server->get('/block?ms=600')->{status}, 200, 'again');
ok($server->await_log(qr/P4070/, 10, $at), '... told again');
ok($server->await_log(qr/P4071/, 10, $at), '... and its end');

# With a watchdog and without one.
for my $path ('', '/free') {
	my $client = $server->connect;
	my ($loop, $threads);

	$client->send("GET $path/block?ms=1500&one HTTP/1.1\r\nHost: a\r\n\r\n");
	my $request = $server->await_request(qr/one/);
	ok(await_condition(seconds(10), sub {
		my $answer = $server->command_json('worker', 'stack',
			$request->{worker});
		$threads = $answer->{stacks}[0]{threads};
		($loop) = grep { ($_->{module} // '') eq 'probe' } @$threads;
		return $loop;
	}), 'worker stack: the thread of a module');
	is($loop->{event}, 'EXECUTE', '... its event');
	is($loop->{request}, $request->{id}, '... its request');
	is("$loop->{method} $loop->{target}", "GET $path/block?ms=1500&one",
		'... by name');
	ok((grep { /probe/ } @{ $loop->{frames} }), '... and its stack');
	is(scalar @$threads, $path ? 1 : 2, 'all threads of the worker');
	my ($status, $output) = $server->command('worker', 'stack',
		$request->{worker});
	like($output, qr/^loop \d: module probe, EXECUTE, request \S+ GET \S+one$/m,
		'for people');
	is($client->read_response->{status}, 200, 'it is not disturbed');
}
my ($status, undef, $errors) = $server->command('worker', 'stack', '4711');
is($status, 1, 'a worker that is not there');
like($errors, qr/no worker 4711/, '... is named');
my ($worker) = @{ $server->command_json('worker', 'list')->{workers} };
my $shown = $server->command_json('worker', 'show', $worker->{id});
is($shown->{worker}{pid}, $worker->{pid}, 'worker show');
ok((grep { $_->{name} eq 'probe' } @{ $shown->{modules} }), '... its modules');
like(($server->command('worker', 'show', $worker->{id}))[1],
	qr/^ *$worker->{id} .*^probe .*worker $worker->{id}, process $worker->{pid}: started\n.*attached/ms,
	'... and its start, for people');

$at = $server->log_position;
$server->get('/short/hold');
like($server->await_log(qr/P4072/, 10, $at),
	qr/module "probe" has suspended the request in EXECUTE and not completed it/,
	'a token that nobody completes is told at the deadline');

$server->stop;
done_testing();
