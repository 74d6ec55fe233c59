/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of a pool that say when its workers are replaced.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/settings_priv.h"
#include "core/config/table.h"

#define SECOND 1000000000ll
#define DAY (86400 * SECOND)

static const char *const event_words[] = {
#define EVENT_WORD(symbol, text) text,
	SETTINGS_RECYCLE_EVENTS(EVENT_WORD)
#undef EVENT_WORD
};

/* ---- times of day -------------------------------------------------------- */

static unsigned
two_digits(const char *text)
{
	return (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
}

/* "HH:MM" or "HH:MM:SS". */
static bool
parse_time_of_day(const char *text, uint32_t *seconds_r)
{
	static const char pattern[] = "00:00:00";
	size_t length = strlen(text);
	unsigned second = 0;

	if (length != 5 && length != 8)
		return false;
	for (size_t i = 0; i < length; i++)
		if (pattern[i] == ':' ? text[i] != ':' :
					text[i] < '0' || text[i] > '9')
			return false;
	if (length == 8)
		second = two_digits(text + 6);
	*seconds_r =
		two_digits(text) * 3600 + two_digits(text + 3) * 60 + second;
	return two_digits(text) < 24 && two_digits(text + 3) < 60 &&
	       second < 60;
}

static void
check_schedule(const void *target, const struct config_value *value,
	       struct config_problems *problems)
{
	const struct config_strings *times = target;
	uint32_t seconds;

	(void)value;
	for (size_t i = 0; i < times->count; i++)
		if (!parse_time_of_day(times->items[i], &seconds))
			config_problem(problems, times->values[i],
				       "found \"%s\", expected a time of day "
				       "from \"00:00\" to \"23:59\", or with "
				       "seconds, \"03:30:15\"",
				       times->items[i]);
}

/* ---- what is logged ------------------------------------------------------ */

/* SETTINGS_RECYCLE_EVENT_COUNT: none of that name. */
static unsigned
find_event(const char *word)
{
	unsigned i = 0;

	/* What it is called where it has its other names from. */
	if (strcmp(word, "IsapiUnhealthy") == 0)
		return SETTINGS_RECYCLE_EVENT_UNHEALTHY;
	while (i < SETTINGS_RECYCLE_EVENT_COUNT &&
	       strcmp(word, event_words[i]) != 0)
		i++;
	return i;
}

static void
check_events(const void *target, const struct config_value *value,
	     struct config_problems *problems)
{
	const struct config_strings *words = target;

	(void)value;
	for (size_t i = 0; i < words->count; i++)
		if (find_event(words->items[i]) == SETTINGS_RECYCLE_EVENT_COUNT)
			config_problem(problems, words->values[i],
				       "found \"%s\", expected Time, Requests, "
				       "Schedule, Memory, PrivateMemory, "
				       "OnDemand, ConfigChange or Unhealthy",
				       words->items[i]);
}

/* -------------------------------------------------------------------------- */

static const struct config_field recycling_fields[] = {
	CONFIG_SOURCE(struct raw_recycling, source),
	CONFIG_DURATION(struct raw_recycling, time, "time", .fallback = "29h",
			.flags = CONFIG_ZERO, .min = SECOND / 10,
			.max = 300 * DAY,
			.prose = "How long a worker lives until it is "
				 "replaced; up to a twentieth less or more, so "
				 "that pools that began together do not do it "
				 "together. 0: for ever."),
	CONFIG_INTEGER(struct raw_recycling, requests, "requests",
		       .fallback = "0", .min = 0, .max = 4294967295ll,
		       .prose = "So many requests a worker serves until it is "
				"replaced; looked at each second, and when "
				"it should be reached, so that there may be "
				"some more. 0: any number."),
	CONFIG_SIZE(struct raw_recycling, memory, "memory", .fallback = "0",
		    .flags = CONFIG_ZERO, .min = 1024 * 1024,
		    .prose = "Address space of a worker above which it is "
			     "replaced; looked at each pingInterval. 0: any."),
	CONFIG_SIZE(struct raw_recycling, private_memory, "privateMemory",
		    .fallback = "0", .flags = CONFIG_ZERO, .min = 1024 * 1024,
		    .prose = "Memory that is a worker's own, in RAM and "
			     "swapped out, above which it is replaced; looked "
			     "at each pingInterval. At nine tenths of it its "
			     "modules are told CLEANUP. 0: any."),
	CONFIG_STRINGS(struct raw_recycling, schedule, "schedule", .max = 1440,
		       .check = check_schedule,
		       .prose = "Times of day, \"03:30\" or \"03:30:15\", by "
				"the local clock, at which all workers are "
				"replaced: at that second, without jitter, "
				"one after the other. Where clocks are put "
				"forward over it, it comes an hour later; "
				"where they are put back, once."),
	CONFIG_STRINGS(struct raw_recycling, log_events, "logEventOnRecycle",
		       .fallback = "Time,Requests,Schedule,Memory,Unhealthy,"
				   "OnDemand,ConfigChange,PrivateMemory",
		       .max = 16, .check = check_events,
		       .prose = "Replacements of which the log has a numbered "
				"message: Time, Requests, Schedule, Memory, "
				"PrivateMemory, OnDemand, ConfigChange, "
				"Unhealthy. Others are told at level debug, "
				"without a number."),
	CONFIG_BOOL(struct raw_recycling, disallow_overlapping_rotation,
		    "disallowOverlappingRotation", .fallback = "false",
		    .prose = "Whether a worker has to be gone before the one "
			     "that replaces it is started; requests wait "
			     "meanwhile."),
	CONFIG_BOOL(struct raw_recycling, disallow_rotation_on_config_change,
		    "disallowRotationOnConfigChange", .fallback = "false",
		    .prose = "Whether workers stay when their configuration or "
			     "the file of one of their modules changes; those "
			     "that start later have what is new. A pool that "
			     "gets another application is replaced all the "
			     "same. Module files are looked at each "
			     "pingInterval and at a reload; a change counts "
			     "when it has stood still between two looks."),
	CONFIG_DURATION(struct raw_recycling, unhealthy_interval,
			"unhealthyInterval", .fallback = "10s",
			.flags = CONFIG_ZERO, .min = SECOND / 1000, .max = DAY,
			.prose = "Shortest time between two replacements of "
				 "workers that are unhealthy or whose modules "
				 "say so; those that follow too soon wait."),
};
const struct config_table settings_recycling_table =
	CONFIG_TABLE(struct raw_recycling, recycling_fields,
		     "When workers of a pool are replaced by new ones.");

static int
by_number(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

void
settings_resolve_recycling(struct settings_resolver *resolver,
			   const struct raw_recycling *raw,
			   struct settings_recycling *recycling)
{
	uint32_t *schedule =
		settings_array(resolver, raw->schedule.count, sizeof *schedule);
	size_t count = 0;
	uint32_t events = 0;

	if (schedule == NULL)
		return;
	/* What is none has been said already. */
	for (size_t i = 0; i < raw->schedule.count; i++)
		if (parse_time_of_day(raw->schedule.items[i], &schedule[count]))
			count++;
	if (count > 0)
		qsort(schedule, count, sizeof *schedule, by_number);
	for (size_t i = 0; i < raw->log_events.count; i++)
		events |= 1u << find_event(raw->log_events.items[i]);
	*recycling = (struct settings_recycling){
		.time = raw->time,
		.requests = raw->requests,
		.memory = raw->memory,
		.private_memory = raw->private_memory,
		.schedule = schedule,
		.schedule_count = count,
		.log_events = events,
		.disallow_overlapping_rotation =
			raw->disallow_overlapping_rotation,
		.disallow_rotation_on_config_change =
			raw->disallow_rotation_on_config_change,
		.unhealthy_interval = raw->unhealthy_interval,
	};
}

static void
write_lists(json_t *json, const struct settings_recycling *recycling)
{
	json_t *schedule = json_array(), *events = json_array();

	for (size_t i = 0; i < recycling->schedule_count; i++) {
		uint32_t at = recycling->schedule[i];
		char text[16];

		snprintf(text, sizeof text, "%02u:%02u:%02u", at / 3600u % 24u,
			 at / 60u % 60u, at % 60u);
		json_array_append_new(schedule, json_string(text));
	}
	for (unsigned i = 0; i < SETTINGS_RECYCLE_EVENT_COUNT; i++)
		if ((recycling->log_events & 1u << i) != 0)
			json_array_append_new(events,
					      json_string(event_words[i]));
	json_object_set_new(json, "schedule", schedule);
	json_object_set_new(json, "logEventOnRecycle", events);
}

json_t *
settings_write_recycling(const struct settings_recycling *recycling)
{
	json_t *json = json_object();

	write_lists(json, recycling);

	settings_put_duration(json, "time", recycling->time);
	json_object_set_new(json, "requests",
			    json_integer((json_int_t)recycling->requests));
	json_object_set_new(json, "memory",
			    json_integer((json_int_t)recycling->memory));
	json_object_set_new(
		json, "privateMemory",
		json_integer((json_int_t)recycling->private_memory));
	json_object_set_new(
		json, "disallowOverlappingRotation",
		json_boolean(recycling->disallow_overlapping_rotation));
	json_object_set_new(
		json, "disallowRotationOnConfigChange",
		json_boolean(recycling->disallow_rotation_on_config_change));
	settings_put_duration(json, "unhealthyInterval",
			      recycling->unhealthy_interval);
	return json;
}
