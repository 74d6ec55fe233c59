dnl SPDX-License-Identifier: Apache-2.0

dnl PORTICO_TRY_CFLAGS(FLAGS): adds to PORTICO_CFLAGS those of the flags that
dnl the compiler accepts without a warning.
AC_DEFUN([PORTICO_TRY_CFLAGS], [
for flag in $1; do
	AC_MSG_CHECKING([whether $CC accepts $flag])
	saved_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $flag"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
		[AC_MSG_RESULT([yes])
		 PORTICO_CFLAGS="$PORTICO_CFLAGS $flag"],
		[AC_MSG_RESULT([no])])
	CFLAGS=$saved_CFLAGS
done
])

dnl PORTICO_SANITIZE(LIST): builds and links with these sanitizers, or fails.
AC_DEFUN([PORTICO_SANITIZE], [
AC_MSG_CHECKING([whether -fsanitize=$1 links])
saved_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS -fsanitize=$1"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
	[AC_MSG_RESULT([no])
	 AC_MSG_ERROR([$CC cannot link with -fsanitize=$1])])
CFLAGS=$saved_CFLAGS
PORTICO_CFLAGS="$PORTICO_CFLAGS -fsanitize=$1 -fno-omit-frame-pointer -fno-sanitize-recover=all"
PORTICO_LDFLAGS="$PORTICO_LDFLAGS -fsanitize=$1"
])
