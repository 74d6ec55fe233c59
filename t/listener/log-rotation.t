# SPDX-License-Identifier: Apache-2.0
#
# Logs go on in another file by day and by size, and when somebody has moved
# them: no line is lost, and none is there twice.

use strict;
use warnings;
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

my $server = Portico::Server->new(listener => { threads => 2, accessLog => {
	period => 'Daily', truncateSize => '64KiB', keepFiles => 3,
	fields => ['cs-uri-stem', 'cs(User-Agent)'] } });
my $directory = $server->directory . '/log';
mkdir $directory;
# One of yesterday, by an earlier process.
{
	open my $file, '>', "$directory/access.log" or die $!;
	print $file "#Fields: cs-uri-stem\n/status/0\n";
	close $file;
	utime time - 86400, time - 86400, "$directory/access.log";
	chmod 0777, $directory;
	chmod 0666, "$directory/access.log";
}
my $yesterday = do {
	my @t = gmtime(time - 86400);
	sprintf '%04d%02d%02d', $t[5] + 1900, $t[4] + 1, $t[3];
};
$server->start;

# Numbers of requests in these files, in their order.
sub numbers
{
	my @all;
	for my $path (@_) {
		open my $file, '<', $path or next;
		while (<$file>) {
			push @all, $1 if m{^/status/(\d+)};
		}
	}
	return @all;
}

sub files { return glob "$directory/access*.log" }

subtest 'by day' => sub {
	is($server->get('/status/1')->{status} > 0, 1, 'a request of today');
	$server->await_access_log(qr{/status/1});
	ok(-e "$directory/access-$yesterday.log",
		'the file of yesterday has its name');
	is_deeply([numbers("$directory/access-$yesterday.log")], [0],
		'and its lines');
	is_deeply([numbers("$directory/access.log")], [1],
		'the line of today is in another');
};

subtest 'by size' => sub {
	my $client = $server->connect;
	my $agent = 'x' x 1000;
	for my $n (2 .. 301) {
		$client->request('GET', "/status/$n",
			fields => ["User-Agent: $agent"]);
	}
	my @all;
	ok(await_condition(seconds(10), sub {
		@all = sort { $a <=> $b } numbers(files());
		return @all && $all[-1] == 301;
	}), 'requests of 300 KiB of lines');
	my @older = grep { !m{/access\.log$} } files();
	is(scalar @older, 3, 'so many older files are kept as is said');
	for my $path (files()) {
		cmp_ok(-s $path, '<=', 64 * 1024 + 1024, 'none is too large');
		open my $file, '<', $path or die $!;
		my @head = map { scalar <$file> } 1 .. 4;
		like("@head", qr/#Software.*#Fields: cs-uri-stem/s,
			'each begins with its fields');
	}
	my %seen;
	$seen{$_}++ for @all;
	is(scalar(grep { $_ > 1 } values %seen), 0, 'no line is there twice');
	# The oldest files are gone; what is left has no gap.
	is_deeply(\@all, [$all[0] .. 301], 'and no line is missing');
};

subtest 'moved by somebody else' => sub {
	rename "$directory/access.log", "$directory/moved.log" or die $!;
	$server->get('/status/400');
	ok(await_condition(seconds(5), sub {
		grep { $_ == 400 } numbers("$directory/moved.log") }),
		'lines follow the file that is open');
	my ($status, $out) = $server->command('log', 'reopen');
	is($status, 0, 'portico log reopen');
	like($out, qr{access log +written .*/access\.log}, 'says which');
	$server->get('/status/401');
	ok(await_condition(seconds(5), sub {
		grep { $_ == 401 } numbers("$directory/access.log") }),
		'a new file has the next line');
	is_deeply([grep { $_ == 401 } numbers("$directory/moved.log")], [],
		'the old one has not');
};

$server->stop;
done_testing;
