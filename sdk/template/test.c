/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives the module without a server; make check runs it.  How: the head of
 * portico/testkit.h, and docs/sdk/testing.md.
 */
#include <portico/testkit.h>

#include <stdio.h>
#include <string.h>

static int failed;

static void
expect(const char *what, int good)
{
	printf("%s - %s\n", good ? "ok" : "not ok", what);
	failed |= !good;
}

static struct kit *
open_kit(const char *settings, struct kit_faults *faults)
{
	const struct kit_options options = { .entry = portico_module_entry,
					     .settings = settings,
					     .faults = faults };
	struct portico_error err;
	struct kit *kit = kit_open(&options, &err);

	if (kit == NULL)
		printf("# %s\n", err.message);
	return kit;
}

static int
body_is(struct kit_request *request, const char *expected)
{
	return strcmp(kit_response_body(request).data, expected) == 0;
}

static void
answers(const char *settings, const char *greeting)
{
	struct kit *kit = open_kit(settings, NULL);
	struct kit_request *request = kit_request(kit, "GET", "/hello");
	const char *field;

	kit_run(request);
	expect("/hello is answered", kit_status(request) == 200);
	expect("with the greeting", body_is(request, greeting));
	field = kit_response_field(request, "X-Module");
	expect("and signed", field != NULL && strcmp(field, "@NAME@") == 0);
	kit_free(request);
	request = kit_request(kit, "GET", "/other");
	kit_run(request);
	expect("nothing else is", kit_status(request) == 404);
	kit_free(request);
	expect("and nothing is left", kit_close(kit) == 0);
}

/* Whatever is refused or breaks, one after the other: the client sees it. */
static void
fails_well(void)
{
	struct kit_faults faults = { .kinds = KIT_FAULT_MEMORY | KIT_FAULT_IO };
	int good = 1;

	while (kit_faults_next(&faults)) {
		struct kit *kit = open_kit(NULL, &faults);
		struct kit_request *request = kit_request(kit, "GET", "/hello");

		kit_run(request);
		good &= kit_status(request) == (faults.hit ? 500u : 200u);
		kit_free(request);
		kit_close(kit);
	}
	expect("each failure is an error 500", good && faults.n > 1);
}

int
main(void)
{
	answers(NULL, "Hello from @NAME@");
	answers("{ \"greeting\": \"Good morning\" }", "Good morning");
	fails_well();
	return failed;
}
