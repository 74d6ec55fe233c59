# SPDX-License-Identifier: Apache-2.0
#
# Metrics of modules: counted on several loops and threads of two workers, and
# summed up by portico module list --stats.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $server = Portico::Server->new(
	pools => { main => { workers => 2, threads => 2,
		startMode => 'AlwaysRunning' } },
	applications => { '/' => { handlers => [
		{ path => '*', module => 'metric' } ] } },
)->start;
my (%workers, %loops);

# What an answer says, but who gave it.
sub told
{
	my ($body) = @_;
	my ($told, $pid, $loop) = $body =~ /^((?:\d+ ){8})(\d+) (\d+)$/
		or return fail("an answer: $body");

	$workers{$pid}++;
	$loops{"$pid $loop"}++;
	return $told;
}

sub ask { return told($server->get("/?$_[0]")->{body}) }

# [the module's rows of all workers].
sub rows
{
	my $answer = $server->command_json('module', 'list', '--stats');

	return grep { $_->{name} eq 'metric' } @{ $answer->{modules} };
}

sub metrics
{
	my ($name) = @_;

	return grep { $_->{name} eq $name } map { @{ $_->{metrics} } } rows();
}

# Over all workers, as porticod has summed them.
sub summed
{
	my ($name) = @_;
	my $answer = $server->command_json('module', 'list', '--stats');

	return grep { $_->{name} eq $name } @{ $answer->{metrics} };
}

sub total
{
	my ($member, @metrics) = @_;
	my $sum = 0;

	$sum += $_->{$member} for @metrics;
	return $sum;
}

is(ask('none=1'), '1 1 1 1 1 1 64 1 ', 'declarations: the same again, names,'
	. ' kinds, too many, too late');
sub together
{
	my ($what) = @_;
	my @clients = map { $server->connect } 1 .. 10;

	$_->send("GET /?$what HTTP/1.1\r\nHost: a\r\n\r\n") for @clients;
	told($_->read_response->{body}) for @clients;
	$_->close for @clients;
	return scalar @clients;
}

# At the same time, so that both workers and their loops have their share.
ok(await_condition(seconds(20), sub {
	together('none=1');
	return keys %workers == 2 && keys %loops >= 3;
}), 'both workers answer, on several loops') or diag join ', ', %loops;
together('count=3&gauge=5&observe=100&thread=0') for 1 .. 6;
ask('gauge=-4&observe=1') for 1 .. 20;
ask('observe=1000000') for 1 .. 20;
is(scalar(rows()), 2, 'both answer');
is(total('value', metrics('requests.count')), 180, 'a counter');
is(total('value', metrics('open')), 220, 'a gauge');
is(total('count', metrics('wait')), 100, 'a histogram');
is(total('sum', metrics('wait')), 20 + 6000 + 20_000_000, '... its sum');
my %buckets;
for my $metric (metrics('wait')) {
	$buckets{ $_->[0] } += $_->[1] for @{ $metric->{buckets} };
}
is_deeply(\%buckets, { 1 => 20, 111 => 60, 1_048_575 => 20 },
	'... its buckets');

my ($wait) = summed('wait');
is_deeply([@$wait{qw(count sum p50 p90 p99 max)}],
	[100, 20_006_020, 111, 1_000_000, 1_000_000, 1_000_000],
	'JSON has the histogram summed, with percentiles');
is_deeply([sort map { "$_->[0] $_->[1]" } @{ $wait->{buckets} }],
	['1 20', '1048575 20', '111 60'], '... and its buckets');
is((summed('requests.count'))[0]{value}, 180, '... the counter');
is_deeply([map { @$_{qw(module kind unit help value)} } summed('open')],
	['metric', 'gauge', 'items', 'how many are open', 220], '... the gauge');

my ($exit, $text) = $server->command('module', 'list', '--stats');
is($exit, 0, 'as text');
like($text, qr/^MODULE +METRIC +VALUE +UNIT/m, '... with titles');
like($text, qr/^metric +requests\.count +180\b/m, '... the counter, summed');
like($text, qr/^metric +open +220 +items$/m, '... the gauge and its unit');
like($text, qr/^metric +wait +count=100 sum=20006020 p50=111 p90=1000000 p99=1000000 max=1000000 +us$/m,
	'... the histogram');

# Other threads, several at the same time.
my @busy = map { $server->connect } 1 .. 8;
$_->send("GET /?thread=2000000 HTTP/1.1\r\nHost: a\r\n\r\n") for @busy;
ok(await_condition(seconds(10), sub {
	return total('value', metrics('requests.count')) == 16_000_180;
}), 'threads lose nothing') or diag total('value', metrics('requests.count'));
ok(await_condition(seconds(10),
	sub { total('count', metrics('wait')) == 16_000_100 }),
	'... of a histogram, either');
$_->close for @busy;

# ---- a gauge that is set --------------------------------------------------------

sub levels { return map { $_->{value} } metrics('level') }

is_deeply([levels()], [7, 7], 'set in worker_init, in each worker');
is((summed('level'))[0]{value}, 14, '... summed');

# Until several loops of both workers have added something.
my ($raised, $rounds) = (0, 0);
%loops = ();
$raised += together('raise=1') while keys %loops < 3 && $rounds++ < 100;
is(total('value', metrics('level')), 14 + $raised, 'added to');
$rounds = 0;
together('set=-20') while "@{[levels()]}" ne '-20 -20' && $rounds++ < 100;
is_deeply([levels()], [-20, -20], 'set: what was added before is gone');
@busy = map { $server->connect } 1 .. 4;
$_->send("GET /?thread=100000&level=33 HTTP/1.1\r\nHost: a\r\n\r\n") for @busy;
$_->read_response for @busy;
$_->close for @busy;
ok(!(grep { $_ != 33 && $_ != -20 } levels()),
	'threads that set at the same time') or diag join ' ', levels();
ok((grep { $_ == 33 } levels()), '... have set');

# ---- calls by event --------------------------------------------------------------

my $answer = $server->command_json('module', 'list', '--by-event');
my %events = map { $_->{event} => $_ }
	grep { $_->{module} eq 'metric' } @{ $answer->{events} };
is_deeply([sort keys %events], ['EXECUTE'], 'a handler runs in EXECUTE');
is($events{EXECUTE}{calls}, total('calls', rows()), '... and only there');
ok(!exists $server->command_json('module', 'list', '--stats')->{events},
	'who did not ask for events has none');

ask('observe=18446744073709551615');
ask('observe=0');
my ($last) = sort { $b <=> $a } map { $_->[0] } map { @{ $_->{buckets} } }
	metrics('wait');
is($last, 9_223_372_036_854_775_807, 'the greatest value has a bucket');

$server->stop;
done_testing();
