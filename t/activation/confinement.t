# SPDX-License-Identifier: Apache-2.0
#
# What a worker is made with: identity, groups, limits, priority, cores, umask
# and temporary files of its own; without any capability.

use strict;
use warnings;
use File::Copy qw(copy);
use File::Temp ();
use Portico::Server;
use Portico::Wait qw(await_condition);
use Test::More;

my $sanitized = ($ENV{PORTICO_SANITIZED} // 'no') eq 'yes';

my $application = { modules => ['confined'],
	handlers => [ { path => '*', module => 'confined' } ] };

sub server
{
	my ($pool, %more) = @_;

	return Portico::Server->new(pools => { main => $pool },
		applications => { '/' => {%$application} }, %more);
}

# What --check says of its configuration.
sub refusal
{
	my ($server) = @_;

	$server->launch('--check');
	$server->await_end(20);
	my $said = $server->log;
	$server->remove;
	return $said;
}

sub status_of
{
	my ($pid, $name) = @_;

	open my $file, '<', "/proc/$pid/status" or return '';
	my ($line) = grep { /^$name:/ } <$file>;
	return ($line // '') =~ /:\s*(.*?)\s*$/ ? $1 : '';
}

subtest 'limits, priority, cores, umask' => sub {
	my $server = server({
		limits => { openFiles => 321, processes => 4000,
			$sanitized ? () : (addressSpace => '4GiB') },
		nice => 3, cpu => { affinity => '0' },
		isolation => { umask => '077' },
	})->start;
	my $self = $server->get_json('/self');
	is($self->{files}, 321, 'openFiles');
	is($self->{processes}, 4000, 'processes');
	SKIP: {
		skip 'a sanitizer reserves terabytes of addresses', 1
			if $sanitized;
		is($self->{addressMiB}, 4096, 'addressSpace');
	}
	is($self->{nice}, 3, 'nice');
	is($self->{cpus}, 1, 'cpu.affinity');
	is($self->{umask}, 077, 'umask');
	is(status_of($self->{pid}, 'CapBnd'),
		$> == 0 ? '0' x 16 : status_of($$, 'CapBnd'),
		'nothing it runs can gain a capability');
	is(status_of($self->{pid}, 'NoNewPrivs'), 1, 'nor other privileges');
	my (undef, $shown) = $server->command(qw(pool show main));
	like($shown,
		qr/^identity .*uid $self->{uid}\b.*^limits .*openFiles 321/ms,
		'portico pool show says it');
	$server->stop;
};

subtest 'temporary files of a directory of its own' => sub {
	my $server = server({ isolation => { privateTmp => 'directory' } },
		)->start;
	my $self = $server->get_json('/self');
	my $directory = $server->directory . "/run/tmp/main.$self->{pid}";
	is($self->{tmpdir}, $directory, 'TMPDIR names it');
	is(sprintf('%o', (stat $directory)[2] & 07777), '700',
		'only its user may enter');
	is((stat _)[4], $self->{uid}, 'which is the pool\'s');
	is($server->get('/keep?name=left')->{body}, "0\n", 'a file in it');
	ok(-e "$directory/left", 'is there');
	$server->command(qw(pool recycle main));
	ok(await_condition(20, sub { !-e $directory }),
		'it is removed with what is in it when the worker has ended');
	$server->stop;
	ok(!-e $server->directory . '/run/tmp', 'as all are at the end')
		if -e $server->directory;
};

subtest 'what a porticod that was killed has left' => sub {
	my $server = server({});
	my $left = $server->directory . '/run/tmp/main.4194305';
	mkdir $server->directory . '/run';
	mkdir $server->directory . '/run/tmp';
	mkdir $left;
	open my $file, '>', "$left/file" or die $!;
	close $file;
	$server->start;
	ok(await_condition(20, sub { !-e "$left/file" }),
		'is removed when the next one starts');
	$server->stop;
};

subtest 'a /tmp of its own' => sub {
	plan skip_all => 'this test was not started by root' if $> != 0;
	plan skip_all => 'mounting is not allowed here'
		if system('unshare', '-m', 'true') != 0;
	# All that it needs has to lie elsewhere.
	my $place = File::Temp->newdir('portico-XXXXXXXX', DIR => '/var/lib');
	chmod 0755, "$place";
	mkdir "$place/root";
	for my $name (qw(portico-worker portico-listener)) {
		copy(Portico::Server::program($name), "$place/$name") or die $!;
		chmod 0755, "$place/$name";
	}
	my $server = server({},
		environment => { PORTICO_LIBEXEC_DIR => "$place" });
	my $file = "$place/confined.so";
	copy($server->module_file('confined'), $file) or die $!;
	chmod 0755, $file;
	$server->{modules} = { confined => { file => $file } };
	$_->{root} = "$place/root" for values %{ $server->{applications} };
	$server->write_configuration;
	$server->start;
	my $self = $server->get_json('/self');
	is($self->{tmpdir}, '/tmp', 'is what TMPDIR names');
	is($server->get('/keep?name=mine')->{body}, "0\n", 'a file in it');
	ok(!-e '/tmp/mine', 'is not in that of others');
	ok(-e $server->directory . "/run/tmp/main.$self->{pid}/mine",
		'but in its directory');
	is($server->get('/open?path=/var/tmp/mine')->{body}, "0\n",
		'which is /var/tmp, too');
	is($server->get('/open?path=' . $server->configuration_file)->{body},
		"2\n", 'what others have in /tmp does not exist');
	$server->stop;
};

subtest 'a dynamic identity, groups' => sub {
	plan skip_all => 'this test was not started by root' if $> != 0;
	my ($group) = grep { defined getgrnam $_ } qw(games users daemon);
	my $identity = { dynamic => JSON::PP::true, groups => [$group] };
	my %range = (dynamicIdentities => { first => 40000, count => 20000 });
	my $server = Portico::Server->new(
		pools => { main => { identity => $identity },
			other => { identity => { dynamic => JSON::PP::true } } },
		applications => { '/' => {%$application},
			'/other' => { %$application, pool => 'other' } },
		top => \%range)->start;
	my $self = $server->get_json('/self');
	cmp_ok($self->{uid}, '>=', 40000, 'a number of the range');
	cmp_ok($self->{uid}, '<', 60000, 'is the user');
	is($self->{gid}, $self->{uid}, 'and the group');
	is_deeply($self->{groups}, [ scalar getgrnam $group ], 'and groups');
	isnt($server->get_json('/other/self')->{uid}, $self->{uid},
		'another pool has another');
	$server->stop;

	$server = server({ identity => $identity }, top => \%range)->start;
	is($server->get_json('/self')->{uid}, $self->{uid},
		'the same name has the same one again');
	$server->stop;
};

subtest 'what cannot be' => sub {
	my %cases = (
		'affinity' => { cpu => { affinity => '0-' } },
		'umask' => { isolation => { umask => '8' } },
		'openFiles' => { limits => { openFiles => 3 } },
		'memoryHigh .*would never be reached' => { limits =>
			{ memory => '64MiB', memoryHigh => '65MiB' } },
		'paths: a path is empty' => { isolation =>
			{ paths => { read => [''] } } },
		($> == 0 ? ('no-such-group' =>
			{ identity => { groups => ['no-such-group'] } }) : ()),
		'no user and no group' => { identity =>
			{ dynamic => JSON::PP::true, user => 'nobody' } },
	);
	for my $name (sort keys %cases) {
		my $server = server($cases{$name});
		like(refusal($server), qr/$name/, "$name is refused");
	}
	my $absent = server({ cpu => { affinity => '1023' } },
		allow => [qr/P5002|P5022/])->start;
	is($absent->get('/self')->{status}, 503, 'a core that there is not');
	like(($absent->command('events'))[1],
		qr/^\S+ \S+ +5022 .*setting cpu\.affinity: EINVAL/m,
		'... is told by the event');
	like(($absent->command(qw(pool show main)))[1],
		qr/setting cpu\.affinity: EINVAL/, '... and by pool show');
	$absent->stop;
	my $server = Portico::Server->new(
		pools => { map { $_ => { identity =>
			{ dynamic => JSON::PP::true } } } qw(main other) },
		applications => { '/' => {%$application} },
		top => { dynamicIdentities => { count => 1 } });
	like(refusal($server), qr/have the same dynamic identity/,
		'two pools, one number');
};

done_testing;
