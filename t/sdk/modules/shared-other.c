/* SPDX-License-Identifier: Apache-2.0
 *
 * The same under another name: it must not see what the first one keeps.
 */
#define MODULE_NAME "shared-other"
#include "t/sdk/modules/shared.c"
