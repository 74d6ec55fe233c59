# SPDX-License-Identifier: Apache-2.0
#
# portico module list --stats: what each worker has counted of its modules, and
# what is told of one that does not answer.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds stop_process);
use Test::More;

my $server = Portico::Server->new(
	pools => { main => { threads => 2 }, other => {} },
	applications => {
		'/' => { modules => ['on-error'], handlers => [
			{ path => '*', module => 'probe' } ] },
		'/other' => { pool => 'other', handlers => [
			{ path => '*', module => 'probe' } ] },
	},
)->start;

sub stats
{
	my ($name, $pool) = @_;
	my $answer = $server->command_json('module', 'list', '--stats');
	my ($row) = grep { $_->{name} eq $name && $_->{pool} eq $pool }
		@{ $answer->{modules} };

	return wantarray ? ($row, $answer) : $row;
}

$server->get('/count');
my $before = stats('on-error', 'main');
my $probe = stats('probe', 'main');
ok($before, 'a module is listed') or BAIL_OUT('no module');
$server->get('/count') for 1 .. 100;
my $after = stats('on-error', 'main');
is($after->{calls} - $before->{calls}, 300,
	'each subscriber of each request is a call');
is(stats('probe', 'main')->{calls} - $probe->{calls}, 100,
	'... and the handler');
is($after->{errors}, 0, 'no errors');
$server->get('/count?fail=event') for 1 .. 7;
is(stats('on-error', 'main')->{errors}, 7, 'errors are counted');
is(stats('probe', 'main')->{errors}, 0, '... where they were made');

# Time: the calls that block are far longer than what else it does, and one in
# 64 is timed on the average.
my $http = $server->connect;
$http->request('GET', '/block?ms=2') for 1 .. 600;
my $row = stats('probe', 'main');
my $wall = $row->{wallUs} / 1000;
cmp_ok($wall, '>', 100, "time was taken ($wall ms)");
cmp_ok($row->{cpuUs}, '<=', $row->{wallUs} * 2 + 100_000,
	'CPU time is not out of all proportion');

my @held = map { $server->connect } 1 .. 3;
$_->send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n") for @held;
ok(await_condition(seconds(10),
	sub { stats('probe', 'main')->{pending} == 3 }),
	'requests that wait for a module');
is(stats('on-error', 'main')->{pending}, 0, '... for no other');
$_->close for @held;
ok(await_condition(seconds(10),
	sub { stats('probe', 'main')->{pending} == 0 }), '... and no more');

my ($exit, $output) = $server->command('module', 'list', '--stats');
is($exit, 0, 'a table');
like($output, qr/^MODULE +POOL +WORKER +CALLS +ERRORS +PENDING +TIME-MS +CPU-MS/,
	'... with titles');
like($output, qr/^on-error +main +\d+ +\d+ +7 +0 +\d+\.\d +\d+\.\d$/m,
	'... a row');

# ---- by event ---------------------------------------------------------------------

$row = stats('on-error', 'main');
my $by = $server->command_json('module', 'list', '--by-event');
my @events = grep { $_->{module} eq 'on-error' } @{ $by->{events} };
my $calls = 0;
$calls += $_->{calls} for @events;
is($calls, $row->{calls}, 'the calls of all events are all calls');
my ($first) = grep { $_->{event} eq 'AUTHORIZE' } @events;
my ($send) = grep { $_->{event} eq 'SEND_RESPONSE' } @events;
is($first->{errors}, 7, 'errors where they were made');
is($send->{errors}, 0, '... and nowhere else');
cmp_ok($first->{calls}, '>=', 107, 'each event has its calls');
my %probe = map { $_->{event} => $_ }
	grep { $_->{module} eq 'probe' } @{ $by->{events} };
cmp_ok($probe{EXECUTE}{wallUs}, '>', 100_000, 'time where it was taken')
	or diag explain \%probe;
($exit, $output) = $server->command('module', 'list', '--by-event');
like($output, qr/^MODULE +EVENT +CALLS +ERRORS +TIME-MS +CPU-MS$/m,
	'... as a table');
like($output, qr/^on-error +AUTHORIZE +\d+ +7 +\d+\.\d +\d+\.\d$/m, '... a row');
like($output, qr/^MODULE +POOL/, '... besides the other one');

ok(!exists $server->command_json('module', 'list')->{modules}[0]{calls},
	'nobody is asked without --stats');

# ---- one that does not answer -----------------------------------------------------

$server->get('/other/count');
my ($stopped) = map { $_->{pid} } grep { $_->{pool} eq 'other' }
	@{ $server->command_json('worker', 'list')->{workers} };
stop_process($stopped);
($row, my $answer) = stats('probe', 'other');
ok($row && !exists $row->{calls}, 'a worker that is stopped: no counts');
is($answer->{silent}[0]{pid}, $stopped, '... and named');
is(scalar @{ $answer->{silent} }, 1, '... alone');
ok(exists stats('probe', 'main')->{calls}, '... the others have theirs');
($exit, $output) = $server->command('module', 'list', '--stats');
like($output, qr/of pool other \(process $stopped\) did not answer/,
	'... told in a sentence');
$server->signal('CONT', $stopped);
ok(await_condition(seconds(10), sub { stats('probe', 'other')->{calls} }),
	'... and answers when it goes on');

$server->stop;
done_testing();
