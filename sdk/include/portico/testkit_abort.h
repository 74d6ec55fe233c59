/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: requests that are aborted for any reason (abort.h).
 */
#ifndef PORTICO_TESTKIT_ABORT_H
#define PORTICO_TESTKIT_ABORT_H

#include <portico/abort.h>
#include <portico/testkit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As kit_abort, for that reason instead of PORTICO_ABORT_CLIENT; NONE is a
 * failure.  Since 1.0. */
void kit_abort_for(struct kit_request *request, enum portico_abort why);

#ifdef __cplusplus
}
#endif

#endif
