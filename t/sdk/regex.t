# SPDX-License-Identifier: Apache-2.0
#
# Regular expressions of settings and of modules: captures, flags, and texts
# that are made to take for ever.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Test::More;
use Time::HiRes qw(time);

my $server = Portico::Server->new(
	applications => { '/' => { modules => ['regex'], handlers =>
		[{ path => '*', module => 'regex' }] } },
)->start;
my $http = Portico::Http->connect($server->port);

sub encode { return join '', map { sprintf '%%%02x', $_ } unpack 'C*', $_[0] }

sub gives
{
	my ($text, $wanted, $name, %more) = @_;
	my $query = join '&', map { "$_=" . encode($more{$_}) } sort keys %more;

	is($http->request('GET', '/?text=' . encode($text) . "&$query")
		->{body}, $wanted, $name);
}

gives('/shop/a/b', '0 3 0|/shop/a/b|shop|a/b', 'a setting, with captures');
gives('/shop', '0 3 0|/shop|shop|NULL', 'brackets that take no part');
gives('shop', '-3 0 0', 'no match');
gives('/shop/a', '0 3 2|/shop/a|shop|a', 'by name', group => 'rest');
gives('/shop/a', '0 3 0|/shop/a|shop|a', 'by none', group => 'other');
gives('/shop/a', '0 2 0|/shop/a|shop', 'as many as there is room for',
	capacity => 2);
gives('/shop/a', '0 0 0', 'none at all', capacity => 0);
gives("/\xff", '-3 0 0', 'no UTF-8');
gives('', '0 1 0|', 'an empty text', pattern => '^$');
gives('xxABCyy', '0 1 0|ABC', 'a part', pattern => 'abc', flags => 1);
gives('xxABCyy', '-3 0 0', 'all of it', pattern => 'abc', flags => 3);
gives('ABC', '0 1 0|ABC', '... in any case', pattern => 'abc', flags => 3);
gives("\xc3\xa4b", "0 2 0|\xc3\xa4|\xc3\xa4", 'characters, not bytes',
	pattern => '^(.)');
gives('abcdefghijklmnopqrst', '0 21 0|'
	. join('|', 'abcdefghijklmnopqrst', 'a' .. 't'), 'twenty pairs',
	pattern => '(.)' x 20);
gives('x', 'regular expression "a(b": missing closing parenthesis, at byte 4',
	'not one', pattern => 'a(b');
my $begun = time;
gives('a' x 60 . 'b', '-5 0 0', 'one that explodes', pattern =>
	'^(?:a+)+(?:a+)+(?:a+)+$');
cmp_ok(time - $begun, '<', 5, '... ends in time');
gives('a', '0 1 0|a', '... and the next one is as ever', pattern => 'a');
$server->stop;
done_testing();
