# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts: where things are, and how the machine is made ready.
# Everything here may be run again and is quick when there is nothing to do.

PORTICO_SRCDIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PORTICO_SRCDIR

# What a build needs, and what its tests need besides.
build_packages="gcc make autoconf automake libtool pkg-config perl
	libuv1-dev libjansson-dev libpcre2-dev libcurl4-openssl-dev
	libnghttp2-dev libssl-dev libseccomp-dev
	libc6-dev"
test_packages="libcmocka-dev g++ clang clang-format-14 spin curl procps gdb
	openssl nghttp2-client testssl.sh slowhttptest
	python3.11-doc"

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit 1
}

# have_package NAME: whether Debian's package is installed.
have_package() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages NAME...: those of them that are missing.
install_packages() {
	local missing="" sudo="" name

	command -v dpkg-query >/dev/null || {
		say "this is no Debian: make sure that you have the like of $*"
		return 0
	}
	for name in "$@"; do
		have_package "$name" || missing="$missing $name"
	done
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null ||
			die "please install as root: apt-get install$missing"
		sudo="sudo"
	fi
	say "installing$missing"
	# The lists may be absent, or too old to name what is still there.
	# shellcheck disable=SC2086
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y \
		--no-install-recommends $missing >/dev/null 2>&1 ||
		{
			$sudo apt-get update -q &&
				$sudo env DEBIAN_FRONTEND=noninteractive \
					apt-get install -y -q \
					--no-install-recommends $missing
		} || die "these packages could not be installed:$missing"
}

# install_documents DIR PACKAGE: the package's files below DIR, which an image
# that leaves documents out has to be asked for.
install_documents() {
	[ ! -d "$1" ] && command -v dpkg-query >/dev/null || return 0
	[ "$(id -u)" = 0 ] || die "please install as root: $2, with $1"
	say "installing the documents of $2"
	env DEBIAN_FRONTEND=noninteractive apt-get install -y --reinstall \
		-o "DPkg::Options::=--path-include=$1/*" "$2" >/dev/null ||
		die "$2 could not be installed with $1"
}

# prepare_configure: runs autoreconf when configure is missing or older than
# what it is made from.
prepare_configure() {
	local newer said

	if [ -x "$PORTICO_SRCDIR/configure" ] &&
		[ -f "$PORTICO_SRCDIR/Makefile.in" ] &&
		[ -f "$PORTICO_SRCDIR/build-aux/ltmain.sh" ]; then
		newer=$(find "$PORTICO_SRCDIR/configure.ac" \
			"$PORTICO_SRCDIR/m4/portico.m4" \
			-newer "$PORTICO_SRCDIR/configure" 2>/dev/null)
		[ -n "$newer" ] || return 0
	fi
	said=$(cd "$PORTICO_SRCDIR" && autoreconf -fi 2>&1) ||
		die "autoreconf failed: $said"
}

# configure_in DIR [OPTION...]: configures out of tree, again only when the
# options or the libraries differ from the last time.
configure_in() {
	local dir=$1 wanted
	shift
	# cmocka decides what there is to build, and may have come since.
	wanted="$PORTICO_SRCDIR $* $(pkg-config --modversion libuv jansson \
		libpcre2-8 libnghttp2 libcurl cmocka 2>/dev/null | tr '\n' ' ' || true)"

	prepare_configure
	mkdir -p "$dir"
	if [ -f "$dir/config.status" ] && [ -f "$dir/Makefile" ] &&
		[ "$(cat "$dir/.configured" 2>/dev/null)" = "$wanted" ]; then
		return 0
	fi
	(cd "$dir" && "$PORTICO_SRCDIR/configure" -q "$@") ||
		die "configure failed, see $dir/config.log"
	printf '%s' "$wanted" >"$dir/.configured"
}

# build_in DIR [TARGET...]
build_in() {
	local dir=$1
	shift
	make -C "$dir" --no-print-directory -j"$(nproc)" "$@"
}
