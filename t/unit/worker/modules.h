/* SPDX-License-Identifier: Apache-2.0
 *
 * Modules made of a descriptor at hand, for tests of what the worker does
 * with descriptors.
 */
#ifndef T_UNIT_WORKER_MODULES_H
#define T_UNIT_WORKER_MODULES_H

#include "t/unit/unit.h"

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/worker/module_load.h"

/* None of its functions is there: nothing may call them. */
static const struct portico_host test_host = {
	.size = sizeof(struct portico_host),
	.abi_major = PORTICO_ABI_MAJOR,
	.abi_minor = PORTICO_ABI_MINOR,
};

static const struct portico_module *test_descriptor;

static const struct portico_module *
test_entry(const struct portico_host *host, struct portico_self *self)
{
	assert_ptr_equal(host, &test_host);
	assert_int_equal(self->magic, MODULE_SELF_MAGIC);
	return test_descriptor;
}

static inline enum portico_status
test_add(struct module_set *set, const char *name,
	 const struct portico_module *descriptor, struct portico_error *err)
{
	test_descriptor = descriptor;
	return module_set_add_static(set, name, test_entry, NULL, err);
}

/* Adds a module that must be accepted. */
static inline struct module_record *
test_module(struct module_set *set, const struct portico_module *descriptor)
{
	struct portico_error err;
	struct module_record *record = NULL;

	error_clear(&err);
	test_descriptor = descriptor;
	if (module_set_add_static(set, descriptor->name, test_entry, &record,
				  &err) != PORTICO_OK)
		fail_msg("%s", err.message);
	return record;
}

#define TEST_MODULE(...)                                                       \
	{                                                                      \
		.size = sizeof(struct portico_module),                         \
		.magic = PORTICO_MODULE_MAGIC, .abi_major = PORTICO_ABI_MAJOR, \
		.abi_minor = PORTICO_ABI_MINOR, .version = "1.0.0",            \
		.summary = "a module of a test", __VA_ARGS__                   \
	}

/* Says which text was missed where. */
static inline void
assert_says(const struct portico_error *err, const char *expected)
{
	if (strstr(err->message, expected) == NULL)
		fail_msg("\"%s\" not found in: %s", expected, err->message);
}

static inline enum portico_verdict
test_event(struct portico_request *request)
{
	(void)request;
	return PORTICO_NEXT;
}

#endif
