/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything a module may use, in one include.
 */
#ifndef PORTICO_PORTICO_H
#define PORTICO_PORTICO_H

#include <portico/abort.h>
#include <portico/async.h>
#include <portico/cache.h>
#include <portico/change.h>
#include <portico/child.h>
#include <portico/background.h>
#include <portico/client.h>
#include <portico/cookie.h>
#include <portico/event.h>
#include <portico/file.h>
#include <portico/filter.h>
#include <portico/form.h>
#include <portico/global.h>
#include <portico/metric.h>
#include <portico/log.h>
#include <portico/module.h>
#include <portico/process.h>
#include <portico/query.h>
#include <portico/regex.h>
#include <portico/request.h>
#include <portico/resolve.h>
#include <portico/response.h>
#include <portico/rewrite.h>
#include <portico/trailer.h>
#include <portico/shared.h>
#include <portico/tunnel.h>
#include <portico/types.h>
#include <portico/variable.h>
#include <portico/worker.h>

#endif
