# SPDX-License-Identifier: Apache-2.0
#
# A worker sees what its pool needs and nothing else: a module in pool "a"
# tries to reach what pool "b" has, and each attempt is refused by the kernel;
# the same attempts succeed within a pool, and where the pools ask for no
# isolation.

use strict;
use warnings;
use Errno qw(EACCES ECONNRESET EPERM EPIPE);
use Portico::Server;
use Test::More;

# landlock_create_ruleset with LANDLOCK_CREATE_RULESET_VERSION.
my $abi = syscall 444, 0, 0, 1;
plan skip_all => "this kernel has no Landlock: $!" if $abi < 1;
diag "Landlock $abi";

# System calls are looked at elsewhere (system-calls.t); here they shall be
# refused for what they want.
my %closed = (paths => { write => [], execute => [] },
	systemCalls => { allow => [qw(ptrace process_vm_readv)] });

# Content of two pools; each may read its own.
sub server
{
	my (%isolation) = @_;
	my $server = Portico::Server->new(allow => [qr/P4131/],
		pools => { map { $_ => { isolation => {%isolation} } } qw(a b) },
		applications => { map { ("/$_" => { pool => $_,
			modules => ['confined'], handlers =>
			[ { path => '*', module => 'confined' } ] }) } qw(a b) });

	for my $pool (qw(a b)) {
		my $root = $server->directory . "/$pool";
		mkdir $root or die $!;
		open my $file, '>', "$root/secret" or die $!;
		print $file "of $pool\n";
		close $file;
		$server->{applications}{"/$pool"}{root} = $root;
	}
	$server->write_configuration;
	return $server;
}

sub as_ordinary_user
{
	my ($server) = @_;
	my ($uid, $gid) = (getpwnam 'nobody')[2, 3];

	chown $uid, $gid, map { $server->directory . $_ }
		'', qw(/a /b /a/secret /b/secret /root /modules /portico.json);
	$server->{wrapper} = ['setpriv', "--reuid=$uid", "--regid=$gid",
		'--clear-groups'];
	return $server;
}

sub try_it
{
	my ($server, $what) = @_;
	my $response = $server->get($what);

	return $response && $response->{status} == 200
		? 0 + $response->{body} : "status $response->{status}";
}

# All that pool "a" tries against pool "b".
sub attempts
{
	my ($server, $expected) = @_;
	my $directory = $server->directory;
	my ($a, $b) = map { $server->get_json("/$_/self")->{pid} } qw(a b);

	is(try_it($server, "/a/open?path=$directory/a/secret"), 0,
		'its own content can be read');
	is(try_it($server, '/a/keep?name=x'), 0, 'its own temporary files');
	is(try_it($server, "/a/list?path=/proc/$a/fd"), 0,
		'and its own process');
	my $name = "portico-b-$b";
	is(try_it($server, "/b/listen?name=$name"), 0, 'a socket of the other');
	my %tries = (
		'its environment' => "open?path=/proc/$b/environ",
		'its limits' => "limit?pid=$b",
		'limits of the listener' => 'limit?pid='
			. $server->pid_of('listener'),
		'limits of porticod' => 'limit?pid=' . $server->pid,
		'the environment of porticod' => 'open?path=/proc/'
			. $server->pid . '/environ',
		'the runtime directory' => "list?path=$directory/run",
		'the process file' => "open?path=$directory/run/porticod.pid",
		'content' => "open?path=$directory/b/secret",
		'a list of the content' => "list?path=$directory/b",
		'new content' => "write?path=$directory/b/new",
		'memory, by /proc' => "open?path=/proc/$b/mem",
		'memory, by a system call' => "vm?pid=$b",
		'the descriptors of the channel' => "open?path=/proc/$b/fd/0",
		'its mappings' => "list?path=/proc/$b/map_files",
		'a debugger' => "ptrace?pid=$b",
		'the configuration' => 'open?path='
			. $server->configuration_file,
		'the access log' => 'open?path=' . $server->access_log,
		'the error log' => 'open?path=' . $server->error_log,
		'temporary files' => "list?path=$directory/run/tmp/b.$b",
		'porticod' => 'open?path=/proc/' . $server->pid . '/mem',
		'the listener' => 'open?path=/proc/'
			. $server->pid_of('listener') . '/fd/0',
		$abi >= 6 ? ('a signal' => "kill?pid=$b",
			'a signal to the listener' => 'kill?pid='
				. $server->pid_of('listener'),
			'a signal to porticod' => 'kill?pid=' . $server->pid,
			'an abstract socket' => "reach?name=$name") : (),
	);
	for my $name (sort keys %tries) {
		my $errno = try_it($server, "/a/$tries{$name}");
		ok($errno eq EACCES || $errno eq EPERM,
			"$name: refused, errno $errno");
	}
	my $errno = try_it($server, '/a/ask?path=' . $server->socket_path);
	ok((grep { $errno eq $_ } EACCES, ECONNRESET, EPERM, EPIPE),
		"the control socket: refused, errno $errno");
}

subtest 'pools of one user' => sub {
	my $server = server(%closed)->start;
	attempts($server);
	like(($server->command(qw(pool show a)))[1],
		qr/^file system +what the pool needs \(Landlock $abi\)/m,
		'portico pool show says what holds');
	$server->stop;
};

subtest 'all of an ordinary user' => sub {
	plan skip_all => 'this is what the other tests have shown' if $> != 0;
	plan skip_all => 'setpriv is not installed'
		unless grep { -x "$_/setpriv" } split /:/, $ENV{PATH};
	my $server = as_ordinary_user(server(%closed))->start;
	attempts($server);
	$server->stop;
};

subtest 'pools of two users' => sub {
	plan skip_all => 'this test was not started by root' if $> != 0;
	my $server = server(%closed);
	$server->{pools}{b}{identity}{user} = 'daemon';
	$server->write_configuration;
	$server->start;
	attempts($server);
	$server->stop;
};

subtest 'without isolation' => sub {
	my $server = server(fileSystem => 'off')->start;
	my $secret = $server->directory . '/b/secret';
	my $b = $server->get_json('/b/self')->{pid};
	is(try_it($server, "/a/open?path=$secret"), 0,
		'content of others can be read');
	is(try_it($server, "/a/open?path=/proc/$b/fd/0"), 0,
		'so can what they have open');
	is(try_it($server, "/a/kill?pid=$b"), 0, 'and signals are sent');
	like(($server->command(qw(pool show a)))[1],
		qr/^file system +not restricted/m, 'which is said');
	$server->stop;
};

subtest 'widened' => sub {
	my $server = server(%closed);
	my $secret = $server->directory . '/b/secret';
	$server->{pools}{a}{isolation}{paths}{read} = [$secret];
	$server->{pools}{a}{isolation}{paths}{write} =
		[$server->directory . '/root'];
	chmod 0777, $server->directory . '/root';
	$server->write_configuration;
	$server->start;
	is(try_it($server, "/a/open?path=$secret"), 0, 'what is named is read');
	is(try_it($server, "/a/write?path=$secret"), EACCES, 'not written');
	is(try_it($server, '/a/write?path=' . $server->directory . '/root/x'),
		0, 'what is named so is written');
	is(try_it($server, '/a/run?path=/bin/true'), 0,
		'programs of the system can be run');
	is(try_it($server, '/a/run?path=' . $server->directory . '/root/x'),
		EACCES, 'and no others');
	$server->stop;
};

# The kernel looks where a name leads when a worker starts.  In what workers may
# write they can make links before that.
subtest 'links that a worker may have made' => sub {
	my $server = server(%closed);
	my $directory = $server->directory;
	my $a = $server->{pools}{a}{isolation} = { %closed };

	$a->{paths} = { write => ["$directory/a"], execute => [],
		read => ["$directory/a/data", "$directory/nowhere",
			"$directory/link"] };
	symlink "$directory/b", "$directory/a/data" or die $!;
	symlink "$directory/root", "$directory/link" or die $!;
	open my $file, '>', "$directory/root/open" or die $!;
	print $file "x\n";
	close $file;
	$server->{allow} = [qr/P5206/];
	$server->write_configuration;
	$server->start;
	is(try_it($server, "/a/open?path=$directory/b/secret"), EACCES,
		'lead nowhere');
	is(try_it($server, "/a/open?path=$directory/a/secret"), 0,
		'what they lie in is what it was');
	is(try_it($server, "/a/open?path=$directory/link/open"), 0,
		'a link of the operator is followed');
	like($server->log,
		qr{\Q$directory\E/nowhere of isolation\.paths cannot be used.*P5206},
		'a path that does not exist is told');
	$server->stop;
};

done_testing;
