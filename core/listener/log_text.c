/* SPDX-License-Identifier: Apache-2.0
 *
 * See log_text.h.
 */
#include "core/listener/log_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void
log_text_raw(struct log_text *text, const char *data, size_t length)
{
	if (length > (size_t)(text->end - text->at))
		length = (size_t)(text->end - text->at);
	memcpy(text->at, data, length);
	text->at += length;
}

void
log_text_value(struct log_text *text, struct portico_slice value, size_t most)
{
	size_t room = (size_t)(text->end - text->at);

	if (value.length == 0) {
		log_text_raw(text, "-", 1);
		return;
	}
	if (value.length > most)
		value.length = most;
	if (value.length > room)
		value.length = room;
	for (size_t i = 0; i < value.length; i++) {
		unsigned char c = (unsigned char)value.data[i];

		text->at[i] = (char)(c > 0x20 && c < 0x7f ? c : '+');
	}
	text->at += value.length;
}

void
log_text_number(struct log_text *text, uint64_t value)
{
	char digits[20];
	size_t count = 0;

	do {
		digits[sizeof(digits) - ++count] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	log_text_raw(text, digits + sizeof(digits) - count, count);
}

void
log_clock_set(struct log_clock *clock, int64_t second)
{
	time_t when = (time_t)second;
	struct tm tm;

	if (clock->second == second && second != 0)
		return;
	clock->second = second;
	gmtime_r(&when, &tm);
	strftime(clock->date, sizeof(clock->date), "%Y-%m-%d", &tm);
	strftime(clock->time, sizeof(clock->time), "%H:%M:%S", &tm);
}
