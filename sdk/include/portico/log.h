/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines of a module, and its trace events.  The host adds time, worker,
 * pool, module and, if a request is given, its id.
 */
#ifndef PORTICO_LOG_H
#define PORTICO_LOG_H

#include <portico/host.h>

#include <stdarg.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Write one line, printf-like, cut at 1,024 bytes.  `request` may be NULL.
 * `number` is a permanent number of the module's own for warnings and errors,
 * 0 for the rest.  With a request: on its loop only.  Since 1.0.
 */
__attribute__((format(printf, 4, 5))) static inline void
portico_log(struct portico_request *request, enum portico_log_level level,
	    uint32_t number, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	portico_host->log(portico_self, request, level, number, text);
}

/*
 * Note a step in the trace of a request: `name` says which ("cache.hit",
 * [a-z0-9.-], a literal), `text` with what; NULL = nothing to add.  Costs a
 * function call when nobody traces, so it may stand on every path; for now
 * the log at debug level is where traces go.  Cut at 1,024 bytes.  On the
 * request's loop only.  Since 1.0.
 */
static inline void
portico_trace(struct portico_request *request, const char *name,
	      const char *text)
{
	portico_host->trace(portico_self, request, name, text);
}

#ifdef __cplusplus
}
#endif

#endif
