# SPDX-License-Identifier: Apache-2.0
#
# Reading the configuration again: routes, bindings and pools come and go, a
# pool is recycled only if it changed, an open connection does not notice, and
# a broken file changes nothing.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;

my @probe = (modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ]);
my $server = Portico::Server->new(
	pools => { main => {}, other => {} },
	applications => { '/' => { @probe },
		'/other' => { pool => 'other', @probe } },
	allow => [qr/\[P52\d\d\]/],
)->start;
my $original = $server->configuration;

# A copy to be changed.
sub configuration
{
	return JSON::PP::decode_json(JSON::PP::encode_json($original));
}

sub pid_of_pool
{
	my ($path) = @_;
	my $answer = $server->get_json("$path/count") or return;
	return $answer->{pid};
}

sub reload
{
	my ($configuration) = @_;
	$server->write_configuration($configuration);
	return $server->command('reload');
}

my $main = pid_of_pool('');
my $other = pid_of_pool('/other');
my $open = $server->connect;
is($open->request('GET', '/count')->{status}, 200, 'a connection is open');

subtest 'the same again' => sub {
	my ($status, $out) = reload($original);
	is($status, 0, 'portico reload');
	like($out, qr/in force/, 'says that it is in force');
	is(pid_of_pool(''), $main, 'no worker is replaced');
};

subtest 'a comment and moved lines change nothing' => sub {
	my $text = JSON::PP->new->canonical->pretty->encode($original);
	my ($status) = reload("// moved\n\n\n$text");
	is($status, 0, 'accepted');
	is(pid_of_pool(''), $main, 'no worker is replaced');
};

subtest 'more of everything' => sub {
	my $port = Portico::Server::free_port();
	my $changed = configuration();
	$changed->{pools}{third} = { startMode => 'AlwaysRunning' };
	$changed->{sites}{main}{applications}{'/third'} = {
		pool => 'third', root => $server->root, @probe };
	$changed->{sites}{second} = {
		bindings => ["http://127.0.0.1:$port"],
		applications => { '/' => {
			pool => 'other', root => $server->root, @probe } },
	};
	my ($status) = reload($changed);
	is($status, 0, 'accepted');
	ok(await_condition(seconds(5), sub { pid_of_pool('/third') }),
		'a new application in a new pool answers');
	my $client = Portico::Http->connect($port);
	is($client->request('GET', '/count')->{status}, 200,
		'the new binding is open');
	$client->close;
	is(pid_of_pool(''), $main, 'the pool that did not change goes on');

	($status) = reload($original);
	is($status, 0, 'and back');
	ok(await_condition(seconds(5), sub {
		!IO::Socket::INET->new(PeerAddr => '127.0.0.1',
			PeerPort => $port);
	}), 'the binding is closed again');
	is($server->get('/third/count')->{status}, 404,
		'its path is gone');
	ok(await_condition(seconds(5), sub {
		!grep { $_->{name} eq 'third' }
			@{ $server->command_json('pool', 'list')->{pools} };
	}), 'its pool is gone');
};

subtest 'a pool that changed is recycled, no other' => sub {
	my $still = pid_of_pool('/other');
	my $changed = configuration();
	$changed->{pools}{main}{environment} = { COLOUR => 'red' };
	my ($status) = reload($changed);
	is($status, 0, 'accepted');
	ok(await_exit($main, seconds(5)), 'its old worker ends');
	isnt(pid_of_pool(''), $main, 'a new one answers');
	is(pid_of_pool('/other'), $still, 'the other pool kept its worker');
	$main = pid_of_pool('');
};

subtest 'a broken file changes nothing' => sub {
	my $changed = configuration();
	$changed->{pools}{main}{workers} = 'many';
	$changed->{listener}{backlog} = -1;
	my ($status, $out, $err) = reload($changed);
	is($status, 1, 'refused');
	like($err, qr/workers/, 'one problem is named');
	like($err, qr/backlog/, 'and the other');
	is(pid_of_pool(''), $main, 'the worker goes on');

	$changed = configuration();
	$changed->{sites}{main}{applications}{'/'}{probe} = { nonsense => 1 };
	($status, $out, $err) = reload($changed);
	is($status, 1, "refused for a module's section");
	like($err, qr/nonsense/, 'which is named');

	$changed = configuration();
	$changed->{runtimeDirectory} = $server->directory . '/elsewhere';
	($status, $out, $err) = reload($changed);
	is($status, 1, 'refused for what cannot change');
	like($err, qr/runtimeDirectory/, 'which is named');
	is(pid_of_pool(''), $main, 'the worker goes on');
};

subtest 'SIGHUP' => sub {
	my $mark = $server->log_position;
	$server->write_configuration($original);
	$server->signal('HUP');
	like($server->await_log(qr/in force/, 5, $mark) // '', qr/generation/,
		'the log says that it is in force');
};

is($open->request('GET', '/count')->{status}, 200,
	'the connection of the beginning is still good');
$server->stop;
done_testing;
