/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands before each function that a module calls: is the request one,
 * is this its thread, has the test asked for a failure?
 */
#ifndef SDK_TESTKIT_GUARD_H
#define SDK_TESTKIT_GUARD_H

#include "sdk/testkit/kit_priv.h"

/* Whose function is called now. */
enum kit_place {
	KIT_PLACE_TEST, /* nobody's: the test may call what it likes */
	KIT_PLACE_REQUEST, /* a request's, on its loop */
	KIT_PLACE_MAIN, /* of the main loop, where no request is used */
};

/* Around each call of the module.  Returns the place outside, for kit_leave. */
enum kit_place kit_enter(enum kit_place place);
void kit_leave(enum kit_place outer);
enum kit_place kit_place(void);
/* What may be called on the main loop only; not from offloaded work. */
bool kit_is_main(void);

/* False: a failure was told, and the call must not be made. */
bool guard_request(const struct portico_request *request, const char *name);
/* The same for what changes the response. */
bool guard_response(const struct portico_request *request, const char *name);
/* On the loop's thread? */
bool guard_thread(const char *name);

/* An object that is the request's (a form): known from now on, then found. */
void guard_keep(struct portico_request *request, const void *object);
bool guard_kept(const void *object, const char *name);
void guard_forget_all(struct kit *kit);

/* `none` is returned by a call that is not made. */
#define GUARDED(type, name, none, parameters, arguments)                       \
	static type guarded_##name parameters                                  \
	{                                                                      \
		if (!guard_request(request, "portico_" #name))                 \
			return none;                                           \
		return host_##name arguments;                                  \
	}

#define GUARDED_VOID(name, parameters, arguments)                              \
	static void guarded_##name parameters                                  \
	{                                                                      \
		if (guard_request(request, "portico_" #name))                  \
			host_##name arguments;                                 \
	}

/* One that may fail: how it does unless the test says otherwise. */
#define GUARDED_STATUS(guard, kind, usual, name, real, parameters, arguments)  \
	static enum portico_status guarded_##name parameters                   \
	{                                                                      \
		enum portico_status failed;                                    \
                                                                               \
		if (!guard(request, "portico_" #name))                         \
			return PORTICO_STATE;                                  \
		if (kit_fault(kind, "portico_" #name, usual, &failed))         \
			return failed;                                         \
		return real arguments;                                         \
	}

#define GUARDED_MEMORY(name, parameters, arguments)                            \
	GUARDED_STATUS(guard_request, KIT_FAULT_MEMORY, PORTICO_NO_MEMORY,     \
		       name, host_##name, parameters, arguments)

/* The tables of areas that have a header of their own lie in AREA.c. */

#endif
