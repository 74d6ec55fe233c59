/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion tokens.
 *
 * A slot's word holds {generation, state}.  FREE -> ARMED and everything that
 * frees a slot is done by the loop's thread alone; ARMED -> COMPLETED is a
 * compare-and-swap by whoever completes, so just one of them succeeds and
 * posts the slot to its loop.
 */
#include "core/worker/token.h"

#include <stdatomic.h>

#include "core/base/check.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/worker/limits.h"
#include "core/worker/request.h"
#include "core/worker/tunnel.h"

#define TOKEN_TABLE_MAGIC 0x544f4b54u

enum token_state {
	TOKEN_FREE,
	TOKEN_ARMED,
	TOKEN_COMPLETED
};

/* value: generation 32, loop 8, slot 24 */
#define TOKEN_GENERATION(value) ((uint32_t)((value) >> 32))
#define TOKEN_LOOP(value) ((uint32_t)((value) >> 24) & 0xffu)
#define TOKEN_SLOT(value) ((uint32_t)(value)&0xffffffu)
#define WORD(generation, state) ((uint64_t)(generation) << 2 | (state))

struct token_slot {
	_Atomic uint64_t word;
	struct portico_request *request; /* NULL: cancelled */
	struct token_table *table;
	struct token_slot *next_free;
	uint32_t number;
	uint32_t generation; /* of the loop's thread; 0 is never valid */
	struct loop_message message;
};

struct token_table {
	unsigned magic;
	struct worker_loop *loop;
	struct token_slot *free;
	uint32_t chunk_count;
	_Atomic(struct token_slot *) chunks[TOKEN_CHUNKS_MAX];
};

static _Atomic(struct token_table *) tables[TOKEN_LOOPS_MAX];

struct token_table *
token_table_new(struct worker_loop *loop)
{
	struct token_table *table = mem_zalloc(sizeof(*table));

	ASSERT(loop->number < TOKEN_LOOPS_MAX);
	table->magic = TOKEN_TABLE_MAGIC;
	table->loop = loop;
	atomic_store(&tables[loop->number], table);
	return table;
}

void
token_table_free(struct token_table *table)
{
	CHECK(table, TOKEN_TABLE_MAGIC);
	atomic_store(&tables[table->loop->number], NULL);
	for (uint32_t i = 0; i < table->chunk_count; i++)
		mem_free(atomic_load(&table->chunks[i]));
	table->magic = 0;
	mem_free(table);
}

/* Back to the free list under the next generation. */
static void
slot_free(struct token_slot *slot)
{
	slot->request = NULL;
	slot->generation++;
	if (slot->generation == 0)
		slot->generation = 1;
	atomic_store_explicit(&slot->word, WORD(slot->generation, TOKEN_FREE),
			      memory_order_release);
	slot->next_free = slot->table->free;
	slot->table->free = slot;
}

static void
slot_completed(struct token_slot *slot)
{
	struct portico_request *request = slot->request;
	uint32_t number = slot->number;

	slot_free(slot);
	if (request == NULL)
		return;
	if (request->wait.kind == WAIT_TOKEN && request->wait.token == number)
		request_ready(request);
	else if (request->response.tunnel)
		tunnel_woken(request, number);
}

static void
on_completed(struct loop_message *message)
{
	slot_completed(CONTAINER_OF(message, struct token_slot, message));
}

static bool
add_chunk(struct token_table *table)
{
	struct token_slot *slots;

	if (table->chunk_count == TOKEN_CHUNKS_MAX)
		return false;
	slots = mem_zalloc_array(TOKEN_CHUNK_SLOTS, sizeof(*slots));
	for (uint32_t i = TOKEN_CHUNK_SLOTS; i-- > 0;) {
		slots[i].table = table;
		slots[i].number = table->chunk_count * TOKEN_CHUNK_SLOTS + i;
		slots[i].message.run = on_completed;
		slot_free(&slots[i]);
	}
	atomic_store_explicit(&table->chunks[table->chunk_count], slots,
			      memory_order_release);
	table->chunk_count++;
	return true;
}

static struct token_slot *
slot_find(struct token_table *table, uint32_t number)
{
	struct token_slot *chunk;

	if (number / TOKEN_CHUNK_SLOTS >= TOKEN_CHUNKS_MAX)
		return NULL;
	chunk = atomic_load_explicit(&table->chunks[number / TOKEN_CHUNK_SLOTS],
				     memory_order_acquire);
	return chunk == NULL ? NULL : &chunk[number % TOKEN_CHUNK_SLOTS];
}

enum portico_status
token_new(struct token_table *table, struct portico_request *request,
	  struct portico_token *token_r, uint32_t *slot_r)
{
	struct token_slot *slot;

	CHECK(table, TOKEN_TABLE_MAGIC);
	if (table->free == NULL && !add_chunk(table))
		return PORTICO_FULL;
	slot = table->free;
	table->free = slot->next_free;
	slot->request = request;
	atomic_store_explicit(&slot->word, WORD(slot->generation, TOKEN_ARMED),
			      memory_order_release);
	token_r->value = (uint64_t)slot->generation << 32 |
			 (uint64_t)table->loop->number << 24 | slot->number;
	*slot_r = slot->number;
	return PORTICO_OK;
}

void
token_cancel(struct token_table *table, uint32_t number)
{
	struct token_slot *slot = slot_find(table, number);
	uint64_t armed;

	CHECK(table, TOKEN_TABLE_MAGIC);
	ASSERT(slot != NULL);
	armed = WORD(slot->generation, TOKEN_ARMED);
	slot->request = NULL;
	/* Whoever was faster has posted the slot: it is freed on arrival. */
	if (atomic_compare_exchange_strong(&slot->word, &armed,
					   WORD(slot->generation, TOKEN_FREE)))
		slot_free(slot);
}

static enum portico_status
refuse(struct portico_token token)
{
	log_warn(4001, NULL,
		 "completion token %016llx was used before or is void",
		 (unsigned long long)token.value);
	return PORTICO_STATE;
}

enum portico_status
token_complete(struct portico_token token)
{
	uint32_t generation = TOKEN_GENERATION(token.value);
	struct token_table *table = atomic_load_explicit(
		&tables[TOKEN_LOOP(token.value)], memory_order_acquire);
	struct token_slot *slot;
	uint64_t armed = WORD(generation, TOKEN_ARMED);

	if (table == NULL || generation == 0)
		return refuse(token);
	slot = slot_find(table, TOKEN_SLOT(token.value));
	if (slot == NULL ||
	    !atomic_compare_exchange_strong(&slot->word, &armed,
					    WORD(generation, TOKEN_COMPLETED)))
		return refuse(token);
	if (loop_current() == table->loop)
		slot_completed(slot);
	else
		loop_post(table->loop, &slot->message);
	return PORTICO_OK;
}
