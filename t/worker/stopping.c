/* SPDX-License-Identifier: Apache-2.0
 *
 * portico-worker, with stops (stop.h) between steps where no module runs.  The
 * linker puts these functions around the real ones (--wrap):
 *
 *	configure  its settings have come, it has not read them
 *	ready      its modules are loaded, it is about to say so
 *	attach     a channel was offered
 *	take       a REQUEST was received and is about to be taken
 *	start      it was taken and is about to be started
 *	stopped    it has ended all and is about to say so and to exit
 *
 * SIGUSR1 makes it hang up and live on: link and channels end, the socket to
 * porticod does not.
 */
#include <jansson.h>
#include <signal.h>
#include <sys/socket.h>

#include "core/channel/channel.h"
#include "core/config/settings.h"
#include "core/control/messages.h"
#include "t/worker/stop.h"

struct settings *__real_settings_read_memfd(int fd, struct portico_error *err);
struct settings *__wrap_settings_read_memfd(int fd, struct portico_error *err);
json_t *__real_control_encode_ready(const struct control_ready *message);
json_t *__wrap_control_encode_ready(const struct control_ready *message);
json_t *__real_control_encode_stopped(const struct control_stopped *message);
json_t *__wrap_control_encode_stopped(const struct control_stopped *message);
enum portico_status __real_channel_attach(struct channel_handles *handles,
					  struct channel **channel_r,
					  struct portico_error *err);
enum portico_status __wrap_channel_attach(struct channel_handles *handles,
					  struct channel **channel_r,
					  struct portico_error *err);
bool __real_channel_claim_take(struct channel *channel, uint32_t slot,
			       uint32_t generation);
bool __wrap_channel_claim_take(struct channel *channel, uint32_t slot,
			       uint32_t generation);
bool __real_channel_claim_start(struct channel *channel, uint32_t slot,
				uint32_t generation);
bool __wrap_channel_claim_start(struct channel *channel, uint32_t slot,
				uint32_t generation);

#define CONTROL_FD 3

static void
hang_up(int signal_number)
{
	(void)signal_number;
	for (int fd = CONTROL_FD + 1; fd < 1024; fd++) {
		int type;
		socklen_t length = sizeof(type);

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
		    type == SOCK_SEQPACKET)
			shutdown(fd, SHUT_RDWR);
	}
}

__attribute__((constructor)) static void
listen_for_signal(void)
{
	struct sigaction action = { .sa_handler = hang_up,
				    .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &action, NULL);
}

struct settings *
__wrap_settings_read_memfd(int fd, struct portico_error *err)
{
	stop_at("configure");
	return __real_settings_read_memfd(fd, err);
}

json_t *
__wrap_control_encode_stopped(const struct control_stopped *message)
{
	stop_at("stopped");
	return __real_control_encode_stopped(message);
}

json_t *
__wrap_control_encode_ready(const struct control_ready *message)
{
	stop_at("ready");
	return __real_control_encode_ready(message);
}

enum portico_status
__wrap_channel_attach(struct channel_handles *handles,
		      struct channel **channel_r, struct portico_error *err)
{
	stop_at("attach");
	return __real_channel_attach(handles, channel_r, err);
}

bool
__wrap_channel_claim_take(struct channel *channel, uint32_t slot,
			  uint32_t generation)
{
	bool taken;

	stop_at("take");
	taken = __real_channel_claim_take(channel, slot, generation);
	if (!taken)
		stop_note("take.refused");
	return taken;
}

bool
__wrap_channel_claim_start(struct channel *channel, uint32_t slot,
			   uint32_t generation)
{
	bool started;

	stop_at("start");
	started = __real_channel_claim_start(channel, slot, generation);
	if (!started)
		stop_note("start.refused");
	return started;
}
