/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeping the state.
 */
#include "core/activation/state.h"

#include <uv.h>

#include "core/activation/keeper.h"
#include "core/activation/manager.h"
#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/base/slice.h"

#define STATE_MAGIC 0x57a7e0ffu

/* What the keeper has under a key. */
struct kept {
	char *key;
	uint64_t fingerprint;
	bool seen; /* by the sweep that goes on */
};

struct state {
	unsigned magic;
	struct manager *manager;
	uv_prepare_t prepare;
	struct hash_table *kept; /* of struct kept */
	bool complete; /* the last sweep could put all of it */
};

static void
write_record(state_write_fn *write, const void *object,
	     struct state_record *record)
{
	*record = (struct state_record){ .watch = -1 };
	write(object, record);
}

static void
close_owned(struct state_record *record)
{
	for (size_t i = 0; record->owned && i < record->nfds; i++)
		io_close(&record->fds[i]);
}

static void
kept_free(struct kept *kept)
{
	mem_free(kept->key);
	mem_free(kept);
}

static struct kept *
add_kept(struct state *state, const char *key)
{
	struct kept *kept = mem_zalloc(sizeof *kept);

	kept->key = mem_strdup(key);
	kept->seen = true;
	if (hash_add(state->kept, slice_from(kept->key), kept) == PORTICO_OK)
		return kept;
	kept_free(kept);
	return NULL;
}

static void
on_visit(void *arg, const char *key, uint64_t fingerprint,
	 state_write_fn *write, const void *object)
{
	struct state *state = arg;
	struct keeper *keeper = state->manager->keeper;
	struct kept *kept = hash_find_text(state->kept, key);
	struct state_record record;

	if (kept != NULL)
		kept->seen = true;
	if (kept != NULL && kept->fingerprint == fingerprint)
		return;
	if (!keeper_is_ready(keeper)) {
		state->complete = false;
		return;
	}
	write_record(write, object, &record);
	if (record.json == NULL) {
		state->complete = false;
		return;
	}
	keeper_put(keeper, key, record.json, record.fds, record.nfds,
		   record.watch);
	close_owned(&record);
	if (kept == NULL)
		kept = add_kept(state, key);
	if (kept != NULL)
		kept->fingerprint = fingerprint;
}

/* False: there was nothing more to drop. */
static bool
drop_one(struct state *state)
{
	struct portico_slice key;
	size_t cursor = 0;
	void *value;

	while (hash_next(state->kept, &cursor, &key, &value)) {
		struct kept *kept = value;

		if (kept->seen)
			continue;
		keeper_drop(state->manager->keeper, kept->key);
		hash_remove(state->kept, key);
		kept_free(kept);
		return true;
	}
	return false;
}

static void
forget_all(struct state *state)
{
	struct portico_slice key;
	size_t cursor = 0;
	void *value;

	while (hash_next(state->kept, &cursor, &key, &value))
		kept_free(value);
	hash_clear(state->kept);
}

static void
sweep(struct state *state)
{
	struct keeper *keeper = state->manager->keeper;
	struct portico_slice key;
	size_t cursor = 0;
	void *value;

	CHECK(state, STATE_MAGIC);
	state->complete = keeper_is_ready(keeper);
	if (!state->complete)
		return;
	while (hash_next(state->kept, &cursor, &key, &value))
		((struct kept *)value)->seen = false;
	state_visit(state->manager, on_visit, state);
	while (keeper_is_ready(keeper) && drop_one(state))
		;
}

static void
on_prepare(uv_prepare_t *prepare)
{
	sweep(prepare->data);
}

void
state_sweep(struct manager *manager)
{
	if (manager->state != NULL)
		sweep(manager->state);
}

bool
state_is_kept(const struct manager *manager)
{
	return manager->state != NULL && manager->state->complete &&
	       keeper_is_ready(manager->keeper);
}

void
state_forget(struct manager *manager)
{
	if (manager->state != NULL)
		forget_all(manager->state);
}

void
state_adopt(struct manager *manager, const char *key)
{
	(void)add_kept(manager->state, key);
}

void
state_open(struct manager *manager, struct state **state_r)
{
	struct state *state = mem_zalloc(sizeof *state);

	state->magic = STATE_MAGIC;
	state->manager = manager;
	state->kept = hash_new("kept", 0);
	uv_prepare_init(&manager->loop, &state->prepare);
	state->prepare.data = state;
	uv_prepare_start(&state->prepare, on_prepare);
	*state_r = state;
}

static void
on_closed(uv_handle_t *handle)
{
	struct state *state = handle->data;

	forget_all(state);
	hash_free(state->kept);
	state->magic = 0;
	mem_free(state);
}

void
state_close(struct state **state_p)
{
	struct state *state = *state_p;

	if (state == NULL)
		return;
	CHECK(state, STATE_MAGIC);
	*state_p = NULL;
	uv_prepare_stop(&state->prepare);
	uv_close((uv_handle_t *)&state->prepare, on_closed);
}

/* ---- as one document ------------------------------------------------------- */

static void
add_item(void *arg, const char *key, uint64_t fingerprint,
	 state_write_fn *write, const void *object)
{
	struct state_record record;

	(void)fingerprint;
	write_record(write, object, &record);
	json_array_append_new(arg, json_pack("{s:s, s:o, s:i}", "key", key,
					     "record", record.json,
					     "descriptors", (int)record.nfds));
	close_owned(&record);
}

json_t *
state_to_json(struct manager *manager)
{
	json_t *items = json_array();

	state_visit(manager, add_item, items);
	return json_pack("{s:i, s:s, s:o}", "version", STATE_VERSION, "program",
			 PORTICO_VERSION, "items", items);
}
