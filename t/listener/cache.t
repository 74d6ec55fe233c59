# SPDX-License-Identifier: Apache-2.0
#
# The response cache of the listener: what it answers and with what head
# (conditions, ranges, HEAD, Age), what it does not keep, and what ends it:
# time, a flush while the response is on its way, a worker that is gone, another
# configuration.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $server = Portico::Server->new(
	allow => [qr/\[P5009\]/], # a worker is killed
	listener => { accessLog => { fields => ['cs-uri-stem', 'sc-status',
			'x-cache'] }, cache => { size => '4MiB', entrySize => '200KiB' } },
	pools => { main => { threads => 2 } },
	applications => { '/' => { handlers =>
		[ { path => '*', module => 'cache' } ] } },
)->start;
my $connection = $server->connect;

sub ask
{
	my ($target, $do, @fields) = @_;
	return $connection->request('GET', $target,
		fields => [ (defined $do ? "X-Do: $do" : ()), @fields ]);
}

my $number = 0;
sub path { return '/p' . ++$number }

sub is_kept
{
	my ($do, @fields) = @_;
	my $path = path();

	return ask($path, $do, @fields)->{body}
		eq ask($path, $do, @fields)->{body} ? 1 : 0;
}

# A flush comes over each channel of a worker: the second may come after what
# was seen of the first, and what is under way then is not kept.
sub keep
{
	my ($target, $do, @fields) = @_;
	return await_condition(seconds(5), sub {
		my $first = ask($target, $do, @fields);
		my $second = ask($target, $do, @fields);
		return $first->{body} eq $second->{body} ? $first : undef;
	});
}

sub is_gone
{
	my ($target, $body) = @_;
	return await_condition(seconds(5), sub {
		ask($target, 'allow=60')->{body} ne $body });
}

# ---- heads ------------------------------------------------------------------

my $modified = 'Wed, 21 Oct 2015 07:28:00 GMT';
my $do = "allow=60;size=100;field=ETag:\"v1\";field=Last-Modified:$modified;"
	. 'field=Content-Type:text/plain;field=X-Own:yes;'
	. 'field=Cache-Control:max-age=90';
my $path = path();
my $first = ask($path, $do);
my $hit = ask($path);
is($hit->{body}, $first->{body}, 'answered with what was there');
is($hit->{status}, 200, 'its status');
is($hit->{header}{$_}, $first->{header}{$_}, "its $_") for qw(date etag
	last-modified content-type content-length x-own server cache-control);
is($first->{header}{age}, undef, 'what comes from a worker has no Age');
like($hit->{header}{age}, qr/^\d$/, 'what is kept has');
is($hit->{header}{connection}, undef, 'the connection goes on');

my $head = $connection->request('HEAD', $path);
is($head->{header}{'content-length'}, length $first->{body}, 'HEAD');
is($head->{body}, '', 'has no body');
is($head->{header}{etag}, '"v1"', 'but the fields');

my $old = $server->exchange("GET $path HTTP/1.0\r\nHost: localhost\r\n\r\n");
is($old->{body}, $first->{body}, 'HTTP/1.0');
is($old->{header}{connection}, 'close', 'is closed');
$old = $server->exchange("GET $path HTTP/1.0\r\nHost: localhost\r\n"
	. "Connection: keep-alive\r\n\r\n");
is($old->{header}{connection}, 'keep-alive', 'unless it wants otherwise');

# In one go, with more behind it.
$connection->send("GET $path HTTP/1.1\r\nHost: localhost\r\n\r\n" x 20);
is(scalar(grep { $connection->read_response->{body} eq $first->{body} }
	1 .. 20), 20, 'twenty in a row');

# ---- conditions and ranges --------------------------------------------------

for my $fields (['If-None-Match: "v1"'], ['If-None-Match: "x", W/"v1"'],
	['If-None-Match: *'], ["If-Modified-Since: $modified"],
	['If-None-Match: "v1"', 'Range: bytes=0-1']) {
	my $answer = ask($path, undef, @$fields);
	is($answer->{status}, 304, "304: @$fields");
	is($answer->{header}{etag}, '"v1"', 'with the tag');
	ok(!defined $answer->{header}{'x-own'}
		&& !defined $answer->{header}{'content-length'},
		'without what belongs to the body');
}
for my $fields (['If-None-Match: "v2"'],
	['If-None-Match: "v2"', "If-Modified-Since: $modified"],
	['If-Modified-Since: Wed, 21 Oct 2015 07:27:59 GMT'],
	['If-Modified-Since: never']) {
	is(ask($path, undef, @$fields)->{body}, $first->{body},
		"200: @$fields");
}
for my $case (['bytes=2-4', 2, 3], ['bytes=-5', -5, 5], ['bytes=100-', 100]) {
	my ($range, $offset, $length) = @$case;
	my $part = ask($path, undef, "Range: $range");
	my $wanted = substr $first->{body}, $offset,
		$length // length $first->{body};

	is($part->{status}, 206, "206: $range");
	is($part->{body}, $wanted, 'the part');
	is($part->{header}{'content-type'}, 'text/plain', 'of that type');
	$offset += length $first->{body} if $offset < 0;
	is($part->{header}{'content-range'}, sprintf('bytes %d-%d/%d', $offset,
		$offset + length($wanted) - 1, length $first->{body}),
		'said which');
}
is(ask($path, undef, 'Range: bytes=0-1', 'If-Range: "v1"')->{status}, 206,
	'If-Range: this version');
is(ask($path, undef, 'Range: bytes=0-1', "If-Range: $modified")->{status}, 206,
	'or its date');
is(ask($path, undef, 'Range: bytes=0-1', "If-Range: $_")->{body},
	$first->{body}, "all of it: If-Range $_") for '"v2"', 'W/"v1"',
	'Wed, 21 Oct 2015 07:28:01 GMT';
# A date is as good as a tag only if nothing more can have happened in its second
# (RFC 9110 section 8.8.2.2): not if the answer is no younger.
my $recent = path();
my $never = 'Fri, 01 Jan 2100 00:00:00 GMT';
ask($recent, "allow=60;size=100;field=Last-Modified:$never");
is(ask($recent, undef, 'Range: bytes=0-1')->{status}, 206, 'without If-Range');
is(ask($recent, undef, 'Range: bytes=0-1', "If-Range: $never")->{status}, 200,
	'a date that says too little');
isnt(ask($path, undef, "Range: $_")->{body}, $first->{body},
	"a worker is asked: $_") for 'bytes=0-1,3-4', 'bytes=9999-';
isnt(ask($path, undef, 'If-Match: "v1"')->{body}, $first->{body},
	'and with If-Match');
is($connection->request('POST', $path, body => 'x')->{body} =~ /run (\d+)/
	&& "$1" ne ($first->{body} =~ /run (\d+)/)[0], 1, 'and to POST');

# ---- bodies -----------------------------------------------------------------

is(is_kept('allow=60;size=150000'), 1, 'a body of many blocks');
is(is_kept('allow=60;size=1000;chunked'), 1, 'one of unknown length');
$path = path();
ask($path, 'allow=60;size=1000;chunked');
ok(ask($path)->{header}{'content-length'} > 1000, 'which is known then');
is(is_kept('allow=60;size=250000'), 0, 'a body that is too large');
is(is_kept('allow=60;size=250000;chunked'), 0, 'said before or not');
is(is_kept("allow=60;field=$_"), 0, "not with $_") for 'Set-Cookie:a=b',
	'Cache-Control:no-store', 'Cache-Control:private', 'Vary:*',
	'Cache-Control:max-age=0', 'Expires:0', 'Last-Modified:x',
	'Content-Encoding:gzip';
is(is_kept('allow=60;status=500'), 0, 'not a 500');
is(is_kept('allow=60', 'Cache-Control: no-store'), 0,
	'not if the client forbids it');
is(is_kept('allow=60', 'Cookie: a=b'), 1, 'cookies do not matter');

# A client that does not read, while its answer is flushed.
$path = path();
my $body = keep($path, 'allow=0;size=190000')->{body};
my $slow = $server->connect(receive_buffer => 4096);
$slow->send("GET $path HTTP/1.1\r\nHost: localhost\r\n\r\n" x 10);
ask($path); # behind the first of them
ask('/do', "flush=$path");
ok(is_gone($path, $body), 'flushed while it is sent');
is($slow->read_response->{body}, $body, 'it is sent to its end');
undef $slow;

# ---- many that want the same -------------------------------------------------

# Of those that come while one fetches it, none reaches a worker.
sub begin
{
	my ($target, $do) = @_;
	my $one = $server->connect;
	$one->send("GET $target HTTP/1.1\r\nHost: localhost\r\n"
		. "X-Do: $do\r\n\r\n");
	return $one;
}
sub run_of { return ($_[0]{body} =~ /^run (\d+)/)[0] }
sub waited
{
	return $server->command_json('listener', 'cache')->{figures}{cache}
		{waited};
}

$path = path();
keep($path, 'allow=0');
$server->command('listener', 'cache', 'flush', '--all');
my $leader = begin($path, 'allow=0;wait');
$server->await_request(qr/$path/);
my $before = waited();
my @others = map { begin($path, 'allow=0') } 1 .. 20;
ok(await_condition(seconds(5), sub { waited() == $before + 20 }),
	'twenty wait for one');
undef $others[7]; # one leaves
ask('/do', 'release');
my $led = $leader->read_response;
is(scalar(grep { $_->read_response->{body} eq $led->{body} }
	grep { defined } @others), 19, 'and are answered with its response');
# What turns out not to be kept lets them go, at once and at the same time.
$server->command('listener', 'cache', 'flush', '--all');
$leader = begin($path, 'wait');
$server->await_request(qr/$path/);
$before = waited();
@others = map { begin($path, 'size=10') } 1 .. 10;
ok(await_condition(seconds(5), sub { waited() == $before + 10 }),
	'ten wait for one');
ask('/do', 'release');
my %runs = map { run_of($_->read_response) => 1 } $leader, @others;
is(scalar keys %runs, 11, 'that is not kept: each has its own');
$leader = begin($path, 'wait');
$server->await_request(qr/$path/);
$before = waited();
isnt(run_of(ask($path)), undef, 'nobody waits for the next one');
is(waited(), $before, 'since it is not known any more');
ask('/do', 'release');
$leader->read_response;
# Nor for ever for one that takes long, or that fails.
keep($path, 'allow=0');
$server->command('listener', 'cache', 'flush', '--all');
$leader = begin($path, 'allow=0;wait');
$server->await_request(qr/$path/);
is(ask($path, 'size=5')->{status}, 200, 'one that takes long is not waited for');
$before = waited();
is(ask($path, 'size=5')->{status}, 200, 'nor again');
is(waited(), $before, 'by others');
$before = waited();
undef $leader; # its client leaves
ok(await_condition(seconds(5), sub {
	my $one = keep($path, 'allow=0');
	return $one && waited() == $before;
}), 'one whose client leaves is no leader');
ask('/do', 'release');
ok(await_condition(seconds(5), sub { !$server->requests }), 'it ends');

# ---- what is said of it -----------------------------------------------------

$path = path();
keep("$path?q", 'allow=60;field=Content-Type:text/x-own');
ask("$path?q") for 1 .. 3;
my ($status, $shown) = $server->command('listener', 'cache');
my $port = $server->port;
my ($entry) = $shown =~ m{^URL: http://localhost:$port$path\?q\n((?: .*\n)+)}m;
like($entry, qr/Status code: 200\n/, 'listener cache shows it');
like($entry, qr/Cache policy type: Time to live\n.*TTL: (?:60|5\d)\n/,
	'its policy');
like($entry, qr{Content type: text/x-own\n}, 'its type');
like($entry, qr/Hit count: [45]\n/, 'its hits');
my $figures = $server->command_json('listener', 'cache')->{figures}{cache};
cmp_ok($figures->{$_}, '>', 0, "$_ are counted") for qw(hits revalidated stored
	refused flushed flushes bytes entries);
is($figures->{size}, 4 << 20, 'the size is as configured');
cmp_ok($figures->{bytes}, '<', $figures->{size}, 'and not exceeded');
is($server->await_access_log(qr/^$path 200 HIT/) ? 1 : 0, 1,
	'the access log has hits');
($status, $shown) = $server->command('listener', 'cache', 'flush',
	"http://localhost:$port$path");
is($shown, "1 flushed\n", 'flushed by its URL');
ask("$path?q", 'allow=60');
is($server->await_access_log(qr/^$path 200 MISS/) ? 1 : 0, 1, 'and misses');
($status, $shown) = $server->command('listener', 'cache', 'flush',
	"http://*:$port/p");
is($shown, "0 flushed\n", 'a path is no prefix');
for my $url ('nonsense', "ftp://localhost:$port$path", 'http://localhost',
		"http://localhost:99999$path", "http://localhost:0$path",
		"http://:$port$path", "http://me\@localhost:$port$path",
		"http://localhost:$port:80$path", "http://*x:$port$path",
		"http://*:$path", "http://localhost:$port/%zz",
		"http://localhost:$port/a b") {
	my ($refused, $out, $said) = $server->command('listener', 'cache',
		'flush', $url);
	is($refused, 1, "refused: $url");
	like("$out$said", qr/"\Q$url\E" is no URL with a path/, '... and why');
}
# As the list shows it, and as a client may write it.
my $odd = '/%C3%A4%20%25%3F' . substr $path, 1;
for my $url ("http://localhost:$port$odd", "http://LOCALHOST.:$port/x/.." . lc $odd,
		"http://*:$port$odd?any") {
	keep($odd, 'allow=60');
	like(($server->command('listener', 'cache'))[1],
		qr{^URL: http://localhost:$port\Q$odd\E$}m,
		'a path is shown as a URL has it');
	is(($server->command('listener', 'cache', 'flush', $url))[1],
		"1 flushed\n", "... and understood: $url");
}
($status) = $server->command('listener', 'cache', 'flush');
is($status, 2, 'so is nothing');
my $kept_now = $server->command_json('listener', 'cache')->{figures}{cache}
	{entries};
($status, $shown) = $server->command('listener', 'cache', 'flush', '--all');
is($shown, "$kept_now flushed\n", 'all of it');

# ---- what ends it -----------------------------------------------------------

$path = path();
$body = keep($path, 'allow=1')->{body};
ok(is_gone($path, $body), 'its time is over');

# What was begun before a flush is not kept.
$path = path();
my $late = $server->connect;
$late->send("GET $path HTTP/1.1\r\nHost: localhost\r\nX-Do: allow=0;wait\r\n"
	. "\r\n");
$server->await_request(qr/$path/);
my $witness = path();
$body = keep($witness, 'allow=0')->{body};
ask('/do', 'below=/');
ok(is_gone($witness, $body), 'a flush has come');
ask('/do', 'release');
my $stale = $late->read_response->{body};
like($stale, qr/^run/, 'what was begun before is sent');
isnt(ask($path, 'allow=0')->{body}, $stale, 'and not kept');

# A worker that dies.
my ($stays, $goes) = (path(), path());
my $kept = keep($stays, 'allow=60')->{body};
my $watched = keep($goes, 'while;field=X-Pid:1')->{body};
is(ask($goes)->{body}, $watched, 'kept while the worker lives');
my ($worker) = $server->pids_of('worker');
kill 'KILL', $worker;
ok(await_condition(seconds(10), sub {
	my ($now) = $server->pids_of('worker');
	ask('/up');
	return $now && $now != $worker;
}), 'another worker');
is(ask($stays)->{body}, $kept, 'what was kept for a time is still there');
is(ask($goes, 'allow=60;field=X-New:yes')->{header}{'x-new'}, 'yes',
	'what the worker watched is not');

# Another configuration.
$path = path();
$body = ask($path, 'allow=60')->{body};
($status) = $server->command('reload');
is($status, 0, 'reloaded without a change');
is(ask($path)->{body}, $body, 'which changes nothing');
my $configuration = $server->configuration;
$configuration->{sites}{main}{applications}{'/'}{root} = $server->directory;
$server->write_configuration($configuration);
($status) = $server->command('reload');
is($status, 0, 'the application has another root');
ok(is_gone($path, $body), 'nothing of it is kept then');
$path = path();
$body = ask($path, 'allow=60')->{body};
is(ask($path)->{body}, $body, 'but what comes later is');
$configuration->{listener}{cache}{size} = 0;
$server->write_configuration($configuration);
($status) = $server->command('reload');
is($status, 0, 'no cache any more');
isnt(ask($path, 'allow=60')->{body}, $body, 'nothing is left of it');
is(is_kept('allow=60'), 0, 'nothing is kept');

$server->stop;
done_testing;
