/* SPDX-License-Identifier: Apache-2.0
 *
 * For C++ (portico.hpp): timers and watched descriptors of a request.
 */
#ifndef PORTICO_CPP_TIMER_HPP
#define PORTICO_CPP_TIMER_HPP

#include <portico/cpp_request.hpp>

#include <chrono>
#include <new>
#include <utility>

namespace portico
{

/* ---- timer and watch ------------------------------------------------------------- */

/*
 * A timer of a request, stopped when it is destroyed.  The host knows its
 * address, so it is neither copied nor moved: a member of what make() has
 * made is the place for it.  `function` is of the form
 * void(portico::request) and captures at most one pointer.  start() throws
 * bad_alloc when no timer can be had.
 */
class timer
{
      public:
	timer() = default;
	timer(const timer &) = delete;
	timer &operator=(const timer &) = delete;
	~timer()
	{
		if (request_ != detail::ending)
			stop();
	}
	template <class Function>
	void
	start(request request, std::chrono::nanoseconds delay,
	      Function function)
	{
		stop();
		room_ = detail::pack(function);
		timer_ = portico_timer_start(
			request,
			delay.count() < 0 ?
				0 :
				static_cast<uint64_t>(delay.count()),
			fire<Function>, this);
		if (timer_ == nullptr)
			throw std::bad_alloc();
		request_ = request;
	}
	void
	stop() noexcept
	{
		request_ = nullptr;
		if (timer_ != nullptr)
			portico_timer_stop(std::exchange(timer_, nullptr));
	}
	bool
	running() const noexcept
	{
		return timer_ != nullptr;
	}

      private:
	template <class Function>
	static void
	fire(portico_request *request, void *arg) noexcept
	{
		auto *mine = static_cast<timer *>(arg);
		void *room = mine->room_; /* `function` may start it again */

		mine->timer_ = nullptr;
		mine->request_ = nullptr;
		detail::guard(request, "a timer", [&] {
			detail::call<Function>(room, portico::request(request));
		});
	}

	portico_timer *timer_ = nullptr;
	const portico_request *request_ = nullptr;
	void *room_ = nullptr;
};

/* A descriptor that is watched for a request, until it is destroyed; pinned as
 * a timer is.  The descriptor stays the caller's.  `function` is of the form
 * void(portico::request, int events). */
class watch
{
      public:
	watch() = default;
	watch(const watch &) = delete;
	watch &operator=(const watch &) = delete;
	~watch()
	{
		if (request_ != detail::ending)
			stop();
	}
	/* False: the descriptor cannot be polled. */
	template <class Function>
	[[nodiscard]] bool
	start(request request, int fd, int events, Function function)
	{
		stop();
		room_ = detail::pack(function);
		watch_ = portico_watch_start(request, fd, events,
					     fire<Function>, this);
		if (watch_ != nullptr)
			request_ = request;
		return watch_ != nullptr;
	}
	void
	stop() noexcept
	{
		request_ = nullptr;
		if (watch_ != nullptr)
			portico_watch_stop(std::exchange(watch_, nullptr));
	}

      private:
	template <class Function>
	static void
	fire(portico_request *request, int events, void *arg) noexcept
	{
		void *room = static_cast<watch *>(arg)->room_;

		detail::guard(request, "a watch", [&] {
			detail::call<Function>(room, portico::request(request),
					       events);
		});
	}

	portico_watch *watch_ = nullptr;
	const portico_request *request_ = nullptr;
	void *room_ = nullptr;
};

} /* namespace portico */

#endif
