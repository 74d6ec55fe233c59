# SPDX-License-Identifier: Apache-2.0
#
# TLS as clients see it: which certificate they are shown, what is refused and
# why, bodies both ways, connections that end in order and those that do not.

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use File::Temp ();
use Portico::Http;
use Portico::Server;
use Portico::Tls;
use Portico::Wait qw(await_condition seconds);
use Test::More;

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();

my $directory = File::Temp->newdir;
chmod 0755, "$directory";
my $tls = Portico::Tls->new("$directory/tls");
my $shop = $tls->issue('shop-ec', names => ['shop.example']);
my $shop_rsa = $tls->issue('shop-rsa', names => ['shop.example'], key => 'rsa');
my $wild = $tls->issue('wild', names => ['*.wild.example']);
my $rest = $tls->issue('rest', names => ['rest.example']);
my $port = Portico::Server::free_port();
my $application = { '/' => { modules => ['probe'],
	handlers => [{ path => '*', module => 'probe' }] } };

my $server = Portico::Server->new(
	listener => { headerWaitTimeout => '1s' },
	applications => {
		'/' => { modules => ['probe'],
			handlers => [{ path => '*', module => 'probe' }] },
		'/files' => { modules => ['static'],
			handlers => [{ path => '*', module => 'static' }] },
	},
	bindings => [
		{ url => "https://shop.example:$port", certificate => 'shop' },
		{ url => "https://*.wild.example:$port", certificate => 'wild' },
		{ url => "https://*:$port", certificate => 'rest' },
	],
	top => { certificates => {
		shop => { %$shop, alternatives => [$shop_rsa] },
		wild => $wild,
		rest => $rest,
	} },
);
my $large = join '', map { sprintf "%07d\n", $_ } 0 .. 300_000; # 2.4 MB
open my $file, '>:raw', $server->root . '/large.txt' or die $!;
print $file $large;
close $file;
$server->start;
is($tls->curl('shop.example', $port, '/count')->{status}, 200,
	'a request over TLS is answered, by a name that is checked');

subtest 'the certificate is that of the name' => sub {
	my %shown = (
		'shop.example' => 'shop-ec',
		'SHOP.Example' => 'shop-ec',
		'a.wild.example' => 'wild',
		'wild.example' => 'rest',
		'other.example' => 'rest',
	);
	for my $name (sort keys %shown) {
		is($tls->shown($port, '-servername', $name), $shown{$name},
			$name);
	}
	is($tls->shown($port, '-noservername'), 'rest', 'none is named');
};

subtest 'the key is one that the client can use' => sub {
	is($tls->shown($port, '-servername', 'shop.example', '-sigalgs',
		'RSA-PSS+SHA256:RSA+SHA256'), 'shop-rsa', 'TLS 1.3, RSA');
	is($tls->shown($port, '-servername', 'shop.example', '-tls1_2',
		'-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'), 'shop-rsa',
		'TLS 1.2, RSA');
	is($tls->shown($port, '-servername', 'shop.example', '-tls1_2',
		'-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'), 'shop-ec',
		'TLS 1.2, ECDSA');
};

sub error_log_has
{
	my ($pattern) = @_;
	return await_condition(10, sub {
		open my $log, '<', $server->error_log or return 0;
		local $/;
		return (<$log> // '') =~ $pattern;
	});
}

subtest 'old and weak things are refused, and it is said why' => sub {
	my @old = ('-cipher', 'ALL:@SECLEVEL=0', '-servername', 'shop.example');

	for my $version (qw(-tls1 -tls1_1)) {
		unlike($tls->client($port, $version, @old), qr/HTTP\/1.1/,
			"$version");
	}
	ok(error_log_has(qr/ TlsHandshake - unsupported[+]protocol$/m),
		'... with its reason in the error log');
	unlike($tls->client($port, '-tls1_2', '-servername', 'shop.example',
		'-cipher', 'AES128-SHA:@SECLEVEL=0'), qr/HTTP\/1.1/,
		'a cipher without forward secrecy');
	ok(error_log_has(qr/ TlsHandshake - no[+]shared[+]cipher$/m),
		'... with its reason');
	my $seen = $tls->client($port, '-servername', 'shop.example');
	like($seen, qr/New, TLSv1\.3, Cipher is TLS_AES_128_GCM_SHA256/,
		'TLS 1.3 is what comes out without wishes');
	like($seen, qr/Compression: NONE/, 'nothing is compressed');
	my $renegotiation = $tls->client($port, { send => "R\n" }, '-tls1_2',
		'-no_ign_eof', '-servername', 'shop.example');
	unlike($renegotiation, qr/RENEGOTIATING.*verify return/s,
		'nobody negotiates twice');
};

subtest 'the protocol above' => sub {
	like($tls->client($port, '-alpn', 'http/1.1'),
		qr/ALPN protocol: http\/1\.1/, 'http/1.1 is agreed on');
	unlike($tls->client($port, '-alpn', 'smtp'), qr/HTTP\/1.1/,
		'one that is not spoken ends the handshake');
	ok(error_log_has(
		qr/ TlsHandshake - no[+]application[+]protocol$/m),
		'... with its reason');
};

subtest 'bodies' => sub {
	my $seen = $tls->curl('shop.example', $port, '/files/large.txt');
	is(md5_hex($seen->{body}), md5_hex($large), 'a file');
	$seen = $tls->curl('shop.example', $port, '/stream?bytes=3000000');
	is(length $seen->{body}, 3_000_000, 'chunks');
	$seen = $tls->curl('shop.example', $port, '/files/large.txt',
		'--limit-rate', '8M', '--tls-max', '1.2');
	is(md5_hex($seen->{body}), md5_hex($large), 'a slow reader, TLS 1.2');
	for my $field ('Transfer-Encoding: chunked', 'Expect:') {
		$seen = $tls->curl('shop.example', $port, '/body', '-H', $field,
			'--data-binary', '@' . $server->root . '/large.txt');
		like($seen->{body}, qr/^@{[length $large]} /, "an upload ($field)");
	}
};

subtest 'many requests on a connection' => sub {
	my $request = "GET /count HTTP/1.1\r\nHost: shop.example\r\n";
	my $seen = $tls->client($port, { send => ("$request\r\n" x 200)
		. "${request}Connection: close\r\n\r\n" });
	is(scalar(() = $seen =~ /^HTTP\/1\.1 200 OK/mg), 201,
		'sent at once, more than a record and a buffer hold');
	like($seen, qr/closed\s*\z/, 'the end is one that TLS tells');
};

subtest 'who is no client of TLS' => sub {
	my $client = Portico::Http->connect($port);
	my $answer = $client->request('GET', '/count');
	is($answer->{status}, 400, 'HTTP is told to use https');
	like($answer->{body}, qr/HTTPS/, '... in words');
	$client = Portico::Http->connect($port);
	$client->send("\x16\x03\x01\x02\x00");
	ok($client->at_end, 'who stops within is cut off');
	ok(error_log_has(qr/ Timer_HeaderWait - TlsHandshake$/m),
		'... and that is said');
	$client = Portico::Http->connect($port);
	$client->send("nonsense" x 10);
	ok($client->at_end, 'nonsense is cut off');
};

subtest 'its keys stay with the listener' => sub {
	plan skip_all => 'sanitizers look into it'
		if ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';
	my $listener = $server->pid_of('listener');
	is((stat "/proc/$listener/mem")[4], 0,
		'nobody but root may look into its memory');
};

$server->stop;
done_testing;
