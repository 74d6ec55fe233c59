/* SPDX-License-Identifier: Apache-2.0
 *
 * A shared object that is no module.
 */
#include <portico/portico.h>

PORTICO_EXPORT int no_symbol_something_else(void);

PORTICO_EXPORT int
no_symbol_something_else(void)
{
	return 1;
}
