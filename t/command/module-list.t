# SPDX-License-Identifier: Apache-2.0
#
# portico module list: what is really loaded, in which workers of which pools,
# also after these have been replaced.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $row = sub { [ { path => '*', module => $_[0] } ] };
my $server = Portico::Server->new(
	pools => { main => { startMode => 'AlwaysRunning', workers => 2 },
		other => {} },
	applications => {
		'/' => { modules => ['order-first'],
			handlers => $row->('hello') },
		'/other' => { pool => 'other', handlers => $row->('echo') },
	},
	allow => [qr/recycl/],
)->start;

sub modules { return @{ $server->command_json('module', 'list')->{modules} } }

ok(await_condition(seconds(10), sub { modules() == 4 }),
	'two modules in each of the two workers of a pool');
my @workers = @{ $server->command_json('worker', 'list')->{workers} };
my @pids = sort map { $_->{pid} } @workers;
for my $name (qw(hello order-first)) {
	my @rows = grep { $_->{name} eq $name } modules();

	is_deeply([sort map { $_->{pid} } @rows], \@pids,
		"$name: in both processes");
	is_deeply([map { $_->{worker} } @rows], [map { $_->{id} } @workers],
		'which are the workers');
	is_deeply([map { $_->{pool} } @rows], ['main', 'main'], 'of the pool');
	is($rows[0]{file}, $server->directory . "/modules/$name.so",
		'its file');
	is($rows[0]{version}, '1.0.0', 'its version');
	like($rows[0]{abi}, qr/^1\.\d+$/, 'its ABI');
}
ok(!(grep { $_->{pool} eq 'other' } modules()),
	'a pool without a worker has none');
is($server->get('/other/')->{status}, 405, 'a request starts its worker');
is_deeply([map { $_->{name} } grep { $_->{pool} eq 'other' } modules()],
	['echo'], 'which has its module');

my ($status, $out) = $server->command('module', 'list');
is($status, 0, 'for people: exit status 0');
like($out, qr/^MODULE +VERSION +ABI +POOL +WORKER +PROCESS +STATE +FILE$/m,
	'as a table');
like($out, qr{^echo +1\.0\.0 +1\.\d+ +other +\d+ +\d+ +\S+ +/\S+/echo\.so$}m,
	'with a row for each');

# Recycling: other processes.
$server->command('pool', 'recycle', 'main');
ok(await_condition(seconds(15), sub {
	my @rows = grep { $_->{pool} eq 'main' } modules();
	my %old = map { ($_ => 1) } @pids;
	return @rows == 4 && !grep { $old{ $_->{pid} } } @rows;
}), 'after a recycle it is the new workers that have them');

$server->stop;
done_testing;
