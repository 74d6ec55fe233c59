# SPDX-License-Identifier: Apache-2.0
#
# Query parameters and cookies as a module sees them, and cookies that it sets.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Test::More;

my $server = Portico::Server->new(
	applications => { '/' => {
		modules => ['parameters'],
		handlers => [
			map { { path => "/$_", module => 'parameters',
				handler => $_ } } qw(query cookies set),
		],
	} },
)->start;
my $http = Portico::Http->connect($server->port);

sub body { return $http->request('GET', @_)->{body} }

# ---- query -------------------------------------------------------------------

sub query_is
{
	my ($query, $wanted, $name) = @_;

	is(body("/query$query"), $wanted, $name);
}

query_is('', "each 0 get -3 q=untouched\n", 'no query, no parameters');
query_is('?', "each 0 get -3 q=untouched\n", '... nor in an empty one');
query_is('?a=1&q=2&q=3', "a=1\nq=2\nq=3\neach 0 get 0 q=2\n",
	'parameters in order, the first of a name is got');
query_is('?&&a&=b&q=&', "a=\n=b\nq=\neach 0 get 0 q=\n",
	'empty pieces, names and values');
query_is('?q=a=b', "q=a=b\neach 0 get 0 q=a=b\n", 'the first = parts');
query_is('?%71=a+b%20c%2Bd%26e%3Df', "q=a b c+d&e=f\neach 0 get 0 q=a b c+d&e=f\n",
	'names and values are decoded once');
query_is('?q=%2525', "q=%25\neach 0 get 0 q=%25\n", '... and not twice');
query_is('?q=%&a=%4&b=%zz&c=100%25', "q=%\na=%4\nb=%zz\nc=100%\n"
	. "each 0 get 0 q=%\n", 'what is no escape stays');
query_is('?q=%00%ff%0a', "q=\\x00\\xff\\x0a\neach 0 get 0 q=\\x00\\xff\\x0a\n",
	'any byte');
query_is('?Q=1', "Q=1\neach 0 get -3 q=untouched\n", 'names have case');
query_is('?a=1&stop&b=2', "a=1\nstop=\neach 0 get -3 q=untouched\n",
	'a walk can be ended');
query_is('?' . join('&', ('stop') x 1000),
	"stop=\neach 0 get -3 q=untouched\n", '1,000 parameters');
query_is('?' . join('&', ('stop') x 1001),
	"each -5 get -5 q=untouched\n", '... and no more');

# ---- cookies of the request ------------------------------------------------------

sub cookies { return body('/cookies', fields => [map { "Cookie: $_" } @_]) }

is(cookies(), "absent=untouched\n", 'no cookies');
is(cookies('a=1; q=2;q=3'), "a=1\nq=2\nq=3\nfound=2\n", 'cookies in order');
is(cookies('a=1', 'q="x y"; b==c='), "a=1\nq=\"x y\"\nb==c=\nfound=\"x y\"\n",
	'of several fields, quotes and = stay');
is(cookies(' ; none; =x;q = % ;'), "q=%\nfound=%\n",
	'pieces without = or name are none, blanks are cut off');
is(cookies('stop=1; q=2'), "stop=1\nfound=2\n", 'a walk can be ended');
is(cookies('Q=1'), "Q=1\nabsent=untouched\n", 'names have case');

# ---- cookies of the response -----------------------------------------------------

sub set_is
{
	my ($query, $wanted, $name) = @_;
	my $response = $http->request('GET', "/set?$query");
	my ($cookie) = map { $_->[1] } grep { lc $_->[0] eq 'set-cookie' }
		@{ $response->{fields} };

	is($cookie // $response->{body}, $wanted, $name);
}

set_is('name=a&value=b', 'a=b', 'a cookie');
set_is('name=a', 'a=', 'an empty one');
set_is('name=a&value=%22b%22', 'a="b"', 'quotes around a value');
set_is('name=a&value=b&path=/x%20y&domain=example.org&age=60&secure&hidden'
	. '&site=1', 'a=b; Domain=example.org; Path=/x y; Max-Age=60; Secure; '
	. 'HttpOnly; SameSite=Lax', 'attributes');
set_is('name=a&age=-1&site=2', 'a=; Max-Age=0; Expires=Thu, 01 Jan 1970 '
	. '00:00:00 GMT; SameSite=Strict', 'to be removed');
set_is('name=a&age=9223372036854775807', 'a=; Max-Age=9223372036854775807',
	'as long as can be');
set_is('name=__Host-a&path=/&secure&site=3&partitioned',
	'__Host-a=; Path=/; Secure; SameSite=None; Partitioned', 'of a host');

set_is($_->[0], -2, "refused: $_->[1]") for
	['value=b', 'no name'],
	['name=a%20b', 'a name with a blank'],
	['name=a%3Db', 'a name with ='],
	['name=a%0D%0AX:y', 'a name with a line end'],
	['name=a&value=b;%20Domain=evil', 'a value with ;'],
	['name=a&value=b,c', 'a value with ,'],
	['name=a&value=b%20c', 'a value with a blank'],
	['name=a&value=b%5Cc', 'a value with a backslash'],
	['name=a&value=b%22c', 'a value with a quote'],
	['name=a&value=%22', 'a value that is one quote'],
	['name=a&value=b%0D%0AX-Evil:+1', 'a value with a line end'],
	['name=a&value=b%00', 'a value with NUL'],
	['name=a&value=%C3%A4', 'a value beyond ASCII'],
	['name=a&path=x', 'a path without /'],
	['name=a&path=/;x', 'a path with ;'],
	['name=a&path=/x%0D%0AX:y', 'a path with a line end'],
	['name=a&path=/x%20', 'a path that ends with a blank'],
	['name=a&domain=a..b', 'a domain with an empty label'],
	['name=a&domain=a;b', 'a domain with ;'],
	['name=a&domain=.', 'a domain of a dot'],
	['name=a&domain=a.', 'a domain that ends with a dot'],
	['name=a&age=-2', 'an age below -1'],
	['name=a&site=4', 'a SameSite that is none'],
	['name=a&site=3', 'SameSite=None without Secure'],
	['name=a&partitioned', 'Partitioned without Secure'],
	['name=__secure-a', '__Secure- without Secure'],
	['name=__Host-a&path=/', '__Host- without Secure'],
	['name=__Host-a&path=/a&secure', '__Host- below a path'],
	['name=__Host-a&path=/&secure&domain=a', '__Host- with a domain'];
set_is('name=a&value=' . 'b' x 4095, 'a=' . 'b' x 4095, 'as large as can be');
set_is('name=a&value=' . 'b' x 4096, -5, '... and larger');
set_is('name=a&path=/' . 'b' x 1024, -5, 'a path that is too long');

$server->stop;
done_testing();
