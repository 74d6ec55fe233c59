/* SPDX-License-Identifier: Apache-2.0
 *
 * The page that tells whether an application is well.
 */
#include "core/config/settings_priv.h"

#include "core/config/table.h"

#define SECOND 1000000000ll
#define HOUR (3600 * SECOND)

static const struct config_field health_fields[] = {
	CONFIG_SOURCE(struct raw_health, source),
	CONFIG_STRING(struct raw_health, path, "path", .flags = CONFIG_REQUIRED,
		      .min = 1, .max = 4095, .check = settings_check_page_path,
		      .prose = "Path below the application, with a query or "
			       "without."),
	CONFIG_STRING(struct raw_health, host, "host", .min = 1, .max = 255,
		      .check = settings_check_page_host,
		      .prose = "Host that is asked for; without it that of the "
			       "site's first binding, or \"localhost\"."),
	CONFIG_DURATION(struct raw_health, interval, "interval",
			.fallback = "30s", .min = SECOND / 10, .max = HOUR,
			.prose = "From the end of one check to the beginning "
				 "of the next."),
	CONFIG_DURATION(struct raw_health, timeout, "timeout",
			.fallback = "10s", .min = SECOND / 100, .max = HOUR,
			.prose = "How long the answer may take; then the "
				 "request is aborted, and has failed."),
	CONFIG_INTEGER(struct raw_health, failures, "failures", .fallback = "3",
		       .min = 1, .max = 1000,
		       .prose = "So many in a row, and the worker is replaced "
				"as one that says that it is unhealthy: not "
				"more often than recycling.unhealthyInterval, "
				"and it counts for rapid-fail protection."),
};
const struct config_table settings_health_table = CONFIG_TABLE(
	struct raw_health, health_fields,
	"A page that each worker requests of itself, through the pipeline as a "
	"client would, to see whether the application is well: a status from "
	"400 and no answer in time are failures. It does not count as use for "
	"idleTimeout.",
	.shorthand = "path");

void
settings_resolve_health(const struct raw_health *raw,
			struct settings_health *health)
{
	*health = (struct settings_health){ .page.path = NULL };
	if (raw == NULL)
		return;
	*health = (struct settings_health){
		.page = { raw->path, raw->host },
		.interval = raw->interval,
		.timeout = raw->timeout,
		.failures = raw->failures,
	};
}

json_t *
settings_write_health(const struct settings_health *health)
{
	json_t *json = json_pack("{s:s, s:I}", "path", health->page.path,
				 "failures", (json_int_t)health->failures);

	settings_put_duration(json, "interval", health->interval);
	settings_put_duration(json, "timeout", health->timeout);
	if (health->page.host != NULL)
		json_object_set_new(json, "host",
				    json_string(health->page.host));
	return json;
}
