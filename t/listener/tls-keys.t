# SPDX-License-Identifier: Apache-2.0
#
# Private keys are in porticod and the listener alone: no byte of one is ever in
# the memory of a worker, nor does one hold what keys are handed over in.

use strict;
use warnings;
use Fcntl qw(SEEK_SET);
use File::Temp ();
use Portico::Server;
use Portico::Tls;
use Test::More;

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();
plan skip_all => 'only root may look into all of them' if $> != 0;

my $directory = File::Temp->newdir;
chmod 0755, "$directory";
my $tls = Portico::Tls->new("$directory/tls");
my $port = Portico::Server::free_port();
my $server = Portico::Server->new(
	applications => { '/' => { modules => ['probe'],
		handlers => [{ path => '*', module => 'probe' }] } },
	bindings => [{ url => "https://shop.example:$port",
		certificate => 'shop' }],
	top => { certificates => { shop => $tls->issue('shop',
		names => ['shop.example']) } },
)->start;

# What the secret of an EC key looks like: as it is, and as OpenSSL has numbers,
# the lowest byte first.
my ($hex) = $tls->run('ec', '-in', $tls->file('shop.key'), '-text', '-noout')
	=~ /priv:([\s0-9a-f:]+)pub:/;
my $secret = pack 'H*', $hex =~ s/[\s:]//gr;
my @looks = ($secret, scalar reverse $secret);
my $pem = do {
	open my $file, '<', $tls->file('shop.key') or die $!;
	(grep { !/-----/ } <$file>)[0] =~ s/\s//gr;
};

# Where a process has one of the texts: a list of its maps' names; undef if it
# cannot be looked into.
sub find_in
{
	my ($pid, @texts) = @_;
	my @found;
	open my $maps, '<', "/proc/$pid/maps" or return;
	open my $memory, '<:raw', "/proc/$pid/mem" or return;
	my $seen = 0;

	while (<$maps>) {
		my ($from, $to, $name) =
			/^([0-9a-f]+)-([0-9a-f]+) r\S* \S+ \S+ \S+\s*(.*)/ or next;
		no warnings 'portable';
		my ($begin, $end) = (hex $from, hex $to);
		next if $name eq '[vvar]' || $name eq '[vsyscall]';
		my $tail = '';
		for (my $at = $begin; $at < $end; $at += 1 << 20) {
			my $size = $end - $at < 1 << 20 ? $end - $at : 1 << 20;
			my $got;

			sysseek $memory, $at, SEEK_SET or last;
			sysread $memory, $got, $size or last;
			$seen += length $got;
			my $all = $tail . $got;
			push @found, $name
				if grep { index($all, $_) >= 0 } @texts;
			$tail = substr $all, -64;
		}
	}
	return $seen > 0 ? \@found : undef;
}

is($tls->curl('shop.example', $port, '/count')->{status}, 200,
	'a handshake, and a worker');
my ($worker) = map { $_->{pid} }
	@{ $server->command_json('worker', 'list')->{workers} };
my $listener = $server->pid_of('listener');
my $control = find_in($listener, @looks);

SKIP: {
	skip 'no process can be looked into', 2 unless defined $control;
	isnt(scalar @$control, 0, 'the listener has the key: this would find it');
	is_deeply(find_in($worker, @looks, $pem), [], 'no worker has');
}
my @open = map { readlink($_) // () } glob "/proc/$worker/fd/*";
cmp_ok(scalar @open, '>', 0, 'what a worker has open');
is_deeply([grep { m{/tls/|secrets} } @open], [],
	'... is neither a key nor what keys are handed over in');
is_deeply([grep { /secrets/ } map { readlink($_) // () }
	glob "/proc/$listener/fd/*"], [], 'nor does the listener keep that');

$server->stop;
done_testing;
