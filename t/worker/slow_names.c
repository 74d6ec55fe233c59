/* SPDX-License-Identifier: Apache-2.0
 *
 * A resolver that does not answer, for tests: names that end in ".slow.test"
 * are looked up until the process ends, or until the file that SLOW_NAMES
 * names exists.  Linked into a worker, it stands before the C library's for
 * all that the worker loads.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *,
			   struct addrinfo **);

__attribute__((visibility("default"))) int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
	    struct addrinfo **found_r)
{
	getaddrinfo_fn *next =
		(getaddrinfo_fn *)dlsym(RTLD_NEXT, "getaddrinfo");
	const char *file = getenv("SLOW_NAMES");
	size_t length = name == NULL ? 0 : strlen(name);

	if (length < 10 || strcmp(name + length - 10, ".slow.test") != 0)
		return next(name, service, hints, found_r);
	if (hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0)
		return EAI_NONAME;
	while (file == NULL || access(file, F_OK) != 0)
		usleep(10000);
	return next("127.0.0.1", service, hints, found_r);
}
