/* SPDX-License-Identifier: Apache-2.0
 *
 * portico-listener on a slow disk: a moment passes between the end of its
 * control connection and that of its logs.  Linked with the objects of the
 * real one and -Wl,--wrap=log_writer_free.
 */
#include <time.h>

#include "core/listener/log_writer.h"

void __real_log_writer_free(struct log_writer *writer);
void __wrap_log_writer_free(struct log_writer *writer);

void
__wrap_log_writer_free(struct log_writer *writer)
{
	const struct timespec moment = { .tv_nsec = 200000000 };

	nanosleep(&moment, NULL);
	__real_log_writer_free(writer);
}
