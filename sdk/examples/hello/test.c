/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives hello without a server, with nothing but assert().
 */
#undef NDEBUG
#include <portico/testkit.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct kit *
open_kit(const char *settings, struct kit_faults *faults)
{
	struct kit *kit =
		kit_open(&(struct kit_options){ .entry = portico_module_entry,
						.settings = settings,
						.faults = faults },
			 NULL);

	assert(kit != NULL);
	return kit;
}

static void
answers(const char *settings, const char *expected)
{
	struct kit *kit = open_kit(settings, NULL);
	struct kit_request *request = kit_request(kit, "GET", "/any/path");

	assert(kit_run(request) == KIT_ENDED);
	assert(kit_status(request) == 200);
	assert(strcmp(kit_response_body(request).data, expected) == 0);
	assert(strcmp(kit_response_field(request, "Content-Type"),
		      "text/plain") == 0);
	kit_free(request);
	/* The same head, and no body. */
	request = kit_request(kit, "HEAD", "/");
	assert(kit_run(request) == KIT_ENDED);
	assert(kit_response_length(request) == (int64_t)strlen(expected));
	assert(kit_response_body(request).length == 0);
	kit_free(request);
	request = kit_request(kit, "POST", "/");
	kit_run(request);
	assert(kit_status(request) == 405);
	kit_free(request);
	assert(kit_close(kit) == 0);
}

static void
refuses_what_it_does_not_know(void)
{
	struct portico_error err;

	assert(kit_open(&(struct kit_options){ .entry = portico_module_entry,
					       .settings = "{\"greting\":1}" },
			&err) == NULL);
	assert(strstr(err.message, "greeting") != NULL);
}

static void
fails_well(void)
{
	struct kit_faults faults = { .kinds = KIT_FAULT_MEMORY | KIT_FAULT_IO };

	while (kit_faults_next(&faults)) {
		struct kit *kit = open_kit(NULL, &faults);
		struct kit_request *request = kit_request(kit, "GET", "/");

		assert(kit_run(request) == KIT_ENDED);
		assert(kit_status(request) == (faults.hit ? 500 : 200));
		kit_free(request);
		assert(kit_close(kit) == 0);
	}
	assert(faults.n == 4); /* a field, two writes, and none */
}

int
main(void)
{
	answers(NULL, "Hello, world\n");
	answers("{ \"greeting\": \"Good morning\" }", "Good morning\n");
	refuses_what_it_does_not_know();
	fails_well();
	puts("1..1\nok 1 - hello");
	return 0;
}
