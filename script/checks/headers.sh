# SPDX-License-Identifier: Apache-2.0
#
# Each header compiles alone: the SDK's as strict C11, C++17 and C++20, those of
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

: "${CC:=cc}"
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

# C++: every header alone, and modules with a descriptor: rows by designated
# initialisers are C++20's, portico.hpp does without.
cat >"$work/module20.cc" <<'END'
#include <portico/portico.h>
struct settings {
	const char *greeting;
};
static const struct portico_directive directives[] = {
	{ .name = "greeting", .type = PORTICO_DIRECTIVE_STRING,
	  .offset = PORTICO_MEMBER(struct settings, greeting, const char *) },
	{},
};
static enum portico_verdict
on_begin(struct portico_request *)
{
	return PORTICO_NEXT;
}
static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{},
};
PORTICO_MODULE(.name = "some", .version = "1", .summary = "none",
	       .directives = directives,
	       .configuration_size = sizeof(struct settings),
	       .subscriptions = subscriptions);
END

for compiler in g++ clang++; do
	if ! command -v $compiler >/dev/null; then
		number=$((number + 1))
		echo "ok $number # SKIP $compiler was not found"
		continue
	fi
	for standard in c++17 c++20; do
		status=0
		: >"$work/errors"
		for header in "$top"/sdk/include/portico/*.h*; do
			try "portico/${header##*/}" cc $compiler \
				-std=$standard -pedantic || status=1
		done
		report $status "SDK headers compile alone as $standard, $compiler"
		status=0
		: >"$work/errors"
		for file in "$top"/t/sdk/modules/*.cc \
			"$top"/sdk/examples/*/*.cc; do
			$compiler $warnings -pedantic -std=$standard \
				-I"$top/sdk/include" -fsyntax-only "$file" \
				2>>"$work/errors" || status=1
		done
		report $status "modules on portico.hpp are $standard, $compiler"
	done
	# Members that are left out are warned about by g++ alone, and alone
	# in C++.
	: >"$work/errors"
	status=0
	$compiler $warnings -pedantic -Wno-missing-field-initializers \
		-std=c++20 -I"$top/sdk/include" -c -o "$work/module20.o" \
		"$work/module20.cc" 2>"$work/errors" || status=1
	nm "$work/module20.o" | grep -q ' T portico_module_entry$' || {
		echo "its entry is not portico_module_entry" >>"$work/errors"
		status=1
	}
	report $status "PORTICO_MODULE makes a module in c++20, $compiler"
	status=0
	sed 's/greeting, const char \*/greeting, uint64_t/' \
		"$work/module20.cc" >"$work/wrong.cc"
	$compiler -std=c++20 -I"$top/sdk/include" -fsyntax-only \
		"$work/wrong.cc" 2>/dev/null && status=1
	report $status "... and no setting of another type, $compiler"
done
echo "1..$number"
