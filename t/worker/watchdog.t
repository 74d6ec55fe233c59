# SPDX-License-Identifier: Apache-2.0
#
# A module that holds a loop up is named in the log, with its stack, once; and
# so is one that never completes what it has suspended.

use strict;
use warnings;
use Portico::Server;
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

$at = $server->log_position;
$server->get('/short/hold');
like($server->await_log(qr/P4072/, 10, $at),
	qr/module "probe" has suspended the request in EXECUTE and not completed it/,
	'a token that nobody completes is told at the deadline');

$server->stop;
done_testing();
