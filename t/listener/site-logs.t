# SPDX-License-Identifier: Apache-2.0
#
# Access logs of sites: a file of its own for each, the server's for those
# that want it, none; more of them than may be open; a configuration that
# changes while requests are in progress; a disk that is full.

use strict;
use warnings;
use JSON::PP;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $many = 200; # the listener has 128 of them open
my $port = Portico::Server::free_port();
my $applications = { '/' => { pool => 'main', root => '/',
	modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ] } };
my %logs = (
	iis => { file => 'W3SVC{id}/u_ex.log', period => 'Daily' },
	json => { file => '{site}.json', format => 'json',
		fields => ['cs-host', 'sc-status'],
		customFields => [ { logFieldName => 'type',
			sourceName => 'Content-Type',
			sourceType => 'ResponseHeader' } ] },
	quiet => { enabled => JSON::PP::false },
	server => { file => 'access.log' },
	one => { file => 'pair.log' },
	two => { file => 'pair.log' },
	leaving => { fields => ['cs-uri-query', 'sc-status'] },
	changing => { fields => ['cs-uri-query', 'sc-status'] },
	full => { file => '/dev/full' },
);

sub site
{
	my ($name, %more) = @_;
	return { bindings => ["http://$name.example:$port"],
		applications => $applications, %more };
}

my $server = Portico::Server->new(
	bindings => ["http://*:$port"],
	top => { siteDefaults => { log => { file => '{site}/access.log',
		fields => ['date', 'cs-host', 'cs-uri-query', 'sc-status'] } } },
	sites => {
		(map { $_ => site($_, log => $logs{$_}) } keys %logs),
		(map { ("s$_" => site("s$_")) } 1 .. $many),
		numbered => site('numbered', id => 4711,
			log => $logs{iis}),
	},
	allow => [qr/pair\.log/, qr/full/, qr/own/, qr/for \{site\} and/,
		qr/old one stays/, qr/lost/],
);
$server->{port} = $port;
$server->write_configuration;
$server->start;

sub lines
{
	my ($name) = @_;

	open my $file, '<', $server->log_file($name) or return;
	chomp(my @lines = <$file>);
	return @lines;
}

# Waits for so many lines besides the head's.
sub has_lines
{
	my ($name, $count, $what) = @_;
	my @found;

	await_condition(seconds(20), sub {
		@found = grep { !/^#/ } lines($name);
		return @found >= $count;
	});
	return is(scalar @found, $count, $what);
}

my $listener = $server->pid_of('listener');
my $client = $server->connect;

sub ask
{
	my ($site, $target) = @_;
	my $response = $client->request('GET', $target,
		host => "$site.example");

	$client = $server->connect if !$response;
	return $response ? $response->{status} : 0;
}

# ---- whose line is where ---------------------------------------------------

ask($_, '/fields?n=1') for keys %logs, 'numbered';
has_lines('W3SVC4711/u_ex.log', 1, 'by number, as IIS has it');
has_lines('json.json', 1, 'a format of its own');
is_deeply(decode_json((lines('json.json'))[0]), { 'cs-host' => 'json.example',
	'sc-status' => 200, type => 'application/json' }, 'and its own fields');
has_lines('pair.log', 2, 'two sites that share a file');
has_lines('leaving/access.log', 1, 'the name that siteDefaults has');
is((lines('leaving/access.log'))[3], '#Fields: cs-uri-query sc-status',
	'its own fields, for the rest as siteDefaults has it');
like(join("\n", lines('leaving/access.log')),
	qr/^#Software: Portico\n#Version: 1\.0\n#Date: .*\n#Fields: .*\nn=1 200$/,
	'the whole of it');
has_lines('access.log', 1, "one that wants the server's");
like(join("\n", lines('access.log')), qr/^#Fields: date time s-ip /m,
	'which looks as it did');
ok(!-e $server->log_file('quiet') && !-e $server->log_file('quiet/access.log'),
	'one that wants none');
my @status = stat $server->log_file('leaving/access.log');
is($status[2] & 0777, 0640, 'no stranger reads the file');
@status = stat $server->log_file('leaving');
is($status[2] & 0777, 0750, 'nor its directory');

# ---- many ------------------------------------------------------------------

my $before = Portico::Server::descriptor_count($listener);
for my $round (1 .. 3) {
	ask("s$_", "/fields?n=$round") for 1 .. $many;
}
my $wrong = 0;
for my $number (1 .. $many) {
	my $name = "s$number/access.log";
	my $right = await_condition(seconds(20), sub {
		return (() = grep { !/^#/ } lines($name)) == 3;
	});
	my @lines = lines($name);
	my $heads = grep { /^#Fields/ } @lines;
	my @own = grep { / s$number\.example n=\d 200$/ } @lines;
	next if $right && $heads == 1 && @own == 3;
	$wrong++;
	diag "$name:\n", join "\n", @lines;
	last;
}
is($wrong, 0, "$many files with three lines each and one head");
cmp_ok(Portico::Server::descriptor_count($listener), '<=', 128 + $before,
	'and not all of them are open');
my $figures = $server->command_json('listener', 'counters');
my ($group) = grep { $_->{name} eq "sites' logs" }
	@{ $figures->{counters}{logs} };
cmp_ok($group->{open}, '<=', 128, 'portico listener counters says so');
cmp_ok($group->{open}, '>=', 64, 'though many are');

# ---- a file is moved away --------------------------------------------------

rename $server->log_file('s7/access.log'), $server->log_file('s7/moved.log');
is(($server->command('log', 'reopen'))[0], 0, 'reopen');
ask('s7', '/fields?n=9');
has_lines('s7/access.log', 1, 'the next line is in a new file');
has_lines('s7/moved.log', 3, 'the others in the old one');
like((lines('s7/access.log'))[0], qr/^#Software/, 'which has a head');

# ---- the configuration changes ---------------------------------------------

sub begin
{
	my ($site) = @_;
	my $connection = $server->connect;

	$connection->send("PUT /body?n=$site HTTP/1.1\r\n"
		. "Host: $site.example\r\nContent-Length: 4\r\n\r\nab");
	$server->await_request(qr/n=$site/) or die "no request of $site";
	return $connection;
}

my @waiting = map { begin($_) } 'leaving', 'changing';
delete $server->{sites}{leaving};
$server->{sites}{changing}{log}{fields} =
	['sc-status', 'cs-method', 'cs-uri-query'];
$server->write_configuration;
is(($server->command('reload'))[0], 0, 'a reload');
is(ask('changing', '/fields?n=2'), 200, 'a request after it');
has_lines('changing/access.log', 2, 'its line');
is($server->finish_request($_)->{status}, 200, 'one from before') for @waiting;
has_lines('leaving/access.log', 2, 'the log of a site that is gone has its line');
is((lines('leaving/access.log'))[-1], 'n=leaving 200', 'which is right');
has_lines('changing/access.log', 3, 'and the log that has other fields now');
my ($fields, %seen);
for (lines('changing/access.log')) {
	$fields = $1 if /^#Fields: (.*)/;
	$seen{"$fields: $_"} = 1 if !/^#/;
}
is_deeply([ sort keys %seen ], [
	'cs-uri-query sc-status: n=1 200',
	'cs-uri-query sc-status: n=changing 200',
	'sc-status cs-method cs-uri-query: 200 GET n=2',
], 'each line stands below the fields that it has');

# ---- a full disk -----------------------------------------------------------

is(ask('full', '/fields'), 200, 'a log that cannot be written stops nobody');
ok(await_condition(seconds(10), sub {
	my ($status, $output) = $server->command('listener', 'counters');
	return $output =~ m{^access log\s+failing\s+\d+\s+\d+\s+/dev/full}m;
}), 'and is told of');
$server->await_log(qr{access log /dev/full cannot be written});

# ---- what cannot be --------------------------------------------------------

my %refused = (
	'another log already' => { file => 'pair.log', fields => ['date'] },
	"needs a file of the site's own" => { file => 'access.log',
		format => 'json' },
	'is for {site} and {id} only' => { file => '{name}.log' },
);
for my $reason (sort keys %refused) {
	local $server->{sites}{s1}{log} = $refused{$reason};
	$server->write_configuration;
	my ($status, undef, $errors) = $server->command('reload');
	ok($status != 0 && $errors =~ /\Q$reason\E/, "refused: $reason")
		or diag $errors;
}
$server->write_configuration;
is(($server->command('reload'))[0], 0, 'and the rest is as before');
$server->stop;
done_testing;
