# SPDX-License-Identifier: Apache-2.0
#
# portico module run: serves with one module and a directory of files, takes a
# new file when it is written, keeps the former one when it is not fit, and
# ends on Ctrl-C without leaving a process or a file.

use strict;
use warnings;
use File::Copy qw(copy);
use File::Temp ();
use JSON::PP;
use POSIX ();
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit await_readable process_is_alive
	seconds);
use Test::More;

my $build = Portico::Server::build_directory();
my $directory = File::Temp->newdir('portico-run-XXXXXXXX', TMPDIR => 1);
mkdir "$directory/$_" for qw(www tmp modules);
chmod 0755, $directory, map { "$directory/$_" } qw(www modules);
open my $page, '>', "$directory/www/page.txt" or die $!;
print $page "a file\n";
close $page;
Portico::Server::open_copy("$build/modules/static/.libs/static.so",
	"$directory/modules/static.so");

# The module's file is where only its author may look, as a home directory.
mkdir "$directory/home", 0700;
my $file = "$directory/home/mine.so";

sub put
{
	my ($name, $how) = @_;
	my $from = "$build/t/sdk/modules/.libs/$name.so";

	$from = "$build/sdk/examples/$name/.libs/$name.so" if !-e $from;
	if ($how eq 'rename') {
		copy($from, "$file.new") or die $!;
		rename "$file.new", $file or die $!;
	} else {
		copy($from, $file) or die "$from: $!"; # over it, in place
	}
}

my ($pid, $output, $errors);

sub run
{
	my (@options) = @_;

	$errors = File::Temp->new;
	pipe $output, my $writer or die $!;
	$pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDOUT, '>&', $writer;
		open STDERR, '>&', $errors;
		@ENV{qw(PORTICO_LIBEXEC_DIR PORTICO_MODULE_DIR TMPDIR)} =
			(Portico::Server::program_directory(),
			"$directory/modules", "$directory/tmp");
		my $program = Portico::Server::program('portico');
		exec { $program } $program, 'module', 'run', @options
			or POSIX::_exit(127);
	}
	close $writer;
}

# The next line of its output.
sub line
{
	my $line = '';

	while ($line !~ /\n/) {
		await_readable(seconds(30), $output) or return $line;
		sysread $output, $line, 1, length $line or return $line;
	}
	return $line;
}

sub event { return eval { decode_json(line()) } // {} }

sub errors
{
	local $/;
	seek $errors, 0, 0;
	return scalar(<$errors>) // '';
}

sub end
{
	my ($signal) = @_;

	kill $signal, $pid;
	waitpid $pid, 0;
	return $?;
}

my $port;
sub get { return Portico::Http->connect($port)->request('GET', $_[0]) }

# tmp has to be open to the worker, who finds the module there.
chmod 0755, "$directory/tmp";
chmod 0711, "$directory/home" if $> == 0; # the check is not root's
put('hello', 'rename');
chmod 0755, $file;
run($file, '--root', "$directory/www", '--json');
my $event = event();
is($event->{event}, 'serving', 'it serves') or diag errors();
is($event->{module}, 'hello', 'with the module');
($port) = $event->{url} =~ m{^http://127\.0\.0\.1:(\d+)/$};
ok($port, 'at a free port that it tells');
is(get('/x')->{body}, "Hello, world\n", 'the module answers');
my ($status, $out) = Portico::Server::run(Portico::Server::program('portico'),
	'--socket', $event->{socket}, 'module', 'list', '--json');
my @rows = grep { $_->{name} eq 'hello' } @{ decode_json($out)->{modules} };
is($status, 0, 'the server can be asked as any other');
my $worker = $rows[0]{pid};

# A new file, written over the one that is loaded, as a careless build does.
my $was = (stat $file)[1];
put('hello', 'over');
is((stat $file)[1], $was, '(the file was written over)');
$event = event();
is($event->{event}, 'renewed', 'a changed file is taken');
ok(await_exit($worker, seconds(15)), 'the former worker ends');
is(get('/x')->{body}, "Hello, world\n", 'and another one answers');

# One that is no good.
put('two-symbols', 'rename');
is(event()->{event}, 'refused', 'a module that is not fit is refused');
is(get('/x')->{body}, "Hello, world\n", 'the former one goes on');
like(errors(), qr/exports two_symbols_helper/, 'it is said why');
put('echo', 'rename');
chmod 0755, $file;
my $refused = event();
is($refused->{event}, 'refused', 'nor is another module');
like($refused->{text}, qr/another name/, 'of which it is said why');

my $porticod = $event->{pid};
is(end('INT'), 0, 'Ctrl-C: exit status 0');
ok(!process_is_alive($porticod), 'porticod has ended');
is_deeply([glob "$directory/tmp/*"], [], 'its directory is gone');
unlike(errors(), qr/fatal|assert|Sanitizer|leak/i, 'nothing bad is said');

# A module without a handler: files are served, it sees them.
put('order-first', 'rename');
chmod 0755, $file;
run($file, '--root', "$directory/www");
my $line = line();
like($line, qr{^portico: .*--socket /}, 'where to ask about it');
$line = line();
like($line, qr{^portico: module order-first at http://127\.0\.0\.1:\d+/},
	'for people, in words') or diag errors();
($port) = $line =~ /:(\d+)/;
my $response = get('/page.txt');
is($response->{body}, "a file\n", 'files of --root are served');
is($response->{header}{'x-order'}, 'first', 'the module takes part');
is(end('TERM'), 0, 'SIGTERM ends it, too');
is_deeply([glob "$directory/tmp/*"], [], 'without a trace');

# If it is killed, the server must not stay.
run($file, '--json');
$event = event();
ok($event->{pid}, 'once more');
end('KILL');
ok(await_exit($event->{pid}, seconds(20)), 'killed: porticod ends as well');

for my $case (
	[['/nowhere.so'], 1, qr{/nowhere\.so}],
	[[$file, '--root', '/nowhere'], 1, qr{/nowhere}],
	[[$file, '--settings', '/nowhere.json'], 1, qr{/nowhere\.json}],
	[[$file, '--settings', $file], 1, qr{\Q$file\E:1:}],
	[[$file, '--port', 'x'], 2, qr/--port wants a number/],
	[[], 2, qr/Usage: portico module run FILE/],
) {
	my ($words, $wanted, $pattern) = @$case;
	run(@$words);
	waitpid $pid, 0;
	is($? >> 8, $wanted, "module run @$words: exit status $wanted");
	like(errors(), $pattern, 'and why');
}
done_testing;
