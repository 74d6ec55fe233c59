# SPDX-License-Identifier: Apache-2.0
#
# A site is stopped and started without its pools or other sites noticing; what
# was said outlives a reload and a listener.

use strict;
use warnings;
use JSON::PP ();
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $server = Portico::Server->new(allow => [qr/listener/]);
my %application = (pool => 'main', modules => ['probe'], root => $server->root,
	handlers => [ { path => '*', module => 'probe' } ]);
my $port = $server->port;
$server->{top}{sites} = {
	one => { bindings => ["http://one.test:$port", "http://*:$port/one"],
		applications => { map { ($_ => \%application) } '/', '/one' } },
	two => { bindings => ["http://two.test:$port"],
		applications => { '/' => \%application } },
	off => { bindings => ["http://off.test:$port"],
		serverAutoStart => JSON::PP::false(),
		applications => { '/' => \%application } },
};
$server->write_configuration;
$server->start;

sub get
{
	my ($host, $connection) = @_;
	$connection //= $server->connect;
	return $connection->request('GET', '/count', host => "$host.test");
}
sub status { return get(@_)->{status} }
sub state_of
{
	my ($site) = grep { $_->{name} eq $_[0] }
		@{ $server->command_json('site', 'list')->{sites} };
	return $site->{state};
}

is_deeply([ map { status($_) } qw(one two off) ], [200, 200, 503],
	'serverAutoStart');
is(state_of('off'), 'stopped', '... is shown');

subtest 'site list' => sub {
	my ($status, $output) = $server->command('site', 'list');
	is($status, 0, 'for people');
	like($output, qr/^one +\d+ +started +1 +http:\S*one\S* +main$/m,
		'a site');
	is(scalar(() = $output =~ /^-/mg), 1, '... and its other binding');
};

subtest 'stop' => sub {
	my $pid = JSON::PP::decode_json(get('two')->{body})->{pid};
	my $connection = $server->connect;
	is(status('one', $connection), 200, 'on a connection');
	my ($status, $output) = $server->command('site', 'stop', 'one');
	is($status, 0, 'is done');
	like($output, qr/^site one is stopped$/, '... and said');
	my $response = get('one', $connection);
	is($response->{status}, 503, 'the next request on it is refused');
	is(status('one'), 503, 'another connection, too');
	ok($server->await_error_log(qr/ 503 .*Disabled/), '... with the reason');
	is($server->get('/one/count')->{status}, 503, 'by its other binding');
	is(status('two'), 200, 'another site goes on');
	is(JSON::PP::decode_json(get('two')->{body})->{pid}, $pid,
		'... on the same worker');
	is(($server->command('site', 'stop', 'one'))[0], 0, 'again');
	my ($event) = grep { /"number":5221/ }
		split /\n/, ($server->command('--json', 'events'))[1];
	like($event, qr/"site":"one"/, 'it is an event');
	($status, undef, my $errors) = $server->command('site', 'stop', 'none');
	is($status, 1, 'one that is not there');
	like($errors, qr/no site "none"/, '... is named');
};

subtest 'it stays so' => sub {
	is(($server->command('reload'))[0], 0, 'a reload');
	is_deeply([ map { status($_) } qw(one two off) ], [503, 200, 503],
		'... changes nothing');
	kill 'KILL', my $old = $server->pid_of('listener');
	ok(await_condition(seconds(10), sub {
		my $now = $server->pid_of('listener');
		return $now && $now != $old && eval { status('two') } == 200;
	}), 'a listener dies');
	is_deeply([ map { status($_) } qw(one two off) ], [503, 200, 503],
		'... and the next one knows');
};

subtest 'start' => sub {
	$server->command('site', 'start', $_) for qw(one off);
	is_deeply([ map { status($_) } qw(one two off) ], [200, 200, 200],
		'they serve');
	is(state_of('off'), 'started', '... and are shown so');
};

subtest 'removed and there again' => sub {
	my $two = $server->{top}{sites}{two};
	my $set = sub {
		$server->write_configuration;
		is(($server->command('reload'))[0], 0, $_[0]);
	};
	$server->command('site', 'stop', 'two');
	delete $server->{top}{sites}{two};
	$set->('removed');
	$server->{top}{sites}{two} = $two;
	$set->('there again');
	is(status('two'), 200, 'it begins anew');
};

$server->stop;
done_testing;
