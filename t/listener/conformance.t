# SPDX-License-Identifier: Apache-2.0
#
# Requests that are malformed or just not, each with the verdict that the RFCs
# require; conformance/README.md says how they are written.  Each is sent on a
# connection of its own: whole, and byte by byte if it is short, because where
# the input was cut must not change what is thought of it.

use strict;
use warnings;
use File::Basename qw(basename dirname);
use Portico::Server;
use Test::More;

use constant BODY_MAX => 100_000;
use constant BYTEWISE_MAX => 400; # bytes of a request

my $follow = "GET /fields?follow HTTP/1.1\r\nHost: follow\r\n\r\n";
my %escape = (r => "\r", n => "\n", t => "\t", '\\' => '\\');

sub unescape
{
	my ($text) = @_;

	$text =~ s/\{([^{}]+)\*(\d+)\}/$1 x $2/ge;
	$text =~ s/\\(?:x([0-9a-fA-F]{2})|([rnt\\]))/
		defined $1 ? chr hex $1 : $escape{$2}/gex;
	die "escape in $text\n" if $text =~ /[^\x00-\xff]/;
	return $text;
}

sub read_cases
{
	my ($path) = @_;
	my (@cases, %seen);

	open my $file, '<', $path or die "$path: $!";
	while (my $line = <$file>) {
		chomp $line;
		next if $line eq '' || $line =~ /^# /;
		my ($name, $section, $verdict, $request, $answer) =
			split /\t/, $line, -1;
		die "$path:$.: columns\n" unless defined $request;
		die "$path:$.: name\n" if $seen{$name}++;
		die "$path:$.: section\n" unless $section =~ /^(?:-|\d{4} [\d.]+)$/;
		$verdict =~ /^(eof )?((?:\d{3} )+|none )(keep|close)$/
			or die "$path:$.: verdict\n";
		push @cases, { name => $name, section => $section,
			eof => defined $1, answer => $answer,
			statuses => [grep { $_ ne 'none' } split / /, $2],
			keep => $3 eq 'keep', request => unescape($request) };
	}
	return @cases;
}

my $server = Portico::Server->new(
	pools => { main => { maxRequestBody => BODY_MAX } },
)->start;
is($server->get('/count')->{status}, 200, 'a request is answered');

# What is wrong, or undef.
sub judge
{
	my ($client, $case) = @_;
	my ($response, @got);
	my $method = $case->{request} =~ /^(?:\r\n)*HEAD / ? 'HEAD' : 'GET';

	for my $status (@{ $case->{statuses} }) {
		$response = $client->read_response(method => $method);
		push @got, $response ? $response->{status} : 'none';
		return "answers: @got" if $got[-1] ne $status;
		return "answer $status is cut" unless $response->{complete};
	}
	return "the body lacks $case->{answer}: $response->{body}"
		if defined $case->{answer}
		&& index($response->{body}, $case->{answer}) < 0;
	if (!$case->{keep}) {
		return 'the connection goes on' unless $client->at_end;
		return;
	}
	return 'it says that the connection ends'
		if ($response->{header}{connection} // '') =~ /close/i;
	$response = $client->read_response;
	return 'no answer to the next request' unless $response;
	return "the next request was read as another: $response->{body}"
		unless $response->{status} == 200
		&& $response->{body} =~ /"query":"follow","host":"follow"/;
	return;
}

sub attempt
{
	my ($case, $bytewise) = @_;
	my $client = $server->connect;
	my $bytes = $case->{request} . ($case->{eof} ? '' : $follow);

	if ($bytewise) {
		for my $byte (split //, $bytes) {
			$client->send($byte) or last;
		}
	} else {
		$client->send($bytes);
	}
	$client->finish if $case->{eof};
	my $wrong = eval { judge($client, $case) } // ($@ || undef);
	$client->close;
	return $wrong;
}

my $count = 0;
my $directory = dirname(__FILE__) . '/conformance';
for my $path (sort glob "$directory/*.tsv") {
	my @cases = read_cases($path);
	my $file = basename($path, '.tsv');
	subtest $file => sub {
		for my $case (@cases) {
			my $wrong = attempt($case, 0);
			my $how = 'whole';
			if (!defined $wrong
				&& length $case->{request} <= BYTEWISE_MAX) {
				$wrong = attempt($case, 1);
				$how = 'byte by byte';
			}
			ok(!defined $wrong, "$case->{name} ($case->{section})")
				or diag "$file: $case->{name}, sent $how: $wrong";
		}
	};
	$count += @cases;
}
cmp_ok($count, '>=', 250, "$count cases");
is($server->get('/count')->{status}, 200, 'and the server goes on');
$server->stop;
done_testing;
