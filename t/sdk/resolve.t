# SPDX-License-Identifier: Apache-2.0
#
# Names looked up by t/sdk/modules/resolve.c inside a whole server, with a
# resolver that never answers for some of them: nobody else waits meanwhile,
# neither other requests nor the end of the worker.

use strict;
use warnings;
use File::Temp ();
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

my $directory = File::Temp->newdir('portico-names-XXXXXXXX', TMPDIR => 1);
chmod 0755, "$directory";
my $server = Portico::Server->new(
	pools => { main => { threads => 1,
		environment => { SLOW_NAMES => "$directory/answer" } } },
	applications => { '/' => {
		modules => ['resolve'],
		handlers => [{ path => '*', module => 'resolve' }],
	} },
	worker => 't/worker/slow-names',
)->start;
my $http = $server->connect;

sub get
{
	my ($name, $how) = @_;
	return $http->request('GET', '/', fields => ["X-Name: $name",
		'X-How: ' . ($how // '-')])->{body};
}

is(get('192.0.2.7'), 'status 0 some 1 first 1 beyond 0 192.0.2.7 80 4 1',
	'an address is its own');
is(get('2001:db8::7'), 'status 0 some 1 first 1 beyond 0 2001:db8::7 80 6 1',
	'... of the other family, too');
# A machine need not have a name for itself, but it knows this address.
my $own = gethostbyname('localhost') ? 'localhost' : '127.0.0.1';
like(get($own), qr/^status 0 some 1 first 1 beyond 0 (127\.0\.0\.1|::1) 80 [46] 1$/,
	'a name');
is(get($own, 'free'), 'returned 0', 'a lookup that is freed at once');
like(get($own, 'later'), qr/^status 0 some 1/,
	'a lookup that has ended before it is waited for');
like(get('no-such-name.invalid'), qr/^status -(3|10) some 0 first 0 beyond 0  0 0 0$/,
	'a name that nobody has');
is(get(''), 'returned -2', 'no name at all');
is(get('a' x 254), 'returned -2', 'a name that is too long');
is(get('127.0.0.2', 'nobody'), 'returned 0', 'a lookup without a request');
ok($server->await_log(qr/nobody: status 0 some 1 .* 127\.0\.0\.2 80 4 1/),
	'... is told of its end');

# ---- a resolver that does not answer ------------------------------------------

sub begin
{
	my ($name) = @_;
	my $connection = $server->connect;

	$connection->send("GET /$name HTTP/1.1\r\nHost: a\r\nX-Name: $name\r\n\r\n");
	$server->await_request(qr{^/\Q$name\E}) or die "no request $name";
	return $connection;
}

my @waiting = map { begin("n$_.slow.test") } 1 .. 15;
like(get($own), qr/^status 0/,
	'others are looked up while fifteen names are slow');
my $more = begin('n16.slow.test');
is(get('192.0.2.8'), 'status 0 some 1 first 1 beyond 0 192.0.2.8 80 4 1',
	'... and requests go on while all threads wait');
my $started = time;
is(get('name.slow.test', 'call'), 'result 6',
	'a call to a slow name ends in its time');
cmp_ok(time - $started, '<', 5, '... and does not wait for its resolver');

my $position = $server->log_position;
$waiting[0]->close;
ok($server->await_log(qr/found: status -9 some 0/, 10, $position),
	'a client that leaves ends the lookup of its request');

open my $file, '>', "$directory/answer" or die $!;
close $file;
is(scalar(grep { $_->read_response->{body} =~ / 127\.0\.0\.1 80 4 1$/ }
	@waiting[1 .. 14], $more), 15, 'the answers come at last');
unlink "$directory/answer";

# ---- the end of the worker -----------------------------------------------------

is(get('never.slow.test', 'nobody'), 'returned 0', 'a lookup runs');
$position = $server->log_position;
$server->command('pool', 'recycle', 'main');
ok($server->await_log(qr/nobody: status -9 some 0/, 10, $position),
	'a worker that ends gives it up');
$server->stop;
done_testing();
