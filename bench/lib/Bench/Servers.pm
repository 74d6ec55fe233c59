# SPDX-License-Identifier: Apache-2.0
#
# How Portico and its peers are configured and started for a comparison: one
# worker, one core, no access log (or all of them with one), the same files,
# the same answer.  Each server is an object with name, port and pid.

package Bench::Servers;

use strict;
use warnings;
use IO::Socket::INET;
use POSIX ();
use Portico::Server;
use Time::HiRes qw(sleep time);

# Options: directory (for configurations and logs), root (the files), core
# (the servers' processor), logs (true: access logs on), body (the tiny
# answer's bytes), connections (of nginx: 4096), pair (certificate and key).
sub new
{
	my ($class, %options) = @_;
	return bless { %options, servers => {} }, $class;
}

sub start
{
	my ($self, $name) = @_;
	my $start = $self->can("start_$name") or die "no server $name\n";

	my $server = $self->{servers}{$name} // $start->($self);
	$self->{servers}{$name} = $server;
	return $server;
}

sub stop_all
{
	my ($self) = @_;

	for my $name (sort keys %{ $self->{servers} }) {
		my $server = delete $self->{servers}{$name};
		if ($server->{portico}) {
			$server->{portico}->signal('TERM');
			$server->{portico}->await_end(10)
				// $server->{portico}->kill_all;
			$server->{portico}->remove;
			next;
		}
		kill 'TERM', $server->{pid};
		waitpid $server->{pid}, 0;
	}
}

sub write_file
{
	my ($self, $name, $text) = @_;
	my $path = "$self->{directory}/$name";

	open my $file, '>', $path or die "$path: $!\n";
	print $file $text;
	close $file or die "$path: $!\n";
	return $path;
}

# Runs a server in the foreground on its core, waits until it accepts.
sub run
{
	my ($self, $name, $port, @command) = @_;
	my $log = "$self->{directory}/$name.out";
	my $pid = fork // die "fork: $!\n";

	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', $log;
		open STDERR, '>&', \*STDOUT;
		exec 'taskset', '-c', $self->{core}, @command
			or POSIX::_exit(127);
	}
	for (my $deadline = time + 10; time < $deadline; sleep 0.02) {
		return { name => $name, port => $port, pid => $pid }
			if IO::Socket::INET->new(PeerAddr => '127.0.0.1',
				PeerPort => $port);
		last if waitpid($pid, POSIX::WNOHANG()) == $pid;
	}
	open my $file, '<', $log;
	die "$name does not run:\n", <$file>;
}

# What all servers of nginx here have, around what the caller adds: directives
# of http {}, and of server {}.
sub run_nginx
{
	my ($self, $port, $http, $site) = @_;
	my $user = $> == 0 ? 'user www-data;' : '';
	# Their memory is taken at the start.
	my $connections = $self->{connections} // 4096;
	my $path = $self->write_file('nginx.conf', <<"END");
daemon off;
$user
worker_processes 1;
worker_rlimit_nofile 16384;
pid $self->{directory}/nginx.pid;
error_log $self->{directory}/nginx-error.log warn;
events { worker_connections $connections; }
http {
	types { text/html html; application/octet-stream bin; }
	default_type text/plain;
	sendfile on;
	tcp_nopush on;
	tcp_nodelay on;
	keepalive_timeout 300s;
	keepalive_requests 1000000000;
	open_file_cache max=1000 inactive=60s;
	open_file_cache_valid 60s;
	client_body_temp_path $self->{directory}/nginx-body;
	proxy_temp_path $self->{directory}/nginx-proxy;
	fastcgi_temp_path $self->{directory}/nginx-fastcgi;
	uwsgi_temp_path $self->{directory}/nginx-uwsgi;
	scgi_temp_path $self->{directory}/nginx-scgi;
	$http
	server {
		root $self->{root};
		$site
	}
}
END
	return $self->run('nginx', $port, 'nginx', '-p', $self->{directory},
		'-c', $path);
}

sub start_nginx
{
	my ($self) = @_;
	my $port = Portico::Server::free_port();
	my $h2_port = Portico::Server::free_port();
	my $log = $self->{logs}
		? "access_log $self->{directory}/nginx-access.log combined "
			. 'buffer=64k flush=1s'
		: 'access_log off';
	my $server = $self->run_nginx($port, <<"HTTP", <<"SITE");
	$log;
	http2_max_concurrent_streams 128;
HTTP
		listen 127.0.0.1:$port backlog=511;
		listen 127.0.0.1:$h2_port http2;
		location = /hello { return 200 "$self->{body}"; }
SITE
	$server->{h2_port} = $h2_port;
	return $server;
}

sub start_h2o
{
	my ($self) = @_;
	my $port = Portico::Server::free_port();
	my $log = $self->{logs}
		? "access-log: $self->{directory}/h2o-access.log" : "";
	my $user = $> == 0 ? 'user: www-data' : '';
	my $path = $self->write_file('h2o.conf', <<"END");
$user
num-threads: 1
max-connections: 32768
http1-request-timeout: 300
error-log: /dev/null
$log
hosts:
  default:
    listen:
      host: 127.0.0.1
      port: $port
    paths:
      "/":
        file.dir: $self->{root}
END
	return $self->run('h2o', $port, 'h2o', '-m', 'worker', '-c', $path);
}

sub start_haproxy
{
	my ($self) = @_;
	my $port = Portico::Server::free_port();
	my $log = $self->{logs}
		? "log stderr format raw local0\n\toption httplog" : 'no log';
		my $path = $self->write_file('haproxy.cfg', <<"END");
global
	maxconn 4096
	nbthread 1
defaults
	mode http
	timeout client 300s
	timeout http-request 300s
	timeout http-keep-alive 300s
	timeout connect 5s
	timeout server 300s
frontend main
	bind 127.0.0.1:$port
	$log
	http-request return status 200 content-type text/plain string "$self->{body}"
END
	return $self->run('haproxy', $port, 'haproxy', '-f', $path);
}

# Portico with what the caller adds; %more: applications, and any option of
# Portico::Server besides.
sub run_portico
{
	my ($self, %more) = @_;
	my $applications = delete $more{applications};
	my $server = Portico::Server->new(
		wrapper => ['taskset', '-c', $self->{core}],
		listener => { threads => 1,
			accessLog => { enabled => $self->{logs}
				? JSON::PP::true : JSON::PP::false } },
		pools => { main => { threads => 1, offloadThreads => 1 } },
		applications => {
			'/' => { root => $self->{root}, static =>
				{ listenerCache => JSON::PP::false } },
			'/kept' => { root => "$self->{root}/kept" },
			%$applications,
		},
		%more,
	)->start;

	return { name => 'portico', port => $server->port,
		pid => $server->pid, portico => $server };
}

sub start_portico
{
	my ($self) = @_;

	return $self->run_portico(applications => {
		'/hello' => { modules => ['hello'], handlers =>
			[ { path => '*', module => 'hello' } ] },
	});
}

# ---- by TLS: the same, on a port for https with the certificate `pair` --------

sub start_portico_tls
{
	my ($self) = @_;
	my $port = Portico::Server::free_port();
	my $server = $self->run_portico(
		applications => {},
		bindings => [{ url => "https://*:$port", certificate => 'c' }],
		top => { certificates => { c => $self->{pair} } },
	);
	$server->{port} = $port;
	return $server;
}

# Sessions in tickets, as here: no cache that processes share.
sub start_nginx_tls
{
	my ($self) = @_;
	my $port = Portico::Server::free_port();

	return $self->run_nginx($port, <<"HTTP", <<"SITE");
	access_log off;
	ssl_protocols TLSv1.2 TLSv1.3;
	ssl_session_tickets on;
HTTP
		listen 127.0.0.1:$port ssl backlog=511;
		ssl_certificate $self->{pair}{certificate};
		ssl_certificate_key $self->{pair}{key};
SITE
}

1;
