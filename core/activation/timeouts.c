/* SPDX-License-Identifier: Apache-2.0
 *
 * See timeouts.h.
 */
#include "core/activation/timeouts.h"

#include "core/config/config.h"

static void
put_duration(json_t *json, const char *name, uint64_t ns)
{
	char text[CONFIG_UNIT_TEXT_SIZE];

	json_object_set_new(
		json, name,
		json_string(config_format_duration(ns, text, sizeof text)));
}

static json_t *
describe(const char *name, const struct settings_limits *limits)
{
	json_t *json = json_pack("{s:s, s:I, s:I}", "name", name, "minSendRate",
				 (json_int_t)limits->min_send_rate,
				 "minReceiveRate",
				 (json_int_t)limits->min_receive_rate);

	put_duration(json, "headerWaitTimeout", limits->header_wait_timeout);
	put_duration(json, "connectionTimeout", limits->connection_timeout);
	put_duration(json, "entityBodyTimeout", limits->entity_body_timeout);
	put_duration(json, "drainEntityBodyTimeout",
		     limits->drain_entity_body_timeout);
	put_duration(json, "minSendRateWindow", limits->min_send_rate_window);
	return json;
}

static bool
is_same(const struct settings_limits *a, const struct settings_limits *b)
{
	return a->header_wait_timeout == b->header_wait_timeout &&
	       a->connection_timeout == b->connection_timeout &&
	       a->entity_body_timeout == b->entity_body_timeout &&
	       a->drain_entity_body_timeout == b->drain_entity_body_timeout &&
	       a->min_send_rate == b->min_send_rate &&
	       a->min_send_rate_window == b->min_send_rate_window &&
	       a->min_receive_rate == b->min_receive_rate;
}

json_t *
timeouts_to_json(const struct settings *settings)
{
	json_t *all = json_array();

	json_array_append_new(all,
			      describe("(all)", &settings->listener.limits));
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		if (!is_same(&site->limits.request, &settings->listener.limits))
			json_array_append_new(all,
					      describe(site->name,
						       &site->limits.request));
	}
	return all;
}
