# SPDX-License-Identifier: Apache-2.0
#
# Every module that was built shows its entry and nothing else.

build=${PORTICO_BUILDDIR:-.}
number=0
for module in $(find "$build/modules" "$build/sdk" \
	-name "*.so" -type f 2>/dev/null | sort); do
	symbols=$(nm -D --defined-only "$module" | awk '{ print $3 }' |
		grep -v -e '^__asan' -e '^__odr_asan' -e '^_init$' -e '^_fini$' |
		tr '\n' ' ')
	number=$((number + 1))
	if [ "$symbols" = "portico_module_entry " ]; then
		echo "ok $number - ${module#"$build"/}"
	else
		echo "not ok $number - ${module#"$build"/}"
		echo "# shows: $symbols"
	fi
done
[ "$number" != 0 ] || {
	echo "1..0 # SKIP no modules were built"
	exit 0
}
echo "1..$number"
