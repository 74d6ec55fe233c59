# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/ocsp/libocsp.la
core_ocsp_libocsp_la_SOURCES = \
	core/ocsp/answer.c \
	core/ocsp/answer.h \
	core/ocsp/exchange.c \
	core/ocsp/exchange.h \
	core/ocsp/limits.h

OCSP_LIBS = core/ocsp/libocsp.la $(BASE_LIBS) $(JANSSON_LIBS) $(SSL_LIBS)

# The only program that is linked with libcurl: it lives for one question.
pkglibexec_PROGRAMS += portico-ocsp
portico_ocsp_SOURCES = \
	core/ocsp/fetch.c \
	core/ocsp/fetch.h \
	core/ocsp/main.c
portico_ocsp_LDADD = $(OCSP_LIBS) $(CURL_LIBS)

# Answers of a responder as tests want them.
check_PROGRAMS += t/listener/ocsp-answer
t_listener_ocsp_answer_SOURCES = t/listener/ocsp-answer.c
t_listener_ocsp_answer_LDADD = $(SSL_LIBS)

EXTRA_DIST += core/ocsp/README.md
