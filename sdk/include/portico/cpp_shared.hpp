/* SPDX-License-Identifier: Apache-2.0
 *
 * For C++ (portico.hpp): what the workers of a pool share.
 */
#ifndef PORTICO_CPP_SHARED_HPP
#define PORTICO_CPP_SHARED_HPP

#include <portico/cpp_request.hpp>

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

namespace portico
{

/* A counter of the pool (shared.h), which lives as long as the process:
 * copied freely, any thread. */
class shared_counter
{
      public:
	shared_counter() = default;
	/* Throws if there is no room, or no shared memory. */
	explicit shared_counter(const char *name)
	{
		check(portico_shared_counter(name, &counter_));
	}
	explicit operator bool() const noexcept
	{
		return counter_ != nullptr;
	}
	/* The sum. */
	uint64_t
	add(int64_t delta = 1) const noexcept
	{
		return portico_shared_add(counter_, delta);
	}
	uint64_t
	value() const noexcept
	{
		return portico_shared_value(counter_);
	}
	void
	set(uint64_t value) const noexcept
	{
		portico_shared_set(counter_, value);
	}
	bool
	exchange(uint64_t &expected, uint64_t value) const noexcept
	{
		return portico_shared_exchange(counter_, &expected, value);
	}
	struct portico_shared_counter *
	get() const noexcept
	{
		return counter_;
	}

      private:
	struct portico_shared_counter *counter_ = nullptr;
};

/* Tells a request of changes of a counter, until it is destroyed.  Move-only;
 * the request's loop only. */
class shared_watch
{
      public:
	shared_watch() = default;
	/* `function` is of the form void(portico::request, uint64_t value) and
	 * captures at most one pointer. */
	template <class Function>
	shared_watch(request request, const shared_counter &counter,
		     Function function)
		: request_(request),
		  watch_(portico_shared_watch_start(request, counter.get(),
						    told<Function>,
						    detail::pack(function)))
	{
		if (watch_ == nullptr)
			throw failure(PORTICO_UNSUPPORTED);
	}
	shared_watch(shared_watch &&other) noexcept
		: request_(other.request_),
		  watch_(std::exchange(other.watch_, nullptr))
	{
	}
	shared_watch &
	operator=(shared_watch &&other) noexcept
	{
		std::swap(request_, other.request_);
		std::swap(watch_, other.watch_);
		return *this;
	}
	~shared_watch()
	{
		if (watch_ != nullptr && detail::is_there(request_))
			portico_shared_watch_stop(watch_);
	}
	explicit operator bool() const noexcept
	{
		return watch_ != nullptr;
	}

      private:
	template <class Function>
	static void
	told(portico_request *pointer, uint64_t value, void *room) noexcept
	{
		detail::guard(pointer, "a watch of a counter", [&] {
			detail::call<Function>(room, request(pointer), value);
		});
	}

	const portico_request *request_ = nullptr;
	portico_shared_watch *watch_ = nullptr;
};

/* Keys and values of the pool.  A time of 0: until it is thrown out.  Where a
 * status is returned it is one to look at: AGAIN, for instance. */
namespace shared
{

/* In the request's memory; nothing: absent, expired or thrown out. */
inline std::optional<std::string_view>
get(request request, std::string_view key)
{
	return detail::find(portico_shared_read, request, key);
}

[[nodiscard]] inline portico_status
put(std::string_view key, std::string_view value,
    std::chrono::nanoseconds time = {},
    portico_shared_mode mode = PORTICO_SHARED_SET)
{
	return portico_shared_put(slice(key), slice(value),
				  static_cast<uint64_t>(time.count()), mode);
}

[[nodiscard]] inline portico_status
swap(std::string_view key, std::string_view expected, std::string_view value,
     std::chrono::nanoseconds time = {})
{
	return portico_shared_swap(slice(key), slice(expected), slice(value),
				   static_cast<uint64_t>(time.count()));
}

/* The sum; throws AGAIN and what else keeps it from being made. */
inline uint64_t
increment(std::string_view key, int64_t delta = 1,
	  std::chrono::nanoseconds time = {})
{
	uint64_t value;

	check(portico_shared_increment(slice(key), delta,
				       static_cast<uint64_t>(time.count()),
				       &value));
	return value;
}

inline portico_status
remove(std::string_view key) noexcept
{
	return portico_shared_remove(slice(key));
}

} /* namespace shared */

} /* namespace portico */

#endif
