# SPDX-License-Identifier: Apache-2.0
#
# onError: what an error of a module means for the request, for the worker, and
# for an application that the module does not want.

use strict;
use warnings;
use JSON::PP ();
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

sub application
{
	my ($pool, %more) = @_;

	return { pool => $pool, modules => ['on-error'], %more,
		handlers => [
			{ path => '/own', module => 'on-error' },
			{ path => '*', module => 'probe' } ] };
}

my %on = map { $_ => { onError => { 'on-error' => $_ } } }
	qw(fail skip recycle);
my $server = Portico::Server->new(
	pools => { main => {}, fresh => {},
		often => { recycling => { unhealthyInterval => '1500ms' } },
		refused => {
		rapidFailProtectionMaxCrashes => 1 } },
	applications => {
		'/' => application('main'),
		'/fail' => application('main', %{ $on{fail} }),
		'/skip' => application('main', %{ $on{skip} }),
		'/fresh' => application('fresh', %{ $on{recycle} }),
		'/often' => application('often', %{ $on{recycle} }),
		'/without' => application('main', %{ $on{skip} },
			'on-error' => { refuse => JSON::PP::true() }),
		'/refused' => application('refused',
			'on-error' => { refuse => JSON::PP::true() }),
	},
	allow => [qr/\bP40(05|41|80|81|82)\b/, qr/did not start|cannot start/,
		qr/\bP52(00|08)\b/, qr/is disabled/, qr/no licence/],
)->start;

sub status { return $server->get($_[0])->{status} }

for my $path ('', '/fail') {
	is(status("$path/count"), 200, "good ($path)");
	is(status("$path/count?fail=$_"), 500, "... fails ($_)")
		for qw(event verdict body send);
	is(status("$path/count?fail=late"), 200, '... fails late');
}

my $at = $server->log_position;
my $response = $server->get('/skip/count?fail=event');
is($response->{status}, 200, 'skipped');
is((map { $_->[1] } grep { lc $_->[0] eq 'x-was' }
	@{ $response->{fields} })[0], 'here', '... fields that it set stay');
like($server->await_log(qr/P4080/, 10, $at), qr/module=on-error/,
	'... and told');
is(status('/skip/count?fail=verdict'), 200, 'skipped without verdict');
is(status('/skip/count?fail=send'), 200, 'skipped in SEND_RESPONSE');
is(status('/skip/count?fail=body'), 500, 'not with half a body');
is(status('/skip/own?fail=handler'), 500, '... nor as the handler');
is(status('/skip/own'), 200, '... which can do it');

# ---- recycle -----------------------------------------------------------------

sub worker { my $got = $server->get('/fresh/own'); return 0 + $got->{body} }

my $first = worker();
$at = $server->log_position;
is(status('/fresh/count?fail=event'), 500, 'fails');
ok($server->await_log(qr/P4081/, 10, $at), '... the worker asks');
like($server->await_log(qr/is replaced by/, 20, $at),
	qr/worker \d+ of pool "fresh" is replaced by \d+ \(module "on-error" failed\)/,
	'... and is replaced');
# The listener has it a moment later.
my $second;
ok(await_condition(seconds(10), sub { ($second = worker()) != $first }),
	'... by another');
is(status('/fresh/count?fail=event'), 500, 'fails again');
ok($server->await_log(qr/P4081/, 10, $at), '... and asks');
is(worker(), $second, '... which has to wait: one was replaced just now');
is($server->command_json('pool', 'show', 'fresh')->{pool}{recycles}, 1,
	'... once');

# It fails in each request, of which there are many: the first replacement is
# at once, the others are as far apart as they are said to be.
$at = $server->log_position;
my $begun = time;
my $asked = 0;
await_condition(seconds(30), sub {
	$asked++;
	status('/often/count?fail=event');
	my @replaced = substr($server->log, $at) =~ /pool "often" is replaced/g;
	return @replaced >= 3;
});
my $took = time - $begun;
my $often = $server->command_json('pool', 'show', 'often')->{pool};
cmp_ok($took, '>=', 3, sprintf '%d failures: three replaced in %.1f s', $asked,
	$took);
cmp_ok($often->{recycles}, '<=', 2 + $took / 1.5, '... and no more');
is($often->{failures}, 0, 'onError is no failure of the pool');

# ---- application_init -----------------------------------------------------------

is(status('/without/count'), 200, 'an application without its module');
is(status('/without/count?fail=event'), 200, '... which is never called');
is(status('/without/count?fail=send'), 200, '... anywhere');
is(status('/without/own'), 500, '... and cannot be the handler');
like($server->log, qr/runs without.*no licence for it.*P4082/,
	'... which is told');
my $degraded = $server->command_json('pool', 'show', 'main')->{pool}{degraded};
like($degraded,
	qr{application /without of site "main" runs without .*no licence},
	'... and seen');
my ($exit, $output) = $server->command('status');
like($output, qr/main is degraded: application \/without/,
	'... in portico status');
is(status('/refused/count'), 503, 'without onError no worker starts');

# ---- the configuration -------------------------------------------------------------

my $configuration = $server->configuration;
$configuration->{sites}{main}{applications}{'/skip'}{onError} =
	{ 'on-error' => 'ignore', 'other' => 'skip' };
$server->write_configuration($configuration);
($exit, $output, my $errors) = $server->command('reload');
isnt($exit, 0, 'what is wrong is refused');
like($output . $errors,
	qr/"ignore", expected "fail", "skip" or "recycle"/, '... by value');
like($output . $errors,
	qr/"other", which is not among the modules/, '... and by name');

$server->stop;
done_testing();
