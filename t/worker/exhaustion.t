# SPDX-License-Identifier: Apache-2.0
#
# A worker out of descriptors: what needs one fails with a reason and is not
# remembered as failed, what needs none goes on, and all of it works again
# when there are some.

use strict;
use warnings;
use Portico::Limits qw(get_limit set_limit starve_descriptors cpu_seconds);
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;

plan skip_all => 'no prlimit(2) here' unless get_limit($$, 'NOFILE');

my $server = Portico::Server->new(
	applications => {
		'/' => { modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] },
		'/files' => { modules => ['static'], handlers =>
			[ { path => '*', module => 'static' } ] } },
	allow => [qr{opening "[^"]+" failed|\[P(?:1001|5201)\]}],
)->start;
for my $name (qw(known new another)) {
	open my $file, '>', $server->root . "/$name.txt" or die $!;
	print $file "$name\n" x 20_000;
	close $file;
}
my $worker = $server->get_json('/count')->{pid};
is($server->get('/files/known.txt')->{status}, 200, 'a file is served');

# Of the worker's channels in all: "held" are blocks of shared memory with
# responses (more of them where they are smaller, as on a busy machine),
# "segments" what was added to the first region.
sub of_channels
{
	my ($name) = @_;
	my ($worker) = @{ $server->counters('main')->{workers} };
	my $sum = 0;

	$sum += $_->{$name} for @{ $worker->{channels} };
	return $sum;
}

my $before = starve_descriptors($worker, 0);
subtest 'without descriptors' => sub {
	is($server->get('/files/new.txt')->{status}, 503,
		'a file that would have to be opened gets 503');
	is($server->get('/files/none.txt')->{status}, 503,
		'so does one that is not there: nobody knows');
	like($server->await_log(qr/opening "[^"]*new\.txt" failed/, 5) // '',
		qr/Too many open files/, 'the log says why');
	my $client = $server->connect;
	my $bad = grep { $client->request('GET', '/files/new.txt')->{status}
		!= 503 } 1 .. 200;
	is($bad, 0, '200 times the same');
	my $lines = () = $server->log =~ /opening "[^"]*" failed/g;
	ok($lines >= 1 && $lines < 20,
		"but not 200 lines in the log: $lines");
	is($server->get('/count')->{status}, 200, 'what needs none goes on');
	# More than the first region holds: segments come as descriptors.
	my $segments = of_channels('segments');
	my @slow = map { $server->connect(receive_buffer => 4096) } 1 .. 160;
	$_->send("GET /stream?bytes=50000000 HTTP/1.1\r\nHost: a\r\n\r\n")
		for @slow;
	ok(await_condition(seconds(10), sub { of_channels('held') > 200
		&& of_channels('segments') > $segments }),
		'many responses wait for slow clients: ' . of_channels('held')
		. ' blocks, ' . of_channels('segments') . " segments, were $segments");
	my $good = grep { length($_->take(1_000_000, time + 10) // '')
		== 1_000_000 } @slow;
	is($good, 160, 'and go on when they are read');
	$_->reset for @slow;
	my $cpu = cpu_seconds($worker);
	select undef, undef, undef, 1;
	cmp_ok(cpu_seconds($worker) - $cpu, '<', 0.1, 'nothing spins');
};

subtest 'a new listener' => sub {
	kill 'KILL', $server->pid_of('listener');
	my $client = $server->connect;
	$client->send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($server->await_log(qr/portico-worker.*no descriptors.*\[P1001\]/, 5),
		'the worker cannot attach to it and says so');
	set_limit($worker, 'NOFILE', $before);
	my $response = $client->read_response;
	is($response && $response->{status}, 200,
		'with descriptors it does, and answers the request that waited');
	is($server->get_json('/count')->{pid}, $worker, 'the same worker');
};

subtest 'with descriptors again' => sub {
	is($server->get('/files/new.txt')->{status}, 200,
		'the file that could not be opened is served');
	is($server->get('/files/another.txt')->{status}, 200, 'another, too');
	is($server->get('/files/none.txt')->{status}, 404,
		'what is not there is not there');
};

$server->stop;
done_testing;
