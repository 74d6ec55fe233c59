# SPDX-License-Identifier: Apache-2.0
#
# A broken configuration names every problem with its place, starts nothing
# and ends with status 1; modules that do not fit are refused with a sentence.

use strict;
use warnings;
use IO::Socket::INET;
use Portico::Server;
use Test::More;

# Runs porticod until it ends by itself; returns (status, output).
sub refused
{
	my ($server, @arguments) = @_;

	$server->launch(@arguments);
	my $status = $server->await_end(20);
	$server->kill_all unless defined $status;
	my $output = $server->log;
	$server->remove;
	return (defined $status ? $status >> 8 : 'still running', $output);
}

sub with
{
	my (%options) = @_;
	return Portico::Server->new(%options);
}

subtest 'every problem is named' => sub {
	my $server = with();
	my $directory = $server->directory;
	my $port = $server->port;
	$server->write_configuration(<<"END");
{
	// comments are allowed
	"runtimeDirectory": "$directory/run",
	"logDirectory": "$directory/log",
	"listener": { "threads": "many", "headerWaitTimeout": "12 parsecs" },
	"pools": {
		"main": { "queueLength": 3, "starMode": "OnDemand" }
	},
	"sites": {
		"main": {
			"bindings": [ "gopher://*:$port" ],
			"applications": {
				"/": { "pool": "nowhere", "root": "$directory" }
			}
		}
	}
}
END
	my ($status, $output) = refused($server);
	is($status, 1, 'exit status 1');
	my $file = quotemeta $server->configuration_file;
	like($output, qr/$file:5:\d+.*threads.*/, 'a word for a number');
	like($output, qr/$file:5:\d+.*headerWaitTimeout.*parsecs/,
		'a duration that is none');
	like($output, qr/$file:7:\d+.*queueLength.*10/,
		'a number too small, and the bound');
	like($output, qr/$file:7:\d+.*starMode.*/, 'an unknown key');
	like($output, qr/startMode/, 'with the key that was meant');
	like($output, qr/$file:11:\d+.*gopher/, 'a binding that is none');
	like($output, qr/$file:13:\d+.*nowhere/, 'a pool that does not exist');
	ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port),
		'nothing listens');
};

subtest 'syntax' => sub {
	my $server = with();
	$server->write_configuration("{\n  \"pools\": {\n    \"main\" {}\n");
	my ($status, $output) = refused($server);
	my $file = quotemeta $server->configuration_file;
	is($status, 1, 'exit status 1');
	like($output, qr/$file:3:\d+/, 'file, line and column');
};

subtest 'no file' => sub {
	my $server = with();
	unlink $server->configuration_file;
	my ($status, $output) = refused($server);
	is($status, 1, 'exit status 1');
	like($output, qr/\Q@{[$server->configuration_file]}\E.*No such file/,
		'the file is named');
};

subtest '--check' => sub {
	my $good = with();
	my ($status, $output) = refused($good, '--check');
	is($status, 0, 'a good file: 0') or diag $output;
	ok(!-e $good->socket_path, 'and nothing was started');
	my $bad = with(pools => { main => { workers => -1 } });
	($status, $output) = refused($bad, '--check');
	is($status, 1, 'a bad one: 1');
	like($output, qr/workers/, 'with the problem');
};

# Whoever runs the listener, and for root "nobody" is no owner of these.
subtest '--check: logs that cannot be written' => sub {
	my $where = File::Temp->newdir;
	chmod 0755, "$where";
	mkdir "$where/$_" or die $! for qw(shut file);
	chmod 0555, "$where/shut" or die $!;
	chmod 0777, "$where/file" or die $!;
	mkdir "$where/file/access.log" or die $!;
	my %logs = (top => { logDirectory => "$where/file", siteDefaults => { log =>
		{ file => "$where/shut/below/{site}.log" } } },
		sites => { map { $_ => { bindings => ["http://$_.example:"
			. Portico::Server::free_port()], applications => { '/' =>
			{ pool => 'main', root => "$where" } } } } qw(one two) });
	my $server = with(%logs);
	my $file = quotemeta $server->configuration_file;
	my ($status, $output) = refused($server, '--check');
	is($status, 1, 'exit status 1');
	like($output, qr{^$file:\d+:\d+:\ listener\.accessLog:\ $where/file/access\.log
		[ ]cannot[ ]be[ ]written.*:[ ]Is[ ]a[ ]directory$}mx,
		'what is no file, with its place and key');
	my @shut = $output =~ m{^($file:\d+:\d+: sites\.\w+\.log: .*)$}mg;
	like($shut[0], qr{:\ $where/shut/below/main\.log\ cannot\ be\ written
		.*:\ $where/shut:\ Permission\ denied$}x,
		'a directory that is shut is named with the log below it');
	is(scalar @shut, 1, '... once for all logs that are below it');
	ok(!-e "$where/shut/below", '... and nothing is made');
	my @all = $output =~ /cannot be written/g;
	is(scalar @all, 2, 'a log that can be made is no problem');

	my $new = with(top => { logDirectory => "$where/shut/new" });
	($status, $output) = refused($new, '--check');
	if ($> == 0) {
		is($status, 0, 'root can make a directory anywhere') or diag $output;
	} else {
		like($output, qr{:\ logDirectory:\ $where/shut/new\ cannot\ be\ written:
			\ $where/shut:\ Permission\ denied$}mx,
			'a directory that cannot be made');
	}
	ok(!-e "$where/shut/new", '... which --check does not make');

	# It hinders neither a start nor a reload.
	%logs = (top => { logDirectory => "$where/file" }, allow => [qr/P2005|P2034/]);
	my $serving = with(%logs)->start;
	is($serving->get('/')->{status}, 404, 'a server serves without logs');
	is(($serving->command('reload'))[0], 0, '... and reads its settings again');
	$serving->stop;
};

subtest 'a port that is taken' => sub {
	my $server = with();
	my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '0.0.0.0',
		LocalPort => $server->port) or die $!;
	my ($status, $output) = refused($server);
	is($status, 1, 'exit status 1');
	my $port = $server->port;
	like($output, qr/$port.*Address already in use/, 'the port is named');
};

# Modules: whether this shows at the start or when the worker starts is the
# server's to decide; what a reader of the log learns is not.
sub complaint
{
	my ($server, $pattern) = @_;

	$server->launch;
	my $line = $server->await_log($pattern, 3);
	if (!$line && !$server->{ended}) {
		my $client = eval { $server->connect };
		if ($client) {
			$client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
			my $response = eval { $client->read_response };
			$server->{answer} = $response;
		}
		$line = $server->await_log($pattern, 10);
	}
	diag $server->log unless $line;
	$server->kill_all;
	$server->remove;
	return $line // '';
}

sub module_is
{
	my ($name, $prepare) = @_;
	my $server = with(applications => { '/' => { modules => [$name],
		handlers => [ { path => '*', module => $name } ] } });
	my $file = $server->directory . "/modules/$name.so";
	$prepare->($file) if $prepare;
	return ($server, $file);
}

subtest 'modules that do not fit' => sub {
	my ($server, $file) = module_is('wrong-abi');
	my $line = complaint($server, qr/wrong-abi.*97/);
	like($line, qr/97/, "the module's ABI number");
	like($line, qr/\b1\b/, "and the server's");
	like($line, qr/\Q$file\E/, 'and the file');

	($server, $file) = module_is('missing-one');
	like(complaint($server, qr/missing-one.*(?:No such file|does not exist)/i),
		qr/\Q$file\E/, 'a file that is not there');

	($server, $file) = module_is('nonsense', sub {
		open my $out, '>', $_[0] or die $!;
		print $out "this is no module\n";
		close $out;
	});
	like(complaint($server, qr/nonsense/), qr/\Q$file\E/,
		'a file that is no module');
};

subtest 'a root that is not there' => sub {
	my $server = with(applications => { '/' => { root => '/not/there',
		handlers => [ { path => '*', module => 'probe' } ] } });
	my $file = quotemeta $server->configuration_file;
	like(complaint($server, qr{/not/there}),
		qr{$file:\d+:\d+: sites\.\w+\.applications\["/"\]\.root: "},
		'the place and the key');
};

subtest "a module's section" => sub {
	my $server = with(applications => { '/' => { modules => ['probe'],
		handlers => [ { path => '*', module => 'probe' } ],
		probe => { level => 99, colour => 'red' } } });
	my $file = quotemeta $server->configuration_file;
	my $line = complaint($server, qr/level: /);
	like($line, qr/$file:\d+:\d+: probe\.level: /, 'the place and the key');
	like($line, qr/99/, 'what was found');
	like($line, qr/\b10\b/, 'what is allowed');
	like($server->log, qr/$file:\d+:\d+.*colour/,
		'the second problem is named, too');
};

# Modules are code of others.
subtest 'root loads no module' => sub {
	plan skip_all => 'this test was not started by root' if $> != 0;
	my $server = with(applications => { '/' => { modules => ['who-loads'],
		handlers => [ { path => '*', module => 'who-loads' } ] } });
	my $loads = $server->directory . '/loads';
	open my $file, '>', $loads or die $!;
	chmod 0666, $loads;
	chmod 0600, $server->configuration_file;
	$server->{environment} = { PORTICO_TEST_LOADS => $loads };
	$server->launch('--check');
	is($server->await_end(20), 0,
		'--check of a file that only root may read') or diag $server->log;
	open $file, '<', $loads or die $!;
	my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
	is_deeply([<$file>], ["portico-worker $uid $gid\n"],
		'the module was loaded, once, by the default user');
	$server->write_configuration(
		'{ "pools": { "main": { "queueLength": 3 } } }');
	($server->{ended}, $server->{log}) = (0, '');
	my ($status, $output) = refused($server, '--check');
	is($status, 1, 'a problem in such a file');
	like($output, qr/\/portico\.json:1:\d+.*queueLength/,
		'is told with its place');
};

subtest 'a setting for a module that has none' => sub {
	my $server = with(applications => { '/' => { modules => ['who-loads'],
		handlers => [ { path => '*', module => 'who-loads' } ],
		'who-loads' => { greeting => 'hello' } } });
	my ($status, $output) = refused($server, '--check');
	is($status, 1, 'exit status 1');
	my @lines = split /\n/, $output;
	like(shift @lines, qr/:\d+:\d+: who-loads\.greeting: .*none is allowed here$/,
		'the key is named');
	like("@lines", qr/^porticod: [^\n]*nothing was started$/,
		'and nothing else is said');
};

subtest 'portico-worker checks by itself' => sub {
	my $worker = Portico::Server::program('portico-worker');
	my $server = with();
	my ($status, $out, $err) = Portico::Server::run($worker,
		'--check-module', $server->module_file('probe'));
	is($status, 0, '--check-module: a good one') or diag $err;
	like($out, qr/probe/, 'is described');
	($status, $out, $err) = Portico::Server::run($worker,
		'--check-module', $server->module_file('wrong-abi'));
	is($status, 1, '--check-module: a bad one');
	like("$out$err", qr/97/, 'and why');
	my $bad = with(applications => { '/' => { modules => ['probe'],
		handlers => [ { path => '*', module => 'probe' } ],
		probe => { level => 99 } } });
	($status, $out, $err) = Portico::Server::run($worker,
		'--check-config', $bad->configuration_file);
	is($status, 1, '--check-config: a bad section');
	like("$out$err", qr/:\d+:\d+.*level/, 'and where');
	$_->remove for $server, $bad;
};

done_testing;
