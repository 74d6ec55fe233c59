/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and transport security as the tables read them.
 */
#ifndef CORE_CONFIG_SETTINGS_RAW_TLS_H
#define CORE_CONFIG_SETTINGS_RAW_TLS_H

#include "core/config/table.h"

struct raw_certificate_files {
	const struct config_value *source;
	const char *certificate;
	const char *key;
};

struct raw_certificate {
	const struct config_value *source;
	const char *certificate;
	const char *key;
	struct config_list alternatives; /* of struct raw_certificate_files */
	bool ocsp_stapling;
	const char *ocsp_responder;
};

struct raw_hsts {
	bool enabled;
	uint64_t max_age; /* ns */
	bool include_subdomains;
	bool preload;
	bool redirect;
};

#endif
