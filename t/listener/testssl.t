# SPDX-License-Identifier: Apache-2.0
#
# What testssl.sh finds at a site with the settings that come with Portico:
# nothing that is worse than "info", but of the certificate, which a test has
# made.  Protocols and kinds of ciphers; PORTICO_TESTSSL=all has it look at
# everything, which takes minutes.

use strict;
use warnings;
use File::Temp ();
use JSON::PP ();
use Portico::Server;
use Portico::Tls;
use Test::More;

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();
my ($testssl) = grep { -x } map { ("$_/testssl", "$_/testssl.sh") }
	split /:/, $ENV{PATH};
plan skip_all => 'testssl.sh is not installed' unless $testssl;
my $all = ($ENV{PORTICO_TESTSSL} // '') eq 'all';

my $directory = File::Temp->newdir;
chmod 0755, "$directory";
my $tls = Portico::Tls->new("$directory/tls");
my ($ec, $rsa) = map { $tls->issue($_, names => ['localhost'], key => $_,
	days => 90, chain => 1) } qw(ec rsa);
my $port = Portico::Server::free_port();
my $server = Portico::Server->new(
	listener => { headerWaitTimeout => '1s' },
	bindings => [{ url => "https://*:$port", certificate => 'c' }],
	top => { certificates => { c => { %$ec, alternatives => [$rsa] } } },
);
$server->start;

# What the certificate, the names of this machine and the module decide, and
# what testssl.sh itself cannot do: it asks for a ticket of TLS 1.3 and leaves
# before it can have come.
my $not_ours = qr/^(?:cert_|DNS_CAA|HSTS|security_headers|sessionresumption_ticket
	|scanTime|engine_problem|overall_grade|grade_cap)/x;

my $file = "$directory/found.json";
local @ENV{qw(ADDITIONAL_CA_FILES USLEEP_SND USLEEP_REC)} =
	($tls->file('ca.pem'), 0.01, 0.01);
my ($status, $text) = $tls->command([$testssl, qw(--quiet --color 0
	--warnings off --nodns none --ip 127.0.0.1), '--jsonfile', $file,
	$all ? () : qw(-p -s), "localhost:$port"], '', $all ? 1200 : 60);
my $found = do {
	open my $in, '<', $file or die "$testssl has found nothing: $text";
	local $/;
	JSON::PP->new->utf8->decode(<$in>);
};

my %at = map { $_->{id} => $_ } @$found;
is($at{$_}{severity}, 'OK', "$_: $at{$_}{finding}")
	for qw(SSLv2 SSLv3 TLS1_2 TLS1_3 cipherlist_NULL cipherlist_aNULL
		cipherlist_EXPORT);
is($at{$_}{severity}, 'INFO', "$_: $at{$_}{finding}") for qw(TLS1 TLS1_1);
my @bad = grep { $_->{severity} !~ /^(?:OK|INFO|DEBUG)$/
	&& $_->{id} !~ $not_ours } @$found;
is(scalar @bad, 0, 'nothing that is not good')
	or diag map { "$_->{id} $_->{severity}: $_->{finding}\n" } @bad;
cmp_ok(scalar @$found, '>', $all ? 100 : 15, 'much was looked at');

$server->stop;
done_testing;
