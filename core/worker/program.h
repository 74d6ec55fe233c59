/* SPDX-License-Identifier: Apache-2.0
 *
 * The program of an application: its pipeline as one flat array of steps, and
 * the engine that runs a request through it.
 *
 * A stage without subscribers has no step, so it costs nothing.  Three steps
 * are the core's: EXECUTE runs the mapped handlers, FINISH (before LOG) hands
 * over what is left of the response, END ends the request.
 */
#ifndef CORE_WORKER_PROGRAM_H
#define CORE_WORKER_PROGRAM_H

#include <portico/module.h>

#include "core/worker/pipeline_order.h"

struct arena;
struct portico_self;

enum program_kind {
	PROGRAM_CALL, /* a subscriber */
	PROGRAM_EXECUTE,
	PROGRAM_FINISH,
	PROGRAM_END,
};

struct program_step {
	portico_event_fn *function; /* CALL */
	const struct portico_self *self; /* CALL */
	uint64_t part; /* bit of the module in request->took_part */
	uint8_t kind; /* enum program_kind */
	uint8_t stage;
	bool after_finish; /* LOG and END: always go on */
	uint16_t event;
};

struct program {
	const struct program_step *steps;
	uint32_t count;
	uint32_t finish; /* index of FINISH */
};

/* Stages where the core has work of its own, for pipeline_build(). */
#define PROGRAM_STOPS                                                          \
	PIPELINE_STAGE_BIT(                                                    \
		PIPELINE_STAGE(PORTICO_EVENT_EXECUTE, PORTICO_PHASE_EVENT))

/* `pipeline` NULL: only FINISH and END.  The array is the arena's. */
void program_build(struct arena *arena, const struct pipeline *pipeline,
		   struct program *program_r);

/* The bit in request->took_part of the n-th module of an application; beyond
 * the 63rd they share one. */
static inline uint64_t
program_part_of(uint32_t n)
{
	return UINT64_C(1) << (n < 63 ? n : 63);
}

/* Without the steps of a module: the array is made anew. */
void program_leave_out(struct arena *arena, const struct portico_self *self,
		       struct program *program);

/* From the first step; may end the request before it returns. */
void program_start(struct portico_request *request);

/* For whom it is suspended, for the counts; NULL: nobody. */
void program_pending(struct portico_request *request,
		     const struct portico_self *self);

/* A request whose wait is over; may end it before it returns. */
void program_resume(struct portico_request *request);

/*
 * Subscribers of an event that happens on its own (MAP_PATH, READ_ENTITY,
 * SEND_RESPONSE).  They cannot suspend.  Returns NEXT, DONE (the rest was
 * skipped) or ERROR.
 */
enum portico_verdict program_notify(struct portico_request *request,
				    unsigned stage);

/* The same for one subscriber. */
enum portico_verdict
program_notify_one(struct portico_request *request,
		   const struct pipeline_subscriber *subscriber);

#endif
