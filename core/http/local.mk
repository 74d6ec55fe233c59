# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/http/libhttp.la
core_http_libhttp_la_SOURCES = \
	core/http/chars.c \
	core/http/chars.h \
	core/http/chunked.c \
	core/http/chunked.h \
	core/http/cookie.c \
	core/http/cookie.h \
	core/http/date.c \
	core/http/date.h \
	core/http/form.c \
	core/http/form.h \
	core/http/head_build.c \
	core/http/head_build.h \
	core/http/header_id.c \
	core/http/header_id.h \
	core/http/header_id_table.h \
	core/http/host.c \
	core/http/host.h \
	core/http/limits.h \
	core/http/log_record.c \
	core/http/log_record.h \
	core/http/method.c \
	core/http/method.h \
	core/http/multipart.c \
	core/http/multipart.h \
	core/http/multipart_header.c \
	core/http/multipart_priv.h \
	core/http/parser.c \
	core/http/parser.h \
	core/http/parser_field.c \
	core/http/parser_priv.h \
	core/http/priority.c \
	core/http/priority.h \
	core/http/proxy_protocol.c \
	core/http/proxy_protocol.h \
	core/http/reason.c \
	core/http/reason.h \
	core/http/request_head.c \
	core/http/request_head.h \
	core/http/response_head.c \
	core/http/response_head.h \
	core/http/response_write.c \
	core/http/status.c \
	core/http/status.h \
	core/http/trailer.c \
	core/http/trailer.h \
	core/http/url.c \
	core/http/url.h \
	core/http/url_whole.c \
	core/http/url_whole.h
EXTRA_DIST += core/http/README.md core/http/header_id_gen.pl

if HAVE_CMOCKA
UNIT_TESTS += \
	t/unit/http/chars-t \
	t/unit/http/chunked-t \
	t/unit/http/date-t \
	t/unit/http/form-t \
	t/unit/http/parser-t \
	t/unit/http/priority-t \
	t/unit/http/proxy_protocol-t \
	t/unit/http/request_head-t \
	t/unit/http/response_head-t \
	t/unit/http/trailer-t \
	t/unit/http/url-t \
	t/unit/http/vocabulary-t
t_unit_http_chars_t_SOURCES = t/unit/http/chars-t.c
t_unit_http_chars_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
t_unit_http_chunked_t_SOURCES = t/unit/http/chunked-t.c
t_unit_http_chunked_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
t_unit_http_date_t_SOURCES = t/unit/http/date-t.c
t_unit_http_date_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
t_unit_http_form_t_SOURCES = t/unit/http/form-t.c
t_unit_http_form_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
t_unit_http_parser_t_SOURCES = t/unit/http/parser-t.c
t_unit_http_parser_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
t_unit_http_priority_t_SOURCES = t/unit/http/priority-t.c
t_unit_http_priority_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
t_unit_http_proxy_protocol_t_SOURCES = t/unit/http/proxy_protocol-t.c
t_unit_http_proxy_protocol_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
t_unit_http_request_head_t_SOURCES = t/unit/http/request_head-t.c
t_unit_http_request_head_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
t_unit_http_response_head_t_SOURCES = t/unit/http/response_head-t.c
t_unit_http_response_head_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
t_unit_http_trailer_t_SOURCES = t/unit/http/trailer-t.c
t_unit_http_trailer_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
t_unit_http_url_t_SOURCES = t/unit/http/url-t.c
t_unit_http_url_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
t_unit_http_vocabulary_t_SOURCES = t/unit/http/vocabulary-t.c
t_unit_http_vocabulary_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
endif

FUZZERS += \
	fuzz/form_fuzz \
	fuzz/http_parser_fuzz \
	fuzz/multipart_fuzz \
	fuzz/priority_fuzz \
	fuzz/proxy_protocol_fuzz \
	fuzz/response_head_fuzz \
	fuzz/trailer_fuzz \
	fuzz/url_fuzz
fuzz_form_fuzz_SOURCES = fuzz/form_fuzz.c fuzz/replay_main.c
fuzz_form_fuzz_LDADD = core/http/libhttp.la $(BASE_LIBS)
fuzz_form_fuzz_LDFLAGS = $(FUZZ_FLAGS)
fuzz_http_parser_fuzz_SOURCES = fuzz/http_parser_fuzz.c fuzz/replay_main.c
fuzz_http_parser_fuzz_LDADD = core/http/libhttp.la $(BASE_LIBS)
fuzz_http_parser_fuzz_LDFLAGS = $(FUZZ_FLAGS)
fuzz_multipart_fuzz_SOURCES = fuzz/multipart_fuzz.c fuzz/replay_main.c
fuzz_multipart_fuzz_LDADD = core/http/libhttp.la $(BASE_LIBS)
fuzz_multipart_fuzz_LDFLAGS = $(FUZZ_FLAGS)
fuzz_priority_fuzz_SOURCES = fuzz/priority_fuzz.c fuzz/replay_main.c
fuzz_priority_fuzz_LDADD = core/http/libhttp.la $(BASE_LIBS)
fuzz_priority_fuzz_LDFLAGS = $(FUZZ_FLAGS)
fuzz_proxy_protocol_fuzz_SOURCES = fuzz/proxy_protocol_fuzz.c fuzz/replay_main.c
fuzz_proxy_protocol_fuzz_LDADD = core/http/libhttp.la $(BASE_LIBS)
fuzz_proxy_protocol_fuzz_LDFLAGS = $(FUZZ_FLAGS)
fuzz_response_head_fuzz_SOURCES = fuzz/response_head_fuzz.c fuzz/replay_main.c
fuzz_response_head_fuzz_LDADD = core/http/libhttp.la $(BASE_LIBS)
fuzz_response_head_fuzz_LDFLAGS = $(FUZZ_FLAGS)
fuzz_trailer_fuzz_SOURCES = fuzz/trailer_fuzz.c fuzz/replay_main.c
fuzz_trailer_fuzz_LDADD = core/http/libhttp.la $(BASE_LIBS)
fuzz_trailer_fuzz_LDFLAGS = $(FUZZ_FLAGS)
fuzz_url_fuzz_SOURCES = fuzz/url_fuzz.c fuzz/replay_main.c
fuzz_url_fuzz_LDADD = core/http/libhttp.la $(BASE_LIBS)
fuzz_url_fuzz_LDFLAGS = $(FUZZ_FLAGS)
