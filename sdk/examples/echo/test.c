/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives echo without a server: bodies in pieces, a client that reads slowly,
 * one that leaves.
 */
#undef NDEBUG
#include <portico/testkit.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct kit *kit;

static struct kit_request *
post(int64_t length)
{
	struct kit_request *request = kit_request(kit, "POST", "/");

	kit_field(request, "Content-Type", "text/x");
	kit_expect_body(request, length);
	return request;
}

static int
has_sent(struct kit_request *request, const char *expected)
{
	return strcmp(kit_response_body(request).data, expected) == 0;
}

static void
end(struct kit_request *request)
{
	assert(kit_state(request) == KIT_ENDED);
	kit_free(request);
}

static void
echoes_what_comes(void)
{
	struct kit_request *request = post(6);

	assert(kit_run(request) == KIT_BODY);
	kit_body(request, "abc", 3);
	/* A client may wait for this before it sends more. */
	assert(has_sent(request, "abc"));
	kit_body(request, "def", 3);
	assert(kit_state(request) == KIT_BODY);
	kit_body_end(request);
	assert(has_sent(request, "abcdef"));
	assert(kit_response_length(request) == 6);
	assert(strcmp(kit_response_field(request, "Content-Type"), "text/x") ==
	       0);
	end(request);
}

static void
waits_for_a_slow_client(void)
{
	struct kit_request *request = post(-1);

	kit_window(request, 2);
	kit_body(request, "abcdefg", 7);
	kit_body_end(request);
	assert(kit_run(request) == KIT_ROOM);
	assert(has_sent(request, "ab"));
	kit_window(request, 1);
	assert(has_sent(request, "abc"));
	kit_window(request, 100);
	assert(has_sent(request, "abcdefg"));
	end(request);
}

static void
ends_when_the_client_leaves(void)
{
	struct kit_request *request = post(10);

	kit_run(request);
	kit_body(request, "abc", 3);
	kit_abort(request);
	assert(kit_was_cut(request));
	end(request);
}

static void
fails_well(void)
{
	struct kit_faults faults = { .kinds = KIT_FAULT_MEMORY | KIT_FAULT_IO |
					      KIT_FAULT_WAIT };

	kit_set_faults(kit, &faults);
	while (kit_faults_next(&faults)) {
		struct kit_request *request = post(6);

		kit_run(request);
		kit_body(request, "abc", 3);
		kit_body(request, "def", 3);
		kit_body_end(request);
		/* Never a response that looks complete, and is not. */
		assert(kit_status(request) == 500 || kit_was_cut(request) ||
		       has_sent(request, "abcdef"));
		assert(faults.hit || has_sent(request, "abcdef"));
		end(request);
	}
	kit_set_faults(kit, NULL);
	assert(faults.n > 10);
}

int
main(void)
{
	kit = kit_open(&(struct kit_options){ .entry = portico_module_entry },
		       NULL);
	assert(kit != NULL);
	echoes_what_comes();
	waits_for_a_slow_client();
	ends_when_the_client_leaves();
	fails_well();
	assert(kit_close(kit) == 0);
	puts("1..1\nok 1 - echo");
	return 0;
}
