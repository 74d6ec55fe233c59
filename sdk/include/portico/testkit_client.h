/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: HTTP calls of a module (client.h).  The test is the server.
 *
 *	assert(kit_run(request) == KIT_SERVICE);
 *	assert(strcmp(kit_call_url(kit, 0), "http://keys/check") == 0);
 *	kit_call_answer(kit, 0, 200, "yes", 3);
 *	assert(kit_state(request) == KIT_ENDED);
 *
 * Calls are numbered from 0 in the order in which they were started; a number
 * stays when the call was freed.  Times of a call do not pass by themselves:
 * kit_call_fail(kit, 0, PORTICO_CLIENT_TIME, "...").  A call of no request has
 * to be freed by the module: kit_close tells of one that was not.
 */
#ifndef PORTICO_TESTKIT_CLIENT_H
#define PORTICO_TESTKIT_CLIENT_H

#include <portico/client_call.h>
#include <portico/testkit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Calls that were started.  Since 1.0. */
unsigned kit_calls(const struct kit *kit);

/* "POST"; NULL: there is no such call. */
const char *kit_call_method(const struct kit *kit, unsigned number);
/* As the module gave it. */
const char *kit_call_url(const struct kit *kit, unsigned number);
/* A field that the module has set; NULL: it has not. */
const char *kit_call_field(const struct kit *kit, unsigned number,
			   const char *name);
/* What was sent so far, followed by a NUL. */
struct portico_slice kit_call_body(const struct kit *kit, unsigned number);
/* A number that the module has set (a time, a bound); -1: it has not. */
int64_t kit_call_number(const struct kit *kit, unsigned number,
			enum portico_client_number which);
/* It waits for an answer: not ended, cancelled or freed. */
bool kit_call_is_open(const struct kit *kit, unsigned number);
/* The module has said that its upload is complete, or has none. */
bool kit_call_is_sent(const struct kit *kit, unsigned number);

/* All of an answer, or a failure; who waits goes on.  A call that is not open
 * is a failure of the test. */
void kit_call_answer(struct kit *kit, unsigned number, unsigned status,
		     const void *body, size_t length);
/* A field of the answer, before its head comes. */
void kit_call_answer_field(struct kit *kit, unsigned number, const char *name,
			   const char *value);
/* It ends so; the message is what portico_client_message says. */
void kit_call_fail(struct kit *kit, unsigned number,
		   enum portico_client_result result, const char *message);

/* An answer in pieces: its head, parts of its body, its end. */
void kit_call_head(struct kit *kit, unsigned number, unsigned status);
/* A part of the body. */
void kit_call_chunk(struct kit *kit, unsigned number, const void *data,
		    size_t length);
/* The answer is complete. */
void kit_call_end(struct kit *kit, unsigned number);
/* Bytes of an upload that the server takes from now on; no limit at first. */
void kit_call_window(struct kit *kit, unsigned number, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
