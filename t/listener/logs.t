# SPDX-License-Identifier: Apache-2.0
#
# The access log: W3C extended format with the configured fields, one line
# per request, and nothing that a client sends can make another line or field.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_file seconds);
use Test::More;

my @fields = qw(date time s-ip cs-method cs-uri-stem cs-uri-query s-port
	cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus
	sc-win32-status sc-bytes cs-bytes time-taken);
my $server = Portico::Server->new(
	listener => { accessLog => { fields => \@fields } },
)->start;
my $client = $server->connect;

sub lines
{
	open my $file, '<:raw', $server->access_log or return;
	my @lines = <$file>;
	return @lines;
}

# The requests carry their number in the query, so each line can be found.
my @requests = (
	['plain', "GET /count?n=1 HTTP/1.1\r\nHost: a\r\n"
		. "User-Agent: Test Agent/1.0\r\nReferer: http://b/c\r\n\r\n"],
	['no fields', "GET /count?n=2 HTTP/1.1\r\nHost: a\r\n\r\n"],
	['an error', "GET /status?code=404&sub=8&n=3 HTTP/1.1\r\nHost: a\r\n\r\n"],
	['spaces and tabs', "GET /count?n=4 HTTP/1.1\r\nHost: a\r\n"
		. "User-Agent: a b\tc\r\n\r\n"],
	['an encoded line end', "GET /a%20b%22c?n=5%0d%0a2000-01-01 HTTP/1.1\r\n"
		. "Host: a\r\n\r\n"],
	['high bytes', "GET /caf%c3%a9?n=6 HTTP/1.1\r\nHost: a\r\n"
		. "User-Agent: \x80\xff\xc2\x85x\r\n\r\n"],
	['a body', "POST /body?n=7 HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 5\r\n\r\nhello"],
);
my @responses;
for my $request (@requests) {
	$client->send($request->[1]);
	push @responses, $client->read_response;
}
my $count = @requests;
ok(await_file($server->access_log, seconds(10),
	sub { scalar(grep { !/^#/ } lines()) >= $count }),
	'every request has a line') or diag join '', lines();

my @lines = lines();
my @head = grep { /^#/ } @lines;
like($head[0], qr/^#Software: \S/, 'the file begins with #Software');
is(scalar(grep { /^#Version: 1\.0\r?\n/ } @head), 1, '#Version: 1.0');
is(scalar(grep { /^#Date: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\r?\n/ } @head), 1,
	'#Date');
my ($named) = map { /^#Fields: (.*?)\r?\n/ ? $1 : () } @head;
is($named, join(' ', @fields), '#Fields: as configured, in their order');

my @records = grep { !/^#/ } @lines;
is(scalar @records, $count, 'one line per request, none besides');
my %by_number;
for my $record (@records) {
	chomp(my $line = $record);
	my @values = split / /, $line, -1;
	is(scalar @values, scalar @fields, 'all fields, separated by one space');
	ok($line !~ /[\x00-\x1f\x7f]/, 'no control byte');
	my %value;
	@value{@fields} = @values;
	my ($number) = $value{'cs-uri-query'} =~ /n=(\d)/;
	$by_number{$number} = \%value;
}
my $first = $by_number{1};
like($first->{date}, qr/^\d{4}-\d\d-\d\d$/, 'date');
like($first->{time}, qr/^\d\d:\d\d:\d\d$/, 'time');
is($first->{'cs-method'}, 'GET', 'method');
is($first->{'cs-uri-stem'}, '/count', 'stem');
is($first->{'cs-uri-query'}, 'n=1', 'query');
is($first->{'s-port'}, $server->port, 'port');
is($first->{'c-ip'}, '127.0.0.1', "client's address");
is($first->{'cs(User-Agent)'}, 'Test+Agent/1.0', 'agent, space as plus');
is($first->{'cs(Referer)'}, 'http://b/c', 'referrer');
is($first->{'sc-status'}, 200, 'status');
is($first->{'cs-username'}, '-', 'nobody was named');
like($first->{'time-taken'}, qr/^\d+$/, 'time taken');
is($first->{'cs-bytes'}, length $requests[0][1], 'bytes received');
ok($first->{'sc-bytes'} > length $responses[0]{body}, 'bytes sent');
is($by_number{2}{'cs(User-Agent)'}, '-', 'a missing field is a dash');
is($by_number{3}{'sc-status'}, 404, 'the status of an error');
is($by_number{3}{'sc-substatus'}, 8, 'and its substatus');
is($by_number{4}{'cs(User-Agent)'}, 'a+b+c', 'space and tab become plus');
unlike($by_number{5}{'cs-uri-stem'}, qr/ /, 'a decoded space is not one');
is($by_number{7}{'cs-method'}, 'POST', 'a request with body');

# The error log has the same duty.
my $evil = $server->connect;
$evil->send("GET /x%0d%0ay HTTP/1.1\r\nHost: a\x01b\r\n\r\n");
is($evil->read_response->{status}, 400, 'a malformed request');
my $line = $server->await_error_log(qr{/x});
ok(defined $line && $line !~ /[\x00-\x1f\x7f]/,
	'its line has no control byte');
$server->stop;
done_testing;
