/* SPDX-License-Identifier: Apache-2.0
 *
 * See hsts.h.
 */
#include "core/listener/hsts.h"

#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/config/settings.h"
#include "core/listener/connection.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/response.h"
#include "core/listener/site.h"

#define PORT_HTTPS 443

void
hsts_init(struct snapshot_site *site, const struct settings_site *from)
{
	const struct settings_hsts *hsts = &from->hsts;
	char text[128];

	for (size_t i = 0; hsts->redirect && i < from->binding_count; i++) {
		if (from->bindings[i].tls) {
			site->redirects = true;
			site->https_port = from->bindings[i].port;
			break;
		}
	}
	if (!hsts->enabled)
		return;
	snprintf(text, sizeof(text), "max-age=%llu%s%s",
		 (unsigned long long)hsts->max_age,
		 hsts->include_subdomains ? "; includeSubDomains" : "",
		 hsts->preload ? "; preload" : "");
	site->hsts = mem_strdup(text);
}

void
hsts_fini(struct snapshot_site *site)
{
	MEM_FREE(site->hsts);
}

/* Over http it must not be sent (RFC 6797 section 7.2). */
struct portico_slice
hsts_value(const struct listener_request *request)
{
	const char *value;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (request->connection == NULL || !request->connection->tls ||
	    request->application == NULL)
		return PORTICO_SLICE("");
	value = site_of_request(request)->hsts;
	return value == NULL ? PORTICO_SLICE("") : slice_from(value);
}

/* Of the target what is behind the host: a client may have written that, too. */
static struct portico_slice
path_and_query(const struct listener_request *request)
{
	const struct http_parsed_head *head = &request->head;
	uint32_t skipped = head->path_offset - head->target_offset;

	if (head->target_form == HTTP_TARGET_ASTERISK)
		return PORTICO_SLICE("/");
	return request_text(request, head->path_offset,
			    head->target_length - skipped);
}

bool
hsts_redirect(struct listener_request *request)
{
	const struct snapshot_site *site = site_of_request(request);
	const struct http_parsed_head *head = &request->head;
	struct portico_slice host =
		request_text(request, head->host_offset, head->host_length);
	struct portico_slice rest = path_and_query(request);
	char port[8] = "";
	struct buffer location;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	/* Who names no host (HTTP/1.0) cannot be told where to go. */
	if (!site->redirects || request->connection->tls || host.length == 0)
		return false;
	if (site->https_port != PORT_HTTPS)
		snprintf(port, sizeof(port), ":%u", site->https_port);
	buffer_init(&location, 0);
	(void)buffer_printf(&location, "https://%.*s%s%s%.*s", SLICE_ARGS(host),
			    port,
			    rest.length > 0 && rest.data[0] == '/' ? "" : "/",
			    SLICE_ARGS(rest));
	response_send_redirect(request, location.data);
	buffer_fini(&location);
	return true;
}
