/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile worker against the listener's end of a channel.
 *
 * The input is a program: each step is one byte that says what is done and
 * bytes that say with what.  Steps write into the up region whatever they like
 * (descriptors, positions, sleep and claim words, blocks), send messages and
 * descriptors over the socket, or let the listener do its ordinary work:
 * send, receive, release, look up files, trim.
 *
 * Aborts when a descriptor gets past channel_receive that the listener could
 * not use safely, when the accounts of blocks do not add up, or when a lie is
 * forgotten.
 */
#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/io.h"
#include "core/channel/channel_priv.h"
#include "core/channel/message.h"

#define SLOTS 8u
#define SENT_MAX 64u
#define HELD_MAX 128u

struct input {
	const uint8_t *data;
	size_t size;
};

struct scene {
	struct channel *listener, *worker;
	uint32_t sent[SENT_MAX]; /* blocks that the listener has sent */
	uint32_t sent_count;
	uint32_t held[HELD_MAX]; /* blocks that it holds */
	uint32_t held_count;
	uint32_t head[SLOTS]; /* block of the request in a slot */
	uint32_t generation;
};

static void
take(struct input *input, void *to, size_t size)
{
	size_t n = size < input->size ? size : input->size;

	memset(to, 0, size);
	if (n > 0)
		memcpy(to, input->data, n);
	input->data += n;
	input->size -= n;
}

static uint8_t
take_byte(struct input *input)
{
	uint8_t byte;

	take(input, &byte, 1);
	return byte;
}

static uint32_t
take_u32(struct input *input)
{
	uint32_t number;

	take(input, &number, sizeof(number));
	return number;
}

/* ---- what the worker does ---------------------------------------------------- */

static void
publish(struct scene *scene, const struct channel_descriptor *descriptor)
{
	struct channel *worker = scene->worker;

	worker->out_ring[worker->tail & worker->ring_mask] = *descriptor;
	worker->tail++;
	atomic_store(&worker->out->producer.tail, worker->tail);
}

/* Any 64 bytes. */
static void
step_raw(struct scene *scene, struct input *input)
{
	struct channel_descriptor descriptor;

	take(input, &descriptor, sizeof(descriptor));
	publish(scene, &descriptor);
}

static uint32_t
some_block(const struct scene *scene, struct input *input)
{
	uint8_t how = take_byte(input);

	if (how < 128 && scene->sent_count > 0)
		return scene->sent[how % scene->sent_count] +
		       (how >= 120 ? 1 : 0);
	if (how < 240)
		return CHANNEL_BLOCK(how >= 224 ? how & 3 : 0, take_byte(input),
				     how & 7);
	return take_u32(input);
}

/* Nearly right, so that it gets further. */
static void
step_plausible(struct scene *scene, struct input *input)
{
	struct channel_descriptor descriptor = {
		.type = take_byte(input) % (CHANNEL_TYPES + 1),
		.flags = take_byte(input) & 0x1f,
		.count = take_byte(input) % 6,
		.slot = take_byte(input) % (SLOTS + 1),
		.generation = take_byte(input),
	};

	descriptor.extra = take_byte(input);
	if (descriptor.type == CHANNEL_RELEASE) {
		for (unsigned i = 0; i < descriptor.count; i++)
			descriptor.blocks[i] = some_block(scene, input);
	} else {
		descriptor.value = take_byte(input);
		descriptor.value2 = take_byte(input);
		for (unsigned i = 0;
		     i < descriptor.count && i < CHANNEL_REFERENCES_MAX; i++) {
			descriptor.refs[i].block = some_block(scene, input);
			descriptor.refs[i].length = take_u32(input) & 0x1ffff;
		}
	}
	publish(scene, &descriptor);
}

static void
step_word(struct scene *scene, struct input *input)
{
	struct channel_region_header *up = scene->worker->out;
	uint8_t which = take_byte(input);
	uint64_t value;

	take(input, &value, sizeof(value));
	/* Near the truth as well as anywhere. */
	if ((which & 0x80) != 0)
		value = scene->listener->tail + (value & 0xff) - 0x80;
	switch (which & 7) {
	case 0:
		atomic_store(&up->producer.tail, value);
		break;
	case 1:
		atomic_store(&up->consumer.head, value);
		break;
	case 2:
		atomic_store(&up->consumer.sleeping, value);
		break;
	case 3:
		atomic_store(&up->heartbeat, value);
		break;
	case 4:
		atomic_store(&scene->worker->claims[value % SLOTS].claim,
			     (uint32_t)(value >> 8));
		break;
	default: /* all of the header, which the listener never reads again */
		((unsigned char *)up)[value % sizeof(*up)] =
			(unsigned char)(value >> 56);
		break;
	}
}

static void
step_memory(struct scene *scene, struct input *input)
{
	const struct segment *segment =
		&scene->worker->own.segments[take_byte(input) & 3];
	uint32_t at = take_u32(input);

	if (segment->base != NULL)
		take(input, segment->base + at % (segment->size - 16), 16);
}

static int
some_descriptor(uint8_t which)
{
	switch (which & 7) {
	case 0:
		return memfd_create("fuzz", MFD_CLOEXEC);
	case 1:
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	case 2:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 3:
		return open("/proc/self/exe", O_PATH | O_CLOEXEC);
	case 4:
	case 5:
		return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	default:
		return -1;
	}
}

static void
step_message(struct scene *scene, struct input *input)
{
	uint8_t how = take_byte(input);
	struct channel_message message = {
		.magic = CHANNEL_MESSAGE_MAGIC,
		.size = sizeof(message),
	};
	int fds[2] = { some_descriptor(how), -1 };
	size_t count = fds[0] >= 0;
	size_t size = sizeof(message);

	if ((how & 0xc0) == 0xc0) {
		take(input, &message, sizeof(message));
		size = 1 + take_byte(input) % (sizeof(message) - 1);
	} else {
		message.type = take_byte(input) % 6;
		message.number = take_byte(input);
		message.block_class = take_byte(input) % 5;
		if ((how & 0x40) != 0)
			message.bytes = take_byte(input);
	}
	if ((how & 0x20) != 0 && count == 1)
		fds[count++] = dup(fds[0]);
	if (scene->worker->socket >= 0)
		(void)io_send_message(scene->worker->socket, &message, size,
				      fds, count);
	io_close(&fds[0]);
	io_close(&fds[1]);
}

/* ---- what the listener does ---------------------------------------------------- */

static void
send_one(struct scene *scene, uint8_t how)
{
	struct channel_descriptor descriptor = {
		.type = (how & 1) != 0 ? CHANNEL_REQUEST : CHANNEL_BODY,
		.count = 1,
		.slot = how % SLOTS,
	};
	uint32_t size;
	void *memory;

	memory = channel_block_alloc(scene->listener,
				     (enum channel_block_class)(how % 3),
				     &descriptor.refs[0].block, &size);
	if (memory == NULL)
		return;
	memset(memory, how, 16);
	descriptor.refs[0].length = size;
	scene->generation = scene->generation % CHANNEL_GENERATION_MAX + 1;
	descriptor.generation = scene->generation;
	channel_claim_offer(scene->listener, descriptor.slot,
			    scene->generation);
	if (channel_send(scene->listener, &descriptor) != PORTICO_OK) {
		channel_block_cancel(scene->listener, descriptor.refs[0].block);
		return;
	}
	/* What was in the slot before has ended. */
	if (descriptor.type == CHANNEL_REQUEST) {
		channel_block_returned(scene->listener,
				       scene->head[descriptor.slot]);
		scene->head[descriptor.slot] = descriptor.refs[0].block;
	}
	if ((how & 2) != 0)
		(void)channel_claim_revoke(scene->listener, descriptor.slot,
					   scene->generation);
	(void)channel_claim_state(scene->listener, descriptor.slot,
				  scene->generation);
	if (scene->sent_count < SENT_MAX)
		scene->sent[scene->sent_count++] = descriptor.refs[0].block;
}

/* One descriptor, or so many that the ring or the blocks run out. */
static void
step_send(struct scene *scene, struct input *input)
{
	uint8_t how = take_byte(input);
	unsigned count = (how & 0xf0) == 0xf0 ? 1 + take_byte(input) : 1;

	for (unsigned i = 0; i < count; i++)
		send_one(scene, (uint8_t)(how + i));
	channel_flush(scene->listener);
}

static void
on_room(struct channel *channel, void *arg)
{
	struct scene *scene = arg;

	ASSERT(channel == scene->listener);
	send_one(scene, 0);
}

/* All that may be done with a reference that was let through. */
static void
use_reference(struct scene *scene, struct channel_reference reference)
{
	volatile const unsigned char *data =
		channel_block_data(scene->listener, reference);

	ASSERT(reference.length > 0 && reference.length <= 65536);
	ASSERT(data != NULL);
	(void)data[0];
	(void)data[reference.length - 1];
	if (scene->held_count == HELD_MAX)
		channel_release(scene->listener,
				scene->held[--scene->held_count]);
	scene->held[scene->held_count++] = reference.block;
}

static void
use_descriptor(struct scene *scene, const struct channel_descriptor *descriptor)
{
	switch (descriptor->type) {
	case CHANNEL_FILE_CLOSE:
		return;
	case CHANNEL_CACHE_FLUSH: /* of an application, not of a request */
		ASSERT(descriptor->value <= 1 && descriptor->extra > 0);
		ASSERT(descriptor->count <= 1);
		if (descriptor->count > 0)
			use_reference(scene, descriptor->refs[0]);
		return;
	case CHANNEL_FILE: {
		struct channel_file *file =
			channel_file_find(scene->listener, descriptor->extra);

		ASSERT(descriptor->value + descriptor->value2 <= INT64_MAX);
		if (file == NULL)
			channel_accuse(scene->listener, "file not passed");
		else
			(void)channel_file_size(file);
		channel_file_unref(&file);
		break;
	}
	case CHANNEL_RESPONSE:
	case CHANNEL_UPGRADE:
		ASSERT(descriptor->count > 0 && descriptor->extra > 0 &&
		       descriptor->extra <= descriptor->refs[0].length);
		break;
	case CHANNEL_WINDOW:
		ASSERT(descriptor->value > 0);
		break;
	case CHANNEL_FLUSH:
		ASSERT(descriptor->value <= CHANNEL_FLUSH_SHUTDOWN);
		break;
	case CHANNEL_BODY:
		break;
	case CHANNEL_END:
		channel_block_returned(scene->listener,
				       scene->head[descriptor->slot]);
		scene->head[descriptor->slot] = CHANNEL_BLOCK_NONE;
		break;
	default:
		UNREACHABLE();
	}
	ASSERT(descriptor->slot < SLOTS && descriptor->generation > 0);
	ASSERT(descriptor->count <= CHANNEL_REFERENCES_MAX);
	for (unsigned i = 0; i < descriptor->count; i++)
		use_reference(scene, descriptor->refs[i]);
}

static void
step_receive(struct scene *scene)
{
	struct channel_descriptor descriptor;
	bool lied = channel_lie(scene->listener) != NULL;

	for (unsigned i = 0; i < 300; i++) {
		enum portico_status status =
			channel_receive(scene->listener, &descriptor);

		ASSERT(!lied || status == PORTICO_PROTOCOL);
		if (status == PORTICO_PROTOCOL)
			ASSERT(channel_lie(scene->listener) != NULL);
		if (status != PORTICO_OK)
			return;
		use_descriptor(scene, &descriptor);
	}
}

static void
step_release(struct scene *scene, struct input *input)
{
	uint32_t at;

	if (scene->held_count == 0)
		return;
	at = take_byte(input) % scene->held_count;
	channel_release(scene->listener, scene->held[at]);
	scene->held[at] = scene->held[--scene->held_count];
}

static void
accounts_check(const struct scene *scene)
{
	struct channel_usage usage;

	channel_get_usage(scene->listener, &usage);
	for (int i = 0; i < CHANNEL_BLOCK_CLASSES; i++)
		ASSERT(usage.in_use[i] <= usage.blocks[i]);
	ASSERT(usage.segments <= CHANNEL_SEGMENTS_MAX);
	ASSERT(usage.files <= 2 * CHANNEL_FILES_MAX);
	ASSERT(usage.held >= scene->held_count);
	/* More is held only where a lie came in the midst of a descriptor. */
	ASSERT(channel_lie(scene->listener) != NULL ||
	       usage.held == scene->held_count);
}

static void
step(struct scene *scene, struct input *input)
{
	switch (take_byte(input) % 14) {
	case 0:
		step_raw(scene, input);
		break;
	case 1:
	case 2:
	case 3:
		step_plausible(scene, input);
		break;
	case 4:
		step_word(scene, input);
		break;
	case 5:
		step_memory(scene, input);
		break;
	case 6:
		step_message(scene, input);
		break;
	case 7:
		step_send(scene, input);
		break;
	case 8:
		step_receive(scene);
		break;
	case 9:
		step_release(scene, input);
		break;
	case 10:
		(void)channel_socket_readable(scene->listener);
		break;
	case 11:
		channel_trim(scene->listener);
		channel_flush(scene->listener);
		break;
	case 12:
		if (!channel_sleep(scene->listener))
			step_receive(scene);
		channel_awake(scene->listener, true);
		break;
	default: /* the worker is well-behaved for once */
		if (scene->worker->socket >= 0)
			(void)channel_socket_readable(scene->worker);
		break;
	}
	accounts_check(scene);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct channel_options options = {
		.name = "fuzz",
		.slots = SLOTS,
		.ring_size = 64,
		.memory_max = 4u << 20,
	};
	struct input input = { data, size };
	struct scene scene = { 0 };
	struct channel_handles handles;

	if (channel_create(&options, &scene.listener, &handles, NULL) !=
		    PORTICO_OK ||
	    channel_attach(&handles, &scene.worker, NULL) != PORTICO_OK)
		UNREACHABLE();
	for (unsigned i = 0; i < SLOTS; i++)
		scene.head[i] = CHANNEL_BLOCK_NONE;
	channel_on_room(scene.listener, on_room, &scene);
	for (unsigned i = 0; i < 400 && input.size > 0; i++)
		step(&scene, &input);
	step_receive(&scene);
	accounts_check(&scene);
	channel_free(&scene.listener);
	channel_free(&scene.worker);
	return 0;
}
