# SPDX-License-Identifier: Apache-2.0
#
# Hostile bytes in everything that a client can say: a line of either format
# stays one line, in W3C format each value stays in its place, in JSON each
# line is an object.

use strict;
use warnings;
use JSON::PP;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $port = Portico::Server::free_port();
my @fields = ('date', 'time', 'cs-method', 'cs-uri-stem', 'cs-uri-query',
	'cs-host', 'cs(User-Agent)', 'cs(Cookie)', 'cs(Referer)', 'sc-status',
	'sc-bytes', 'time-taken');
my @custom = ({ logFieldName => 'trace', sourceName => 'X-Trace',
		sourceType => 'RequestHeader' },
	{ logFieldName => 'id', sourceName => 'REQUEST_ID',
		sourceType => 'ServerVariable' });
my $application = { pool => 'main', root => '/', modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ] };
my $server = Portico::Server->new(
	bindings => ["http://*:$port"],
	listener => { accessLog => { fields => \@fields,
		customFields => \@custom } },
	sites => { json => { bindings => ["http://json.example:$port"],
		applications => { '/' => $application },
		log => { file => 'json.log', format => 'json',
			fields => \@fields, customFields => \@custom } } },
);
$server->{port} = $port;
$server->write_configuration;
$server->start;

my @hostile = (
	(map { chr } 0 .. 255),
	'a b', '  ', '#Fields: date', "\t\t", '"', '\\', '\\"', '","x":"y',
	'"}', "{\"\xff\":1}", '%0d%0a#Date', '${jndi:ldap://a}', '+',
	"\xc3\xa9", "\xc3", "\xed\xa0\x80", "\xf0\x9f\x98\x80", "\xf8\x88",
	"\xe2\x80\xa8", "\x9b31m", 'x' x 3000, "\xff" x 3000, '"' x 3000,
);

# One connection for each: what is refused closes it.
my %sent = ('localhost' => 0, 'json.example' => 0);
my %logged = %sent;
for my $number (0 .. $#hostile) {
	for my $host (sort keys %sent) {
		my $bad = $hostile[$number];
		my $client = $server->connect;

		$client->send("GET /fields?n=$number HTTP/1.1\r\n"
			. "Host: $host\r\nUser-Agent: a${bad}b\r\n"
			. "Cookie: $bad\r\nReferer: $bad\r\n"
			. "X-Trace: x$bad\r\n\r\n");
		$sent{$host}++;
		my $response = $client->read_response;
		$logged{$host}++ if $response && $response->{status} == 200;
		$client->close;
		$client = $server->connect;
		$client->send("GET /$bad?$bad HTTP/1.1\r\nHost: $host\r\n"
			. "X-Trace: $number\r\n\r\n");
		$client->read_response;
		$client->close;
	}
}
cmp_ok($logged{$_}, '>', 200, "most of them are fields ($_)")
	for sort keys %sent;
for my $host (sort keys %sent) {
	my $client = $server->connect;
	is($client->request('GET', '/fields?last', host => $host)->{status}, 200,
		"the last of $host");
}

sub lines
{
	my ($name) = @_;
	my @lines;

	ok(await_condition(seconds(20), sub {
		open my $file, '<:raw', $server->log_file($name) or return;
		@lines = <$file>;
		return grep { /last/ } @lines;
	}), "$name is written");
	return @lines;
}

# ---- W3C -------------------------------------------------------------------

my @lines = grep { !/^#/ } lines('access.log');
cmp_ok(scalar @lines, '>=', $logged{localhost} + 1, 'a line for each');
my (@wrong, %seen);
for my $line (@lines) {
	my @values = split / /, $line =~ s/\n\z//r, -1;

	push @wrong, $line if $line !~ /^[\x21-\x7e ]+\n\z/ || $line =~ /"/
		|| @values != @fields + @custom
		|| $values[0] !~ /^\d{4}-\d\d-\d\d$/
		|| $values[9] !~ /^\d{3}$/ || $values[11] !~ /^\d+$/
		|| $values[-1] !~ /^[0-9a-f]{16}$/;
	$seen{$1}++ if $line =~ m{ /fields n=(\d+) };
}
is(join('', @wrong[0 .. ($#wrong < 3 ? $#wrong : 3)]), '',
	'each value is in its place');
is(scalar keys %seen, $logged{localhost}, 'and none is said twice');

# ---- JSON ------------------------------------------------------------------

@lines = lines('json.log');
@wrong = ();
%seen = ();
for my $line (@lines) {
	my $object = eval { decode_json($line) };

	push @wrong, $line if !$object || $line =~ /[^\x20-\x7e\n]/
		|| $object->{'sc-status'} !~ /^\d{3}$/
		|| $object->{id} !~ /^[0-9a-f]{16}$/
		|| grep { !exists $object->{$_} } 'date', 'time', 'time-taken';
	$seen{$1} = $object if ($object->{'cs-uri-query'} // '') =~ /^n=(\d+)$/;
}
is(join('', @wrong[0 .. ($#wrong < 3 ? $#wrong : 3)]), '',
	'each line is an object with all of it');
is(scalar keys %seen, $logged{'json.example'}, 'one for each request');
is($seen{260}{trace}, 'x"', 'a quote is one');
is($seen{263}{trace}, 'x","x":"y', 'and ends nothing');
ok(!grep({ exists $_->{x} } values %seen), 'nobody has made a field');
$server->stop;
done_testing;
