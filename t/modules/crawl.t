# SPDX-License-Identifier: Apache-2.0
#
# Real input: every file of Debian's Python documentation, and thousands more
# of /usr/share/doc, fetched over 16 parallel keep-alive connections and
# compared byte for byte with the file.  What is protected: no byte of a real
# tree is lost, mixed up or mislabelled between disk and client.

use strict;
use warnings;
use File::Find ();
use IO::Handle;
use Portico::Http;
use Portico::Server;
use Test::More;

use constant CONNECTIONS => 16;
use constant FILES_MAX => 4000; # of a tree

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();

my %roots = (
	'/python' => '/usr/share/doc/python3.11/html',
	'/doc' => '/usr/share/doc',
);
-d $roots{'/python'}
	or BAIL_OUT('python3.11-doc is not installed; script/test installs it');

my $server = Portico::Server->new(
	listener => { threads => 2 },
	pools => { main => { threads => 2 } },
	applications => { map {
		$_ => { root => $roots{$_}, modules => ['static'],
			handlers => [{ path => '*', module => 'static' }],
			static => { dotFiles => JSON::PP::true } }
	} keys %roots },
)->start;

# Regular files that a path without symbolic links leads to.
sub files_of
{
	my ($root) = @_;
	my @files;

	File::Find::find({ no_chdir => 1, wanted => sub {
		push @files, substr $_, length $root
			if -f $_ && !-l $_ && -r _;
	} }, $root);
	@files = sort @files;
	splice @files, FILES_MAX if @files > FILES_MAX;
	return @files;
}

sub encode_path
{
	my ($path) = @_;
	$path =~ s{([^A-Za-z0-9/._~-])}{sprintf '%%%02X', ord $1}ge;
	return $path;
}

sub read_file
{
	my ($path) = @_;
	open my $file, '<:raw', $path or die "$path: $!";
	local $/;
	return scalar <$file> // '';
}

# One connection's share.  Returns (files, bytes, problems).
sub fetch_all
{
	my ($prefix, $root, @paths) = @_;
	my $connection = Portico::Http->connect($server->port);
	my ($count, $bytes, @problems) = (0, 0);

	for my $path (@paths) {
		my $response = eval {
			$connection->request('GET', $prefix . encode_path($path));
		};
		if (!$response) {
			push @problems, "$path: no response: " . ($@ || 'closed');
			$connection = Portico::Http->connect($server->port);
			next;
		}
		my $expected = read_file("$root$path");
		push @problems, "$path: status $response->{status}"
			if $response->{status} != 200;
		push @problems, "$path: body differs"
			if $response->{body} ne $expected;
		push @problems, "$path: no ETag"
			unless $response->{header}{etag};
		$count++;
		$bytes += length $response->{body};
	}
	return ($count, $bytes, @problems);
}

# Children report a line of counts and one a problem through a pipe.
sub crawl
{
	my ($prefix) = @_;
	my $root = $roots{$prefix};
	my @paths = files_of($root);
	my (@readers, @pids);

	for my $number (0 .. CONNECTIONS - 1) {
		pipe my $reader, my $writer or die "pipe: $!";
		my $pid = fork // die "fork: $!";
		if ($pid == 0) {
			close $reader;
			my ($count, $bytes, @problems) = fetch_all($prefix, $root,
				@paths[grep { $_ % CONNECTIONS == $number }
					0 .. $#paths]);
			print $writer "$count $bytes\n", map { "$_\n" } @problems;
			$writer->flush;
			POSIX::_exit(0);
		}
		close $writer;
		push @readers, $reader;
		push @pids, $pid;
	}
	my ($count, $bytes, @problems) = (0, 0);
	for my $reader (@readers) {
		my ($line, @more) = <$reader>;
		my ($c, $b) = split ' ', $line // '0 0';
		$count += $c;
		$bytes += $b;
		chomp @more;
		push @problems, @more;
	}
	waitpid $_, 0 for @pids;
	return (scalar @paths, $count, $bytes, @problems);
}

for my $prefix (sort keys %roots) {
	my ($expected, $count, $bytes, @problems) = crawl($prefix);

	cmp_ok $expected, '>', $prefix eq '/python' ? 1000 : 100,
		"$roots{$prefix} is a real tree";
	is $count, $expected, "$prefix: every file was answered";
	is_deeply \@problems, [], "$prefix: no error and no difference";
	note "$prefix: $count files, $bytes bytes";
}

is $server->get('/python/')->{body}, read_file("$roots{'/python'}/index.html"),
	'the default document of the tree';
is $server->get('/python/_static/jquery.js')->{status}, 403,
	'a symbolic link out of the root is refused';

$server->stop;
done_testing;
