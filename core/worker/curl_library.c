/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading libcurl, once.
 */
#include "core/worker/curl_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#include "core/base/log.h"

/* CURLOPT_QUICK_EXIT: without it the end of a call waits for its name. */
#define VERSION_LEAST 0x075700u /* 7.87.0 */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct curl_library library;
static bool loaded;

static bool
fits(void)
{
	const curl_version_info_data *info =
		library.version_info(CURLVERSION_NOW);

	if (info->version_num < VERSION_LEAST) {
		log_error(4100, NULL,
			  "libcurl %s is too old for calls of modules: 7.87 is "
			  "needed",
			  info->version);
		return false;
	}
	if ((info->features & CURL_VERSION_ASYNCHDNS) == 0) {
		log_error(4101, NULL,
			  "libcurl %s looks up names while everybody waits: it "
			  "is not used",
			  info->version);
		return false;
	}
	return library.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static void
load(void)
{
	void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL) {
		log_error(4102, NULL,
			  "libcurl cannot be loaded for a call of a module: %s",
			  dlerror());
		return;
	}
#define LOOK_UP(name)                                                          \
	*(void **)&library.name = dlsym(handle, "curl_" #name);                \
	if (library.name == NULL) {                                            \
		log_error(4103, NULL, "libcurl has no curl_" #name);           \
		return;                                                        \
	}
	CURL_LIBRARY_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
	loaded = fits();
}

const struct curl_library *
curl_library_get(void)
{
	pthread_once(&once, load);
	return loaded ? &library : NULL;
}
