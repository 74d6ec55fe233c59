/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: lookups of names, with the test as the resolver.
 */
#include <netinet/in.h>

#include "t/unit/sdk/puppet.h"

#include <portico/testkit_resolve.h>

static struct portico_lookup *lookup;
static enum portico_status started, ended;
static unsigned told_count;
static char seen[256];

static enum portico_verdict
on_addresses(struct portico_request *request, void *arg)
{
	struct portico_address address;

	(void)request;
	(void)arg;
	ended = portico_lookup_status(lookup);
	for (uint32_t i = 0; portico_lookup_address(lookup, i, &address); i++) {
		size_t used = strlen(seen);

		snprintf(seen + used, sizeof(seen) - used, "%s/%u/%d ",
			 address.text, address.port, address.family);
	}
	return PORTICO_DONE;
}

static enum portico_verdict
ask(struct portico_request *request)
{
	started = portico_resolve(request, PORTICO_SLICE("db.example.org"),
				  5432, on_addresses, NULL, &lookup);
	return started == PORTICO_OK ? PORTICO_PENDING : PORTICO_ERROR;
}

static struct kit_request *
begin(void)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	seen[0] = '\0';
	puppet.handler = ask;
	kit_run(request);
	return request;
}

static void
answers(void **state)
{
	struct kit_request *request = begin();

	(void)state;
	assert_int_equal(kit_state(request), KIT_SERVICE);
	assert_int_equal(kit_lookups(kit), 1);
	assert_string_equal(kit_lookup_name(kit, 0), "db.example.org");
	assert_int_equal(kit_lookup_port(kit, 0), 5432);
	assert_null(kit_lookup_name(kit, 1));
	assert_int_equal(portico_lookup_status(lookup), PORTICO_AGAIN);
	assert_true(kit_lookup_is_open(kit, 0));
	kit_lookup_answer(kit, 0, "192.0.2.1 2001:db8::1");
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_int_equal(ended, PORTICO_OK);
	assert_string_equal(seen, "192.0.2.1/5432/4 2001:db8::1/5432/6 ");
	assert_false(kit_lookup_is_open(kit, 0));
	kit_free(request);
	assert_clean();
}

static void
failures(void **state)
{
	static const enum portico_status statuses[] = { PORTICO_NOT_FOUND,
							PORTICO_TIMED_OUT,
							PORTICO_SYSTEM };
	struct kit_request *request;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		request = begin();
		kit_lookup_fail(kit, i, statuses[i]);
		assert_int_equal(kit_state(request), KIT_ENDED);
		assert_int_equal(ended, statuses[i]);
		assert_string_equal(seen, "");
		kit_free(request);
	}
	request = begin();
	kit_lookup_answer(kit, 3, "");
	assert_int_equal(ended, PORTICO_NOT_FOUND);
	kit_free(request);
	request = begin();
	kit_abort(request);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_int_equal(ended, PORTICO_ABORTED);
	assert_false(kit_lookup_is_open(kit, 4));
	kit_free(request);
	assert_clean();
}

/* ---- of nobody --------------------------------------------------------------------- */

static void
on_end(struct portico_lookup *which, void *arg)
{
	struct portico_lookup *another;
	size_t length;
	const struct sockaddr *address =
		portico_lookup_sockaddr(which, 0, &length);

	(void)arg;
	assert_ptr_equal(which, lookup);
	ended = portico_lookup_status(which);
	told_count++;
	if (ended == PORTICO_OK) {
		assert_int_equal(address->sa_family, AF_INET);
		assert_int_equal(length, sizeof(struct sockaddr_in));
		assert_int_equal(portico_lookup_count(which), 1);
	} else {
		assert_int_equal(portico_lookup_start(NULL, PORTICO_SLICE("b"),
						      1, NULL, NULL, &another),
				 PORTICO_STATE);
	}
	portico_lookup_free(which);
}

static void
of_nobody(void **state)
{
	(void)state;
	told_count = 0;
	assert_int_equal(portico_lookup_start(NULL, PORTICO_SLICE("a"), 1,
					      on_end, NULL, &lookup),
			 PORTICO_OK);
	assert_int_equal(portico_lookup_wait(lookup, on_addresses, NULL),
			 PORTICO_STATE);
	kit_lookup_answer(kit, 0, "192.0.2.9");
	assert_int_equal(told_count, 1);
	/* The worker's end is told, too. */
	portico_lookup_start(NULL, PORTICO_SLICE("a"), 1, on_end, NULL,
			     &lookup);
	assert_clean();
	assert_int_equal(told_count, 2);
	assert_int_equal(ended, PORTICO_ABORTED);
	puppet_open((struct kit_options){ 0 });
	portico_lookup_start(NULL, PORTICO_SLICE("left.example.org"), 1, NULL,
			     NULL, &lookup);
	assert_told("left.example.org: the lookup was not freed");
}

/* ---- refusals and misuse --------------------------------------------------------------- */

static void
refusals(void **state)
{
	(void)state;
	assert_int_equal(portico_lookup_start(NULL, PORTICO_SLICE(""), 1, NULL,
					      NULL, &lookup),
			 PORTICO_INVALID);
	assert_null(lookup);
	assert_int_equal(kit_lookups(kit), 0);
	assert_clean();
	puppet_open((struct kit_options){ 0 });
	kit_free(begin());
	assert_told("freed while it waits");
	puppet_open((struct kit_options){ 0 });
	kit_lookup_answer(kit, 0, "192.0.2.1");
	assert_told("no open lookup 0");
	puppet_open((struct kit_options){ 0 });
	begin();
	kit_lookup_answer(kit, 0, "there");
	assert_told("\"there\" is no address");
}

static void
late_uses(void **state)
{
	(void)state;
	begin();
	kit_lookup_answer(kit, 0, "192.0.2.1");
	assert_int_equal(portico_lookup_count(lookup), 0);
	assert_told("db.example.org: the lookup was freed, or its request");
	puppet_open((struct kit_options){ 0 });
	portico_lookup_start(NULL, PORTICO_SLICE("a"), 1, NULL, NULL, &lookup);
	portico_lookup_free(lookup);
	portico_lookup_free(NULL);
	portico_lookup_free(lookup);
	assert_told("a: the lookup was freed");
}

static void
faults(void **state)
{
	struct kit_faults each = { .kinds = KIT_FAULT_WAIT };
	unsigned runs = 0;

	(void)state;
	kit_set_faults(kit, &each);
	while (kit_faults_next(&each)) {
		struct kit_request *request = begin();

		if (kit_state(request) == KIT_SERVICE)
			kit_lookup_answer(kit, kit_lookups(kit) - 1,
					  "192.0.2.1");
		assert_int_equal(kit_state(request), KIT_ENDED);
		if (each.hit)
			assert_int_equal(kit_status(request), 500);
		kit_free(request);
		runs++;
	}
	kit_set_faults(kit, NULL);
	assert_int_equal(runs, 3);
	assert_clean();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(answers),  KIT_TEST(failures),	 KIT_TEST(of_nobody),
		KIT_TEST(refusals), KIT_TEST(late_uses), KIT_TEST(faults),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
