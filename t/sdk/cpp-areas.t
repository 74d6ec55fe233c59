# SPDX-License-Identifier: Apache-2.0
#
# What portico.hpp has beyond requests: children, trailers, calls, look-ups,
# shared state, tunnels, metrics, expressions, and what runs without a request.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use Portico::Http;
use Portico::Server;
use Portico::Upstream;
use Portico::Wait qw(await_condition process_is_alive seconds);
use Test::More;

my $compiler = $ENV{CXX} // 'c++';
plan skip_all => 'no C++ compiler was found' if $compiler eq 'no';

my $source = $ENV{PORTICO_SRCDIR} // abs_path(dirname(__FILE__) . '/../..');
my $directory = File::Temp->newdir('portico-cpp-XXXXXXXX', TMPDIR => 1);
chmod 0777, "$directory";
my $upstream = Portico::Upstream->new(sub {
	my ($request) = @_;

	return [200, ['X-Reply: yes'], "$request->{method} "
		. ($request->{fields}{'x-send'} // '-') . " $request->{body}"];
});
my $server = Portico::Server->new(
	pools => {
		main => { threads => 1, environment => {
			WATCHED => "$directory/watched" } },
		refuses => { environment => { REFUSE => 'yes' } },
	},
	applications => {
		'/' => { handlers => [
			{ path => '*', module => 'wrapped-areas' }] },
		'/bad' => { handlers => [
			{ path => '*', module => 'wrapped-areas' }],
			pool => 'refuses' },
	},
	allow => [qr/exception in/, qr/\[P\d+\]/],
);
my $module = $server->directory . '/modules/wrapped-areas.so';
my $example = "$source/sdk/examples/greeting-cpp";
my $command = "$compiler -std=c++17 -g -O1 -Wall -Wextra -Wconversion -fPIC"
	. " -shared -fvisibility=hidden -I'$source/sdk/include'"
	. " -Wl,--version-script='$example/exports.map' -pthread"
	. " -o '$module' '$source/t/sdk/modules/wrapped-areas.cc'";
my $output = `($command) 2>&1`;
is($?, 0, 'it builds') or diag($output) or BAIL_OUT('no module');
is($output, '', '... without a warning');
chmod 0755, $module;
$server->start;
my $http = $server->connect;

sub get
{
	my ($what, @fields) = @_;
	my $response = $http->request('GET', "/?do=$what", fields => \@fields);

	return "$response->{status} $response->{body}";
}

# ---- of a request ------------------------------------------------------------

is(get('child'), '200 200.0 depth 1 depth Trailer=X-Sum X-Depth=1 X-Sum=5 5',
	'children, collected and read');
$http->send("POST /?do=trailer HTTP/1.1\r\nHost: x\r\n"
	. "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
	. "X-A: one\r\nX-B: two\r\n\r\n");
my $trailed = $http->read_response;
is($trailed->{body}, 'one- X-A=one X-B=two X-One:1 X-One:2', 'trailers');
is_deeply($trailed->{trailers}, ['X-One: 1', 'X-One: 2'], '... of the response');
is($trailed->{header}{trailer}, 'X-Later, X-One', '... announced');
my $url = 'X-Url: ' . $upstream->url('/hello');
is(get('call', $url), '200 0 200 POST sent body yes seen', 'a call');
is(get('stream', $url), '200 POST - stream', '... streamed both ways');
is(get('refused', $url), '200 -2 -2 told 8 2 8 it was cancelled',
	'... refused, cancelled, and a function that throws');
is(get('resolve'), '200 127.0.0.1 80 127.0.0.2', 'look-ups');
is(get('shared'), '200 6 1 9 0 -4 value 0 40 42 0 - watched 109',
	'shared state');
is(get('regex', 'X-Text: /ABC/x'), '200 ABC|/x 1 0 '
	. ((get('regex', 'X-Text: /a') =~ /1 0 (.*)/)[0]), 'an expression');
like(get('regex', 'X-Text: /12'), qr/^200 none 1 0 .*(bracket|parenthes)/,
	'... and what is wrong with one');
is(get('left', $url), '200 ', 'what is left is destroyed with its request');

sub tunnel
{
	my ($bytes) = @_;
	my $client = $server->connect;

	$client->send("GET /?do=tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
		. "Upgrade: x-test\r\n\r\n");
	is($client->read_response->{status}, 101, 'a tunnel');
	$client->send($bytes);
	return $client;
}

my $tunnel = tunnel('hello');
is($tunnel->take(length 'woken;HELLO', time + 10), 'woken;HELLO', '... woken, both ways');
$tunnel->close;
like(get('tunnel'), qr/^426 /, '... that nobody asked for');
my $mark = $server->log_position;
$tunnel = tunnel('throw');
ok($server->await_log(qr/exception in a resume function: in a tunnel/, 10, $mark),
	'... that throws');
$tunnel->close;

# ---- metrics -------------------------------------------------------------------

is(get('count'), '200 -15', 'metrics are not declared late');
get('count');
my %metrics = map { $_->{name} => $_ }
	@{ $server->command_json('module', 'list', '--stats')->{metrics} };
is($metrics{asked}{value}, 6, 'a counter');
is($metrics{level}{value}, -3, 'a gauge');
is("$metrics{sizes}{count} $metrics{sizes}{p50} $metrics{sizes}{unit}",
	'2 7 bytes', 'a histogram');

# ---- without a request ------------------------------------------------------------

sub alone
{
	my %now;

	@now{qw(ticks worked changed exits nobodys started custom alive runs
		pid)} = split ' ', (get('alone') =~ /^200 (.*)/)[0];
	return \%now;
}
ok(await_condition(seconds(10), sub {
	my $now = alone();
	return $now->{ticks} == 3 && $now->{worked} == 2 && $now->{nobodys} == 1
		&& $now->{started} == 1 && $now->{runs};
}), 'timers, work, a call of nobody, a process') or diag explain alone();
is(alone()->{alive}, 1, 'nothing of a request is left');
ok($server->await_log(qr/exception in a timer of the worker: from a timer/, 10, 0),
	'what a timer throws is in the log');
ok($server->await_log(qr/exception in background work: from work/, 10, 0),
	'... and what work does');
open my $file, '>', "$directory/watched" or die $!;
close $file;
ok(await_condition(seconds(10), sub { alone()->{changed} }),
	'a file that is watched');
get('post');
ok(await_condition(seconds(10), sub { alone()->{custom} == 1 }),
	'a global event of a name');
ok($server->await_log(qr/exception in a global event/, 10, 0), '... that throws');
get('kill');
ok(await_condition(seconds(10), sub { alone()->{exits} == 1 }),
	'a process that is stopped');
my $refused = $server->get('/bad/?do=alone');
is($refused->{status}, 503, 'worker_init throws: no worker');
ok($server->await_log(qr/told to refuse/, 10), '... for that reason');

# ---- the end --------------------------------------------------------------------------

my $pid = alone()->{pid};
$mark = $server->log_position;
$server->command('pool', 'recycle', 'main');
ok(await_condition(seconds(20), sub { !process_is_alive($pid) }),
	'the worker ends');
unlike(substr($server->log, $mark), qr/assert|signal|CHECK|died/i,
	'... with objects that leave the host alone');
$server->stop;
$upstream->stop;
done_testing();
