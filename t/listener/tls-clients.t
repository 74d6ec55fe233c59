# SPDX-License-Identifier: Apache-2.0
#
# Certificates of clients and what modules are told of them; sessions that go
# on, in later listeners too; certificates that change while the server runs.

use strict;
use warnings;
use File::Copy qw(copy);
use File::Temp ();
use IPC::Open3 qw(open3);
use Portico::Server;
use Portico::Tls;
use Portico::Wait qw(await_condition await_readable seconds);
use Test::More;

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();

my $directory = File::Temp->newdir;
chmod 0755, "$directory";
my $tls = Portico::Tls->new("$directory/tls");
my %certificates = map {
	$_ => $tls->issue($_, names => ["$_.example"])
} qw(open may must old);
my $client = $tls->issue('client', subject => "/O=Line, \x01 Corp/CN=Mallory");
my $stranger = do {
	$tls->authority('strangers');
	$tls->issue('stranger', authority => 'strangers');
};
# A client of an authority that another one vouches for, whose name is hostile.
$tls->issue('middle', subject => "/O=Line,\x01\n Corp/CN=Middle",
	extensions => ['basicConstraints=critical,CA:TRUE']);
$tls->issue('member', authority => 'middle', chain => 1);
my ($port, $other_port) = map { Portico::Server::free_port() } 1 .. 2;
my @asking = (clientCertificateAuthorities => $tls->file('ca.pem'));
my $server = Portico::Server->new(
	applications => { '/' => { modules => ['changes'], handlers =>
		[{ path => '*', module => 'changes', handler => 'show' }] } },
	bindings => [
		{ url => "https://open.example:$port", certificate => 'open' },
		{ url => "https://may.example:$port", certificate => 'may',
			clientCertificate => 'accept', @asking },
		{ url => "https://must.example:$port", certificate => 'must',
			clientCertificate => 'require', @asking },
		{ url => "https://*:$other_port", certificate => 'old' },
	],
	top => { certificates => \%certificates },
	allow => [qr{P5240\]}],
)->start;

my @names = qw(CERT_FLAGS CERT_SUBJECT CERT_ISSUER CERT_SERIALNUMBER
	SSL_CLIENT_FINGERPRINT SSL_PROTOCOL SSL_CIPHER SSL_SERVER_NAME HTTPS);
my $query = '/?' . join '&', map { "show=variable:$_" } @names;
my @with = ('--cert', $tls->file('client.pem'), '--key',
	$tls->file('client.key'));

sub seen
{
	my ($host, @arguments) = @_;
	my $answer = $tls->curl($host, $port, $query, @arguments);
	return { status => $answer->{status}, exit => $answer->{exit},
		$answer->{body} =~ /^variable (\S+): (.*)$/mg };
}

subtest 'who is asked for a certificate' => sub {
	my $none = seen('open.example', @with);
	is($none->{CERT_FLAGS}, '-', 'nobody at a binding that does not ask');
	is($none->{HTTPS}, 'on', 'HTTPS');
	is($none->{SSL_PROTOCOL}, 'TLSv1.3', 'the protocol is known');
	like($none->{SSL_CIPHER}, qr/^TLS_[A-Z0-9_]+$/, '... the cipher');
	is($none->{SSL_SERVER_NAME}, 'open.example', '... and the name');
	is(seen('may.example')->{CERT_FLAGS}, '-', 'who may have one need not');
	is(seen('must.example')->{status}, '000', 'who must, does');
	for my $host (qw(may.example must.example)) {
		my $seen = seen($host, @with);
		is($seen->{CERT_FLAGS}, '1', "$host: it is seen");
		is($seen->{CERT_SUBJECT}, 'CN=Mallory,O=Line\, \01 Corp',
			'... its owner, of whom no byte can forge anything');
		is($seen->{CERT_ISSUER}, 'CN=Test Authority', '... its issuer');
		is($seen->{CERT_SERIALNUMBER}, sprintf('%04X', 1005),
			'... its number');
		is($seen->{SSL_CLIENT_FINGERPRINT}, fingerprint('client.pem'),
			'... its fingerprint');
		is(seen($host, '--cert', $tls->file('stranger.pem'), '--key',
			$tls->file('stranger.key'))->{status}, '000',
			'... and one of a stranger is refused');
	}
	ok($server->await_error_log(
		qr/ TlsHandshake - peer[+]did[+]not[+]return[+]a[+]certificate$/),
		'why is in the error log');
	ok($server->await_error_log(
		qr/ TlsHandshake - unable[+]to[+]get[+]local[+]issuer/),
		'... of the stranger, too');
};

sub fingerprint
{
	return lc $tls->run('x509', '-in', $tls->file($_[0]), '-noout',
		'-fingerprint', '-sha256') =~ s/.*=|[:\s]//gr;
}

# What modules see of a client by openssl's s_client.
sub variables_by
{
	my ($names, @arguments) = @_;
	my $text = $tls->client($port, { send => 'GET /?'
		. join('&', map { "show=variable:$_" } @$names)
		. " HTTP/1.1\r\nHost: must.example\r\nConnection: close\r\n\r\n" },
		'-servername', 'must.example', @arguments);
	return { reused => $text =~ /^Reused, /m ? 1 : 0,
		$text =~ /^variable (\S+): ([^\r\n]*)/mg };
}

subtest 'who vouches for the client' => sub {
	my @each = qw(CERT_SUBJECT CERT_ISSUER CERT_SERIALNUMBER
		SSL_CLIENT_FINGERPRINT);
	my @asked = ('SSL_CLIENT_CHAIN_LENGTH', @each,
		map { my $n = $_; map { "${_}_$n" } @each } 1 .. 3);
	my $root = $tls->run('x509', '-in', $tls->file('ca.pem'), '-noout',
		'-serial') =~ s/.*=|\s//gr;
	my $middle = 'CN=Middle,O=Line\,\01\0A Corp';
	my %wanted = (SSL_CLIENT_CHAIN_LENGTH => 3);
	@wanted{@each} = ('CN=member', $middle,
		sprintf('%04X', $tls->serial('member')), fingerprint('member.pem'));
	@wanted{map { "${_}_1" } @each} = ($middle, 'CN=Test Authority',
		sprintf('%04X', $tls->serial('middle')), fingerprint('middle.pem'));
	@wanted{map { "${_}_2" } @each} = ('CN=Test Authority',
		'CN=Test Authority', $root, fingerprint('ca.pem'));
	$wanted{"${_}_3"} = '-' for @each;
	my @member = ('-cert', $tls->file('member.pem'), '-key',
		$tls->file('member.key'), '-cert_chain', $tls->file('member.pem'));
	my ($session, $later) = map { $tls->file($_) } qw(chain.one chain.two);

	for my $version (qw(-tls1_2 -tls1_3)) {
		is_deeply(variables_by(\@asked, $version, @member, '-sess_out',
			$session), { %wanted, reused => 0 },
			"$version: up to the authority");
		is_deeply(variables_by(\@asked, $version, '-sess_in', $session,
			'-sess_out', $later), { %wanted, reused => 1 },
			'... also when the session goes on');
	}
	is_deeply(variables_by(\@asked, '-tls1_3', '-sess_in', $later),
		{ %wanted, reused => 1 }, '... and with the next ticket of it');
	my $short = variables_by(\@asked, '-cert', $tls->file('client.pem'),
		'-key', $tls->file('client.key'));
	is($short->{SSL_CLIENT_CHAIN_LENGTH}, 2, 'one whom the authority knows');
	is($short->{CERT_SUBJECT_1}, 'CN=Test Authority', '... by its own');
	is($short->{CERT_SUBJECT_2}, '-', '... and no more');

	# Names of 500 bytes in six certificates: more than is told.
	my $above = 'ca';
	for my $name (map { "long$_" } 1 .. 6) {
		$tls->issue($name, authority => $above, subject => '/CN=' . $name
			. join('', map { "/OU=$_" . 'x' x 60 } 1 .. 7),
			extensions => ['basicConstraints=critical,CA:TRUE']);
		$above = $name;
	}
	$tls->issue('deep', authority => $above);
	open my $all, '>', $tls->file('deep.chain') or die $!;
	for my $name (map { "long$_" } reverse 1 .. 6) {
		open my $one, '<', $tls->file("$name.pem") or die $!;
		print {$all} <$one>;
	}
	close $all or die $!;
	my $deep = variables_by(\@asked, '-cert', $tls->file('deep.pem'), '-key',
		$tls->file('deep.key'), '-cert_chain', $tls->file('deep.chain'));
	is($deep->{CERT_SUBJECT}, 'CN=deep', 'a chain that is too long is served');
	is($deep->{$_}, '-', "... without $_")
		for qw(SSL_CLIENT_CHAIN_LENGTH CERT_SUBJECT_1);
};

# A request for another host than the one that TLS was told.
sub crossed
{
	my ($name, $host) = @_;
	return $tls->client($port, { send => "GET $query HTTP/1.1\r\n"
		. "Host: $host\r\nConnection: close\r\n\r\n" },
		'-servername', $name) =~ /^HTTP\/1\.1 (\d+)/m ? $1 : '';
}

subtest 'nobody gets round it' => sub {
	is(crossed('open.example', 'must.example'), 421,
		'by asking for another host than TLS was told');
	is(crossed('may.example', 'must.example'), 421, '... with less asked');
	is(crossed('open.example', 'open.example'), 200, 'the same host is good');
	my $session = $tls->file('open.session');
	for my $version (qw(-tls1_2 -tls1_3)) {
		unlink $session;
		$tls->client($port, $version, '-servername', 'open.example',
			'-sess_out', $session);
		ok(-s $session, "$version: a session is kept");
		my $text = $tls->client($port, $version, '-servername',
			'must.example', '-sess_in', $session);
		unlike($text, qr/^Reused/m, '... it does not go on elsewhere');
		unlike($text, qr/^HTTP\/1\.1 /m, '... nor is anything served');
	}
};

# "Reused" or "New", of a session that was kept before.
sub again
{
	my ($session, @arguments) = @_;
	return $tls->client($port, '-servername', 'open.example',
		'-sess_in', $session, @arguments) =~ /^(Reused|New), /m ? $1
		: 'nothing';
}

subtest 'sessions go on' => sub {
	my %session = map { $_ => $tls->file("session$_") } qw(-tls1_2 -tls1_3);
	for my $version (sort keys %session) {
		$tls->client($port, $version, '-servername', 'open.example',
			'-sess_out', $session{$version});
		is(again($session{$version}, $version), 'Reused', $version);
	}
	my $listener = $server->pid_of('listener');
	kill 'KILL', $listener;
	push @{ $server->{allow} }, qr{P5201\]};
	ok(await_condition(seconds(10), sub {
		my $now = $server->pid_of('listener') // 0;
		return $now && $now != $listener
			&& seen('open.example')->{status} eq '200';
	}), 'another listener serves');
	is(again($session{$_}, $_), 'Reused', "$_: in another listener")
		for sort keys %session;
	for my $what (['upgrade', 'listener'], ['upgrade', 'manager'], ['reload']) {
		is(($server->command(@$what))[0], 0, "@$what");
		ok(await_condition(seconds(10), sub {
			seen('open.example')->{status} eq '200' }), '... is served');
		is(again($session{$_}, $_), 'Reused', "... $_: still")
			for sort keys %session;
	}
	is(seen('must.example', @with)->{CERT_FLAGS}, '1',
		'it asks for certificates as the first one did');
};

subtest 'portico listener certs' => sub {
	my %seen = map { $_->{certificate} => $_ } @{
		$server->command_json('listener', 'certs')->{certificates} };
	is_deeply([sort keys %seen], [qw(may must old open)], 'all are there');
	my $open = $seen{open};
	is_deeply([@$open{qw(subject issuer key)}, @{ $open->{names} }],
		['CN=open', 'CN=Test Authority', 'EC', 'open.example'],
		'whose it is, and for which hosts');
	is($open->{file}, $tls->file('open.pem'), '... its file');
	like($open->{notAfter}, qr/^\d{4}-\d\d-\d\dT[\d:]{8}Z$/, '... its end');
	my ($status, $text) = $server->command('listener', 'certs');
	like($text, qr/^may +EC +\S+Z +CN=may .* no responder$/m,
		'as a table');
	unlike($text . $server->log, qr/PRIVATE/, 'and never a key');
};

sub shown { return $tls->shown($other_port, '-noservername') }

# One that stays open: how many of its requests have been answered.
my $pid = open3(my $to, my $from, undef, 'openssl', 's_client', '-quiet',
	'-connect', "127.0.0.1:$other_port", '-CAfile', $tls->file('ca.pem'));
my $answers = '';

sub asks_again
{
	my $before = () = $answers =~ m{^HTTP/1\.1 200}mg;
	my $deadline = time + seconds(10);

	local $SIG{PIPE} = 'IGNORE';
	syswrite $to, "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	while ((() = $answers =~ m{^HTTP/1\.1 200}mg) == $before) {
		await_readable($deadline - time, $from) or last;
		sysread $from, $answers, 65536, length $answers or last;
	}
	return (() = $answers =~ m{^HTTP/1\.1 200}mg) - $before;
}

subtest 'a certificate changes' => sub {
	is(shown(), 'old', 'the first one');
	is(asks_again(), 1, 'a connection is used');
	$tls->issue('new');
	copy($tls->file("new.$_"), $tls->file("old.$_")) for qw(pem key);
	ok(await_condition(seconds(10), sub { shown() eq 'new' }),
		'its files are read again when they have changed');
	is(asks_again(), 1, '... and who is connected stays so');
	my $position = $server->log_position;
	copy($tls->file('open.key'), $tls->file('old.key'));
	like($server->await_log(qr{P5240\]}, 10, $position),
		qr/old\.key: the key is not that of the certificate/,
		'what does not fit is told');
	is(shown(), 'new', '... and the old one serves on');
	my ($status, $text) = $tls->command([
		Portico::Server::program('porticod'), '--config',
		$server->configuration_file, '--check'], '');
	isnt($status, 0, 'porticod --check finds it');
	like($text, qr/portico\.json:\d+:\d+: certificate old: .*old\.key/,
		'... with its place in the configuration');
	$tls->issue('newer');
	copy($tls->file("newer.$_"), $tls->file("old.$_")) for qw(pem key);
	ok(await_condition(seconds(10), sub { shown() eq 'newer' }),
		'the next good one is taken');
	is(($server->command('reload'))[0], 0, 'a reload');
	is(asks_again(), 1, 'the connection has outlived all of it');
	like($answers, qr/CN ?= ?old\b/, '... since before');
	close $to;
	kill 'TERM', $pid;
	waitpid $pid, 0;
};

$server->stop;
done_testing;
