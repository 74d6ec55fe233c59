/* SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean ...?"
 */
#include "core/config/config.h"

#include <string.h>

#include "core/base/slice.h"

#define WORD_MAX 48 /* bytes; longer ones are nobody's typing error */

static unsigned
smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edit distance with transpositions, in which case does not count. */
static unsigned
distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= b_length; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *spare = before;

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			char x = slice_lower(a[i - 1]);
			char y = slice_lower(b[j - 1]);

			now[j] = smaller(last[j] + 1, now[j - 1] + 1);
			now[j] = smaller(now[j], last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == slice_lower(b[j - 2]) &&
			    y == slice_lower(a[i - 2]))
				now[j] = smaller(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b_length];
}

const char *
config_nearest(const char *word, const char *const *words, size_t count)
{
	size_t length = strlen(word);
	unsigned best = length < 6 ? 1 : (unsigned)length / 3;
	const char *nearest = NULL;

	if (length == 0 || length > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t other = strlen(words[i]);
		unsigned far;

		if (other > WORD_MAX)
			continue;
		far = distance(word, length, words[i], other);
		if (far < best || (far == best && nearest == NULL)) {
			best = far;
			nearest = words[i];
		}
	}
	return nearest;
}
