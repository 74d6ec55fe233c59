# SPDX-License-Identifier: Apache-2.0
#
# Without openat2 nothing keeps a request inside its application's root, so no
# worker starts, and log and command say why and what to do.

use strict;
use warnings;
use Portico::Server;
use Test::More;

plan skip_all => 'the programs are not built' unless Portico::Server::is_built();

my $helper = Portico::Server::build_directory() . '/t/worker/refuse-call';
plan skip_all => "$helper is not built" unless -x $helper;
system $helper, 'openat2', 'ENOSYS', 'true';
plan skip_all => 'there is no seccomp here' if $? >> 8 == 77;

my %text = (
	ENOSYS => 'Function not implemented',
	EPERM => 'Operation not permitted',
);
for my $error (sort keys %text) {
	my $sentence = "cannot open files below a directory (openat2): $text{$error}";
	my $detail = 'The kernel keeps requests inside the root of their '
		. 'application by openat2 with RESOLVE_BENEATH, and Portico '
		. 'does not serve files without it.';
	my $hint = 'Linux 5.6 or newer is needed, and a container must permit '
		. 'the system call openat2.';
	my $server = Portico::Server->new(
		applications => { '/' => { modules => ['static'],
			handlers => [{ path => '*', module => 'static' }] } },
		pools => { main => { rapidFailProtectionMaxCrashes => 1 } },
		wrapper => [$helper, 'openat2', $error],
		allow => [qr/cannot start|disabled|openat2|failed|ended/],
	);
	open my $file, '>', $server->root . '/file.txt' or die $!;
	print $file "secret\n";
	close $file;
	$server->start;

	my $response = $server->get('/file.txt');
	is($response->{status}, 503, "$error: nothing is served");
	unlike($response->{body}, qr/secret|openat2/,
		"$error: the client learns neither the file nor why");
	like($server->await_log(qr/the worker .*cannot start/) // '',
		qr/\Q$sentence\E/, "$error: the log has the sentence");
	my ($status, $output) = $server->command('pool', 'show', 'main');
	is($status, 0, "$error: pool show answers");
	like($output, qr/\Q$sentence. $detail $hint\E/,
		"$error: with the sentence, the reason and what to do");
	is(scalar $server->pids_of('worker'), 0, "$error: no worker is left");
	$server->stop;
}
done_testing;
