# SPDX-License-Identifier: Apache-2.0
#
# Each lie about a tunnel that a worker can tell is found out for what it is:
# a pool for each kind, whose workers tell that one only, and its own sentence
# in the log.  (All kinds mixed, under load: hostile.t.)

use strict;
use warnings;
use File::Copy qw(copy);
use Portico::Server;
use Portico::Wait qw(await_condition seconds);
use Test::More;

use constant { KINDS_MAX => 320, HEAD_WORDS => 8 };

# Kind, whether the client asks for a tunnel, what the log says.
my @lies = (
	['tunnel that nobody asked for', 0,
		'upgrade that the client did not ask for'],
	['shutdown of a response', 0, 'end of sending outside of a tunnel'],
	['tunnel with status 200', 1,
		'upgrade with a status other than 101'],
	['tunnel without protocol', 1, 'status 101 without a protocol'],
	['response with status 101', 1, 'status is not a final one'],
	['two tunnels', 1, 'second response head for one request'],
	['two shutdowns', 1, 'second end of sending in a tunnel'],
	['bytes after the shutdown', 1, 'bytes after the end of a tunnel'],
);

my $directory = File::Temp->newdir('portico-hostile-XXXXXXXX', TMPDIR => 1);
chmod 0755, "$directory";
my $program = "$directory/portico-worker";
copy(Portico::Server::build_directory() . '/t/hostile/hostile-worker',
	$program) or plan skip_all => 'hostile-worker is not built';
chmod 0755, $program;
symlink Portico::Server::program('portico-listener'),
	"$directory/portico-listener";
my $stats_file = "$directory/stats";
open my $stats, '>', $stats_file or die $!;
binmode $stats;
syswrite $stats, pack('Q*', (0) x 5, int rand 2**31,
	(0) x (HEAD_WORDS - 6 + 3 * KINDS_MAX));
chmod 0666, $stats_file;

my %kinds = map { /^\d+ \w+ (.+)$/ ? ($1 => 1) : () }
	split /\n/, (Portico::Server::run($program, '--kinds'))[1];
is(join(', ', sort grep { /tunnel|shutdown|response with status/ } keys %kinds),
	join(', ', sort 'tunnel that is left', map { $_->[0] } @lies),
	'each kind of lie about tunnels is tried');

my (%pools, %applications);
for my $i (0 .. $#lies) {
	$pools{"evil$i"} = { startMode => 'AlwaysRunning',
		rapidFailProtection => JSON::PP::false,
		shutdownTimeLimit => '200ms',
		environment => { PORTICO_HOSTILE_ONLY => $lies[$i][0] } };
	$applications{"/evil/stay/$i"} = { pool => "evil$i", modules => ['probe'],
		handlers => [ { path => '*', module => 'probe' } ] };
}
my $server = Portico::Server->new(
	pools => { good => {}, %pools },
	applications => {
		'/' => { pool => 'good', modules => ['probe'], handlers =>
			[ { path => '*', module => 'probe' } ] },
		%applications,
	},
	environment => {
		PORTICO_LIBEXEC_DIR => "$directory",
		PORTICO_HOSTILE_REAL => Portico::Server::program(
			'portico-worker'),
		PORTICO_HOSTILE_STATS => $stats_file,
	},
	allow => [qr/pool=evil/],
)->start;

sub reasons
{
	my ($i) = @_;
	my %reasons = map { $_ => 1 } $server->log =~
		/broke the protocol: ([^\n]*) \(pool=evil$i\b/g;

	return join ', ', sort keys %reasons;
}

# Clients that stay, for liars that have told nothing so far.
my %clients;
ok(await_condition(seconds(20), sub {
	my @quiet = grep { reasons($_) eq '' } 0 .. $#lies;

	$server->pump;
	for my $i (@quiet) {
		my $client = $server->connect;

		$client->send("GET /evil/stay/$i/1 HTTP/1.1\r\nHost: a\r\n"
			. ($lies[$i][1] ? "Connection: upgrade\r\n"
				. "Upgrade: x\r\n" : '') . "\r\n");
		push @{ $clients{$i} }, $client;
		shift @{ $clients{$i} } if @{ $clients{$i} } > 8;
	}
	return !@quiet;
}), 'each liar is found out');
is(reasons($_), $lies[$_][2], "$lies[$_][0]: is told so") for 0 .. $#lies;
is($server->get('/count')->{status}, 200, 'the others are served');
$server->stop;
done_testing;
