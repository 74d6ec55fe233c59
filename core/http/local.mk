# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/http/libhttp.la
core_http_libhttp_la_SOURCES = \
	core/http/chars.c \
	core/http/chars.h \
	core/http/chunked.c \
	core/http/chunked.h \
	core/http/date.c \
	core/http/date.h \
	core/http/header_id.c \
	core/http/header_id.h \
	core/http/header_id_table.h \
	core/http/host.c \
	core/http/host.h \
	core/http/limits.h \
	core/http/method.c \
	core/http/method.h \
	core/http/parser.c \
	core/http/parser.h \
	core/http/parser_field.c \
	core/http/parser_priv.h \
	core/http/reason.c \
	core/http/reason.h \
	core/http/request_head.c \
	core/http/request_head.h \
	core/http/response_head.c \
	core/http/response_head.h \
	core/http/response_write.c \
	core/http/status.c \
	core/http/status.h \
	core/http/url.c \
	core/http/url.h
EXTRA_DIST += core/http/header_id_gen.pl
