# SPDX-License-Identifier: Apache-2.0
#
# The cookbook's modules: each page that has a file (`NAME.c`:) is built as it
# is printed, is fit for use, and does what the page says.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Temp ();
use Portico::Server;
use Portico::Upstream;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $source = Portico::Server::source_directory();
my $directory = File::Temp->newdir('portico-cook-XXXXXXXX', TMPDIR => 1);
chmod 0755, "$directory";
my $compiler = $ENV{CC} || 'cc';

# The page's module as a file; its path.
sub build
{
	my ($name) = @_;
	local $/;

	open my $page, '<', "$source/docs/sdk/cookbook/$name.md" or die $!;
	my ($code) = <$page> =~ /^`\Q$name\E\.c`:\n\n((?:(?: {4}.*)?\n)+)/m;
	ok($code, "$name has a module") or return;
	$code =~ s/^ {4}//mg;
	open my $file, '>', "$directory/$name.c" or die $!;
	print $file $code;
	close $file or die $!;
	my ($status, $said, $errors) = Portico::Server::run(
		split(' ', $compiler), '-std=c11', '-Wall', '-Wextra',
		'-Werror', '-fPIC', '-shared', '-fvisibility=hidden',
		"-I$source/sdk/include", '-o', "$directory/$name.so",
		"$directory/$name.c");
	is($status, 0, '... that builds without a warning')
		or diag("$said$errors");
	chmod 0755, "$directory/$name.so";
	($status, $said) = Portico::Server::run(
		Portico::Server::program('portico-worker'), '--check-module',
		"$directory/$name.so");
	is($status, 0, '... and is fit for use') or diag($said);
	return "$directory/$name.so";
}

sub prepare
{
	my ($name, %options) = @_;
	my $file = build($name) or return;

	return Portico::Server->new(
		pools => { main => { threads => 1,
			environment => $options{environment} // {} } },
		modules => { $name => { file => $file } },
		applications => { '/' => {
			modules => [$name],
			handlers => [{ path => '*',
				module => $options{handler} // $name }],
			($options{settings} ? ($name => $options{settings}) : ()),
		} },
		allow => $options{allow} // [],
	);
}

sub serve
{
	my $server = prepare(@_) or return;

	return $server->start;
}

my $upstream = Portico::Upstream->new(sub {
	return [203, [], "asked for $_[0]{fields}{accept}"] });
my $server = serve('http-call', settings => { url => $upstream->url('/x') },
	allow => [qr/no answer: .*\[P0001\]/]);
my $response = $server->get('/');
is("$response->{status} $response->{body}", '203 asked for text/plain',
	'http-call answers with what the service said');
$upstream->stop;
is($server->get('/')->{status}, 502, '... or that it said nothing');
$server->stop;

sub write_file
{
	my ($path, $text) = @_;
	open my $file, '>', "$path.new" or die $!;
	print $file $text;
	close $file or die $!;
	chmod 0755, "$path.new";
	rename "$path.new", $path or die $!;
}

$server = prepare('body-filter', handler => 'static',
	settings => { from => 'aab', to => '<>' });
# Wherever the host cuts this into pieces, some are cut in two.
my %pages = ('a.txt' => 'no b', 'b.txt' => 'aab', 'c.txt' => 'aaab aabaab aa',
	'd.txt' => 'aabxaaaabaaabcaa' x 40_009, 'e.bin' => 'aab');
write_file($server->root . "/$_", $pages{$_}) for keys %pages;
$server->start;
for my $page (sort keys %pages) {
	my $wanted = $page =~ /bin/ ? 'aab' : $pages{$page} =~ s/aab/<>/gr;
	my $got = $server->get("/$page");
	ok($got->{status} == 200 && $got->{body} eq $wanted,
		"body-filter: $page");
	is(defined $got->{header}{etag} ? 'tag' : 'none',
		$page =~ /bin/ ? 'tag' : 'none', '... and its tag');
}
is($server->connect->request('GET', '/d.txt',
	fields => ['Range: bytes=0-2'])->{body}, 'aab', '... but no range');
$server->stop;

write_file("$directory/list", 'one');
$server = serve('background-job',
	environment => { LIST_FILE => "$directory/list" });
ok(await_condition(seconds(10), sub { $server->get('/')->{body} eq 'one' }),
	'background-job reads its list');
write_file("$directory/list", 'two');
ok(await_condition(seconds(10), sub { $server->get('/')->{body} eq 'two' }),
	'... again and again');
$server->stop;

write_file("$directory/backend", <<"END");
#!$^X
use strict;
use IO::Socket::INET;
my \$listener = IO::Socket::INET->new(Listen => 5, ReuseAddr => 1,
	LocalAddr => '127.0.0.1', LocalPort => \$ENV{PORT}) or die "\$!\\n";
while (my \$client = \$listener->accept) {
	my (undef, \$target) = split ' ', scalar <\$client>;
	while (my \$line = <\$client>) { last if \$line eq "\\r\\n" }
	exit 1 if \$target eq '/die';
	print \$client "HTTP/1.1 200 OK\\r\\nContent-Length: ",
		length \$target, "\\r\\nConnection: close\\r\\n\\r\\n\$target";
	close \$client;
}
END
$server = serve('child-process', allow => [qr/\[P4120\]/],
	environment => { BACKEND => "$directory/backend" });
ok(await_condition(seconds(10), sub {
	my $answer = $server->get('/a?b=c');
	return $answer->{status} == 200 && $answer->{body} eq '/a?b=c';
}), 'child-process passes requests to its backend');
is($server->get('/die')->{status}, 502, '... that may die');
ok(await_condition(seconds(10), sub { $server->get('/d')->{status} == 200 }),
	'... and is started again');
$server->stop;
done_testing();
