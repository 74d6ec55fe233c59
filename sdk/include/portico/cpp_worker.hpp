/* SPDX-License-Identifier: Apache-2.0
 *
 * For C++ (portico.hpp): what a module does without a request, on the worker's
 * main loop.  When the worker ends, all of it has ended before the first
 * application_fini and worker_fini: portico::application<> and
 * portico::worker_fini<> see to it that objects destroyed from then on leave
 * the host alone.
 */
#ifndef PORTICO_CPP_WORKER_HPP
#define PORTICO_CPP_WORKER_HPP

#include <portico/cpp_module.hpp>

#include <chrono>
#include <utility>

namespace portico
{

/* A timer of the main loop (background.h), stopped when it is destroyed.  The
 * host knows its address: neither copied nor moved. */
class worker_timer
{
      public:
	worker_timer() = default;
	worker_timer(const worker_timer &) = delete;
	worker_timer &operator=(const worker_timer &) = delete;
	~worker_timer()
	{
		if (!detail::over)
			stop();
	}
	/* `function` is of the form void() and captures at most one pointer;
	 * an interval of 0: once.  Throws where there is no main loop. */
	template <class Function>
	void
	start(std::chrono::nanoseconds delay, std::chrono::nanoseconds interval,
	      Function function)
	{
		stop();
		room_ = detail::pack(function);
		once_ = interval.count() <= 0;
		timer_ = portico_worker_timer_start(at_least_zero(delay),
						    at_least_zero(interval),
						    fire<Function>, this);
		if (timer_ == nullptr)
			throw failure(PORTICO_STATE);
	}
	void
	stop() noexcept
	{
		portico_worker_timer_stop(std::exchange(timer_, nullptr));
	}
	bool
	running() const noexcept
	{
		return timer_ != nullptr;
	}

      private:
	static uint64_t
	at_least_zero(std::chrono::nanoseconds time) noexcept
	{
		return time.count() < 0 ? 0 :
					  static_cast<uint64_t>(time.count());
	}
	template <class Function>
	static void
	fire(portico_worker_timer *, void *arg) noexcept
	{
		auto *mine = static_cast<worker_timer *>(arg);
		void *room = mine->room_; /* `function` may start it again */

		if (mine->once_)
			mine->stop();
		detail::guard(nullptr, "a timer of the worker",
			      [&] { detail::call<Function>(room); });
	}

	portico_worker_timer *timer_ = nullptr;
	void *room_ = nullptr;
	bool once_ = false;
};

namespace detail
{
template <class Function>
void
run_alone(void *room) noexcept
{
	guard(nullptr, "background work", [&] { call<Function>(room); });
}
} /* namespace detail */

/* `work()` on a thread of the pool, then `done()` on the main loop; each
 * captures at most one pointer. */
template <class Work, class Done>
void
background(Work work, Done done)
{
	check(portico_worker_offload(
		detail::run_alone<Work>, detail::pack(work),
		detail::run_alone<Done>, detail::pack(done)));
}

/* A supervised child process (process.h), ended when it is destroyed.
 * Move-only. */
class process
{
      public:
	process() = default;
	/* fn and arg of `options` are those of C; where `function` is given, it
	 * takes their place: void(const portico_process_news &), on the main
	 * loop, at most one pointer captured. */
	explicit process(const portico_process_options &options)
	{
		start(options);
	}
	template <class Function>
	process(portico_process_options options, Function function)
	{
		options.fn = told<Function>;
		options.arg = detail::pack(function);
		start(options);
	}
	process(process &&other) noexcept
		: process_(std::exchange(other.process_, nullptr))
	{
	}
	process &
	operator=(process &&other) noexcept
	{
		std::swap(process_, other.process_);
		return *this;
	}
	~process()
	{
		if (!detail::over)
			portico_process_free(process_);
	}
	explicit operator bool() const noexcept
	{
		return process_ != nullptr;
	}
	void
	stop() const noexcept
	{
		portico_process_stop(process_);
	}
	/* 0: it does not run now.  Any thread. */
	int64_t
	pid() const noexcept
	{
		return portico_process_pid(process_);
	}
	/* A free port of this machine, for a backend to listen on. */
	static uint16_t
	port()
	{
		return portico_process_port();
	}

      private:
	void
	start(const portico_process_options &options)
	{
		portico_error err = {};
		portico_status status =
			portico_process_start(&options, &process_, &err);

		if (status < 0)
			throw failure(status, err.message);
	}
	template <class Function>
	static void
	told(portico_process *, const portico_process_news *news,
	     void *room) noexcept
	{
		detail::guard(nullptr, "a function of a process", [&] {
			detail::call<Function, const portico_process_news &>(
				room, *news);
		});
	}

	portico_process *process_ = nullptr;
};

/* A file or directory that is watched (change.h), until it is destroyed.
 * Move-only; main thread. */
class change_watch
{
      public:
	change_watch() = default;
	/* `function` is of the form void(const portico_change &) and captures
	 * at most one pointer. */
	template <class Function>
	change_watch(portico_worker *worker, const char *path,
		     Function function, uint32_t flags = 0,
		     std::chrono::nanoseconds delay = {})
	{
		portico_error err = {};
		portico_status status = portico_change_start(
			worker, path, flags,
			static_cast<uint64_t>(delay.count()), told<Function>,
			detail::pack(function), &watch_, &err);

		if (status < 0)
			throw failure(status, err.message);
	}
	change_watch(change_watch &&other) noexcept
		: watch_(std::exchange(other.watch_, nullptr))
	{
	}
	change_watch &
	operator=(change_watch &&other) noexcept
	{
		std::swap(watch_, other.watch_);
		return *this;
	}
	~change_watch()
	{
		if (!detail::over)
			portico_change_stop(watch_);
	}
	explicit operator bool() const noexcept
	{
		return watch_ != nullptr;
	}

      private:
	template <class Function>
	static void
	told(portico_worker *, const portico_change *change,
	     void *room) noexcept
	{
		detail::guard(nullptr, "a watch of a file", [&] {
			detail::call<Function, const portico_change &>(room,
								       *change);
		});
	}

	portico_change_watch *watch_ = nullptr;
};

/*
 * What a worker waits for before it is ready (global.h), taken in PRELOAD.
 * Move-only, any thread.  Destroyed without release() the worker does not
 * start: what should have been done was not.
 */
class hold
{
      public:
	hold() = default;
	explicit hold(portico_worker *worker) : worker_(worker)
	{
		check(portico_global_hold(worker, &token_));
	}
	hold(hold &&other) noexcept
		: worker_(std::exchange(other.worker_, nullptr)),
		  token_(other.token_)
	{
	}
	hold &
	operator=(hold &&other) noexcept
	{
		std::swap(worker_, other.worker_);
		std::swap(token_, other.token_);
		return *this;
	}
	~hold()
	{
		release(PORTICO_ABORTED);
	}
	portico_status
	release(portico_status status = PORTICO_OK) noexcept
	{
		if (worker_ == nullptr)
			return PORTICO_STATE;
		return portico_global_release(std::exchange(worker_, nullptr),
					      token_, status);
	}

      private:
	portico_worker *worker_ = nullptr;
	portico_token token_ = {};
};

/* A row of global_subscriptions; `function` is of the form portico_verdict(
 * portico_worker *, const portico_global &), and what it throws is ERROR. */
template <auto function>
constexpr portico_global_subscription
global_subscription(portico_global_event event, const char *name = nullptr)
{
	portico_global_subscription row = {};

	row.event = event;
	row.name = name;
	row.function = [](portico_worker *worker,
			  const portico_global *global) -> portico_verdict {
		return detail::guard(nullptr, "a global event", PORTICO_ERROR,
				     [&]() -> portico_verdict {
					     return function(worker, *global);
				     });
	};
	return row;
}

} /* namespace portico */

#endif
