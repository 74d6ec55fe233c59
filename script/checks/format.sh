# SPDX-License-Identifier: Apache-2.0
#
# The layout is the one that clang-format 14 gives with the tree's settings;
# `script/format` applies it.

top=${PORTICO_SRCDIR:-.}
if ! "${CLANG_FORMAT:-clang-format-14}" --version 2>/dev/null |
	grep -q 'version 14\.'; then
	echo "1..0 # SKIP clang-format 14 was not found"
	exit 0
fi
cd "$top" || exit 1
differing=$(find core sdk modules t fuzz bench \
	\( -name '*.c' -o -name '*.h' \) -print |
	sort | while read -r file; do
	"${CLANG_FORMAT:-clang-format-14}" "$file" | cmp -s - "$file" ||
		echo "# $file"
done)
echo "1..1"
if [ -z "$differing" ]; then
	echo "ok 1 - C files are laid out by clang-format"
else
	echo "not ok 1 - C files are laid out by clang-format"
	echo "$differing"
	echo "# script/format puts it right"
fi
