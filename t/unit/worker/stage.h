/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole stage: see stage_base.h.
 */
#ifndef T_UNIT_WORKER_STAGE_H
#define T_UNIT_WORKER_STAGE_H

#include "t/unit/worker/stage_receive.h"

#endif
