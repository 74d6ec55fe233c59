# SPDX-License-Identifier: Apache-2.0
#
# The example api-key in a whole server, with a service that knows some keys,
# is slow, and is down when a file says so.

use strict;
use warnings;
use File::Temp ();
use Portico::Http;
use Portico::Server;
use Portico::Upstream;
use Test::More;

my $directory = File::Temp->newdir('portico-keys-XXXXXXXX', TMPDIR => 1);
my $service = Portico::Upstream->new(sub {
	my ($request, $connection, $self) = @_;
	my $key = $request->{fields}{'x-api-key'} // '';

	$self->note("key $key");
	return [500, [], 'down'] if -e "$directory/down";
	if ($key =~ /^slow/) {
		select undef, undef, undef, 0.05 until -e "$directory/go";
	}
	if ($key eq 'hang') {
		sysread $connection, my $byte, 1;
		return;
	}
	return [200, [], "$1\nmore"] if $key =~ /^(?:good|slow)-(.*)/;
	return [204, [], ''] if $key eq 'nameless';
	return [403, [], ''] if $key eq 'forbidden';
	return [401, [], ''] if $key eq 'unknown';
	return [404, [], ''];
});

sub application
{
	my (%settings) = @_;
	return { modules => ['api-key', 'areas'],
		handlers => [{ path => '*', module => 'areas' }],
		'api-key' => { url => $service->url('/check'), %settings } };
}

my $server = Portico::Server->new(
	pools => { main => { threads => 2 } },
	applications => {
		'/' => application(timeout => '10s'),
		'/short' => application(cache => '200ms'),
		'/few' => application(cacheSize => 2),
		'/quick' => application(timeout => '300ms'),
		'/old' => application(cache => '1ms', whenDown => 'oldAnswer'),
		'/open' => application(whenDown => 'letIn', header => 'X-Other'),
	},
	allow => [qr/the service that knows the keys .*\[P000[12]\]/],
)->start;

sub get
{
	my ($path, $key, $header) = @_;
	return $server->get($path, fields => ['X-Handler: user',
		defined $key ? (($header // 'X-API-Key') . ": $key") : ()]);
}

sub asked { my ($key) = @_; return scalar grep { $_ eq "key $key" } $service->lines }

my $response = get('/');
is($response->{status}, 401, 'no key');
is($response->{header}{'www-authenticate'}, 'ApiKey', '... and what is needed');
$response = get('/', 'unknown');
is($response->{status}, 401, 'a key that nobody knows');
is(get('/', 'other')->{status}, 401, '... nor this');
is(get('/', 'k' x 257)->{status}, 401, '... nor one that is too long');
is(asked('k' x 257), 0, '... which is not asked for');
is(get('/', 'forbidden')->{status}, 403, 'a key for something else');
$response = get('/', 'good-zoe');
is("$response->{status} $response->{body}", '200 zoe', 'a key and its user');
is(get('/', 'nameless')->{status}, 200, 'one without a name');

# ---- the cache ----------------------------------------------------------------

get('/', $_) for ('good-zoe', 'unknown', 'forbidden') x 3;
is(join(' ', map { asked($_) } qw(good-zoe unknown forbidden)), '1 1 1',
	'answers are kept, good and bad');
get('/short', 'good-short');
select undef, undef, undef, 0.4;
is(get('/short', 'good-short')->{body}, 'short', 'an answer that has expired');
is(asked('good-short'), 2, '... is asked for again');
get('/few', "good-$_") for qw(a b c a);
is(join(' ', map { asked("good-$_") } qw(a b c)), '2 1 1',
	'no more keys are kept than may be');

# ---- at the same time -----------------------------------------------------------

sub begin
{
	my ($key, $tag) = @_;
	my $connection = $server->connect;
	$connection->send("GET /$tag HTTP/1.1\r\nHost: a\r\n"
		. "X-Handler: user\r\nX-API-Key: $key\r\n\r\n");
	$server->await_request(qr{^/$tag$}) or die "no request $tag";
	return $connection;
}

my @waiting = map { begin('slow-lee', "n$_") } 1 .. 6;
ok($service->await_line(qr/^key slow-lee$/), 'a slow answer');
(shift @waiting)->close;
$server->await_error_log(qr{/n1 }, 5);
open my $file, '>', "$directory/go" or die $!;
close $file;
is(join(' ', map { $_->read_response->{body} } @waiting),
	join(' ', ('lee') x 5), '... for all who wait, though the first has left');
is(asked('slow-lee'), 1, '... with one call');

# ---- the service is down -----------------------------------------------------------

$response = get('/quick', 'hang');
is($response->{status}, 503, 'no answer in time');
is($response->{header}{'retry-after'}, 5, '... try again');
is(get('/old', 'good-old')->{body}, 'old', 'an answer that will be old');
open $file, '>', "$directory/down" or die $!;
close $file;
is(get('/', 'good-new')->{status}, 503, 'the service is down');
is(get('/', 'good-zoe')->{body}, 'zoe', '... who is known stays so');
is(get('/old', 'good-old')->{body}, 'old', '... or may use an old answer');
is(get('/old', 'good-never')->{status}, 503, '... if there is one');
$response = get('/open', 'good-x', 'X-Other');
is("$response->{status} '$response->{body}'", "200 ''",
	'... or is let in without a name');
unlink "$directory/down";
is(get('/', 'good-new')->{body}, 'new', 'it is there again');
is(get('/open', 'good-x', 'X-Other')->{body}, 'x', '... for all');

$server->stop;
$service->stop;
done_testing();
