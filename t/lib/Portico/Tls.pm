# SPDX-License-Identifier: Apache-2.0
#
# Certificates for one test, and clients that speak TLS: openssl's s_client and
# curl.
#
#	my $tls = Portico::Tls->new($directory);
#	$tls->issue('shop', names => ['shop.example'], key => 'ec');
#	my $seen = $tls->client($port, '-servername', 'shop.example');
#
# All are issued by one authority, $tls->file('ca.pem').

package Portico::Tls;

use strict;
use warnings;
use File::Path qw(make_path);
use IPC::Open3 qw(open3);
use Portico::Wait qw(await_readable seconds);
use Symbol qw(gensym);
use Time::HiRes qw(time);

my %key_options = (
	ec  => [qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256)],
	rsa => [qw(-newkey rsa:2048)],
);

sub new
{
	my ($class, $directory) = @_;
	my $self = bless { directory => $directory, serial => 1000 }, $class;

	make_path($directory);
	$self->run('req', '-x509', '-nodes', @{ $key_options{ec} }, '-days', 30,
		'-subj', '/CN=Test Authority', '-keyout', $self->file('ca.key'),
		'-out', $self->file('ca.pem'));
	return $self;
}

sub file { my ($self, $name) = @_; return "$self->{directory}/$name" }

sub run
{
	my ($self, @arguments) = @_;
	my ($status, $output) = $self->command(['openssl', @arguments], '');

	die "openssl @arguments: $output" if $status != 0;
	return $output;
}

# NAME.pem and NAME.key.  Options: names (of hosts), key (ec, rsa), subject,
# days, authority (another one's NAME; it signs), extensions (a list), chain
# (the authority's certificate follows in the file).
sub issue
{
	my ($self, $name, %options) = @_;
	my $authority = $options{authority} // 'ca';
	my $names = join ',', map { "DNS:$_" } @{ $options{names} // [] };
	my @extensions = map { ('-addext', $_) } (@{ $options{extensions} // [] },
		$names eq '' ? () : "subjectAltName=$names");

	$self->run('req', '-nodes', @{ $key_options{ $options{key} // 'ec' } },
		'-subj', $options{subject} // "/CN=$name", @extensions,
		'-keyout', $self->file("$name.key.new"),
		'-out', $self->file("$name.csr"));
	$self->run('x509', '-req', '-in', $self->file("$name.csr"),
		'-CA', $self->file("$authority.pem"),
		'-CAkey', $self->file("$authority.key"),
		'-set_serial', $self->{serials}{$name} = ++$self->{serial},
		'-copy_extensions', 'copyall', '-days', $options{days} // 30,
		'-out', $self->file("$name.pem.new"));
	if ($options{chain}) {
		open my $chain, '>>', $self->file("$name.pem.new") or die $!;
		open my $issuer, '<', $self->file("$authority.pem") or die $!;
		print {$chain} <$issuer>;
		close $chain or die $!;
	}
	for my $kind (qw(pem key)) {
		rename $self->file("$name.$kind.new"), $self->file("$name.$kind")
			or die $!;
	}
	return { certificate => $self->file("$name.pem"),
		key => $self->file("$name.key") };
}

sub serial { my ($self, $name) = @_; return $self->{serials}{$name} }

# Another authority, for clients that nobody knows.
sub authority
{
	my ($self, $name) = @_;

	$self->run('req', '-x509', '-nodes', @{ $key_options{ec} }, '-days', 30,
		'-subj', "/CN=$name", '-keyout', $self->file("$name.key"),
		'-out', $self->file("$name.pem"));
	return $self->file("$name.pem");
}

# Exit status and all output of a command that is given `input`, and so many
# seconds (20).
sub command
{
	my ($self, $command, $input, $patience) = @_;
	my $pid = open3(my $in, my $out, undef, @$command);
	my $deadline = time + seconds($patience // 20);
	my $text = '';

	local $SIG{PIPE} = 'IGNORE';
	print $in $input;
	close $in;
	while (await_readable($deadline - time, $out)) {
		last unless sysread $out, $text, 65536, length $text;
	}
	kill 'KILL', $pid if time >= $deadline;
	waitpid $pid, 0;
	return ($?, $text);
}

# s_client; sends a request (or what the option `send` has) and reads to the
# end.  A text of all that it said.
sub client
{
	my ($self, $port, @arguments) = @_;
	my $request = "GET /count HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

	if (@arguments && ref $arguments[0]) {
		$request = (shift @arguments)->{send};
	}
	my ($status, $text) = $self->command(['openssl', 's_client',
		'-connect', "127.0.0.1:$port", '-ign_eof',
		'-CAfile', $self->file('ca.pem'), @arguments], $request);
	return $text;
}

# The name in the certificate that was shown.
sub shown
{
	my ($self, @arguments) = @_;
	my $text = $self->client(@arguments);

	return $text =~ /^subject=(?:.*\bCN\s*=\s*)?(.*?)$/m ? $1 : undef;
}

# curl; status of the answer ("000": none) and what it wrote.
sub curl
{
	my ($self, $host, $port, $path, @arguments) = @_;
	my ($status, $text) = $self->command(['curl', '-sS', '--max-time',
		seconds(15), '--cacert', $self->file('ca.pem'),
		'--resolve', "$host:$port:127.0.0.1", '-w', "\n%{http_code}",
		@arguments, "https://$host:$port$path"], '');
	my ($body, $code) = $text =~ /\A(.*)\n(\d{3})[^\n]*\z/s;

	return { exit => $status >> 8, status => $code // '000',
		body => $body // $text };
}

1;
