/* SPDX-License-Identifier: Apache-2.0
 *
 * portico-listener, but for the version of its channels: what is on disk after
 * a package was replaced by one that speaks another.  Linked with the objects
 * of the real one and -Wl,--wrap=channel_create.
 */
#include "core/channel/channel_priv.h"

enum portico_status __real_channel_create(const struct channel_options *options,
					  struct channel **channel_r,
					  struct channel_handles *handles_r,
					  struct portico_error *err);
enum portico_status __wrap_channel_create(const struct channel_options *options,
					  struct channel **channel_r,
					  struct channel_handles *handles_r,
					  struct portico_error *err);

enum portico_status
__wrap_channel_create(const struct channel_options *options,
		      struct channel **channel_r,
		      struct channel_handles *handles_r,
		      struct portico_error *err)
{
	enum portico_status status =
		__real_channel_create(options, channel_r, handles_r, err);

	if (status == PORTICO_OK)
		(*channel_r)->out->version++;
	return status;
}
