/* SPDX-License-Identifier: Apache-2.0
 *
 * The SDK for C++17 and later: thin wrappers of what portico.h declares, all
 * of them by this header.  What has no wrapper is called as in C: a
 * portico::request converts to the pointer that the functions of C take.
 *
 *	static portico_verdict
 *	hello(portico::request request)
 *	{
 *		request.set("Content-Type", "text/plain");
 *		request.write("Hello\n");
 *		return PORTICO_DONE;
 *	}
 *	static constexpr portico_handler handlers[] = {
 *		portico::handler<hello>("hello", "GET,HEAD"), {},
 *	};
 *	static constexpr portico_module module = [] {
 *		auto one = portico::module("hello", "1.0.0", "says hello");
 *		one.handlers = handlers;
 *		return one;
 *	}();
 *	PORTICO_CPP_MODULE(module);
 *
 * Exceptions never leave the module: what an event, handler, resume or filter
 * function throws becomes a line in the log and PORTICO_ERROR (a filter's data:
 * PORTICO_ABORTED, which cuts the response).  What a timer, a watch, on_abort
 * or offloaded work throws becomes a line in the log alone, since there is
 * nobody to answer.  Where a function of C returns a status that a module can
 * do nothing about, the wrapper throws portico::failure instead.
 *
 * Nothing is allocated here but where it is said.  A function object that is
 * kept (suspend, timers) is copied into a pointer's room: it may capture one
 * pointer, such as `this`, and the compiler refuses more.
 *
 * What is opened is a class that lets go of it when it is destroyed; nearly all
 * can be moved and none copied.  What belongs to a request (a child, a call, a
 * lookup, timers, watches) ends with it: the place for such an object is a
 * member of what request::make() has made, never something that lives longer.
 *
 * Threads and lifetimes are those of the functions of C.  The interface is
 * compiled into the module, so it is no part of the ABI.  Since 1.0.
 */
#ifndef PORTICO_PORTICO_HPP
#define PORTICO_PORTICO_HPP

#include <portico/cpp_base.hpp>
#include <portico/cpp_child.hpp>
#include <portico/cpp_client.hpp>
#include <portico/cpp_metric.hpp>
#include <portico/cpp_module.hpp>
#include <portico/cpp_request.hpp>
#include <portico/cpp_shared.hpp>
#include <portico/cpp_timer.hpp>
#include <portico/cpp_tunnel.hpp>
#include <portico/cpp_worker.hpp>

#endif
