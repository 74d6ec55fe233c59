# SPDX-License-Identifier: Apache-2.0
#
# Modules that were built for earlier versions of the SDK, as they were: this
# server loads them and they do what they did.

use strict;
use warnings;
use Portico::Server;
use Portico::Upstream;
use POSIX ();
use Test::More;

my $source = Portico::Server::source_directory();
my %files;
for my $file (glob "$source/t/sdk/golden/*.so") {
	my ($name, $abi) = $file =~ m{/([a-z-]+)-(\d+\.\d+)\.so$}
		or die "$file: no name of a golden binary\n";
	$files{$abi}{$name} = $file;
}

my $machine = (POSIX::uname())[4];
plan skip_all => "the golden binaries are for x86_64, this is $machine"
	if $machine ne 'x86_64';

open my $header, '<', "$source/sdk/include/portico/module.h" or die $!;
my ($major) = join('', <$header>) =~ /define PORTICO_ABI_MAJOR (\d+)/;
my @abis = grep { /^\Q$major\E\./ } sort keys %files;
ok(scalar @abis, "there are golden binaries of ABI $major");

my $service = Portico::Upstream->new(sub {
	return [($_[0]{fields}{'x-api-key'} // '') eq 'known' ? 200 : 401, [],
		"zoe\n"] });

for my $abi (@abis) {
	my $server = Portico::Server->new(
		pools => { main => { maxRequestBody => 0 } },
		applications => {
			'/' => { handlers =>
					[{ path => '*', module => 'hello' }] },
			'/said' => { handlers =>
					[{ path => '*', module => 'hello' }],
				hello => { greeting => 'Still here' } },
			'/echo' => { handlers =>
					[{ path => '*', module => 'echo' }] },
			'/keys' => { modules => ['api-key'], handlers =>
					[{ path => '*', module => 'hello' }],
				'api-key' => { url => $service->url('/') } },
			'/pages' => { modules => ['html-snippet'], handlers =>
					[{ path => '*', module => 'static' }],
				'html-snippet' => { snippet => '<s>' } },
			'/chat' => { handlers =>
					[{ path => '*', module => 'chat' }] },
		},
	);
	open my $page, '>', $server->root . '/a.html' or die $!;
	print $page '<body>a</body>';
	close $page or die $!;
	for my $name (qw(hello echo api-key html-snippet chat)) {
		my $target = $server->directory . "/modules/$name.so";
		unlink $target;
		ok($files{$abi}{$name}, "$name for ABI $abi");
		Portico::Server::open_copy($files{$abi}{$name}, $target);
		is(-s $target, -s $files{$abi}{$name}, 'takes its place');
		my ($status, $out) = Portico::Server::run(
			Portico::Server::program('portico'), 'module', 'check',
			$target);
		is($status, 0, 'and is fit for use');
		like($out, qr/^ABI +\Q$abi\E$/m, 'as what it was built for');
	}
	$server->start;
	my $response = $server->get('/x');
	is("$response->{status} $response->{body}", "200 Hello, world\n",
		"hello of $abi answers");
	is($response->{header}{'content-type'}, 'text/plain', 'as text');
	is($server->get('/said')->{body}, "Still here\n", 'as configured');
	my $connection = $server->connect;
	my $body = join '', map { chr(33 + $_ % 90) } 1 .. 30_000;
	$connection->send("PUT /echo HTTP/1.1\r\nHost: a\r\n"
		. 'Content-Length: ' . length($body) . "\r\n\r\n$body");
	$response = $connection->read_response;
	ok($response->{status} == 200 && $response->{body} eq $body,
		"echo of $abi streams");
	is(join(' ', map { $server->connect->request('GET', '/keys/',
			fields => ["X-API-Key: $_"])->{status} }
		qw(known unknown known)), '200 401 200',
		"api-key of $abi asks its service");
	is($server->get('/pages/a.html')->{body}, '<body>a<s></body>',
		"html-snippet of $abi puts it in");
	my @people = map { $server->connect } 1 .. 2;
	for my $person (@people) {
		$person->send(join "\r\n", 'GET /chat HTTP/1.1', 'Host: a',
			'Connection: Upgrade', 'Upgrade: websocket',
			'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: '
			. 'dGhlIHNhbXBsZSBub25jZQ==', '', '');
		is($person->read_response->{status}, 101,
			"chat of $abi lets one in");
	}
	$people[0]->send(pack 'CCNa2', 0x81, 0x82, 0, 'hi');
	like($people[1]->take(4, time + $people[1]->{timeout}), qr/^\x81.*hi/s,
		'... and others hear');
	$_->close for @people;
	$server->stop;
}
$service->stop;
done_testing;
