/* SPDX-License-Identifier: Apache-2.0
 *
 * A module of a later ABI: everything after the version is not what a server
 * of today thinks, so that one which reads on crashes.
 */
#include <portico/portico.h>

struct later_module {
	uint32_t size, magic;
	uint16_t abi_major, abi_minor;
	uintptr_t elsewhere[64];
};

static struct later_module later = {
	.size = sizeof(struct later_module),
	.magic = PORTICO_MODULE_MAGIC,
	.abi_major = PORTICO_ABI_MAJOR + 1,
	.abi_minor = 0,
};

PORTICO_EXPORT const struct portico_module *
portico_module_entry(const struct portico_host *host,
		     struct portico_self *self);

PORTICO_EXPORT const struct portico_module *
portico_module_entry(const struct portico_host *host, struct portico_self *self)
{
	(void)host;
	(void)self;
	for (unsigned i = 0; i < 64; i++)
		later.elsewhere[i] = i + 1;
	return (const struct portico_module *)&later;
}
