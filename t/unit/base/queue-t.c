/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue between threads: order, the wake-up rule, nothing lost.
 */
#include "t/unit/unit.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "core/base/io.h"
#include "core/base/list.h"
#include "core/base/queue.h"

#define PRODUCERS 3
#define MESSAGES 50000

struct message {
	struct queue_node node;
	int producer, number;
};

struct producer {
	pthread_t thread;
	struct queue *queue;
	int wake_fd;
	int id;
	struct message *messages;
};

static void
order_and_emptiness(void **state)
{
	struct message messages[3];
	struct queue queue;
	struct queue_node *node;

	(void)state;
	queue_init(&queue);
	assert_true(queue_empty(&queue));
	assert_null(queue_take_all(&queue));
	assert_true(queue_push(&queue, &messages[0].node));
	assert_false(queue_push(&queue, &messages[1].node));
	assert_false(queue_push(&queue, &messages[2].node));
	node = queue_take_all(&queue);
	for (int i = 0; i < 3; i++, node = node->next)
		assert_ptr_equal(node, &messages[i].node);
	assert_null(node);
	assert_true(queue_push(&queue, &messages[0].node));
}

static void *
produce(void *arg)
{
	struct producer *producer = arg;

	for (int i = 0; i < MESSAGES; i++) {
		producer->messages[i].producer = producer->id;
		producer->messages[i].number = i;
		if (queue_push(producer->queue, &producer->messages[i].node))
			eventfd_write(producer->wake_fd, 1);
	}
	return NULL;
}

/* Sleeps whenever the queue is empty, so a lost wake-up shows as a time-out. */
static void
many_producers_lose_nothing(void **state)
{
	struct producer producers[PRODUCERS];
	int next[PRODUCERS] = { 0 }, total = 0;
	struct pollfd wake = { .fd = eventfd(0, EFD_NONBLOCK),
			       .events = POLLIN };
	struct queue queue;
	eventfd_t count;

	(void)state;
	queue_init(&queue);
	for (int i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){
			.queue = &queue,
			.wake_fd = wake.fd,
			.id = i,
			.messages = calloc(MESSAGES, sizeof(struct message)),
		};
		pthread_create(&producers[i].thread, NULL, produce,
			       &producers[i]);
	}
	while (total < PRODUCERS * MESSAGES) {
		struct queue_node *node;

		assert_int_equal(poll(&wake, 1, 20000), 1);
		assert_int_equal(eventfd_read(wake.fd, &count), 0);
		for (node = queue_take_all(&queue); node != NULL;
		     node = node->next) {
			struct message *message =
				CONTAINER_OF(node, struct message, node);

			assert_int_equal(message->number,
					 next[message->producer]);
			next[message->producer]++;
			total++;
		}
	}
	for (int i = 0; i < PRODUCERS; i++) {
		pthread_join(producers[i].thread, NULL);
		free(producers[i].messages);
	}
	assert_true(queue_empty(&queue));
	io_close(&wake.fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(order_and_emptiness),
	cmocka_unit_test(many_producers_lose_nothing),
};

UNIT_MAIN(tests)
