# SPDX-License-Identifier: Apache-2.0
#
# 64 connections ask without a pause while their pool's workers are replaced,
# for each of the reasons that there are: no GET fails, and none has the wrong
# answer.  (By command: pool-restart.t, faults.t.  Suspended workers, and what
# happens to porticod: suspend.t, takeover.t, upgrade-manager.t.)

use strict;
use warnings;
use File::Copy qw(copy);
use JSON::PP ();
use POSIX qw(strftime);
use Portico::Load;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my %often = (pingInterval => '100ms', rapidFailProtection => JSON::PP::false());
my @load = (modules => ['load'],
	handlers => [ { path => '*', module => 'load' } ]);
my %pools = (
	time => { %often, recycling => { time => '1s' } },
	schedule => { %often, recycling => { schedule => [] } },
	requests => { %often, recycling => { requests => 300 } },
	memory => { %often, recycling => { memory => '1MiB' } },
	private => { %often, threads => 32,
		recycling => { privateMemory => '1MiB' } },
	settings => { %often, environment => { ROUND => '0' } },
	file => {%often},
	unhealthy => { %often, recycling => { unhealthyInterval => '100ms' } },
	alone => { %often, recycling => { requests => 300,
		disallowOverlappingRotation => JSON::PP::true() } },
);
my $server = Portico::Server->new(pools => \%pools,
	applications => {
		(map { ("/$_" => { pool => $_, @load }) } keys %pools),
		'/unhealthy/page' => { pool => 'unhealthy',
			modules => ['static'],
			handlers => [ { path => '*', module => 'static' } ],
			healthCheck => { path => '/none', failures => 1,
				interval => '300ms', timeout => '20s' } },
	},
	allow => [qr/\[P(?:4132|5233)\]/],
);
$server->start;
my $copy = $server->directory . '/load.so';
copy($server->module_file('load'), $copy) or die $!;

sub show { return $server->command_json('pool', 'show', $_[0])->{pool} }

sub reload
{
	delete $server->{configuration};
	$server->write_configuration;
	return $server->command('reload');
}

# What makes it happen, where the pool's settings do not.
my %again = (
	schedule => sub {
		$pools{schedule}{recycling}{schedule} = [ map {
			strftime('%H:%M:%S', localtime(time + $_)) } 2 .. 9 ];
		reload();
	},
	settings => sub {
		$pools{settings}{environment}{ROUND}++;
		reload();
	},
	file => sub {
		my $file = $server->directory . '/modules/load.so';

		copy($copy, "$file.new") or die "$file.new: $!";
		chmod 0755, "$file.new";
		rename "$file.new", $file or die "$file: $!";
	},
);

for my $pool (qw(time schedule requests memory private settings unhealthy alone
	file)) {
	my $load = Portico::Load->start($server, connections => 64,
		prefix => "/$pool", mix => 'pattern=1', bytes => '0-20000');

	ok($load->await_ready, "$pool: 64 connections have had an answer");
	my ($recycles, $starts) = @{ show($pool) }{qw(recycles starts)};
	$again{$pool}->() if $again{$pool};
	ok(await_condition(seconds(15), sub {
		my $now = show($pool);
		return $now->{recycles} > $recycles && $now->{starts} > $starts;
	}), 'the worker is replaced') or diag(explain(show($pool)));
	my $seen = $load->totals->{good};
	ok(await_condition(seconds(10), sub {
		$load->totals->{good} > $seen + 200 }), 'and others serve');
	my $end = $load->stop(seconds(20));
	is($end->{failed} + $end->{wrong}, 0, 'no request failed')
		or diag(explain($end));
}
$server->stop;
done_testing;
