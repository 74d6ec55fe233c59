# SPDX-License-Identifier: Apache-2.0
#
# State that the workers of a pool share: between two of them, after one was
# killed, after they were recycled, and until its size is another.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition await_readable seconds);
use Test::More;

my %pools = (main => { workers => 2, startMode => 'AlwaysRunning' },
	none => { sharedMemory => 0 },
	small => { sharedMemory => '64KiB' });

sub application
{
	my ($pool, @modules) = @_;
	my @handlers;

	for my $module (@modules) {
		push @handlers, { path => "/$module/$_", module => $module,
			handler => $_ } for qw(counter watch value);
	}
	return { pool => $pool, handlers => \@handlers };
}

my $server = Portico::Server->new(
	pools => \%pools,
	applications => {
		'/' => application('main', 'shared', 'shared-other'),
		'/none' => application('none', 'shared'),
		'/small' => application('small', 'shared'),
	},
	allow => [qr/terminated unexpectedly/],
)->start;

# [worker, status, text] of an answer.
sub parse
{
	my ($response) = @_;

	return $response && $response->{status} == 200
		? [split / /, $response->{body}, 3] : [0, -99, ''];
}

# Retried while a worker that is not run holds what is wanted.
sub ask
{
	my ($target) = @_;

	for (1 .. 100) {
		my $got = parse($server->get($target));
		return "$got->[1] $got->[2]" if $got->[1] != -7;
	}
	return 'AGAIN';
}

sub is_answer
{
	my ($target, $wanted, $name) = @_;

	is(ask($target), $wanted, $name);
}

# ---- counters ------------------------------------------------------------------

my (%by, $sum);
await_condition(seconds(10), sub {
	my @all = map { $server->connect } 1 .. 10;

	$_->send("GET /shared/counter?name=a&op=add HTTP/1.1\r\nHost: a\r\n\r\n")
		for @all;
	$by{ parse($_->read_response)->[0] }++ for @all;
	return keys %by == 2;
});
is(keys %by, 2, 'two workers have counted');
$sum += $_ for values %by;
is_answer('/shared/counter?name=a&op=get', "0 $sum",
	"... one sum ($sum)");
is_answer('/shared-other/counter?name=a&op=get', '0 0',
	'another module has counters of its own');
is_answer('/shared/counter?name=a&op=set&by=5', '0 5', 'set');
is_answer('/shared/counter?name=a&op=exchange&expected=4&by=9', '0 5',
	'not exchanged');
is_answer('/shared/counter?name=a&op=exchange&expected=5&by=9', '1 5',
	'exchanged');
is_answer('/shared/counter?name=a&op=get', '0 9', '... for this');
is_answer('/shared/counter?name=&op=get', '-2 ', 'no name');
is_answer('/none/shared/counter?name=a&op=get', '-12 ',
	'a pool without shared memory');

# ---- keys and values -------------------------------------------------------------

my $v = '/shared/value?key=k';

is_answer("$v&op=read", '-3 ', 'nothing there');
is_answer("$v&op=replace&value=x", '-3 ', 'nothing to replace');
is_answer("$v&op=add&value=first", '0 ', 'added');
is_answer("$v&op=add&value=x", '-4 ', '... once');
is_answer("$v&op=read", '0 first', 'read');
is_answer("$v&op=get", '0 first', 'got');
is_answer("$v&op=replace&value=second", '0 ', 'replaced');
is_answer("$v&op=swap&expected=first&value=x", '-15 ', 'not swapped');
is_answer("$v&op=swap&expected=second&value=third", '0 ', 'swapped');
is_answer("$v&op=read", '0 third', '... for this');
is_answer('/shared-other/value?key=k&op=read', '-3 ',
	'another module does not see it');
is_answer("$v&op=put&value=" . 'x' x 100, '0 ', 'a longer one');
is_answer("$v&op=get", '-5 100', '... larger than the buffer');
is_answer("$v&op=read", '0 ' . 'x' x 100, '... and read');
is_answer("$v&op=remove", '0 ', 'removed');
is_answer("$v&op=remove", '-3 ', '... once');
is_answer('/shared/value?key=n&op=increment&by=3', '0 3', 'a number');
is_answer('/shared/value?key=n&op=increment&by=4', '0 7', '... that grows');
is_answer('/shared/value?key=&op=read', '-2 ', 'no key');
is_answer('/shared/value?key=' . 'x' x 251 . '&op=read', '-5 ',
	'a key that is too long');
is_answer('/none/shared/value?key=k&op=read', '-12 ', 'no shared memory');
is_answer('/shared/value?key=t&op=put&value=x&ttl=50', '0 ', 'for 50 ms');
ok(await_condition(seconds(5),
	sub { ask('/shared/value?key=t&op=read') eq '-3 ' }),
	'... and not longer');

# ---- watches -----------------------------------------------------------------------

sub watchers
{
	my ($count, $query) = @_;
	my @all = map { $server->connect } 1 .. $count;

	$_->send("GET /shared/watch?$query HTTP/1.1\r\nHost: a\r\n\r\n")
		for @all;
	await_condition(seconds(10), sub {
		return $count == grep { $_->{target} =~ /watch/
			&& ($_->{event} // '') eq 'EXECUTE' } $server->requests;
	}) or diag('not all of them wait');
	return @all;
}

my @all = watchers(12, 'name=w');
is_answer('/shared/counter?name=other&op=add', '0 1',
	'a counter that nobody watches');
is_answer('/shared/counter?name=w&op=add&by=41', '0 41', 'one that many do');
my @got = map { parse($_->read_response) } @all;
is(join(' ', map { $_->[2] } @got), join(' ', (41) x 12), 'all are told');
my %told = map { $_->[0] => 1 } @got;
is(keys %told, 2, '... in both workers');

@all = watchers(1, 'name=w&times=3');
for my $i (1 .. 3) {
	my $wanted = 41 + $i;

	is_answer('/shared/counter?name=w&op=add', "0 $wanted", "change $i");
	ok(!await_readable(0.2, $all[0]->socket), '... waits for more')
		if $i < 3;
}
is(parse($all[0]->read_response)->[2], 44, 'told three times');

@all = watchers(4, 'name=w');
$_->close for @all;
ok(await_condition(seconds(10),
	sub { !grep { $_->{target} =~ /watch/ } $server->requests }),
	'watchers that leave');
is_answer('/shared/counter?name=w&op=add', '0 45', '... are told nothing');

# ---- the death of a worker -------------------------------------------------------------

is_answer('/shared/value?key=kept&op=put&value=here', '0 ', 'kept');
for my $round (1 .. 3) {
	my ($victim) = map { $_->{pid} } grep { $_->{pool} eq 'main' }
		@{ $server->command_json('worker', 'list')->{workers} };

	$server->signal('KILL', $victim);
	$server->await_log(qr/process $victim\) terminated/);
	is_answer('/shared/value?key=kept&op=read', '0 here',
		"worker killed ($round)");
	is_answer('/shared/counter?name=w&op=get', '0 45', '... counter');
	await_condition(seconds(10), sub {
		2 == grep { $_->{pool} eq 'main' && $_->{state} eq 'running' }
			@{ $server->command_json('worker', 'list')->{workers} };
	}) or diag('no second worker');
}

# ---- recycling, and another size ------------------------------------------------------

sub recycled
{
	my ($what) = @_;
	my $at = $server->log_position;

	is(($server->command(@$what))[0], 0, "@$what");
	return $server->await_log(qr/"main" has been recycled/, seconds(20),
		$at);
}

recycled(['pool', 'recycle', 'main']);
is_answer('/shared/value?key=kept&op=read', '0 here', 'recycled');
is_answer('/shared/counter?name=w&op=get', '0 45', '... counter');

$pools{main}{queueLength} = 500;
$pools{main}{threads} = 2;
$server->write_configuration($server->configuration);
recycled(['reload']);
is_answer('/shared/value?key=kept&op=read', '0 here',
	'another configuration');

@all = watchers(2, 'name=w');
is_answer('/shared/counter?name=w&op=add', '0 46', 'watched by many loops');
is(parse($_->read_response)->[2], 46, '... told') for @all;

$pools{main}{sharedMemory} = '2MiB';
$server->write_configuration($server->configuration);
recycled(['reload']);
is_answer('/shared/value?key=kept&op=read', '-3 ',
	'another size begins with nothing');
is_answer('/shared/counter?name=w&op=get', '0 0', '... counter');

# ---- when it is full ---------------------------------------------------------------------

my $http = $server->connect;
$http->request('GET', "/small/shared/value?key=k$_&op=put&value="
	. 'v' x 200) for 1 .. 300;
is_answer('/small/shared/value?key=k300&op=remove', '0 ', 'the newest is kept');
is_answer('/small/shared/value?key=k1&op=remove', '-3 ',
	'the oldest was thrown out');

$server->stop;
done_testing();
