/* SPDX-License-Identifier: Apache-2.0
 *
 * Which functions run for an application, in which order: one packed array of
 * subscribers cut into stages, and the chain of response filters.  Built when
 * the configuration is read, immutable afterwards; any thread may read it.
 *
 * A stage is an event and a phase.  Order inside a stage: what the
 * configuration says for it ("order"); else the modules' before and after
 * names; where these leave it open, the order in which the configuration lists
 * the modules.  Custom events are ordered name by name.
 */
#ifndef CORE_WORKER_PIPELINE_ORDER_H
#define CORE_WORKER_PIPELINE_ORDER_H

#include <stdio.h>

#include <portico/module.h>

struct arena;
struct module_record;
struct settings_order; /* core/config/settings.h */

/*
 * Stage numbers: the twelve request events with their post-events make
 * 0..23 in the order in which a request passes them; the events that happen
 * on their own follow.
 */
enum pipeline_stage {
	PIPELINE_REQUEST_STAGES = 2 * PORTICO_EVENT_END, /* 24 */
	PIPELINE_STAGE_MAP_PATH = PIPELINE_REQUEST_STAGES,
	PIPELINE_STAGE_READ_ENTITY,
	PIPELINE_STAGE_SEND_RESPONSE,
	PIPELINE_STAGE_CUSTOM, /* of all names */
	PIPELINE_STAGES
};

/* For the twelve request events only. */
#define PIPELINE_STAGE(event, phase)                                           \
	((unsigned)(2 * ((event)-1)) + (unsigned)(phase))
#define PIPELINE_STAGE_EVENT(stage)                                            \
	((stage) < PIPELINE_REQUEST_STAGES ?                                   \
		 (enum portico_event)((stage) / 2 + 1) :                       \
		 (enum portico_event)(PORTICO_EVENT_MAP_PATH +                 \
				      (stage)-PIPELINE_REQUEST_STAGES))
#define PIPELINE_STAGE_PHASE(stage)                                            \
	((stage) < PIPELINE_REQUEST_STAGES ?                                   \
		 (enum portico_phase)((stage) % 2) :                           \
		 PORTICO_PHASE_EVENT)
#define PIPELINE_STAGE_BIT(stage) (1u << (stage))

struct pipeline_subscriber {
	portico_event_fn *function;
	const struct module_record *module;
	const struct portico_subscription *row;
};

struct pipeline_filter {
	const struct portico_filter *filter;
	const struct module_record *module;
};

struct pipeline {
	unsigned magic;
	/* subscribers of stage s: subscribers[first[s]] up to, and without,
	 * subscribers[first[s + 1]] */
	uint16_t first[PIPELINE_STAGES + 1];
	/* The first stage >= s that has subscribers or was asked for with
	 * `stops`, PIPELINE_REQUEST_STAGES if there is none.  One entry more
	 * than stages, so that next[s + 1] is always there. */
	uint8_t next[PIPELINE_REQUEST_STAGES + 1];
	uint32_t subscriber_count;
	uint32_t filter_count;
	uint32_t module_count;
	const struct pipeline_subscriber *subscribers;
	const struct pipeline_filter *filters; /* handler first, client last */
	const struct module_record *const *modules; /* as configured */
};

#define PIPELINE_MAGIC 0x50495045u

/*
 * What a pipeline is built from: `modules` in configuration order, and what
 * the configuration says about the order on some events.  `stops` is a set of PIPELINE_STAGE_BIT: request
 * stages where the core itself has work (EXECUTE, for one).
 */
struct pipeline_options {
	struct module_record *const *modules;
	size_t module_count;
	const struct settings_order *orders; /* one for a stage, at most */
	size_t order_count;
	uint32_t stops;
};

/*
 * PORTICO_CONFIG: the wishes contradict each other (err names the modules of
 * the circle and the event), or the configuration orders a module that does
 * not take part there (err has its place).
 * OWNERSHIP: the pipeline is the arena's; the records must outlive it.
 */
enum portico_status pipeline_build(struct arena *arena,
				   const struct pipeline_options *options,
				   const struct pipeline **pipeline_r,
				   struct portico_error *err);

/* What the configuration says for a stage, or for SETTINGS_ORDER_FILTERS; NULL:
 * nothing. */
const struct settings_order *
pipeline_find_order(const struct settings_order *orders, size_t count,
		    unsigned stage);

static inline unsigned
pipeline_stage_count(const struct pipeline *pipeline, unsigned stage)
{
	return (unsigned)pipeline->first[stage + 1] - pipeline->first[stage];
}

static inline const struct pipeline_subscriber *
pipeline_stage_subscribers(const struct pipeline *pipeline, unsigned stage)
{
	return pipeline->subscribers + pipeline->first[stage];
}

/* "AUTHENTICATE", "POST_AUTHENTICATE": static, never NULL. */
const char *pipeline_stage_name(unsigned stage);
const char *pipeline_event_name(enum portico_event event);

/* For --show-pipeline: one line per stage that has subscribers, then filters. */
void pipeline_print(FILE *stream, const struct pipeline *pipeline);

#endif
