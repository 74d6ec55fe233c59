/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host: state that the workers of a pool share.
 */
#include "core/worker/host_priv.h"
#include "core/worker/request.h"
#include "core/worker/shared.h"
#include "core/worker/worker.h"

/* NULL: the pool has none. */
static struct shared *
shared_of(const struct portico_self *self)
{
	CHECK(self, MODULE_SELF_MAGIC);
	return self->worker == NULL ? NULL : self->worker->shared;
}

static enum portico_status
host_counter(struct portico_self *self, const char *name,
	     struct portico_shared_counter **counter_r)
{
	struct shared *shared = shared_of(self);

	*counter_r = NULL;
	if (shared == NULL)
		return PORTICO_UNSUPPORTED;
	return shared_counter(shared, self->record->name, name, counter_r);
}

static uint64_t
host_counter_add(struct portico_self *self,
		 struct portico_shared_counter *counter, int64_t delta)
{
	uint64_t sum = atomic_fetch_add(&counter->value, (uint64_t)delta) +
		       (uint64_t)delta;

	shared_ring(shared_of(self), counter);
	return sum;
}

static uint64_t
host_counter_get(struct portico_shared_counter *counter)
{
	return atomic_load(&counter->value);
}

static void
host_counter_set(struct portico_self *self,
		 struct portico_shared_counter *counter, uint64_t value)
{
	atomic_store(&counter->value, value);
	shared_ring(shared_of(self), counter);
}

static bool
host_counter_swap(struct portico_self *self,
		  struct portico_shared_counter *counter, uint64_t *expected,
		  uint64_t value)
{
	bool swapped = atomic_compare_exchange_strong(&counter->value, expected,
						      value);

	if (swapped)
		shared_ring(shared_of(self), counter);
	return swapped;
}

static struct portico_shared_watch *
host_watch(struct portico_request *request,
	   struct portico_shared_counter *counter,
	   portico_shared_watch_fn *function, void *arg)
{
	struct shared *shared;

	CHECK(request, REQUEST_MAGIC);
	shared = request->loop->worker->shared;
	return shared == NULL ? NULL :
				shared_watch_start(shared, request, counter,
						   function, arg);
}

/* ---- keys and values --------------------------------------------------------------- */

/* UNSUPPORTED, or what is wrong with the key. */
static enum portico_status
key_of(struct portico_self *self, struct portico_slice key,
       struct shared_key *key_r)
{
	struct shared *shared = shared_of(self);

	return shared == NULL ?
		       PORTICO_UNSUPPORTED :
		       shared_key_make(shared, self->record->name, key, key_r);
}

static enum portico_status
host_get(struct portico_self *self, struct portico_slice key, void *buffer,
	 size_t size, size_t *length_r)
{
	struct shared_key full;
	enum portico_status status = key_of(self, key, &full);

	return status != PORTICO_OK ? status :
				      shared_get(shared_of(self), &full, buffer,
						 size, length_r);
}

static enum portico_status
host_read(struct portico_self *self, struct portico_request *request,
	  struct portico_slice key, struct portico_slice *value_r)
{
	struct shared_key full;
	enum portico_status status = key_of(self, key, &full);
	char *buffer = NULL;
	size_t size = 0, length;

	CHECK(request, REQUEST_MAGIC);
	*value_r = (struct portico_slice){ NULL, 0 };
	/* First how long it is; it may grow meanwhile. */
	for (int i = 0; i < 8 && status == PORTICO_OK; i++) {
		status = shared_get(shared_of(self), &full, buffer, size,
				    &length);
		if (status == PORTICO_OK && buffer != NULL) {
			buffer[length] = '\0';
			*value_r = (struct portico_slice){ buffer, length };
			return PORTICO_OK;
		}
		if (status != PORTICO_OK && status != PORTICO_TOO_LARGE)
			return status;
		size = length;
		buffer = host_request_alloc(request, size + 1);
		status = buffer == NULL ? PORTICO_NO_MEMORY : PORTICO_OK;
	}
	return status == PORTICO_OK ? PORTICO_AGAIN : status;
}

static enum portico_status
host_put(struct portico_self *self, struct portico_slice key,
	 struct portico_slice value, uint64_t ttl_ns,
	 enum portico_shared_mode mode)
{
	struct shared_key full;
	enum portico_status status = key_of(self, key, &full);

	return status != PORTICO_OK ?
		       status :
		       shared_put(shared_of(self), &full, value, ttl_ns, mode);
}

static enum portico_status
host_swap(struct portico_self *self, struct portico_slice key,
	  struct portico_slice expected, struct portico_slice value,
	  uint64_t ttl_ns)
{
	struct shared_key full;
	enum portico_status status = key_of(self, key, &full);

	return status != PORTICO_OK ? status :
				      shared_swap(shared_of(self), &full,
						  expected, value, ttl_ns);
}

static enum portico_status
host_increment(struct portico_self *self, struct portico_slice key,
	       int64_t delta, uint64_t ttl_ns, uint64_t *value_r)
{
	struct shared_key full;
	enum portico_status status = key_of(self, key, &full);

	return status != PORTICO_OK ? status :
				      shared_increment(shared_of(self), &full,
						       delta, ttl_ns, value_r);
}

static enum portico_status
host_remove(struct portico_self *self, struct portico_slice key)
{
	struct shared_key full;
	enum portico_status status = key_of(self, key, &full);

	return status != PORTICO_OK ? status :
				      shared_remove(shared_of(self), &full);
}

const struct portico_host_shared worker_host_shared = {
	.size = sizeof(struct portico_host_shared),
	.counter = host_counter,
	.counter_add = host_counter_add,
	.counter_get = host_counter_get,
	.counter_set = host_counter_set,
	.counter_swap = host_counter_swap,
	.watch_start = host_watch,
	.watch_stop = shared_watch_stop,
	.get = host_get,
	.read = host_read,
	.put = host_put,
	.swap = host_swap,
	.increment = host_increment,
	.remove = host_remove,
};
