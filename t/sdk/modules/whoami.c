/* SPDX-License-Identifier: Apache-2.0
 *
 * Says while it is loaded who loads it, and whether it can become root.
 */
#include <stdio.h>
#include <unistd.h>

__attribute__((constructor)) static void
tell(void)
{
	fprintf(stderr, "loaded by user %d\n", (int)geteuid());
	fprintf(stderr, "it %s become root\n",
		setuid(0) == 0 ? "can" : "cannot");
}
