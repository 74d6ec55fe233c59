# SPDX-License-Identifier: Apache-2.0
#
# Modules that were built for earlier versions of the SDK, as they were: this
# server loads them and they do what they did.

use strict;
use warnings;
use Portico::Server;
use POSIX ();
use Test::More;

my $source = Portico::Server::source_directory();
my %files;
for my $file (glob "$source/t/sdk/golden/*.so") {
	my ($name, $abi) = $file =~ m{/([a-z]+)-(\d+\.\d+)\.so$}
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
		},
	);
	for my $name (qw(hello echo)) {
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
	$server->stop;
}
done_testing;
