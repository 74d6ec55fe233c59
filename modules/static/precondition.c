/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditional requests (RFC 9110 section 13.2.2, in its order) and the dates
 * they compare.
 */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "modules/static/static_priv.h"

static const char day_names[7][4] = { "Sun", "Mon", "Tue", "Wed",
				      "Thu", "Fri", "Sat" };
static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr",
					 "May", "Jun", "Jul", "Aug",
					 "Sep", "Oct", "Nov", "Dec" };

void
static_date_format(time_t when, char date_r[STATIC_DATE_SIZE])
{
	struct tm tm;
	char text[128];

	/* Not strftime: names must be English in every locale.  A year beyond
	 * four digits has no form; such a file is shown as of 1970. */
	if (gmtime_r(&when, &tm) == NULL || tm.tm_year < -1900 ||
	    tm.tm_year > 8099) {
		when = 0;
		gmtime_r(&when, &tm);
	}
	snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		 day_names[tm.tm_wday], tm.tm_mday, month_names[tm.tm_mon],
		 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(date_r, text, STATIC_DATE_SIZE - 1);
	date_r[STATIC_DATE_SIZE - 1] = '\0';
}

bool
static_date_parse(struct portico_slice text, time_t *when_r)
{
	/* RFC 9110 section 5.6.7: the form to send, and two to accept. */
	static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT",
					     "%A, %d-%b-%y %H:%M:%S GMT",
					     "%a %b %e %H:%M:%S %Y" };
	char copy[64];

	if (text.length >= sizeof(copy))
		return false;
	memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(copy, forms[i], &tm);

		if (end != NULL && *end == '\0') {
			*when_r = timegm(&tm);
			return true;
		}
	}
	return false;
}

/* Does a list of entity tags (or "*") name this one?  Weak comparison
 * ignores W/, strong comparison never matches a tag that has it. */
static bool
tag_list_matches(struct portico_slice list, const struct static_entry *entry,
		 bool weak)
{
	const char *at = list.data, *end = list.data + list.length;

	if (list.length == 1 && *at == '*')
		return true;
	while (at < end) {
		bool is_weak = false;
		const char *close;

		while (at < end && (*at == ' ' || *at == '\t' || *at == ','))
			at++;
		if (end - at > 2 && at[0] == 'W' && at[1] == '/') {
			is_weak = true;
			at += 2;
		}
		if (at >= end || *at != '"')
			return false;
		close = memchr(at + 1, '"', (size_t)(end - at - 1));
		if (close == NULL)
			return false;
		if ((weak || !is_weak) &&
		    (size_t)(close + 1 - at) == entry->etag_length &&
		    memcmp(at, entry->etag, entry->etag_length) == 0)
			return true;
		at = close + 1;
	}
	return false;
}

/* The lists of all fields of a name. */
struct tag_search {
	struct portico_slice name;
	const struct static_entry *entry;
	bool weak;
	bool found;
};

static bool
search_field(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct tag_search *search = arg;

	if (name.length == search->name.length &&
	    strncasecmp(name.data, search->name.data, name.length) == 0)
		search->found =
			tag_list_matches(value, search->entry, search->weak);
	return !search->found;
}

/* `first` is the value of the first one. */
static bool
tag_matches(struct portico_request *request, struct portico_slice name,
	    struct portico_slice first, const struct static_entry *entry,
	    bool weak)
{
	struct tag_search search = { name, entry, weak, false };

	if (tag_list_matches(first, entry, weak))
		return true;
	portico_request_fields(request, search_field, &search);
	return search.found;
}

static bool
modified_since(const struct static_entry *entry, struct portico_slice date)
{
	time_t when;

	/* Almost always the client gives back what it was given. */
	if (date.length == strlen(entry->last_modified) &&
	    memcmp(date.data, entry->last_modified, date.length) == 0)
		return false;
	if (!static_date_parse(date, &when))
		return true;
	return entry->modified.tv_sec > when;
}

enum static_condition
static_precondition(struct portico_request *request,
		    const struct static_entry *entry)
{
	const struct portico_slice match = PORTICO_SLICE("If-Match"),
				   none_match = PORTICO_SLICE("If-None-Match");
	struct portico_slice value;
	time_t when;

	if (portico_request_field(request, match, &value)) {
		if (!tag_matches(request, match, value, entry, false))
			return STATIC_CONDITION_FAILED;
	} else if (portico_request_field(request,
					 PORTICO_SLICE("If-Unmodified-Since"),
					 &value)) {
		if (static_date_parse(value, &when) &&
		    entry->modified.tv_sec > when)
			return STATIC_CONDITION_FAILED;
	}
	if (portico_request_field(request, none_match, &value)) {
		if (tag_matches(request, none_match, value, entry, true))
			return STATIC_CONDITION_NOT_MODIFIED;
	} else if (portico_request_field(request,
					 PORTICO_SLICE("If-Modified-Since"),
					 &value)) {
		if (!modified_since(entry, value))
			return STATIC_CONDITION_NOT_MODIFIED;
	}
	return STATIC_CONDITION_GO_ON;
}

bool
static_if_range(struct portico_request *request,
		const struct static_entry *entry)
{
	struct portico_slice value;

	if (!portico_request_field(request, PORTICO_SLICE("If-Range"), &value))
		return true;
	if (value.length > 0 && value.data[0] == '"')
		return value.length == entry->etag_length &&
		       memcmp(value.data, entry->etag, value.length) == 0;
	/* A date has to match exactly (RFC 9110 section 13.1.5); a weak tag
	 * is no date and matches nothing. */
	return value.length == strlen(entry->last_modified) &&
	       memcmp(value.data, entry->last_modified, value.length) == 0;
}
