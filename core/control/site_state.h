/* SPDX-License-Identifier: Apache-2.0
 *
 * manager -> listener: whether a site takes requests.
 */
#ifndef CORE_CONTROL_SITE_STATE_H
#define CORE_CONTROL_SITE_STATE_H

#include <stdbool.h>

struct control_site_state {
	const char *site; /* may be none that the listener knows */
	bool stopped;
};

#endif
