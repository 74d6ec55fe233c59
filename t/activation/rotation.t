# SPDX-License-Identifier: Apache-2.0
#
# Recycling at times of day, for a module file that changes, for settings, or
# not for those; and which of it is an event.

use strict;
use warnings;
use File::Copy qw(copy);
use JSON::PP ();
use POSIX qw(strftime);
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;
use Time::HiRes qw(time);

my ($yes, $no) = (JSON::PP::true(), JSON::PP::false());
my %often = (pingInterval => '100ms');
my @probe = (modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ]);
my %pools = (
	# Some time before and one after: the nearest counts.
	daily => { %often, workers => 2, recycling => { schedule => [] } },
	files => {%often},
	fixed => { %often, recycling => { disallowRotationOnConfigChange => $yes } },
	quiet => { %often, recycling => { logEventOnRecycle => ['Time'] } },
	other => {%often},
);
my $server = Portico::Server->new(pools => \%pools,
	applications => { map { ("/$_" => { pool => $_, @probe }) }
		keys %pools },
	allow => [qr/\[P5093\]/, qr/\[P5022\]/, qr/\[P4041\]/],
)->start;

sub pid_of { return $server->get_json("/$_[0]/count")->{pid} }
sub show { return $server->command_json('pool', 'show', $_[0])->{pool} }
sub pids { return map { $_->{pid} } @{ show($_[0])->{workers} } }

sub reload
{
	delete $server->{configuration};
	$server->write_configuration;
	is(($server->command('reload'))[0], 0, $_[0]);
}

# Replaces a module's file, not its contents, as a package would.
sub install
{
	my ($name, $from) = @_;
	my $file = $server->directory . "/modules/$name.so";

	copy($from, "$file.new") or die "$file.new: $!";
	chmod 0755, "$file.new";
	rename "$file.new", $file or die "$file: $!";
}

# A copy: where nobody may reach the build tree the file is none of it, and is
# itself replaced below.
my $probe = $server->directory . '/probe.so';
copy($server->module_file('probe'), $probe) or die $!;

subtest 'schedule' => sub {
	my $pid = pid_of('daily');
	ok(await_condition(seconds(5), sub {
		2 == grep { $_->{state} eq 'running' }
			@{ show('daily')->{workers} } }), 'two workers');
	my %old = map { $_ => 1 } pids('daily');
	my $at = 3 + int time;
	my $when = strftime('%H:%M:%S', localtime $at);
	$pools{daily}{recycling}{schedule} = [
		strftime('%H:%M', localtime $at - 7200), $when,
		strftime('%H:%M', localtime $at + 7200) ];
	# This alone is no reason to be replaced twice.
	$pools{daily}{recycling}{disallowRotationOnConfigChange} = $yes;
	reload("at $when");
	like($server->await_log(qr/recycling pool "daily".*P5076/, 15),
		qr/schedule: it is $when/, 'the event, with the time');
	cmp_ok(time, '>=', $at, '... not before it');
	ok(await_condition(seconds(10), sub {
		my @new = pids('daily');
		@new == 2 && !grep { $old{$_} } @new }), 'both are replaced');
	is(pid_of('other') && show('other')->{recycles}, 0, 'no other pool is');
};

subtest 'what is no time of day' => sub {
	for my $wrong (qw(24:00 7:30 12:60 12:00:60 12.30 noon)) {
		$pools{other}{recycling} = { schedule => [$wrong] };
		delete $server->{configuration};
		$server->write_configuration;
		my ($status, $out, $err) = $server->command('reload');
		isnt($status, 0, "$wrong is refused");
		like($out . $err . $server->log, qr/found "\Q$wrong\E", expected a time/,
			'... and named');
	}
	delete $pools{other}{recycling};
	push @{ $server->{allow} }, qr/\[P520[08]\]/;
};

subtest 'logEventOnRecycle' => sub {
	my $old = pid_of('quiet');
	my $mark = $server->log_position;
	is(($server->command('pool', 'recycle', 'quiet'))[0], 0, 'by command');
	ok(await_exit($old, seconds(10)), 'it is recycled');
	unlike(substr($server->log, $mark), qr/P5079/, '... without an event');
	is(($server->command('pool', 'recycle', 'other'))[0], 0, 'another');
	ok($server->await_log(qr/recycling pool "other".*P5079/, 5, $mark),
		'... with one');
};

subtest 'disallowRotationOnConfigChange' => sub {
	my ($fixed, $files) = (pid_of('fixed'), pid_of('files'));
	$pools{$_}{queueLength} = 77 for qw(fixed files);
	my $mark = $server->log_position;
	reload('other settings');
	ok(await_exit($files, seconds(10)), 'a pool that may is recycled');
	like(substr($server->log, $mark),
		qr/configuration of pool "fixed" changed; its workers stay/,
		'one that may not says so');
	is(pid_of('fixed'), $fixed, '... and stays');
	is(show('fixed')->{queueLength}, 77, '... what the listener needs holds');
	like(show('fixed')->{degraded}, qr/older settings/, '... it is shown');
	is(($server->command('pool', 'recycle', 'fixed'))[0], 0, 'recycled');
	ok(await_exit($fixed, seconds(10)), '... by command');
	is(show('fixed')->{degraded}, '', '... it has all that is new');
	$fixed = pid_of('fixed');
	$server->{applications}{'/fixed/more'} = { pool => 'fixed', @probe };
	reload('another application');
	is($server->get('/fixed/more/count')->{status}, 200, 'it is answered');
	isnt(pid_of('fixed'), $fixed, '... by a new worker');
};

subtest 'a module file changes' => sub {
	my ($files, $fixed) = (pid_of('files'), pid_of('fixed'));
	my $mark = $server->log_position;
	install('probe', $probe);
	ok(await_exit($files, seconds(10)), 'its worker is replaced');
	like($server->await_log(qr/recycling pool "files".*P5080/, 5, $mark),
		qr{module file ".*/probe\.so" changed}, '... with the reason');
	is(pid_of('fixed'), $fixed,
		'not with disallowRotationOnConfigChange');
	my $recycles = show('files')->{recycles};
	my $new = pid_of('files');
	utime undef, undef, $server->directory . '/modules/global.so';
	# Two looks later at least.
	$server->get('/files/sleep?ms=400');
	is(show('files')->{recycles}, $recycles, 'a module that it has not');
	is(pid_of('files'), $new, '... is no reason');
};

subtest 'one that cannot be loaded' => sub {
	my $old = pid_of('files');
	my $recycles = show('files')->{recycles};
	install('probe', $0);
	ok($server->await_log(qr/"files" could not be recycled.*P5093/, 10),
		'the recycle fails');
	is(pid_of('files'), $old, 'the old worker goes on');
	isnt(show('files')->{degraded}, '', '... and it is shown');
	$server->get('/files/sleep?ms=400');
	is(show('files')->{recycles}, $recycles + 1, 'it is tried once');
	install('probe', $probe);
	ok(await_exit($old, seconds(10)), 'the next one is taken');
	is(show('files')->{degraded}, '', '... and all is well');
};

$server->stop;
done_testing;
