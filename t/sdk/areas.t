# SPDX-License-Identifier: Apache-2.0
#
# The SDK area by area, as t/sdk/modules/areas.c uses it inside a whole
# server: user and handler of a request, worker and applications, response
# fields and lent memory, watches, timers, libuv, files.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Portico::Wait qw(await_file);
use Test::More;

my $server = Portico::Server->new(
	pools => { main => { threads => 2 } },
	applications => { map { $_ => {
		modules => ['areas'],
		handlers => [{ path => '*', module => 'areas' }],
	} } '/', '/deep/er' },
);
open my $file, '>', $server->root . '/file.txt' or die $!;
print $file "abcd0123\n\nefgh\n";
close $file;
$server->start;

my $http = Portico::Http->connect($server->port);

sub get
{
	my ($handler, $path, @fields) = @_;

	return $http->request('GET', $path // '/',
		fields => ["X-Handler: $handler", @fields]);
}

is(get('user', '/who', 'X-User: Zoë')->{body}, 'Zoë',
	'a module names the user');
is(get('user')->{body}, '', '... or nobody');
is(get('ghost')->{status}, 400, 'a handler that is not there is no handler');
is(get('areas/user', '/', 'X-User: x')->{body}, 'x',
	'a handler can be named with its module');

my $root = $server->root;
is(get('worker')->{body}, <<"END", 'worker and application');
pool main
loops 2
loop below loops 1
zeroed 1
path /
site main
root $root
state /
END
like(get('worker', '/deep/er/x')->{body},
	qr{^path /deep/er\nsite main\n.*^state /deep/er$}ms,
	'... each application has its own state');

my $response = get('response');
is("$response->{status} $response->{body}",
	"203 sent 0\nabsent 1\nstatus 203\nfield first\n",
	'fields are seen as set, lent memory is sent');
is_deeply([map { $_->[1] } grep { lc $_->[0] eq 'x-many' }
	@{ $response->{fields} }], ['first', 'second'],
	'an added field does not replace one');
ok(!grep({ lc $_->[0] eq 'x-bad' } @{ $response->{fields} }),
	'a field with a line end is refused');

$response = get('late');
is($response->{status}, 200, 'the status that left is final');
is($response->{body}, "early\nsent 1\nfield -15\nstatus -15\n",
	'after the head has left, status and fields are refused');

is(get('watch')->{body}, "read pipe\nfired 1\n",
	'a watch fires, a stopped timer does not');
is(get('loop')->{body}, "libuv\n", "a module's own libuv handle works");

$response = get('file');
is($response->{body}, "outside -11\nsame 1\n0123\n\nafter\n",
	'a part of a file goes out between written bytes');

# The values of cs-username in the access log so far.
sub users
{
	my ($column, @users);

	open my $in, '<', $server->access_log or return [];
	while (my $line = <$in>) {
		my @words = split ' ', $line;
		if ($line =~ /^#Fields:/) {
			($column) = grep { $words[$_ + 1] eq 'cs-username' }
				0 .. $#words - 1;
		} elsif ($line !~ /^#/ && defined $column) {
			push @users, $words[$column];
		}
	}
	return \@users;
}

await_file($server->access_log, 10, sub { @{ users() } >= 10 });
my @users = @{ users() };
like($users[0], qr/^Zo/, 'the access log names the user');
is_deeply([@users[1 .. 3]], ['-', '-', 'x'], '... of each request');

$server->stop;
done_testing();
