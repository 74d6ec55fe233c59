/* SPDX-License-Identifier: Apache-2.0
 *
 * Warming an application up; part of settings.h, which includes it.
 */
#ifndef CORE_CONFIG_SETTINGS_INITIALIZATION_H
#define CORE_CONFIG_SETTINGS_INITIALIZATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct settings_page {
	const char *path; /* below the application, with its query */
	const char *host; /* NULL = that of the site's first binding */
};

struct settings_initialization {
	const struct settings_page *pages;
	size_t page_count;
	bool required; /* a page that fails fails the start */
	bool after_restart; /* also when its configuration changed */
	/* What clients get while no worker is there; 0 = they wait. */
	uint32_t splash_status;
	const char *splash; /* HTML, of splash_length bytes; NULL = a page of
			       the listener's own */
	size_t splash_length;
};

#endif
