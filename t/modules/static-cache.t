# SPDX-License-Identifier: Apache-2.0
#
# Files that the listener keeps: which are, and that a change is served at once,
# however the file was changed.  What is answered from the cache has an Age.

use strict;
use warnings;
use File::Path qw(make_path);
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;
use Time::HiRes qw(time);

# Nothing below is seen because the worker looked again by itself.
my %slow = (revalidate => '1h', listenerCacheTime => '1h');
my $server = Portico::Server->new(
	pools => { main => { threads => 2 } },
	applications => {
		'/' => { handlers => [{ path => '*', module => 'static' }],
			static => { %slow, cacheControl => 'max-age=3600' } },
		'/never' => { handlers => [{ path => '*', module => 'static' }],
			static => { %slow, listenerCache => JSON::PP::false } },
		'/looks' => { handlers => [{ path => '*', module => 'static' }],
			static => { %slow, revalidate => '0s' } },
	},
);
my $root = $server->root;

sub put_file
{
	my ($name, $content) = @_;
	open my $file, '>:raw', "$root/$name" or die "$name: $!";
	print $file $content;
	close $file or die $!;
}

make_path("$root/a/b/c", "$root/new/b/c", "$root/rest");
put_file('small.txt', 'small');
put_file('middle.bin', 'm' x 100_000);
put_file('large.bin', 'l' x 300_000);
put_file('twice.txt', 'twice');
link "$root/twice.txt", "$root/rest/other-name.txt";
symlink 'small.txt', "$root/link.txt";
symlink 'rest', "$root/way";
put_file('rest/plain.txt', 'plain');
put_file('a/index.html', 'first');
put_file('a/b/c/deep.txt', 'deep');
put_file('new/b/c/deep.txt', 'another');
$server->start;
my $connection = $server->connect;

sub get { return $connection->request('GET', @_) }

# Asks until it is answered from the cache.
sub await_kept
{
	my ($target, $time) = @_;
	return await_condition($time // seconds(5), sub {
		return defined get($target)->{header}{age};
	});
}

# ---- which ------------------------------------------------------------------

ok(await_kept($_), "$_ is kept") for '/small.txt', '/middle.bin', '/a/';
is(get('/small.txt')->{body}, 'small', 'what it is');
is(get('/middle.bin')->{body}, 'm' x 100_000, 'a file that is sent as one');
is(get('/a/')->{body}, 'first', 'a default document');
is(get('/small.txt', fields => ['Range: bytes=1-2'])->{body}, 'ma', 'a part');
my $etag = get('/small.txt')->{header}{etag};
is(get('/small.txt', fields => ["If-None-Match: $etag"])->{status}, 304,
	'not modified');
# So many that each could be: none is.
for my $target ('/large.bin', '/small.txt?q', '/never/small.txt',
	'/looks/small.txt', '/link.txt', '/twice.txt', '/way/plain.txt',
	'/none.txt', '/a') {
	my $from_cache = grep { defined $_->{header}{age} }
		map { get($target) } 1 .. 20;
	is($from_cache, 0, "$target is not");
}

# ---- changes ----------------------------------------------------------------

my @times;

# Changes what is kept; then the new one has to come, and is kept in turn.
sub changes
{
	my ($what, $target, $change, $expected) = @_;
	ok(await_kept($target), "$what: it is kept");
	$change->();
	my $begun = time;
	my $seen = await_condition(seconds(5), sub {
		my $answer = get($target);
		return "$answer->{status} $answer->{body}" =~ /^\Q$expected\E/;
	});
	push @times, time - $begun;
	ok($seen, "$what: the new one is served");
}

for my $round (1 .. 10) {
	changes("written over, $round", '/small.txt',
		sub { put_file('small.txt', "round $round") },
		"200 round $round");
}
changes('replaced', '/small.txt', sub {
	put_file('small.tmp', 'replaced');
	rename "$root/small.tmp", "$root/small.txt" or die $!;
}, '200 replaced');
changes('appended to', '/small.txt', sub {
	open my $file, '>>', "$root/small.txt" or die $!;
	print $file '!';
	close $file;
}, '200 replaced!');
changes('the same length', '/middle.bin',
	sub { put_file('middle.bin', 'M' x 100_000) }, '200 ' . 'M' x 100_000);
changes('default document', '/a/', sub { put_file('a/index.html', 'second') },
	'200 second');
changes('deleted', '/a/b/c/deep.txt', sub { unlink "$root/a/b/c/deep.txt" },
	'404 ');
put_file('a/b/c/deep.txt', 'back');
ok(await_condition(seconds(5), sub {
	get('/a/b/c/deep.txt')->{body} eq 'back' }), 'it is back');
changes('a directory above it replaced', '/a/b/c/deep.txt', sub {
	rename "$root/a", "$root/old" or die $!;
	rename "$root/new", "$root/a" or die $!;
}, '200 another');
changes('and changed there', '/a/b/c/deep.txt',
	sub { put_file('a/b/c/deep.txt', 'more') }, '200 more');
changes('renamed away', '/middle.bin', sub {
	rename "$root/middle.bin", "$root/elsewhere.bin" or die $!;
}, '404 ');

# The bound of 100 ms holds on a machine that has the time.
@times = sort { $a <=> $b } @times;
cmp_ok($times[@times / 2], '<', seconds(0.1), 'within 100 ms, as a rule');
note sprintf '%d changes: %.0f ms at best, %.0f ms in the middle, %.0f ms at '
	. 'most', scalar @times, map { $_ * 1000 } @times[0, @times / 2, -1];

$server->stop;
done_testing;
