# SPDX-License-Identifier: Apache-2.0
#
# What the access log can show: fields of our own from requests, responses and
# the server, times between moments, and all of it as JSON; and a
# configuration that changes while requests go on.

use strict;
use warnings;
use JSON::PP;
use Portico::Server;
use Portico::Wait qw(await_file seconds);
use Test::More;

my @fields = ('date', 'cs-uri-query', 'c-port', 's-computername', 'cs(Cookie)',
	'sc-status', 'sc-reason', 'time(first-byte,finished)',
	'time(assigned,response)', 'time(queued,worker)', 'streamid');
my @custom = (
	['trace', 'X-Trace', 'RequestHeader'],
	['type', 'content-type', 'ResponseHeader'],
	['none', 'X-None', 'ResponseHeader'],
	['pool', 'APP_POOL_ID', 'ServerVariable'],
	['id', 'REQUEST_ID', 'ServerVariable'],
	['site', 'INSTANCE_ID', 'ServerVariable'],
	['https', 'HTTPS', 'ServerVariable'],
	['application', 'APPL_PATH', 'ServerVariable'],
);
my $log = {
	fields => \@fields,
	customFields => [ map { { logFieldName => $_->[0], sourceName => $_->[1],
		sourceType => $_->[2] } } @custom ],
};
my $server = Portico::Server->new(
	listener => { accessLog => $log },
	allow => [qr/no server variable/, qr/the old one stays/],
	pools => { main => { maxRequestBody => 10 } },
)->start;
my @names = (@fields, map { $_->[0] } @custom);

sub line_with
{
	my ($pattern) = @_;
	return $server->await_access_log($pattern, 10) // '';
}

# The request of every round; its line in W3C or JSON has n=NUMBER.
sub ask
{
	my ($number) = @_;
	my $client = $server->connect;

	$client->send("GET /fields?n=$number HTTP/1.1\r\nHost: a\r\n"
		. "X-TRACE: a \"b\"\tc\r\nCookie: k=v; l=\xe9\r\n\r\n");
	is($client->read_response->{status}, 200, "request $number");
	my $port = $client->socket->sockport;
	$client->close;
	return $port;
}

my $port = ask(1);
my $line = line_with(qr/n=1 /);
my @values = split / /, $line, -1;
is(scalar @values, scalar @names, 'a value for each field') or diag $line;
my %value;
@value{@names} = @values;
is($value{'c-port'}, $port, "the client's port");
chomp(my $host = `uname -n`);
is($value{'s-computername'}, $host, 'the name of the machine');
is($value{'cs(Cookie)'}, 'k=v;+l=+', 'cookies');
is($value{streamid}, '-', 'no stream of HTTP/1.1');
is($value{'sc-reason'}, '-', 'no reason for what went well');
like($value{'time(first-byte,finished)'}, qr/^\d+$/, 'a time');
cmp_ok($value{'time(assigned,response)'}, '<=',
	$value{'time(first-byte,finished)'}, 'a part of it');
is($value{trace}, 'a++b++c', 'a field of the request: blank, quote, tab');
is($value{type}, 'application/json', 'a field of the response');
is($value{none}, '-', 'one that is not there');
is($value{pool}, 'main', 'the pool');
like($value{id}, qr/^[0-9a-f]{16}$/, 'the number of the request');
is($value{site}, 1, 'the site');
is($value{https}, 'off', 'no TLS');
is($value{application}, '/', 'the application');

is($server->get('/body?n=2', method => 'POST', body => 'x' x 11)->{status},
	413, 'an answer of the listener');
@value{@names} = split / /, line_with(qr/n=2 /), -1;
is($value{'sc-reason'}, 'EntityTooLarge', 'has a reason');
is($value{type}, '-', "and no field of a worker's");
is($value{'time(assigned,response)'}, '-', 'nor its time');

# The same as JSON, to another file.
$log->{format} = 'json';
$log->{file} = 'access.json';
$server->write_configuration;
is(($server->command('reload'))[0], 0, 'a reload');
$port = ask(3);
my $path = $server->log_file('access.json');
ok(await_file($path, seconds(10), sub {
	open my $file, '<', $path or return;
	($line) = grep { /n=3"/ } <$file>;
	return $line;
}), 'its line is in the new file');
my $object = decode_json($line);
is($object->{'c-port'}, $port, 'a number is one');
is($object->{'cs(Cookie)'}, "k=v; l=\xe9", 'a text is what it was');
is($object->{trace}, "a \"b\"\tc", 'with all that is in it');
is($object->{type}, 'application/json', 'a field of the response');
ok(!exists $object->{none} && !exists $object->{'sc-reason'},
	'what is not there is left out');
is($object->{pool}, 'main', 'a variable');
open my $file, '<:raw', $path or die $!;
my @wrong = grep { !eval { decode_json($_) } || /[^\x20-\x7e\n]/ } <$file>;
is("@wrong", '', 'every line of the file is an object in ASCII');

# What the file cannot say.
$log->{customFields}[3]{sourceName} = 'PATH_INFO';
$server->write_configuration;
my ($status, undef, $errors) = $server->command('reload');
isnt($status, 0, 'a variable that the listener does not know is refused');
like($errors, qr/no server variable/, 'and the message says so');
$server->stop;
done_testing;
