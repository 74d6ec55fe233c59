/* SPDX-License-Identifier: Apache-2.0
 *
 * Building lines of logs.  Whatever a client or a worker sent goes through
 * log_text_value(): blanks, quotes, control bytes and all that is not plain
 * ASCII become '+'; or through log_text_json().  So nobody can write a line or
 * a field of his own.
 */
#ifndef CORE_LISTENER_LOG_TEXT_H
#define CORE_LISTENER_LOG_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <portico/types.h>

/* A cursor in a buffer that is large enough by LOG_LINE_MAX. */
struct log_text {
	char *at;
	char *end; /* what goes beyond is left out */
};

/* As it is; for our own texts. */
void log_text_raw(struct log_text *text, const char *data, size_t length);

/* "-" when empty; at most `most` bytes of it. */
void log_text_value(struct log_text *text, struct portico_slice value,
		    size_t most);

void log_text_number(struct log_text *text, uint64_t value);

/*
 * The same as a JSON string with its quotes, in ASCII: what is UTF-8 stays
 * what it is, other bytes are taken for Latin-1.  Ends where the room or
 * `most` bytes end, the closing quote is there in any case: there has to be
 * room for both.
 */
void log_text_json(struct log_text *text, struct portico_slice value,
		   size_t most);

/* One blank between two fields. */
static inline void
log_text_blank(struct log_text *text)
{
	if (text->at < text->end)
		*text->at++ = ' ';
}

/* "2026-01-02" and "03:04:05" of a second since 1970, UTC. */
struct log_clock {
	int64_t second; /* that the texts show; 0 = none */
	char date[11];
	char time[9];
};

void log_clock_set(struct log_clock *clock, int64_t second);

#endif
