/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of sites: what a site says, over what siteDefaults says, over what
 * the listener has for all.
 */
#include "core/config/settings_limit_rows.h"
#include "core/config/settings_priv.h"

static const struct config_field site_limits_fields[] = {
	CONFIG_SOURCE(struct raw_site_limits, source),
	CONFIG_INTEGER(struct raw_site_limits, limits.max_connections,
		       "maxConnections", .fallback = "0", .min = 0,
		       .max = UINT32_MAX,
		       .prose = "Most connections of the site at once; the "
				"next one gets 503 ConnLimit. 0: no limit."),
	CONFIG_SIZE(struct raw_site_limits, limits.max_bandwidth,
		    "maxBandwidth", .fallback = "0", .flags = CONFIG_ZERO,
		    .min = 1024,
		    .prose = "Bytes per second that the site may send to all "
			     "its clients together. 0: no limit."),
	SETTINGS_LIMIT_ROWS(struct raw_site_limits, limits.request),
};
const struct config_table settings_site_limits_table = CONFIG_TABLE(
	struct raw_site_limits, site_limits_fields,
	"Limits of a site. They hold as soon as a request is known "
	"to be for it, and then for its connection: before, those "
	"of the listener do.");

/*
 * A head is read before anybody knows whose it is, so a site can only be
 * stricter than the listener.
 */
static void
check_head_limits(struct settings_resolver *resolver,
		  const struct config_value *source,
		  const struct settings_limits *limits)
{
	const struct settings_limits *all =
		&resolver->settings->listener.limits;
	const struct {
		const char *name;
		uint64_t value, most;
	} rows[] = {
		{ "maxRequestBytes", limits->max_request_bytes,
		  all->max_request_bytes },
		{ "maxRequestLine", limits->max_request_line,
		  all->max_request_line == 0 ? all->max_request_bytes :
					       all->max_request_line },
		{ "maxHeaderCount", limits->max_header_count,
		  all->max_header_count },
		{ "urlSegmentMaxCount", limits->url_segment_max_count,
		  all->url_segment_max_count },
		{ "urlSegmentMaxLength", limits->url_segment_max_length,
		  all->url_segment_max_length },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct config_value *value =
			config_value_find(source, rows[i].name);

		if (value != NULL && rows[i].value > rows[i].most)
			config_problem(
				resolver->problems, value,
				"has to be at most %llu, as the listener has "
				"it, which reads the head before it knows "
				"the site",
				(unsigned long long)rows[i].most);
	}
}

bool
settings_limits_differ(const struct settings_site_limits *site,
		       const struct settings_limits *all)
{
	const struct settings_limits *own = &site->request;

	return site->max_connections != 0 || site->max_bandwidth != 0 ||
	       own->max_request_bytes != all->max_request_bytes ||
	       own->max_request_line != all->max_request_line ||
	       own->max_header_count != all->max_header_count ||
	       own->url_segment_max_count != all->url_segment_max_count ||
	       own->url_segment_max_length != all->url_segment_max_length ||
	       own->max_requests_per_connection !=
		       all->max_requests_per_connection ||
	       own->header_wait_timeout != all->header_wait_timeout ||
	       own->connection_timeout != all->connection_timeout ||
	       own->entity_body_timeout != all->entity_body_timeout ||
	       own->drain_entity_body_timeout !=
		       all->drain_entity_body_timeout ||
	       own->min_send_rate != all->min_send_rate ||
	       own->min_send_rate_window != all->min_send_rate_window ||
	       own->min_receive_rate != all->min_receive_rate;
}

static void
merge(struct settings_resolver *resolver, const struct raw_site_limits *raw,
      struct raw_site_limits *over)
{
	struct raw_site_limits base = *over;

	if (raw->source == NULL)
		return;
	/* Its problems have been told when it was read first. */
	config_parse_over(&settings_site_limits_table, raw->source, &base, over,
			  resolver->arena,
			  config_problems_new(resolver->arena));
	check_head_limits(resolver, raw->source, &over->limits.request);
}

void
settings_resolve_limit_defaults(struct settings_resolver *resolver)
{
	resolver->site_limits = (struct raw_site_limits){
		.limits.request = resolver->settings->listener.limits,
	};
	merge(resolver, &resolver->raw.site_defaults.limits,
	      &resolver->site_limits);
}

void
settings_resolve_limits(struct settings_resolver *resolver,
			const struct raw_site *raw, struct settings_site *site)
{
	struct raw_site_limits limits = resolver->site_limits;

	merge(resolver, &raw->limits, &limits);
	site->limits = limits.limits;
}
