# SPDX-License-Identifier: Apache-2.0
#
# Modules in C++: the example builds by its own Makefile with what is
# installed, and answers; portico.hpp does what it says, exceptions and ends of
# requests included.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp ();
use IO::Socket::INET;
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition);
use Test::More;

my $compiler = $ENV{CXX} // 'c++';
plan skip_all => 'no C++ compiler was found' if $compiler eq 'no';

my $source = $ENV{PORTICO_SRCDIR} // abs_path(dirname(__FILE__) . '/../..');
my $build = $ENV{PORTICO_BUILDDIR} // "$source/build";
my $directory = File::Temp->newdir('portico-cpp-XXXXXXXX', TMPDIR => 1);
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL CXXFLAGS LDFLAGS DESTDIR)};

sub run_ok
{
	my ($name, $command) = @_;
	my $output = `($command) 2>&1`;

	is($?, 0, $name) or diag("$command\n$output");
	return $output;
}

# ---- the example, built as a third party would -----------------------------

my $root = "$directory/root";
run_ok('headers and portico.pc install', "make -C '$build'"
	. " install-porticoincludeHEADERS install-pkgconfigDATA"
	. " install-testkitDATA DESTDIR='$root'");
chomp(my $found = `find '$root' -name portico.pc`);
$ENV{PKG_CONFIG_PATH} = dirname($found);
$ENV{PKG_CONFIG_SYSROOT_DIR} = $root;
$ENV{PKG_CONFIG_ALLOW_SYSTEM_CFLAGS} = 1;

my $there = "$directory/greeting-cpp";
mkdir $there or die $!;
copy($_, $there) or die "$_: $!"
	for map { "$source/sdk/examples/greeting-cpp/$_" }
		qw(Makefile exports.map greeting-cpp.cc test.cc);
my $output = run_ok('the example builds with its own Makefile',
	"make -C '$there' CXX='$compiler'");
unlike($output, qr/warning/, '... without a warning');
SKIP: {
	skip 'no sanitizer may come on top of another', 2
		if ($ENV{PORTICO_SANITIZED} // '') eq 'yes';
	run_ok('so does its test', "make -C '$there' CXX='$compiler'"
		. ' greeting-cpp-test');
	run_ok('... and passes', "'$there/greeting-cpp-test'");
}
my $wrappers = "$directory/wrappers.so";
run_ok('so does the module that tests all of portico.hpp', "$compiler"
	. " -std=c++17 -g -O1 -Wall -Wextra -fPIC -shared -fvisibility=hidden"
	. " -I'$source/sdk/include' -Wl,--version-script='$there/exports.map'"
	. " -pthread -o '$wrappers' '$source/t/sdk/modules/wrappers.cc'");
for my $module ("$there/greeting-cpp.so", $wrappers) {
	my $check = run_ok("$module is fit for use",
		"'$build/portico-worker' --check-module '$module'");
	is(join(' ', $check =~ /^exports +(\S+)$/mg), 'portico_module_entry',
		'... and exports one symbol');
}

# ---- behind a server --------------------------------------------------------

my $handlers = sub { handlers => [{ path => '*', module => $_[0] }] };
my $server = Portico::Server->new(
	applications => {
		'/' => { $handlers->('greeting-cpp') },
		'/morning' => { $handlers->('greeting-cpp'),
			'greeting-cpp' =>
				{ greeting => 'Good morning', longest => 8 } },
		'/w' => { $handlers->('wrappers'),
			wrappers => { count => 3, list => ['one'] } },
	},
	allow => [qr/exception in/, qr/\b4004\b|did not return PENDING/],
);
for my $module ("$there/greeting-cpp.so", $wrappers) {
	my ($name) = $module =~ m{([^/]+)$};
	copy($module, $server->directory . "/modules/$name") or die $!;
	chmod 0755, $server->directory . "/modules/$name";
}
$server->start;
sub get
{
	my ($target, @more) = @_;

	my $response = Portico::Http->connect($server->port)
		->request('GET', $target, @more);
	return wantarray ? ($response->{status}, $response->{body})
		: "$response->{status} $response->{body}";
}

is(get('/?name=Ada'), "200 Hello, Ada.  You are number 1.\n",
	'the example greets');
is(get('/?name=Bob&wait=1'), "200 Hello, Bob.  You are number 2.\n",
	'... after a while if asked to');
is(get('/morning'), "200 Good morning, stranger.  You are number 1.\n",
	'... each application as it is configured');
like(get('/morning?name=Charlotte'), qr/^400 .*too long/s,
	'... refuses a name with a reason');
my $mark = $server->log_position;
is((get('/?name='))[0], 500, '... an exception is 500');
like($server->await_log(qr/exception/, 10, $mark),
	qr/exception in an event or handler: somebody .*=greeting-cpp/,
	'... and a line in the log');

# ---- all wrappers -----------------------------------------------------------

is(get('/w/x%20y?do=texts', fields => ['Cookie: a=b', 'X-T: 1']),
	'201 GET /w/x y /x y b none X-T=1 ada', 'texts, fields, cookies, user')
	or diag(get('/w/x?do=texts'));
is(get('/w?do=settings'), '200 1 3 1024 1000000000 green one none',
	'settings of every kind');
is(get('/w?do=events'), '200 2', 'events, and the state of a request');
is((get("/w?do=$_"))[0], 500, "$_ is 500")
	for qw(throw throw-int throw-inside bad-field throw-begin
		throw-check throw-suspended);
is(get('/w?do=offload'), '200 worked elsewhere', 'work on another thread');
is(get('/w?do=offload-throw'), '200 ', '... that throws is in the log alone');
my ($status, $body) = get('/w?do=error');
is($status, 403, 'an error page');
like($body, qr/403\.7.*Not you\./s, '... says why');
is(get('/w?do=ticks'), '200 123', 'a timer that starts itself again');
is(get('/w?do=thread'), '200 from a thread', 'a token completed by a thread');
is(get('/w?do=dropped'), '200 nobody completed it',
	'a token that is dropped completes');
is(get('/w?do=watch'), '200 events 1', 'a watch');
is(get('/w?do=file'), '200 ELF', 'a file');
is(get('/w?do=left'), '200 ', 'what is left running ends with the request');
$body = 'abc' x 100_000;
my $http = Portico::Http->connect($server->port);
my $response = $http->request('POST', '/w?do=echo', body => $body);
ok($response->{body} eq $body, 'a body is read as it comes');
ok((get('/w?do=much'))[1] eq 'x' x (8 << 20),
	'a long response waits for room');
$response = $http->request('GET', '/w?do=dropped&filter=yes');
is("$response->{header}{'x-filtered'} $response->{body}",
	'yes NOBODY COMPLETED IT', 'a filter');
my $cut = eval { Portico::Http->connect($server->port)
	->request('GET', '/w?do=dropped&filter=throw') };
ok(!$cut || $cut->{status} == 500 || !defined $cut->{body},
	'... that throws gives no response as if it were whole')
	or diag(explain($cut));

# ---- a client that leaves ---------------------------------------------------

my $leaver = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
	PeerPort => $server->port) or die $!;
$mark = $server->log_position;
print $leaver "GET /w?do=wait HTTP/1.1\r\nHost: x\r\n\r\n";
$leaver->flush;
ok(await_condition(10, sub { get('/w?do=alive') =~ /^200 2 0$/ }),
	'a request waits');
setsockopt $leaver, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
close $leaver;
ok($server->await_log(qr/on_abort: told of an abort: 1\b/, 10, $mark),
	'its module hears that the client has left, and why');
ok(await_condition(10, sub { get('/w?do=alive') =~ /^200 1 \d+$/ }),
	'... and all that hung on it is destroyed');
unlike(substr($server->log, $mark), qr/4001|exception in a (?:resume|timer)/,
	'... without a word about what nobody waits for');
$server->stop;
done_testing();
