/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: child requests of a module (child.h).  The test answers them.
 *
 *	assert(kit_run(request) == KIT_CHILD);
 *	assert(strcmp(kit_child_target(kit, 0), "/header?user=7") == 0);
 *	kit_child_answer(kit, 0, 200, "<h1>", 4);
 *	assert(kit_state(request) == KIT_ENDED);
 *
 * Children are numbered from 0 in the order in which they were started; a
 * number stays when the child was closed.  The module does not see its own
 * child's events, as it would in a server: kit_child_depth(request, 1) makes a
 * request one that the module may take for a child.  Which methods, targets
 * and fields are refused is the worker's own judgement.  The site has the
 * kit's application alone: paths outside of it are NOT_FOUND.  Windows hold
 * nothing back: what the test gives is there.
 */
#ifndef PORTICO_TESTKIT_CHILD_H
#define PORTICO_TESTKIT_CHILD_H

#include <portico/testkit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Children that were started.  Since 1.0. */
unsigned kit_children(const struct kit *kit);

/* "GET"; NULL: there is no such child. */
const char *kit_child_method(const struct kit *kit, unsigned number);
/* As the module gave it. */
const char *kit_child_target(const struct kit *kit, unsigned number);
/* A field of its head: given by the module or inherited; NULL: none. */
const char *kit_child_field(const struct kit *kit, unsigned number,
			    const char *name);
/* What it is sent, followed by a NUL. */
struct portico_slice kit_child_body(const struct kit *kit, unsigned number);
/* The user that it begins with; "": anonymous. */
const char *kit_child_user(const struct kit *kit, unsigned number);
/* It waits for an answer: not ended, aborted or closed. */
bool kit_child_is_open(const struct kit *kit, unsigned number);

/* All of an answer; who waits goes on.  A child that is not open is a failure
 * of the test. */
void kit_child_answer(struct kit *kit, unsigned number, unsigned status,
		      const void *body, size_t length);
/* A field of the answer, before its head comes. */
void kit_child_answer_field(struct kit *kit, unsigned number, const char *name,
			    const char *value);
/* A trailer field of the answer, before its end comes. */
void kit_child_answer_trailer(struct kit *kit, unsigned number,
			      const char *name, const char *value);
/* It ends without a complete response. */
void kit_child_fail(struct kit *kit, unsigned number);

/* An answer in pieces: its head (404.7: substatus 7), parts of its body, its
 * end. */
void kit_child_head(struct kit *kit, unsigned number, unsigned status,
		    unsigned substatus);
/* A part of the body. */
void kit_child_chunk(struct kit *kit, unsigned number, const void *data,
		     size_t length);
/* The answer is complete. */
void kit_child_end(struct kit *kit, unsigned number);

/* The request is such a child, up to 10; before it runs. */
void kit_child_depth(struct kit_request *request, unsigned depth);

#ifdef __cplusplus
}
#endif

#endif
