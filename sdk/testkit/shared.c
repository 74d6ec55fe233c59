/* SPDX-License-Identifier: Apache-2.0
 *
 * State that the workers of a pool share, in the memory of the test: counters,
 * keys and values that expire by virtual time.  Nothing is thrown out for want
 * of room.
 *
 * Threads: as in the server, any; the mutex has all of it but the watches,
 * which are the loop's.
 */
#include <string.h>

#include <portico/shared.h>

#include "core/worker/host_priv.h"
#include "core/worker/service.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/guard.h"

struct portico_shared_counter {
	struct list link; /* counters */
	uint64_t value;
	char name[PORTICO_SHARED_NAME_MAX + 1];
};

struct portico_shared_watch {
	struct list link; /* watches */
	struct service service;
	struct portico_request *request; /* NULL: over */
	struct portico_shared_counter *counter;
	portico_shared_watch_fn *function;
	void *arg;
	uint64_t seen;
};

struct entry {
	struct list link; /* entries */
	uint64_t expires; /* virtual ns; 0: never */
	struct buffer key, value;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct list counters = LIST_INIT(counters);
static struct list watches = LIST_INIT(watches);
static struct list entries = LIST_INIT(entries);

/* ---- counters ---------------------------------------------------------------------- */

static enum portico_status
shared_counter(struct portico_self *self, const char *name,
	       struct portico_shared_counter **counter_r)
{
	struct portico_shared_counter *found = NULL;
	enum portico_status failed;
	size_t length = strlen(name);

	(void)self;
	*counter_r = NULL;
	if (length == 0 || length > PORTICO_SHARED_NAME_MAX)
		return PORTICO_INVALID;
	if (kit_fault(KIT_FAULT_MEMORY, "portico_shared_counter", PORTICO_FULL,
		      &failed))
		return failed;
	pthread_mutex_lock(&mutex);
	LIST_FOREACH(struct portico_shared_counter, link, one, &counters)
		if (strcmp(one->name, name) == 0)
			found = one;
	if (found == NULL) {
		found = mem_zalloc(sizeof(*found));
		memcpy(found->name, name, length + 1);
		list_init(&found->link);
		list_add_tail(&counters, &found->link);
	}
	pthread_mutex_unlock(&mutex);
	*counter_r = found;
	return PORTICO_OK;
}

static uint64_t
shared_add(struct portico_self *self, struct portico_shared_counter *counter,
	   int64_t delta)
{
	uint64_t sum;

	(void)self;
	pthread_mutex_lock(&mutex);
	sum = counter->value += (uint64_t)delta;
	pthread_mutex_unlock(&mutex);
	return sum;
}

static uint64_t
shared_value(struct portico_shared_counter *counter)
{
	return shared_add(NULL, counter, 0);
}

static void
shared_set(struct portico_self *self, struct portico_shared_counter *counter,
	   uint64_t value)
{
	(void)self;
	pthread_mutex_lock(&mutex);
	counter->value = value;
	pthread_mutex_unlock(&mutex);
}

static bool
shared_exchange(struct portico_self *self,
		struct portico_shared_counter *counter, uint64_t *expected,
		uint64_t value)
{
	bool same;

	(void)self;
	pthread_mutex_lock(&mutex);
	same = counter->value == *expected;
	if (same)
		counter->value = value;
	else
		*expected = counter->value;
	pthread_mutex_unlock(&mutex);
	return same;
}

/* ---- watches --------------------------------------------------------------------------- */

static void
on_abort(struct service *service)
{
	(void)service;
}

static void
on_end(struct service *service)
{
	CONTAINER_OF(service, struct portico_shared_watch, service)->request =
		NULL;
}

static struct portico_shared_watch *
watch_start(struct portico_request *request,
	    struct portico_shared_counter *counter, portico_shared_watch_fn *fn,
	    void *arg)
{
	struct portico_shared_watch *watch;

	if (!guard_request(request, "portico_shared_watch_start") ||
	    kit_fault(KIT_FAULT_WAIT, "portico_shared_watch_start",
		      PORTICO_SYSTEM, NULL))
		return NULL;
	watch = mem_zalloc(sizeof(*watch));
	watch->request = request;
	watch->counter = counter;
	watch->function = fn;
	watch->arg = arg;
	watch->seen = shared_value(counter);
	watch->service.abort = on_abort;
	watch->service.end = on_end;
	list_init(&watch->link);
	list_add_tail(&watches, &watch->link);
	service_add(request, &watch->service);
	return watch;
}

static void
watch_stop(struct portico_shared_watch *watch)
{
	if (watch == NULL || !guard_thread("portico_shared_watch_stop"))
		return;
	LIST_FOREACH(struct portico_shared_watch, link, known, &watches) {
		if (known != watch || watch->request == NULL)
			continue;
		list_remove(&watch->service.link);
		watch->request = NULL;
		return;
	}
	kit_fail("portico_shared_watch_stop: the watch was stopped before, or "
		 "its request has ended");
}

bool
kit_shared_turn(void)
{
	LIST_FOREACH(struct portico_shared_watch, link, watch, &watches) {
		uint64_t now = watch->request == NULL ?
				       watch->seen :
				       shared_value(watch->counter);
		enum kit_place outer;

		if (now == watch->seen)
			continue;
		watch->seen = now;
		outer = kit_enter(KIT_PLACE_REQUEST);
		watch->function(watch->request, now, watch->arg);
		kit_leave(outer);
		return true;
	}
	return false;
}

/* ---- keys and values ---------------------------------------------------------------------- */

static void
entry_free(struct entry *entry)
{
	list_remove(&entry->link);
	buffer_fini(&entry->key);
	buffer_fini(&entry->value);
	mem_free(entry);
}

/* NULL: absent or expired.  Under the mutex. */
static struct entry *
entry_find(struct portico_slice key)
{
	LIST_FOREACH(struct entry, link, entry, &entries) {
		if (!slice_equal(buffer_slice(&entry->key), key))
			continue;
		if (entry->expires == 0 || entry->expires > kit_now->now)
			return entry;
		entry_free(entry);
		return NULL;
	}
	return NULL;
}

static void
entry_set(struct entry *entry, struct portico_slice key,
	  struct portico_slice value, uint64_t ttl_ns)
{
	if (entry == NULL) {
		entry = mem_zalloc(sizeof(*entry));
		buffer_init(&entry->key, PORTICO_SHARED_KEY_MAX);
		buffer_init(&entry->value, PORTICO_SHARED_VALUE_MAX);
		buffer_append_slice(&entry->key, key);
		list_init(&entry->link);
		list_add_tail(&entries, &entry->link);
	}
	buffer_reset(&entry->value);
	buffer_append_slice(&entry->value, value);
	entry->expires = ttl_ns == 0 ? 0 :
			 ttl_ns > UINT64_MAX - kit_now->now ?
				       UINT64_MAX :
				       kit_now->now + ttl_ns;
}

/* What all of these may say, before they look. */
static enum portico_status
check(const char *name, struct portico_slice key, size_t value_length)
{
	enum portico_status failed;

	if (key.length == 0)
		return PORTICO_INVALID;
	if (key.length > PORTICO_SHARED_KEY_MAX ||
	    value_length > PORTICO_SHARED_VALUE_MAX)
		return PORTICO_TOO_LARGE;
	if (kit_fault(KIT_FAULT_IO, name, PORTICO_AGAIN, &failed))
		return failed;
	return PORTICO_OK;
}

static enum portico_status
shared_get(struct portico_self *self, struct portico_slice key, void *buffer,
	   size_t size, size_t *length_r)
{
	enum portico_status status = check("portico_shared_get", key, 0);
	const struct entry *entry;

	(void)self;
	if (status != PORTICO_OK)
		return status;
	pthread_mutex_lock(&mutex);
	entry = entry_find(key);
	if (entry == NULL)
		status = PORTICO_NOT_FOUND;
	else if (entry->value.length > size)
		status = PORTICO_TOO_LARGE;
	else if (entry->value.length > 0)
		memcpy(buffer, entry->value.data, entry->value.length);
	if (entry != NULL && length_r != NULL)
		*length_r = entry->value.length;
	pthread_mutex_unlock(&mutex);
	return status;
}

static enum portico_status
shared_read(struct portico_self *self, struct portico_request *request,
	    struct portico_slice key, struct portico_slice *value_r)
{
	char text[PORTICO_SHARED_VALUE_MAX];
	enum portico_status status;
	size_t length = 0;
	char *copy;

	*value_r = (struct portico_slice){ NULL, 0 };
	if (!guard_request(request, "portico_shared_read"))
		return PORTICO_STATE;
	status = shared_get(self, key, text, sizeof(text), &length);
	if (status != PORTICO_OK)
		return status;
	copy = kit_fault(KIT_FAULT_MEMORY, "portico_shared_read",
			 PORTICO_NO_MEMORY, NULL) ?
		       NULL :
		       host_request_alloc(request, length + 1);
	if (copy == NULL)
		return PORTICO_NO_MEMORY;
	memcpy(copy, text, length);
	copy[length] = '\0';
	*value_r = (struct portico_slice){ copy, length };
	return PORTICO_OK;
}

static enum portico_status
shared_put(struct portico_self *self, struct portico_slice key,
	   struct portico_slice value, uint64_t ttl_ns,
	   enum portico_shared_mode mode)
{
	enum portico_status status =
		check("portico_shared_put", key, value.length);
	struct entry *entry;

	(void)self;
	if (status != PORTICO_OK)
		return status;
	pthread_mutex_lock(&mutex);
	entry = entry_find(key);
	if (mode == PORTICO_SHARED_ADD && entry != NULL)
		status = PORTICO_EXISTS;
	else if (mode == PORTICO_SHARED_REPLACE && entry == NULL)
		status = PORTICO_NOT_FOUND;
	else
		entry_set(entry, key, value, ttl_ns);
	pthread_mutex_unlock(&mutex);
	return status;
}

static enum portico_status
shared_swap(struct portico_self *self, struct portico_slice key,
	    struct portico_slice expected, struct portico_slice value,
	    uint64_t ttl_ns)
{
	enum portico_status status =
		check("portico_shared_swap", key, value.length);
	struct entry *entry;

	(void)self;
	if (status != PORTICO_OK)
		return status;
	pthread_mutex_lock(&mutex);
	entry = entry_find(key);
	if (entry == NULL)
		status = PORTICO_NOT_FOUND;
	else if (!slice_equal(buffer_slice(&entry->value), expected))
		status = PORTICO_STATE;
	else
		entry_set(entry, key, value, ttl_ns);
	pthread_mutex_unlock(&mutex);
	return status;
}

static enum portico_status
shared_increment(struct portico_self *self, struct portico_slice key,
		 int64_t delta, uint64_t ttl_ns, uint64_t *value_r)
{
	enum portico_status status = check("portico_shared_increment", key, 0);
	uint64_t sum = (uint64_t)delta, old;
	struct entry *entry;

	(void)self;
	if (status != PORTICO_OK)
		return status;
	pthread_mutex_lock(&mutex);
	entry = entry_find(key);
	if (entry == NULL) {
		entry_set(NULL, key,
			  slice_make((const char *)&sum, sizeof(sum)), ttl_ns);
	} else if (entry->value.length != sizeof(old)) {
		status = PORTICO_STATE;
	} else {
		memcpy(&old, entry->value.data, sizeof(old));
		sum += old;
		memcpy(entry->value.data, &sum, sizeof(sum));
	}
	if (status == PORTICO_OK && value_r != NULL)
		*value_r = sum;
	pthread_mutex_unlock(&mutex);
	return status;
}

static enum portico_status
shared_remove(struct portico_self *self, struct portico_slice key)
{
	enum portico_status status = check("portico_shared_remove", key, 0);
	struct entry *entry;

	(void)self;
	if (status != PORTICO_OK)
		return status;
	pthread_mutex_lock(&mutex);
	entry = entry_find(key);
	if (entry == NULL)
		status = PORTICO_NOT_FOUND;
	else
		entry_free(entry);
	pthread_mutex_unlock(&mutex);
	return status;
}

/* What another kit finds is empty. */
void
kit_shared_close(void)
{
	LIST_FOREACH_SAFE(struct entry, link, entry, &entries)
		entry_free(entry);
	LIST_FOREACH_SAFE(struct portico_shared_watch, link, watch, &watches) {
		list_remove(&watch->link);
		mem_free(watch);
	}
	LIST_FOREACH_SAFE(struct portico_shared_counter, link, counter,
			  &counters) {
		list_remove(&counter->link);
		mem_free(counter);
	}
}

const struct portico_host_shared kit_host_shared = {
	.size = sizeof(struct portico_host_shared),
	.counter = shared_counter,
	.counter_add = shared_add,
	.counter_get = shared_value,
	.counter_set = shared_set,
	.counter_swap = shared_exchange,
	.watch_start = watch_start,
	.watch_stop = watch_stop,
	.get = shared_get,
	.read = shared_read,
	.put = shared_put,
	.swap = shared_swap,
	.increment = shared_increment,
	.remove = shared_remove,
};
