# SPDX-License-Identifier: Apache-2.0
#
# Conditions and ranges (RFC 9110 sections 13 and 14): the cache answers them as
# the static module does, which is asked around it by "Translate: f".

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $server = Portico::Server->new(
	applications => { '/' => { modules => ['static'] } })->start;
my $connection = $server->connect;
my $text = join '', 'a' .. 'z';
my $date = 'Wed, 21 Oct 2015 07:28:00 GMT';
my $earlier = 'Wed, 21 Oct 2015 07:27:59 GMT';
my $later = 'Wed, 21 Oct 2015 07:28:01 GMT';
my %content = ('/text.txt' => $text, '/empty.txt' => '');

for my $name (keys %content) {
	open my $file, '>', $server->root . $name or die $!;
	print {$file} $content{$name};
	close $file or die $!;
	utime 1445412480, 1445412480, $server->root . $name or die $!;
}

sub ask
{
	my ($method, $target, @fields) = @_;
	return $connection->request($method, $target, fields => \@fields);
}

sub is_hit { return defined $_[0]{header}{age} }

for my $name (keys %content) {
	ok(await_condition(seconds(10), sub { is_hit(ask('GET', $name)) }),
		"$name is kept");
}

# All that a client sees and that is not of one answer alone.
sub seen
{
	my ($response) = @_;
	my $body = $response->{body};
	my %fields = map { $_ => $response->{header}{$_} } qw(content-length
		content-range content-type etag last-modified accept-ranges);

	if (defined $fields{'content-type'}
			&& $fields{'content-type'} =~ s/(boundary=)(\S+)/$1/) {
		$body =~ s/\Q$2\E//g;
	}
	$body =~ s/Request \w+//;
	return { %fields, body => $body, status => $response->{status} };
}

my $etag = ask('GET', '/text.txt')->{header}{etag};
my $same = "If-None-Match: $etag";
my $part = 'Range: bytes=0-1';

# Fields, the status, whether the cache answers (or leaves it to the module).
my @cases = (
	[[], 200, 1],
	# Which version the client has.
	[['If-None-Match: *'], 304, 1], [[$same], 304, 1],
	[["If-None-Match: W/$etag"], 304, 1],
	[["If-None-Match: \"a,b\", $etag"], 304, 1],
	[["If-None-Match: \"a\\\", $etag"], 304, 1],
	[["If-None-Match: ,, $etag ,"], 304, 1],
	[['If-None-Match: "a"', $same], 304, 1],
	[['If-None-Match: "a"'], 200, 1], [['If-None-Match: "a", *'], 200, 1],
	[['If-None-Match:'], 200, 1], [['If-None-Match: "'], 200, 1],
	[["If-None-Match: w/$etag"], 200, 1],
	[['If-None-Match: "a"', "If-Modified-Since: $date"], 200, 1],
	[["If-Modified-Since: $date"], 304, 1],
	[["If-Modified-Since: $later"], 304, 1],
	[['If-Modified-Since: Wednesday, 21-Oct-15 07:28:00 GMT'], 304, 1],
	[['If-Modified-Since: Wed Oct 21 07:28:00 2015'], 304, 1],
	[["If-Modified-Since: $earlier"], 200, 1],
	[['If-Modified-Since: yesterday'], 200, 1],
	# What a cache has no part in.
	[["If-Match: $etag"], 200, 0], [['If-Match: "a"'], 412, 0],
	[["If-Match: W/$etag"], 412, 0], [['If-Match: *'], 200, 0],
	[["If-Unmodified-Since: $date"], 200, 0],
	[["If-Unmodified-Since: $earlier"], 412, 0],
	# A part of it.
	[[$part], 206, 1], [['Range: bytes=25-'], 206, 1],
	[['Range: bytes=25-99'], 206, 1], [['Range: bytes=-26'], 206, 1],
	[['Range: bytes=-99'], 206, 1], [['Range: bytes=00-01'], 206, 1],
	[['Range: BYTES=0-1'], 206, 1],
	[['Range: bytes=0-99999999999999999999'], 206, 0],
	[['Range: bytes=,0-1,'], 206, 0], [['Range: bytes=99-,0-1'], 206, 0],
	[['Range: bytes=0-1,4-5'], 206, 0], [['Range: bytes=0-4,3-9'], 200, 0],
	[['Range: bytes=26-'], 416, 0], [['Range: bytes=-0'], 416, 0],
	[['Range: bytes=99999999999999999999-'], 416, 0],
	[['Range: lines=0-1'], 200, 1], [['Range: bytes =0-1'], 200, 1],
	[['Range: bytes=0 - 1'], 200, 0], [['Range: bytes=5-4'], 200, 0],
	[['Range: bytes=0-1x'], 200, 0], [['Range: bytes=+0-1'], 200, 0],
	[['Range: bytes=-'], 200, 0], [['Range: bytes'], 200, 0],
	# ... of the version that it knows.
	[[$part, "If-Range: $etag"], 206, 1],
	[[$part, "If-Range: W/$etag"], 200, 1],
	[[$part, 'If-Range: "a"'], 200, 1], [[$part, 'If-Range: *'], 200, 1],
	[[$part, "If-Range: $date"], 206, 1],
	[[$part, "If-Range: $later"], 200, 1],
	[[$part, "If-Range: $earlier"], 200, 1],
	[["If-Range: $etag"], 200, 1], [[$part, $same], 304, 1],
	[[$part, 'If-None-Match: "a"'], 206, 1],
	[[$part, "If-Match: $etag"], 206, 0],
);

for my $case (@cases) {
	my ($fields, $status, $by_cache) = @$case;
	my $what = join(' + ', @$fields) || 'nothing';
	my $kept = ask('GET', '/text.txt', @$fields);
	my $made = ask('GET', '/text.txt', @$fields, 'Translate: f');

	is($kept->{status}, $status, "$what: $status");
	is(is_hit($kept) ? 1 : 0, $by_cache,
		$by_cache ? '... from the cache' : '... from the module');
	is_deeply(seen($kept), seen($made), '... as without the cache');
	next if grep { /^Range|^If-Match/ } @$fields;
	$kept = ask('HEAD', '/text.txt', @$fields);
	is_deeply([@$kept{qw(status body)}], [$status, ''], '... and for HEAD');
}
is(ask('HEAD', '/text.txt', $part)->{status}, 200,
	'HEAD has no ranges (RFC 9110 section 14.2)');
for my $case ([$part, 416], ['Range: bytes=-1', 200], ['Range: bytes=-0', 416],
		['If-None-Match: *', 304]) {
	my ($field, $status) = @$case;
	my $kept = ask('GET', '/empty.txt', $field);
	my $made = ask('GET', '/empty.txt', $field, 'Translate: f');

	is($kept->{status}, $status, "an empty file, $field: $status");
	is_deeply(seen($kept), seen($made), '... as without the cache');
}

$server->stop;
done_testing;
