# SPDX-License-Identifier: Apache-2.0
#
# Each header compiles alone: the SDK's as strict C11 and as C++11, those of
# the core as the core is compiled.

top=${PORTICO_SRCDIR:-.}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Werror -Wno-unused-function"
number=0

# report STATUS NAME
report() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		sed 's/^/# /' "$work/errors"
	fi
}

# try NAME SUFFIX COMPILER...: compiles a file that includes one header.
try() {
	name=$1 suffix=$2
	shift 2
	echo "#include \"$name\"" >"$work/one.$suffix"
	# shellcheck disable=SC2086
	"$@" $warnings -I"$top" -I"$top/sdk/include" -fsyntax-only \
		"$work/one.$suffix" 2>>"$work/errors"
}

: "${CC:=cc}" "${CXX:=no}"
for part in "$top"/core/*/; do
	part=${part%/}
	status=0
	: >"$work/errors"
	for header in "$part"/*.h; do
		[ -f "$header" ] || continue
		grep -qi '\bgenerated\b' "$header" && continue
		try "${header#"$top"/}" c $CC -std=gnu11 -D_GNU_SOURCE ||
			status=1
	done
	report $status "headers of ${part#"$top"/} compile alone"
done

status=0
: >"$work/errors"
for header in "$top"/sdk/include/portico/*.h; do
	try "portico/${header##*/}" c $CC -std=c11 -pedantic || status=1
done
report $status "SDK headers compile alone as C11"

if [ "$CXX" = no ]; then
	number=$((number + 1))
	echo "ok $number # SKIP no C++ compiler was found"
else
	status=0
	: >"$work/errors"
	for header in "$top"/sdk/include/portico/*.h; do
		try "portico/${header##*/}" cc $CXX -std=c++11 || status=1
	done
	report $status "SDK headers compile alone as C++11"
fi
echo "1..$number"
