# SPDX-License-Identifier: Apache-2.0
#
# Events that one module raises and others subscribe to.

use strict;
use warnings;
use Portico::Http;
use Portico::Server;
use Test::More;

my $handlers = [{ path => '*', module => 'custom-first' }];
my $server = Portico::Server->new(
	applications => {
		'/' => { modules => ['custom-second', 'custom-first'],
			handlers => $handlers },
		'/turned' => { modules => ['custom-first', 'custom-second'],
			handlers => $handlers },
		'/alone' => { handlers => $handlers },
	},
	allow => [qr/P4006/, qr/P4010/],
)->start;
my $http = Portico::Http->connect($server->port);

sub raised_is
{
	my ($path, $event, $wanted, $name) = @_;

	is($http->request('GET', "$path?event=$event")->{body}, "$wanted ",
		$name);
}

for my $path ('/', '/turned') {
	raised_is($path, 'test.sold', 'first second verdict 0',
		"before the other ($path)");
	raised_is($path, 'test.other', 'second first verdict 0',
		"after it on another name ($path)");
}
raised_is('/alone', 'test.sold', 'first verdict 0',
	'only modules of the application');
raised_is('/', 'test.none', 'verdict 0', 'nobody');
raised_is('/', 'test.sol', 'verdict 0', '... nor by half a name');
raised_is('/', 'test.stop', 'second verdict 1', 'DONE ends it');
raised_is('/', 'test.fail', 'second verdict 3', 'ERROR ends it');
raised_is('/', 'test.nested', 'same first second  verdict 0',
	'an event within an event');
raised_is('/', 'test.deep', ('deeper ' x 8) . 'verdict 3', 'eight deep');
like($server->await_log(qr/P4010/), qr/module=custom-first/,
	'... and no deeper, which is told');
raised_is('/', 'test.wait', 'verdict 3', 'nobody can wait there');
like($server->await_log(qr/P4006/), qr/module=custom-first/,
	'... which is told');

$server->stop;
done_testing();
