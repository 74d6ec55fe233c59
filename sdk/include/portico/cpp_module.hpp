/* SPDX-License-Identifier: Apache-2.0
 *
 * For C++ (portico.hpp): the descriptor of a module, its rows, settings and
 * objects of applications.
 */
#ifndef PORTICO_CPP_MODULE_HPP
#define PORTICO_CPP_MODULE_HPP

#include <portico/cpp_request.hpp>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <string_view>
#include <type_traits>

namespace portico
{

/* ---- the descriptor ----------------------------------------------------------------- */

/* A function of the form portico_verdict(portico::request), as C calls it. */
template <auto function>
portico_verdict
event(portico_request *pointer) noexcept
{
	return detail::guard(pointer, "an event or handler", PORTICO_ERROR,
			     [&]() -> portico_verdict {
				     return function(request(pointer));
			     });
}

template <auto function>
void
abort_event(portico_request *pointer) noexcept
{
	detail::guard(pointer, "on_abort", [&] { function(request(pointer)); });
}

/* Rows; `{}` ends an array of them. */
template <auto function>
constexpr portico_subscription
subscription(portico_event which, portico_phase phase = PORTICO_PHASE_EVENT,
	     const char *const *before = nullptr,
	     const char *const *after = nullptr, const char *name = nullptr)
{
	portico_subscription row = {};

	row.event = which;
	row.phase = phase;
	row.function = event<function>;
	row.before = before;
	row.after = after;
	row.name = name;
	return row;
}

template <auto function>
constexpr portico_handler
handler(const char *name, const char *methods = nullptr)
{
	portico_handler row = {};

	row.name = name;
	row.methods = methods;
	row.function = event<function>;
	return row;
}

/* The two functions of a filter: head as an event's, and
 * portico_status data(request, string_view chunk, uint32_t flags,
 * portico_filter_stream *next), or nullptr for a filter of the head alone. */
template <auto head, auto data>
constexpr portico_filter
filter(const char *name)
{
	portico_filter one = {};

	one.name = name;
	one.head = event<head>;
	if constexpr (!std::is_null_pointer_v<decltype(data)>)
		one.data = [](portico_request *pointer, portico_slice chunk,
			      uint32_t flags,
			      portico_filter_stream *next) -> portico_status {
			return detail::guard(
				pointer, "a filter", PORTICO_ABORTED,
				[&]() -> portico_status {
					return data(request(pointer),
						    view(chunk), flags, next);
				});
		};
	return one;
}

/* For every type of setting, the type of its member. */
namespace detail
{
template <portico_directive_type> struct member_of {
	using type = const char *;
};
template <> struct member_of<PORTICO_DIRECTIVE_BOOL> {
	using type = bool;
};
template <> struct member_of<PORTICO_DIRECTIVE_INTEGER> {
	using type = int64_t;
};
template <> struct member_of<PORTICO_DIRECTIVE_SIZE> {
	using type = uint64_t;
};
template <> struct member_of<PORTICO_DIRECTIVE_DURATION> {
	using type = uint64_t;
};
template <> struct member_of<PORTICO_DIRECTIVE_ENUM> {
	using type = int;
};
template <> struct member_of<PORTICO_DIRECTIVE_LIST> {
	using type = const char *const *;
};
template <> struct member_of<PORTICO_DIRECTIVE_MAP> {
	using type = const portico_pair *;
};

template <portico_directive_type type, class Member>
constexpr portico_directive
directive(const char *name, size_t offset, const char *default_value,
	  const char *summary)
{
	static_assert(std::is_same_v<Member, typename member_of<type>::type>,
		      "the member has another type than settings of this kind");
	portico_directive row = {};

	row.name = name;
	row.type = type;
	row.offset = static_cast<uint32_t>(offset);
	row.default_value = default_value;
	row.summary = summary;
	return row;
}
} /* namespace detail */

/*
 * A row for the setting `member` of `structure`, under the same name; `kind` is
 * STRING, SIZE and so on, the default JSON text or nullptr.
 */
#define PORTICO_SETTING(structure, member, kind, default_value, summary)       \
	(::portico::detail::directive<PORTICO_DIRECTIVE_##kind,                \
				      decltype(structure::member)>(            \
		#member, offsetof(structure, member), default_value, summary))

/* A row with bounds, or an ENUM's with its words. */
constexpr portico_directive
bounded(portico_directive row, int64_t minimum, int64_t maximum)
{
	row.minimum = minimum;
	row.maximum = maximum;
	return row;
}

constexpr portico_directive
one_of(portico_directive row, const char *const *values)
{
	row.values = values;
	return row;
}

/* A descriptor to fill further. */
constexpr portico_module
module(const char *name, const char *version, const char *summary)
{
	portico_module one = {};

	one.size = sizeof(portico_module);
	one.magic = PORTICO_MODULE_MAGIC;
	one.abi_major = PORTICO_ABI_MAJOR;
	one.abi_minor = PORTICO_ABI_MINOR;
	one.name = name;
	one.version = version;
	one.summary = summary;
	return one;
}

namespace detail
{
/* What `function` throws is why the worker does not start. */
template <class Function>
portico_status
start(portico_error *err, Function &&function) noexcept
{
	portico_status status = PORTICO_CONFIG;

	try {
		function();
		return PORTICO_OK;
	} catch (const failure &e) {
		status = e.status();
		std::snprintf(err->message, sizeof(err->message), "%s",
			      e.what());
	} catch (const std::exception &e) {
		std::snprintf(err->message, sizeof(err->message), "%s",
			      e.what());
	} catch (...) {
		std::snprintf(err->message, sizeof(err->message),
			      "an exception of a type that says nothing");
	}
	err->status = status;
	return status;
}
} /* namespace detail */

/* For .load and .worker_init: void function() and
 * void function(portico_worker *); what they throw keeps the worker from
 * starting. */
template <auto function>
portico_status
load(portico_error *err) noexcept
{
	return detail::start(err, [] { function(); });
}

template <auto function>
portico_status
worker_init(portico_worker *worker, portico_error *err) noexcept
{
	return detail::start(err, [&] { function(worker); });
}

/* For .worker_fini.  A module that keeps timers, processes or calls of nobody
 * in static objects has one, if only `+[](portico_worker *) {}`: it says that
 * they are gone. */
template <auto function>
void
worker_fini(portico_worker *worker) noexcept
{
	detail::over = true;
	detail::guard(nullptr, "worker_fini", [&] { function(worker); });
}

/*
 * One Object for each application, made by Object(const Settings &), with
 * `new`, and deleted when the worker ends.  What it throws keeps the worker
 * from starting, and is the reason that is given.
 */
template <class Object, class Settings> struct application {
	static portico_status
	init(portico_application *, const void *settings, void **state_r,
	     portico_error *err) noexcept
	{
		return detail::start(err, [&] {
			*state_r = new Object(
				*static_cast<const Settings *>(settings));
		});
	}
	static void
	fini(portico_application *, void *state) noexcept
	{
		detail::over = true;
		delete static_cast<Object *>(state);
	}
};

/* In `one`, a portico_module that is being filled: use application<>. */
template <class Object, class Settings>
constexpr void
use_application(portico_module &one)
{
	one.application_init = application<Object, Settings>::init;
	one.application_fini = application<Object, Settings>::fini;
}

} /* namespace portico */

/* Once, at file scope; `descriptor` is a portico_module of static storage. */
#define PORTICO_CPP_MODULE(descriptor) PORTICO_MODULE_DEFINE(descriptor)

#endif
