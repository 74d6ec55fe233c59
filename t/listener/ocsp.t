# SPDX-License-Identifier: Apache-2.0
#
# OCSP stapling: what a responder says of a certificate is asked for by a
# process of its own and shown with the certificate, if it may be shown and as
# long as it holds; whatever the responder does, handshakes go on.

use strict;
use warnings;
use File::Temp ();
use IPC::Open3 qw(open3);
use JSON::PP ();
use Portico::Server;
use Portico::Tls;
use Portico::Upstream;
use Portico::Wait qw(await_condition seconds);
use Test::More;

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();
delete @ENV{qw(http_proxy all_proxy ALL_PROXY)};

my $directory = File::Temp->newdir;
chmod 0755, "$directory";
my $tls = Portico::Tls->new("$directory/tls");
my $answer = Portico::Server::test_program('t/listener/ocsp-answer');
my $port = Portico::Server::free_port();

$tls->authority('stranger');
$tls->issue('signer', extensions => ['extendedKeyUsage=OCSPSigning']);
$tls->issue('pretender');

# How the responder answers for each name: arguments of ocsp-answer, the name of
# a certificate that it is about, or bytes.
sub answer_for
{
	my ($name, $status, $from, $until, $signer, $about) = @_;
	$signer //= 'ca';
	$about //= $name;
	local $SIG{CHLD} = 'DEFAULT';
	my ($failed, $der) = $tls->command([$answer, $tls->file("$about.pem"),
		$tls->file('ca.pem'), $tls->file("$signer.pem"),
		$tls->file("$signer.key"), $status, $from, $until], '');
	return $failed ? undef : $der;
}

my %answers = (
	good     => ['good', -10, 3600],
	delegate => ['good', -10, 3600, 'signer'],
	forever  => ['good', -10, 'none'],
	short    => ['good', -1, 4],
	must     => ['good', -10, 3600],
	revoked  => ['revoked', -10, 3600],
	unknown  => ['unknown', -10, 3600],
	expired  => ['good', -7200, -3600],
	over     => ['good', -60, -1],
	early    => ['good', 3600, 7200],
	strangely => ['good', -10, 3600, 'stranger'],
	set      => ['good', -10, 3600],
	pretend  => ['good', -10, 3600, 'pretender'],
	other    => ['good', -10, 3600, 'ca', 'good'],
	garbage  => \"\x30\x03\x0a\x01\x00 and more",
	later    => \"\x30\x03\x0a\x01\x03",
	large    => \('x' x 70_000),
);
my $mode = "$directory/mode";
my $responder = Portico::Upstream->new(sub {
	my ($request) = @_;
	my ($name) = $request->{target} =~ m{^/(\w+)};
	my $how = $answers{$name};

	return undef if -e "$mode.$name";
	return [404, [], ''] unless $how
		&& ($request->{fields}{'content-type'} // '')
			eq 'application/ocsp-request';
	my $body = ref $how eq 'ARRAY' ? answer_for($name, @$how) : $$how;
	return [200, ['Content-Type: application/ocsp-response'], $body];
});

sub touch { open my $file, '>', $_[0] or die $! }

my (%certificates, @bindings);

sub certificate
{
	my ($name, $url, %options) = @_;
	my @extensions = $url ? ("authorityInfoAccess=OCSP;URI:$url") : ();

	push @extensions, 'tlsfeature=status_request' if delete $options{must};
	$certificates{$name} = {
		%{ $tls->issue($name, names => ["$name.example"], chain => 1,
			extensions => \@extensions, %{ $options{issue} // {} }) },
		%{ $options{settings} // {} } };
	push @bindings, { url => "https://$name.example:$port",
		certificate => $name };
}

certificate($_, $responder->url("/$_"), must => $_ eq 'must')
	for grep { $_ ne 'set' } sort keys %answers;
certificate('off', $responder->url('/good'),
	settings => { ocspStapling => JSON::PP::false });
certificate('bare', $responder->url('/bare'), issue => { chain => 0 });
certificate('plain', undef);
certificate('set', 'http://127.0.0.1:1/',
	settings => { ocspResponder => $responder->url('/set') });
touch("$mode.must");

# Another responder than ours: openssl's own.
my $openssl_port = Portico::Server::free_port();
certificate($_, "http://127.0.0.1:$openssl_port/$_") for qw(theirs withdrawn);
open my $index, '>', "$directory/index" or die $!;
printf $index "%s\t330101000000Z\t%s\t%04X\tunknown\t/CN=%s\n",
	@$_ for ['V', '', $tls->serial('theirs'), 'theirs'],
	['R', '250101000000Z', $tls->serial('withdrawn'), 'withdrawn'];
close $index or die $!;
my $openssl = open3(my $to, my $from, undef, 'openssl', 'ocsp',
	'-port', $openssl_port, '-index', "$directory/index", '-ndays', 1,
	'-CA', $tls->file('ca.pem'), '-rsigner', $tls->file('ca.pem'),
	'-rkey', $tls->file('ca.key'));
END { kill 'KILL', $openssl if $openssl }

my $server = Portico::Server->new(
	bindings => \@bindings,
	top => { certificates => \%certificates },
	allow => [qr/\[P5243\]/],
);
$server->start;

sub shown
{
	my ($name) = @_;

	return $tls->client($port, { send => "GET /count HTTP/1.1\r\n"
		. "Host: $name.example\r\nConnection: close\r\n\r\n" },
		'-servername', "$name.example", '-status');
}

sub is_stapled
{
	return shown(@_) =~ /OCSP Response Status: successful.*Cert Status: good/s;
}

# What the command says of it.
sub said
{
	my ($name) = @_;
	my $all = $server->command_json('listener', 'certs')->{certificates};

	return (grep { $_->{certificate} eq $name } @$all)[0]{ocsp};
}

subtest 'an answer that may be shown is' => sub {
	for my $name (qw(good delegate forever set theirs)) {
		ok(await_condition(seconds(10), sub { is_stapled($name) }),
			"$name: clients see it");
		like(said($name), qr/^good until \d{4}-\d\d-\d\dT/,
			'... and so does who asks the command');
	}
	my $lines = join "\n", $responder->lines;
	like($lines, qr{^POST /good$}m, 'the responder was asked');
	unlike($tls->client($port, '-servername', 'good.example'), qr/OCSP/,
		'who does not ask is not told');
};

subtest 'any other is not, and the handshake goes on' => sub {
	my %why = (
		revoked   => qr/is revoked/,
		withdrawn => qr/is revoked/,
		unknown   => qr/does not know the certificate/,
		expired   => qr/holds at another time: status expired/,
		over      => qr/holds no longer/,
		early     => qr/holds at another time: status not yet valid/,
		strangely => qr/is not signed by who may/,
		pretend   => qr/is not signed by who may/,
		other     => qr/is for another certificate/,
		garbage   => qr/is no answer of OCSP/,
		later     => qr/the responder says trylater/,
		large     => qr/has more than 65536 bytes/,
		must      => qr/^asking \S+: /,
		off       => qr/^off$/,
		bare      => qr/^the file has no issuer$/,
		plain     => qr/^no responder$/,
	);
	for my $name (sort keys %why) {
		await_condition(seconds(10), sub { said($name) ne 'asking' });
		like(said($name), $why{$name}, "$name: it is told why");
		my $seen = shown($name);
		like($seen, qr/OCSP response: no response sent/, '... nothing');
		like($seen, qr/HTTP\/1.1 200 OK/, '... but the answer to a request');
	}
	my @asked = grep { m{/off$|/bare$} } $responder->lines;
	is_deeply(\@asked, [], 'who is not to be asked is not');
	like($server->log, qr/certificate must: .*says that it comes with one \[P5243\]/,
		'a certificate that must have an answer is told of');
};

sub asked { my ($name) = @_; return scalar grep { m{/$name$} } $responder->lines }

subtest 'answers are renewed, and never older than they may be' => sub {
	my ($before) = shown('short') =~ /This Update: (.*)/;
	my $after;

	ok(await_condition(seconds(10), sub {
		($after) = shown('short') =~ /This Update: (.*)/;
		return defined $after && $after ne ($before // '');
	}), 'there is a newer one');
	touch("$mode.short");
	ok(await_condition(seconds(10), sub { said('short') =~ /^asking http/ }),
		'when none comes any more, it is said why');
	like(shown('short'), qr/no response sent/, '... and none is shown');
};

subtest 'a responder that comes back' => sub {
	unlink "$mode.must", "$mode.short";
	for my $name (qw(must short)) {
		ok(await_condition(seconds(15), sub { is_stapled($name) }),
			"$name: is asked again");
	}
	ok($server->await_log(qr/certificate must: the responder has answered/),
		'... and that is told');
};

subtest 'what the settings say' => sub {
	my $before = asked('good');

	$certificates{good}{ocspStapling} = JSON::PP::false;
	$server->write_configuration;
	is(($server->command('reload'))[0], 0, 'other ones are taken over');
	ok(await_condition(seconds(10), sub { said('good') eq 'off' }),
		'it is switched off');
	like(shown('good'), qr/no response sent/, '... and nothing is shown');
	ok(is_stapled('delegate'), 'others keep theirs');
	is(asked('delegate'), 1, '... and were not asked about again');
};

$responder->stop;
$server->stop;
done_testing;
