/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target of the configuration reader: any text is either refused with a
 * problem that has a place, or becomes a struct whose dump reads back to the
 * same dump.
 */
#include "fuzz/fuzz.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/slice.h"
#include "t/unit/config/sample.h"

/* The dump of what the text says, into `buffer`; false: it was refused. */
static bool
read_and_dump(struct portico_slice text, struct buffer *buffer)
{
	struct arena *arena = arena_new("fuzz", 0);
	struct config_problems *problems = config_problems_new(arena);
	struct config_document *document;
	struct sample sample;
	bool good = false;

	document = config_read_text(arena, "f", text, problems);
	if (document != NULL)
		good = config_parse_object(&sample_table, config_root(document),
					   &sample, arena, problems) &&
		       config_problem_count(problems) == 0;
	ASSERT(good == (config_problem_count(problems) == 0));
	for (size_t i = 0; config_problem_text(problems, i) != NULL; i++)
		ASSERT(strncmp(config_problem_text(problems, i), "f:", 2) == 0);
	if (good)
		ASSERT(config_dump(&sample_table, &sample, true, buffer) ==
		       PORTICO_OK);
	arena_free(arena);
	return good;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer once, twice;

	buffer_init(&once, 0);
	buffer_init(&twice, 0);
	if (read_and_dump(slice_make((const char *)data, size), &once)) {
		ASSERT(read_and_dump(buffer_slice(&once), &twice));
		ASSERT(slice_equal(buffer_slice(&once), buffer_slice(&twice)));
	}
	buffer_fini(&once);
	buffer_fini(&twice);
	return 0;
}
