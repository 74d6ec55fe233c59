/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl, loaded when the first call is made: it and what it depends on are
 * twenty libraries, which a worker whose modules make no calls need not have.
 */
#ifndef CORE_WORKER_CURL_LIBRARY_H
#define CORE_WORKER_CURL_LIBRARY_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#define CURL_LIBRARY_FUNCTIONS(X)                                              \
	X(easy_cleanup)                                                        \
	X(easy_getinfo)                                                        \
	X(easy_init)                                                           \
	X(easy_pause)                                                          \
	X(easy_setopt)                                                         \
	X(easy_strerror)                                                       \
	X(global_init)                                                         \
	X(multi_add_handle)                                                    \
	X(multi_assign)                                                        \
	X(multi_cleanup)                                                       \
	X(multi_info_read)                                                     \
	X(multi_init)                                                          \
	X(multi_remove_handle)                                                 \
	X(multi_setopt)                                                        \
	X(multi_socket_action)                                                 \
	X(slist_append)                                                        \
	X(slist_free_all)                                                      \
	X(url)                                                                 \
	X(url_cleanup)                                                         \
	X(url_get)                                                             \
	X(url_set)                                                             \
	X(version_info)                                                        \
	X(free)

struct curl_library {
#define CURL_LIBRARY_MEMBER(name) __typeof__(curl_##name) *name;
	CURL_LIBRARY_FUNCTIONS(CURL_LIBRARY_MEMBER)
#undef CURL_LIBRARY_MEMBER
};

/* NULL when it is not there or will not do; that is logged once.  Any thread.
 * The first call takes some milliseconds. */
const struct curl_library *curl_library_get(void);

#endif
