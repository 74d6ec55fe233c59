/* SPDX-License-Identifier: Apache-2.0
 *
 * Dies while it is loaded.
 */
#include <stdlib.h>

__attribute__((constructor)) static void
die(void)
{
	abort();
}
