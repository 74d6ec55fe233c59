# SPDX-License-Identifier: Apache-2.0
#
# Warming up: pages are requested in a new worker before it gets requests, and
# while it does so the old one serves; what clients get meanwhile where there
# is none.

use strict;
use warnings;
use JSON::PP ();
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;

my ($yes, $no) = (JSON::PP::true(), JSON::PP::false());
my %warm = (modules => [ 'warm', 'probe' ],
	handlers => [ { path => '*', module => 'probe' } ]);

sub pages { return (initialization => { pages => [@_] }) }

my $server = Portico::Server->new(
	pools => {
		shop => { threads => 2 },
		plain => {},
		failing => {},
		strict => { rapidFailProtectionMaxCrashes => 1 },
		late => { startupTimeLimit => '2s', shutdownTimeLimit => '1s' },
		slow => {},
		splash => {},
		waits => {},
		unwell => { recycling => { unhealthyInterval => '1h' } },
	},
	allow => [qr/\[P(?:5232|4130|4041|5022|5002|5013|5093|4040)\]/],
);
$server->{applications} = {
	'/shop' => { pool => 'shop', %warm, initialization => { pages => [
		'/count', '/sleep?ms=300',
		{ path => '/count?x=%20', host => 'shop.example' } ] } },
	'/shop/more' => { pool => 'shop', %warm, preloadEnabled => $yes,
		initialization => { doAppInitAfterRestart => $no } },
	'/plain' => { pool => 'plain', %warm },
	'/failing' => { pool => 'failing', %warm,
		pages('/status?code=500&sub=0', '/elsewhere/../count',
			'/stream?bytes=3000000') },
	'/strict' => { pool => 'strict', %warm, initialization => {
		pages => ['/status?code=404'], required => $yes } },
	'/late' => { pool => 'late', %warm, pages('/hold', '/count') },
	'/splash' => { pool => 'splash', %warm, initialization => {
		pages => ['/sleep?ms=800'],
		remapManagedRequestsTo => 'splash.html' } },
	'/splash/status' => { pool => 'waits', %warm, initialization => {
		pages => ['/sleep?ms=300'], remapStatus => 503 } },
	'/unwell' => { pool => 'unwell', modules => ['confined'],
		handlers => [ { path => '*', module => 'confined' } ],
		pages('/tell?what=unhealthy') },
	'/slow' => { pool => 'slow', %warm, pages('/sleep?ms=1500'),
	},
};
open my $splash, '>', $server->directory . '/splash.html' or die $!;
print $splash "<h1>Ein Augenblick, b\xc3\xa4lder</h1>\n" x 1000;
close $splash or die $!;
$server->write_configuration;
$server->start;

sub show { return $server->command_json('pool', 'show', $_[0]) }
sub count { return $server->get_json("/$_[0]/count") }

# What the module has written of the requests of a pool, from `mark` on.
sub said
{
	my ($pool, $mark) = @_;
	return [ substr($server->log, $mark // 0) =~ m{warm: (/$pool.*?) \(}g ];
}

my $first;
subtest 'pages of a new worker' => sub {
	$first = count('shop');
	$server->await_log(qr{warm: /shop/count .* warming= }, 10);
	my $said = said('shop');
	is_deeply([ sort @$said[0 .. 3] ], [
		'/shop/count host=localhost name=localhost warming=1',
		'/shop/count?x=%20 host=shop.example name=shop.example warming=1',
		'/shop/more/ host=localhost name=localhost warming=1',
		'/shop/sleep?ms=300 host=localhost name=localhost warming=1',
	], 'are requested, and marked for modules');
	like($said->[4], qr{^/shop/count .* warming=$},
		'... before the first of a client');
	is($first->{requests}, 5, '... in that process');
	my ($start) = @{ show('shop')->{starts} };
	my %ms = map { $_->{step} => $_->{ms} } @{ $start->{steps} };
	cmp_ok($ms{ready}, '>', $ms{initializing},
		'the record of the start has the step, and how long it took');
	my ($page) = "@{ $start->{stderr} }"
		=~ m{/shop/sleep\?ms=300 of localhost: status 200 after (\d+) ms};
	cmp_ok($page // 0, '>=', 299, '... and each page');
	count('plain');
	ok(!grep({ $_->{step} eq 'initializing' }
		@{ show('plain')->{starts}[0]{steps} }),
		'where there are none there is no such step');
};

subtest 'while one worker replaces another' => sub {
	my $old = $first->{pid};
	my $mark = $server->log_position;
	is(($server->command('pool', 'recycle', 'shop'))[0], 0, 'recycling');
	ok($server->await_log(qr{warm: /shop/sleep.*warming=1}, 10, $mark),
		'it is warming up');
	is(count('shop')->{pid}, $old, 'the old one serves');
	ok(await_exit($old, seconds(10)), '... until it is done');
	is(scalar(grep { /warming=1/ } @{ said('shop', $mark) }), 4,
		'after all of the pages');
};

subtest 'doAppInitAfterRestart' => sub {
	my $old = count('shop')->{pid};
	my $mark = $server->log_position;
	$server->{pools}{shop}{queueLength} = 99;
	delete $server->{configuration};
	$server->write_configuration;
	is(($server->command('reload'))[0], 0, 'other settings');
	ok(await_exit($old, seconds(10)), 'it is recycled');
	is_deeply([ grep { m{^/shop/more} } @{ said('shop', $mark) } ], [],
		'without the pages of an application that says false');
	is(scalar(grep { /warming=1/ } @{ said('shop', $mark) }), 3,
		'... with those of others');
};

subtest 'pages that fail' => sub {
	is(count('failing')->{requests}, 4, 'do not stop the start');
	ok($server->await_log(qr{initialization: /failing/status\?\S+ of localhost failed: status 500 .*P4130}, 10, 0),
		'... but are logged');
	ok($server->await_log(qr{initialization: /failing/stream\S+ of localhost: status 200}, 10, 0),
		'a long one is read to its end');
	is($server->get('/strict/count')->{status}, 503,
		'unless they are required');
	is(show('strict')->{pool}{state}, 'disabled', '... it is a failure');
	like(show('strict')->{starts}[0]{outcome},
		qr{initialization page /strict/status\?code=404 of localhost failed: status 404},
		'... with the reason in the record');
};

subtest 'pages without an end' => sub {
	is($server->get('/late/plain')->{status}, 404, 'it starts');
	like($server->log, qr{initialization: /late/hold of localhost failed: no time is left after [1-9]\d\d\d ms},
		'... when four fifths of startupTimeLimit are over');
	like($server->log, qr{/late/count of localhost failed: no time is left},
		'... and what is left has failed');
	is(count('late')->{aborts}, 1, 'the page was aborted');
};

# Before anybody can do something about it.
subtest 'a module that finds itself unwell meanwhile' => sub {
	is($server->get('/unwell/self')->{status}, 200, 'it serves');
	ok(await_condition(seconds(10), sub {
		show('unwell')->{pool}{recycles} == 1 }),
		'and is replaced, once');
};

subtest 'a worker that is stopped meanwhile' => sub {
	my $client = $server->connect;
	my $mark = $server->log_position;
	$client->send("GET /slow/count HTTP/1.1\r\nHost: a\r\n\r\n");
	$server->await_log(qr{warm: /slow/sleep}, 10, $mark);
	is(($server->command('pool', 'stop', 'slow'))[0], 0, 'is ended');
	is($client->read_response->{status}, 503, '... its client is told');
	ok(await_condition(seconds(5), sub {
		!@{ show('slow')->{pool}{workers} } }), '... at once');
};

subtest 'what clients get where no worker is there yet' => sub {
	my $answer = $server->get('/splash/count');
	is($answer->{status}, 200, 'remapManagedRequestsTo');
	is($answer->{body}, "<h1>Ein Augenblick, b\xc3\xa4lder</h1>\n" x 1000,
		'... the file');
	like($answer->{header}{'cache-control'}, qr/no-store/, '... that nobody keeps');
	my $client = $server->connect;
	my $head = $client->request('HEAD', '/splash/count');
	is($head->{status}, 200, 'HEAD gets it, too');
	# What is no GET or HEAD waits, behind the page that takes 800 ms.
	is($client->request('POST', '/splash/fields', body => 'x')->{status},
		200, 'POST waits, on the same connection');
	ok(await_condition(seconds(10), sub {
		$server->get('/splash/count')->{body} =~ /"requests"/ }),
		'then the application answers');
	$answer = $server->get('/splash/status/count');
	is($answer->{status}, 503, 'remapStatus alone');
	is($answer->{header}{'retry-after'}, 1, '... with Retry-After');
	like($answer->{body}, qr/not available now/, '... and a page');
	ok(await_condition(seconds(10), sub {
		$server->get('/splash/status/count')->{status} == 200 }),
		'... until there is a worker');
};

subtest 'what cannot be' => sub {
	my %wrong = (
		'no-such-file' => qr/no-such-file": No such file/,
		'latin1.html' => qr/latin1.html" is no text in UTF-8/,
	);
	open my $latin1, '>', $server->directory . '/latin1.html' or die $!;
	print $latin1 "\xe4";
	close $latin1 or die $!;
	my $initialization = $server->{applications}{'/splash'}{initialization};
	for my $file (sort keys %wrong) {
		$initialization->{remapManagedRequestsTo} = $file;
		delete $server->{configuration};
		$server->write_configuration;
		my ($status, $out, $err) = $server->command('reload');
		isnt($status, 0, "$file is refused");
		like("$out$err" . $server->log, $wrong{$file}, '... with the reason');
	}
	push @{ $server->{allow} }, qr/\[P520[08]\]/;
};

subtest '"portico pool starts"' => sub {
	my ($status, $text) = $server->command('pool', 'starts', 'shop');
	like($text, qr/initializing.*ready/s, 'shows the steps');
};

$server->stop;
done_testing;
