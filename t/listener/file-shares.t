# SPDX-License-Identifier: Apache-2.0
#
# A pool whose clients are slow holds files open in the listener.  When there
# are few descriptors it cannot have so many that another pool gets none.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

# What a channel has for itself, and an eighth of the limit for all together.
use constant { LIMIT => 400, SLOW => 170, FILE_BYTES => 6 << 20 };
use constant SHARE => 16 + LIMIT / 8;

my @static = (modules => ['static'],
	handlers => [ { path => '*', module => 'static' } ]);
my $server = Portico::Server->new(
	wrapper => [ 'sh', '-c', 'ulimit -n ' . LIMIT . '; exec "$@"', 'sh' ],
	pools => { main => {}, other => {} },
	applications => { '/' => { @static },
		'/other' => { pool => 'other', @static } },
)->start;

sub make_file
{
	my ($name, $size) = @_;
	open my $file, '>', $server->root . "/$name" or die "$name: $!";
	truncate $file, $size or die "$name: $!";
	close $file;
}

make_file("large$_.bin", FILE_BYTES) for 1 .. SLOW;
make_file("small$_.bin", 200_000) for 1 .. 20;

sub descriptors
{
	my $pid = $server->pid_of('listener');
	return scalar(() = glob "/proc/$pid/fd/*");
}

is($server->get('/small1.bin')->{status}, 200, 'one pool serves');
my $neighbour = $server->connect;
is($neighbour->request('GET', '/other/small1.bin')->{status}, 200,
	'and the other');

my $before = descriptors();
my @slow = map {
	my $client = Portico::Http->connect($server->port,
		receive_buffer => 8192);
	$client->send("GET /large$_.bin HTTP/1.1\r\nHost: a\r\n\r\n");
	$client;
} 1 .. SLOW;
my $served = grep {
	my $response = $_->read_response(head_only => 1);
	$response && $response->{status} == 200;
} @slow;
cmp_ok($served, '>=', 16, "$served of " . SLOW . ' slow clients are served');
# One more while another is closed.
cmp_ok($served, '<=', SHARE + 2, 'the others have to do without');
ok($server->await_error_log(qr{ 503 \d+ N/A main NoDescriptors}),
	'the error log has the reason');
my $more = descriptors() - $before;
cmp_ok($more, '<=', SLOW + SHARE + 2, "$more more descriptors are open");

my $bad = grep {
	my $response = $neighbour->request('GET', "/other/small$_.bin");
	$response->{status} != 200 || length $response->{body} != 200_000;
} 1 .. 20;
is($bad, 0, 'the other pool serves all of its files meanwhile');

$_->close for @slow;
ok(await_condition(seconds(10), sub {
	$server->get('/small3.bin')->{status} == 200;
}), 'when they have left, the first pool serves again');
is((grep { $server->get("/small$_.bin")->{status} != 200 } 4 .. 20), 0,
	'all of its files');
$server->stop;
done_testing;
