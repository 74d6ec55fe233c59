/* SPDX-License-Identifier: Apache-2.0
 *
 * portico module ...: what an author and an operator of modules needs.
 *
 * The command may be run by root, so it never loads a module itself: that is
 * done by a portico-worker that is thrown away, under another user.
 */
#ifndef CORE_COMMAND_MODULE_H
#define CORE_COMMAND_MODULE_H

#include "core/command/words.h"

command_fn module_check, module_doc, module_new, module_order, module_run;

#endif
