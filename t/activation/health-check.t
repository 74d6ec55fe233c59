# SPDX-License-Identifier: Apache-2.0
#
# healthCheck: a worker whose page fails too often is replaced, one whose page
# never worked does not make the server start workers for ever, and checking is
# no use of a worker that would keep it from its sleep.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition await_exit seconds);
use Test::More;

my @probe = (modules => ['probe'],
	handlers => [ { path => '*', module => 'probe' } ]);
my @static = (modules => ['static'],
	handlers => [ { path => '*', module => 'static' } ]);
my $server = Portico::Server->new(
	pools => {
		well => {}, hung => {},
		deaf => { shutdownTimeLimit => '1h' },
		file => { recycling => { unhealthyInterval => '1h' } },
		never => { rapidFailProtectionMaxCrashes => 2,
			recycling => { unhealthyInterval => '100ms' } },
		idle => { idleTimeout => '1s', pingInterval => '200ms' },
	},
	allow => [qr/\[P(?:4040|4132|5010|5013|5233|5002|5009)\]/],
);

sub check
{
	my ($path, %more) = @_;
	return (healthCheck => { path => $path, interval => '100ms',
		failures => 2, timeout => '20s', %more });
}
$server->{applications} = {
	'/well' => { pool => 'well', @probe, check('/count') },
	'/file' => { pool => 'file', @static, check('/page?x=1') },
	'/hung' => { pool => 'hung', @probe,
		check('/hold', timeout => '200ms', failures => 1) },
	'/deaf' => { pool => 'deaf', @probe,
		check('/sleep?ms=3600000', timeout => '200ms') },
	'/never' => { pool => 'never', @probe, check('/status?code=500&sub=0') },
	'/idle' => { pool => 'idle', @probe, check('/count') },
};
mkdir $server->root . '/file';

sub write_page
{
	open my $file, '>', $server->root . "/page" or die $!;
	print $file 'fine';
	close $file or die $!;
}
write_page();
$server->write_configuration;
$server->start;

sub show { return $server->command_json('pool', 'show', $_[0])->{pool} }

sub worker
{
	my ($pool) = @_;
	my ($worker) = grep { $_->{pool} eq $pool && $_->{state} eq 'running' }
		@{ $server->command_json('worker', 'list')->{workers} };
	return $worker->{pid} // 0;
}

# Of one that serves now.
sub serving { return $server->get_json("/$_[0]/count")->{pid} }

sub failed_checks
{
	my ($pid) = @_;
	return scalar(() = $server->log
		=~ /portico-worker\[$pid\]: health check: /g);
}

subtest 'one that is well' => sub {
	my $first = $server->get_json('/well/count');
	my ($now, $asked) = ($first, 0);
	ok(await_condition(seconds(10), sub {
		$asked++;
		$now = $server->get_json('/well/count');
		return $now->{requests} - $first->{requests} >= $asked + 5;
	}), 'is asked again and again') or diag(explain($now));
	is($now->{pid}, $first->{pid}, 'and stays');
	is(failed_checks($now->{pid}), 0, 'nothing is said');
	is(scalar(grep { $_->{target} // '' eq '/well/count' }
		$server->requests), 0, 'no client has a request');
};

subtest 'one that begins to fail' => sub {
	is($server->get('/file/page')->{status}, 200, 'it serves');
	my $old = worker('file');
	unlink $server->root . '/page' or die $!;
	ok(await_exit($old, seconds(10)), 'is replaced');
	cmp_ok(failed_checks($old), '>=', 2, 'after so many failures');
	like(($server->command('events'))[1],
		qr{is unhealthy: its health check /file/page\?x=1 of \S+ failed: status 404},
		'an event says why');
	is(show('file')->{crashes} // 0, 0, 'it has not crashed');
	my $new;
	ok(await_condition(seconds(10), sub { $new = worker('file') }),
		'another one is there');
	ok(await_condition(seconds(10), sub { failed_checks($new) >= 5 }),
		'which fails, too');
	is(worker('file'), $new, 'it stays for recycling.unhealthyInterval');
	write_page();
	is($server->get('/file/page')->{status}, 200, 'and serves');
};

subtest 'one that does not answer' => sub {
	ok(await_exit(serving('hung'), seconds(10)), 'is replaced');
	like($server->log, qr{health check /hung/hold of \S+ failed: no response within 0\.2 s},
		'the log says why');
	is($server->get('/hung/count')->{status}, 200, 'clients are served');
};

subtest 'one that does not even heed that it is aborted' => sub {
	my $old = serving('deaf');
	ok(await_condition(seconds(10), sub { serving('deaf') != $old }),
		'is replaced');
	cmp_ok(failed_checks($old), '>=', 2, 'after so many failures');
	ok(await_exit($old, seconds(20)),
		'... and does not stay for shutdownTimeLimit');
};

subtest 'one that never worked' => sub {
	is($server->get('/never/count')->{status}, 200, 'it serves');
	ok(await_condition(seconds(10),
		sub { show('never')->{state} eq 'disabled' }),
		'counts for rapid-fail protection') or diag(explain(show('never')));
	is($server->get('/never/count')->{status}, 503, 'the pool is disabled');
};

subtest 'one that nobody uses' => sub {
	ok(await_exit(serving('idle'), seconds(10)), 'is ended');
	is(show('idle')->{state}, 'started', 'as idleTimeout wants');
};

subtest 'a mistake' => sub {
	my $other = Portico::Server->new(pools => { main => {} },
		applications => { '/' => { @probe, healthCheck => 'page' } });
	$other->launch('--check');
	$other->await_end(20);
	like($other->log, qr/healthCheck.*found "page", expected a path/,
		'is told with its place');
	$other->remove;
};

$server->stop;
done_testing;
