# SPDX-License-Identifier: Apache-2.0
#
# Priorities (RFC 9218), by the field and by PRIORITY_UPDATE: which of the bodies
# that wait for one connection's window is sent first, and which take turns.  The
# field of a response has a word, too.

use strict;
use warnings;
use Portico::Http2;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

use constant { BYTES => 60_000, WINDOW => 65_535, UPDATE => 16 };

my $server = Portico::Server->new(applications => {
	'/' => { modules => ['static'], handlers =>
		[ { path => '*', module => 'static' } ] },
	'/do' => { handlers => [ { path => '*', module => 'cache' } ] },
});
open my $file, '>', $server->root . '/body.bin' or die $!;
print {$file} 'x' x BYTES;
close $file;
$server->start;
my $port = $server->port;

# From here on the listener has it, and all of a body waits at once.
ok(await_condition(seconds(5), sub {
	my $response = $server->get('/body.bin') or return;
	return defined $response->{header}{age};
}), 'the file is kept by the listener');

# A connection whose window is used up: what is asked now has a head, and waits.
sub blocked_connection
{
	my $client = Portico::Http2->connect($port, windows => 0,
		settings => { 4 => 1_000_000 });

	$client->begin({ path => '/body.bin' });
	$client->begin({ path => '/body.bin' });
	my $got = sub { my $sum = 0; $sum += $_->{bytes}
		for values %{$client->{streams}}; return $sum };
	$client->read_until(sub { $got->() == WINDOW });
	# The rest of the second: it must not be in the way.
	$client->frame('RST_STREAM', 0, 3, pack 'N', 8);
	return $client;
}

# A request with these fields, its head read.
sub ask
{
	my ($client, @fields) = @_;
	my $path = @fields % 2 ? shift @fields : '/body.bin';
	my $id = $client->begin({ path => $path }, @fields);

	$client->read_until(sub { @{$client->stream($id)->{heads}} });
	return $id;
}

sub update
{
	my ($client, $id, $text) = @_;

	return $client->frame(UPDATE, 0, 0, pack('N', $id) . $text);
}

# Opens the window and returns the streams of the DATA frames that come, in
# order, without repetitions.
sub order
{
	my ($client, @ids) = @_;
	my $from = @{$client->{frames}};
	my @order;

	ok($client->ping, 'all have been read, and none was sent')
		or return [];
	is(scalar(grep { $_->{type} eq 'DATA' }
		@{$client->{frames}}[$from .. $#{$client->{frames}}]), 0,
		'since the window is used up');
	$client->window(0, 1_000_000);
	$client->read_until(sub {
		!grep { !$client->stream($_)->{ended} } @ids });
	for my $frame (@{$client->{frames}}[$from .. $#{$client->{frames}}]) {
		next unless $frame->{type} eq 'DATA';
		push @order, $frame->{id}
			unless @order && $order[-1] == $frame->{id};
	}
	is($client->stream($_)->{bytes}, BYTES, 'a body is whole') for @ids;
	return \@order;
}

subtest 'what the server says' => sub {
	my $client = Portico::Http2->connect($port);
	ok($client->ping, 'its settings have come');
	is($client->{settings}{9}, 1, 'the priorities of RFC 7540 are not used');
};

subtest 'without priorities' => sub {
	my $client = blocked_connection();
	my @ids = map { ask($client) } 1 .. 3;
	is_deeply(order($client, @ids), \@ids,
		'they come one after the other, as asked');
};

subtest 'urgency' => sub {
	my $client = blocked_connection();
	my ($low, $usual, $high) = (ask($client, priority => 'u=7'),
		ask($client), ask($client, priority => 'u=0'));
	is_deeply(order($client, $low, $usual, $high),
		[$high, $usual, $low], 'the most urgent is first');
};

subtest 'what is incremental' => sub {
	my $client = blocked_connection();
	my @ids = map { ask($client, priority => 'u=5, i') } 1 .. 2;
	my $first = ask($client, priority => 'u=1');
	my $order = order($client, @ids, $first);
	is($order->[0], $first, 'waits for what is more urgent');
	shift @$order;
	cmp_ok(scalar @$order, '>', 2, 'and takes turns with its like');
	is($order->[0] + $order->[1], $ids[0] + $ids[1], 'from the start');
};

subtest 'PRIORITY_UPDATE' => sub {
	my $client = blocked_connection();
	my ($one, $two, $three) = map { ask($client, priority => 'u=4') } 1 .. 3;
	update($client, $three, 'u=0');
	update($client, $one, 'u=6');
	is_deeply(order($client, $one, $two, $three),
		[$three, $two, $one], 'changes what was asked');

	$client = blocked_connection();
	my $next = $client->{next};
	update($client, $next + 2, 'u=1');
	($one, $two) = (ask($client), ask($client));
	is($two, $next + 2, 'it may come before its request');
	is_deeply(order($client, $one, $two), [$two, $one], 'and counts');

	$client = blocked_connection();
	$next = $client->{next};
	update($client, $next, 'u=7');
	update($client, $next + 2, 'u=2');
	update($client, $next, 'u=1');
	($one, $two) = (ask($client, priority => 'u=6'),
		ask($client, priority => 'u=0'));
	is_deeply(order($client, $one, $two), [$one, $two],
		'the last one does, more than the field of the request');

	$client = blocked_connection();
	$next = $client->{next};
	update($client, $next + 2 * $_, 'u=' . $_ % 8) for reverse 0 .. 49;
	ok($client->ping, 'there may be some');
	update($client, $next + 2 * $_, 'u=5') for 1000 .. 1200;
	is($client->end, 'PROTOCOL_ERROR',
		'but not for more requests than there may be');
};

# Kept by the listener, with this field: all of its body waits at once.
sub kept
{
	my ($name, $priority) = @_;
	my @do = (fields => ["X-Do: allow=600;field=Priority:$priority;size="
		. (BYTES - length 'run 1.')]);

	ok(await_condition(seconds(5), sub {
		defined $server->get("/do/$name", @do)->{header}{age}; }),
		"a response with the field $priority is kept");
	return "/do/$name";
}

subtest 'the field of a response' => sub {
	my %path = map { $_ => kept("p$_", "u=$_") } 0, 6;
	my $turns = kept('turns', 'i');
	my $silent = kept('silent', 'u=77, x');
	my $client = blocked_connection();
	my @ids = (ask($client, $path{6}, priority => 'u=0'), ask($client),
		ask($client, $path{0}, priority => 'u=7'));
	is_deeply(order($client, @ids), [reverse @ids],
		'counts more than that of the request');

	$client = blocked_connection();
	@ids = map { ask($client, $turns, priority => 'u=5') } 1 .. 2;
	my $first = ask($client, priority => 'u=4');
	my $order = order($client, @ids, $first);
	is(shift @$order, $first, 'what it does not say, the request does');
	cmp_ok(scalar @$order, '>', 2, 'what it says, it does');

	$client = blocked_connection();
	@ids = (ask($client, priority => 'u=2'),
		ask($client, $silent, priority => 'u=1'));
	is_deeply(order($client, @ids), [reverse @ids],
		'nor what is none of its values');

	$client = blocked_connection();
	@ids = (ask($client, $path{6}), ask($client, priority => 'u=5'));
	update($client, $ids[0], 'u=0');
	is_deeply(order($client, @ids), [reverse @ids],
		'and more than PRIORITY_UPDATE behind it');

	$client = blocked_connection();
	@ids = (ask($client, priority => 'u=5'),
		ask($client, $turns, priority => 'u=6'));
	update($client, $ids[1], 'u=0');
	is_deeply(order($client, @ids), [reverse @ids],
		'which has the rest of it');
};

# When the body of a worker's response is here, nobody says.
subtest 'the field of a response that is not kept' => sub {
	my $do = sub { (ask($_[0], "/do/$_[1]", 'x-do',
		"size=500;field=Priority:u=$_[1]")) };
	ok(await_condition(seconds(10), sub {
		my $client = blocked_connection();
		my @ids = map { $do->($client, $_) } 6, 3, 0;
		$client->ping;
		my $from = @{$client->{frames}};
		$client->window(0, 1_000_000);
		$client->read_until(sub {
			!grep { !$client->stream($_)->{ended} } @ids });
		my @order = map { $_->{type} eq 'DATA' ? $_->{id} : () }
			@{$client->{frames}}[$from .. $#{$client->{frames}}];
		return "@order" eq "@{[reverse @ids]}";
	}), 'counts as well');
};

subtest 'what cannot be understood' => sub {
	my $client = blocked_connection();
	my ($one, $two) = (ask($client, priority => 'u=99'),
		ask($client, priority => 'u=0;i=1, ('));
	my $high = ask($client, priority => 'u=2');
	update($client, $one, "\xff\xff");
	is_deeply(order($client, $one, $two, $high), [$high, $one, $two],
		'counts as nothing');
};

# Each ends the connection.
for my $bad (['on a stream', 'PROTOCOL_ERROR', 1, pack('N', 1) . 'u=0'],
	['of stream 0', 'PROTOCOL_ERROR', 0, pack('N', 0) . 'u=0'],
	['of a stream that only we could open', 'PROTOCOL_ERROR', 0,
		pack('N', 2) . 'u=0'],
	['of three bytes', 'FRAME_SIZE_ERROR', 0, "\0\0\0"]) {
	my ($name, $error, $id, $payload) = @$bad;
	my $client = Portico::Http2->connect($port);

	$client->frame(UPDATE, 0, $id, $payload);
	is($client->end, $error, "PRIORITY_UPDATE $name is a fault");
}

$server->stop;
done_testing;
