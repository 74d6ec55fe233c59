# SPDX-License-Identifier: Apache-2.0
#
# HTTP/2 over TLS, by ALPN, with real clients: curl and h2load.  And what other
# parts of the listener make of streams: the cache, the bandwidth of a site.

use strict;
use warnings;
use File::Temp ();
use JSON::PP;
use Portico::Http2;
use Portico::Server;
use Portico::Tls;
use Portico::Wait qw(seconds);
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();

my $directory = File::Temp->newdir;
chmod 0755, "$directory";
my $tls = Portico::Tls->new("$directory/tls");
my $certificate = $tls->issue('shop-ec', names => ['shop.example']);
my $port = Portico::Server::free_port();
my $slow = Portico::Server::free_port();
my %probe = (modules => ['probe'],
	handlers => [{ path => '*', module => 'probe' }]);

my $server = Portico::Server->new(
	applications => {
		'/' => { %probe },
		'/kept' => { modules => ['cache'],
			handlers => [{ path => '*', module => 'cache' }] },
		'/files' => { modules => ['static'],
			handlers => [{ path => '*', module => 'static' }] },
	},
	sites => {
		shop => {
			bindings => [{ url => "https://shop.example:$port",
				certificate => 'shop' }],
			applications => { '/' => { %probe, pool => 'main',
				root => '/' } },
		},
		slow => {
			bindings => ["http://*:$slow"],
			limits => { maxBandwidth => 200_000,
				maxRequestLine => '200' },
			applications => { '/' => { %probe, pool => 'main',
				root => '/' } },
		},
	},
	top => { certificates => { shop => $certificate } },
);

my $large = join '', map { sprintf "%07d\n", $_ } 0 .. 300_000; # 2.4 MB
open my $file, '>:raw', $server->root . '/large.txt' or die $!;
print $file $large;
close $file;
$server->start;
is($server->get('/count')->{status}, 200, 'there is a worker');

subtest 'curl over TLS' => sub {
	my $answer = $tls->curl('shop.example', $port, '/fields', '--http2',
		'-w', "\n%{http_code} %{http_version}");
	like($answer->{body} . $answer->{status}, qr/"scheme":"https"/,
		'the scheme is https');
	my ($status, $text) = $tls->command(['curl', '-sS', '--max-time',
		seconds(15), '--cacert', $tls->file('ca.pem'), '--resolve',
		"shop.example:$port:127.0.0.1", '--http2', '-o', '/dev/null',
		'-w', '%{http_version}', "https://shop.example:$port/count"], '');
	is($text, '2', 'ALPN has chosen h2');
	($status, $text) = $tls->command(['curl', '-sS', '--max-time',
		seconds(15), '--cacert', $tls->file('ca.pem'), '--resolve',
		"shop.example:$port:127.0.0.1", '--http1.1', '-o', '/dev/null',
		'-w', '%{http_version}', "https://shop.example:$port/count"], '');
	is($text, '1.1', 'or not, as the client likes');
	my $body = $tls->curl('shop.example', $port,
		'/stream?bytes=2000000', '--http2')->{body};
	is(length $body, 2_000_000, 'a long answer arrives');
	$answer = $tls->curl('shop.example', $port, '/body', '--http2',
		'--data-binary', '@' . $server->root . '/large.txt');
	like($answer->{body}, qr/^${\length $large} /, 'a long body, too');
};

subtest 'files' => sub {
	my $client = Portico::Http2->connect($server->port);
	my @ids = map { $client->begin({ path => '/files/large.txt' }) } 1 .. 3;
	is($client->response($_)->{body}, $large, "stream $_ has all of it")
		for @ids;
	my $response = $client->request({ path => '/files/large.txt',
		method => 'HEAD' });
	is($response->{header}{'content-length'}, length $large,
		'HEAD has its length');
	is($response->{body}, '', 'and nothing of it');
};

subtest 'the cache' => sub {
	my $client = Portico::Http2->connect($server->port);
	my $first = $client->request({ path => '/kept/a' }, 'x-do',
		'allow=60;size=50000;field=X-Own:yes');
	is($first->{status}, 200, 'a response that may be kept');
	my $hit = $client->request({ path => '/kept/a' });
	is($hit->{body}, $first->{body}, 'is');
	ok(defined $hit->{header}{age}, 'with its age');
	is($hit->{header}{'x-own'}, 'yes', 'and its fields');
	ok(!defined $hit->{header}{connection}, 'and none of HTTP/1');
	is($server->get('/kept/a')->{body}, $first->{body},
		'both versions have the same');
	is($client->request({ path => '/kept/a', method => 'HEAD' })->{body},
		'', 'HEAD has no body');
	$hit = $client->request({ path => '/kept/a' }, 'range', 'bytes=10-19');
	is($hit->{status}, 206, 'a part of it');
	is($hit->{body}, substr($first->{body}, 10, 10), 'is that part');
};

subtest 'a site\'s limits' => sub {
	my $client;
	# Those whose windows open often do not get more.
	for my $window (65_535, 8000) {
		$client = Portico::Http2->connect($slow,
			settings => { 4 => $window });
		my $start = time;
		my @ids = map { $client->begin({ path => '/stream?bytes=60000' }) }
			1 .. 3;
		is(length $client->response($_)->{body}, 60000,
			'all of it comes') for @ids;
		my $rate = 180_000 / (time - $start);
		cmp_ok($rate, '<', 400_000,
			"as slowly as its bandwidth says ($window)");
	}
	is($client->request({ path => '/' . 'a' x 250 })->{status}, 414,
		'a request line that is too long for it is refused');
};

subtest 'h2load' => sub {
	my ($status, $text) = Portico::Server::run('h2load', '-n', 3000, '-c', 4,
		'-m', 20, 'http://127.0.0.1:' . $server->port . '/count');
	like($text, qr/3000 succeeded, 0 failed/, 'all of them are answered');
} if -x '/usr/bin/h2load';

$server->stop;
done_testing;
