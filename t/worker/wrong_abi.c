/* SPDX-License-Identifier: Apache-2.0
 *
 * A module for tests that was built for another major version of the ABI: it
 * has to be refused with both numbers named.
 */
#include <portico/portico.h>

static const struct portico_module descriptor = {
	.size = sizeof(struct portico_module),
	.magic = PORTICO_MODULE_MAGIC,
	.abi_major = 97,
	.abi_minor = 0,
	.name = "wrong-abi",
	.version = "1.0.0",
	.summary = "does not fit",
};

PORTICO_EXPORT const struct portico_module *
portico_module_entry(const struct portico_host *host,
		     struct portico_self *self);

PORTICO_EXPORT const struct portico_module *
portico_module_entry(const struct portico_host *host, struct portico_self *self)
{
	(void)host;
	(void)self;
	return &descriptor;
}
