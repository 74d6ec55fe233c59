# SPDX-License-Identifier: Apache-2.0
#
# Transport security of a site: from http to https, and there to stay.

use strict;
use warnings;
use File::Temp ();
use JSON::PP;
use Portico::Http;
use Portico::Server;
use Portico::Tls;
use Test::More;

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();

my $directory = File::Temp->newdir;
chmod 0755, "$directory";
my $tls = Portico::Tls->new("$directory/tls");
my $certificate = $tls->issue('c', names => ['a.example', 'b.example']);
my ($port, $plain_port) = map { Portico::Server::free_port() } 1 .. 2;
my $application = sub { return { '/' => { pool => 'main', root => '/',
	modules => ['probe'],
	handlers => [{ path => '*', module => 'probe' }] } } };
my $server = Portico::Server->new(
	bindings => [ "http://a.example:$plain_port",
		{ url => "https://a.example:$port", certificate => 'c' } ],
	sites => { other => { applications => $application->(), bindings => [
		"http://b.example:$plain_port",
		{ url => "https://b.example:$port", certificate => 'c' } ] } },
	top => { certificates => { c => $certificate } },
);
my $configuration = $server->configuration;
$configuration->{sites}{main}{hsts} = { enabled => JSON::PP::true,
	maxAge => '365d', includeSubDomains => JSON::PP::true,
	preload => JSON::PP::true, redirectHttpToHttps => JSON::PP::true };
$server->write_configuration($configuration);
$server->start;

sub plain
{
	my ($host, $method, $target, @more) = @_;
	my $client = Portico::Http->connect($plain_port);
	return ($client, $client->request($method, $target, host => $host,
		@more));
}

my ($client, $seen) = plain('a.example', 'GET', '/count?x=%41&y');
is($seen->{status}, 301, 'http leads elsewhere');
is($seen->{header}{location}, "https://a.example:$port/count?x=%41&y",
	'... to the same by https');
is($seen->{header}{'strict-transport-security'}, undef,
	'... which does not say more than it may');
is($client->request('GET', '/', host => 'a.example')->{status}, 301,
	'the connection goes on');
($client, $seen) = plain('a.example:80', 'POST', '/x',
	body => "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n");
is($seen->{status}, 308, 'what is no GET has to be sent again as it was');
is($seen->{header}{location}, "https://a.example:$port/x",
	'... to the port of https');
ok($client->at_end, '... and its body is not taken for a request');
($client, $seen) = plain('b.example', 'GET', '/count');
is($seen->{status}, 200, 'another site is as before');
for my $version ('--http1.1', '--http2') {
	$seen = $tls->curl('a.example', $port, '/count', '-i', $version);
	is(scalar(() = $seen->{body} =~ /^Strict-Transport-Security:/mgi), 1,
		"over https it is said once ($version)");
	like($seen->{body}, qr/^Strict-Transport-Security:
		[ ]max-age=31536000;[ ]includeSubDomains;[ ]preload\r$/mxi,
		'... in full');
	unlike($tls->curl('b.example', $port, '/count', '-i', $version)
		->{body}, qr/^Strict-Transport-Security/mi,
		'of another site it is not');
}
$server->stop;
done_testing;
