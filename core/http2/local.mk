# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/http2/libhttp2.la
core_http2_libhttp2_la_SOURCES = \
	core/http2/endpoint.c \
	core/http2/endpoint.h \
	core/http2/endpoint_head.c \
	core/http2/endpoint_priv.h \
	core/http2/endpoint_receive.c \
	core/http2/endpoint_send.c \
	core/http2/endpoint_window.c \
	core/http2/frame.c \
	core/http2/frame.h \
	core/http2/hpack.c \
	core/http2/hpack.h \
	core/http2/message.c \
	core/http2/message.h
EXTRA_DIST += core/http2/README.md

HTTP2_LIBS = core/http2/libhttp2.la core/http/libhttp.la $(NGHTTP2_LIBS)

check_LTLIBRARIES += t/unit/http2/libowner.la
t_unit_http2_libowner_la_SOURCES = \
	t/unit/http2/owner.c \
	t/unit/http2/owner.h

if HAVE_CMOCKA
UNIT_TESTS += t/unit/http2/endpoint-t
t_unit_http2_endpoint_t_SOURCES = t/unit/http2/endpoint-t.c
t_unit_http2_endpoint_t_LDADD = t/unit/http2/libowner.la $(HTTP2_LIBS) \
	$(UNIT_LIBS)
UNIT_TESTS += t/unit/http2/hpack-t
t_unit_http2_hpack_t_SOURCES = t/unit/http2/hpack-t.c
t_unit_http2_hpack_t_LDADD = $(HTTP2_LIBS) $(UNIT_LIBS)
UNIT_TESTS += t/unit/http2/message-t
t_unit_http2_message_t_SOURCES = t/unit/http2/message-t.c
t_unit_http2_message_t_LDADD = $(HTTP2_LIBS) $(UNIT_LIBS)
endif

FUZZERS += fuzz/http2_frames_fuzz
fuzz_http2_frames_fuzz_SOURCES = fuzz/http2_frames_fuzz.c fuzz/replay_main.c
fuzz_http2_frames_fuzz_LDADD = t/unit/http2/libowner.la $(HTTP2_LIBS) \
	$(BASE_LIBS)
fuzz_http2_frames_fuzz_LDFLAGS = $(FUZZ_FLAGS)
