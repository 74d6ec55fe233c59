/* SPDX-License-Identifier: Apache-2.0
 *
 * The SDK for C++17 and later: thin wrappers of what portico.h declares, all
 * of them in this header.  What has no wrapper is called as in C: a
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
 * Threads and lifetimes are those of the functions of C.  The interface is
 * compiled into the module, so it is no part of the ABI.  Since 1.0.
 */
#ifndef PORTICO_PORTICO_HPP
#define PORTICO_PORTICO_HPP

#include <portico/portico.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

/* Number of the log line for an exception; a module that numbers its lines
 * otherwise defines it before. */
#ifndef PORTICO_EXCEPTION_NUMBER
#define PORTICO_EXCEPTION_NUMBER 1
#endif

namespace portico
{

/* ---- texts and errors ---------------------------------------------------- */

inline std::string_view
view(portico_slice slice)
{
	return { slice.data == nullptr ? "" : slice.data, slice.length };
}

/* Never the slice that stands for "remove": its data is not NULL. */
inline portico_slice
slice(std::string_view text)
{
	return { text.data() == nullptr ? "" : text.data(), text.size() };
}

inline const char *
text(portico_status status)
{
	switch (status) {
#define PORTICO_STATUS_CASE(number, symbol, words)                             \
	case PORTICO_##symbol:                                                 \
		return words;
		PORTICO_STATUS_MAP(PORTICO_STATUS_CASE)
#undef PORTICO_STATUS_CASE
	}
	return "unknown status";
}

/* A negative status as an exception. */
class failure : public std::exception
{
    public:
	explicit failure(portico_status status) : status_(status)
	{
	}
	portico_status
	status() const noexcept
	{
		return status_;
	}
	const char *
	what() const noexcept override
	{
		return text(status_);
	}

    private:
	portico_status status_;
};

/* Throws if `status` is negative. */
inline void
check(portico_status status)
{
	if (status < 0)
		throw failure(status);
}

/* ---- inside ---------------------------------------------------------------- */

namespace detail
{

/* The request whose memory is being freed on this thread: what hangs on it
 * (timers, watches, tokens) is gone already. */
inline thread_local const portico_request *ending;

inline void
tell(portico_request *request, const char *where) noexcept
{
	try {
		throw;
	} catch (const failure &e) {
		/* That nobody waits any more is no news. */
		if (e.status() != PORTICO_ABORTED)
			portico_log(request, PORTICO_LOG_ERROR,
				    PORTICO_EXCEPTION_NUMBER,
				    "exception in %s: status %d, %s", where,
				    e.status(), e.what());
	} catch (const std::exception &e) {
		portico_log(request, PORTICO_LOG_ERROR,
			    PORTICO_EXCEPTION_NUMBER, "exception in %s: %s",
			    where, e.what());
	} catch (...) {
		portico_log(request, PORTICO_LOG_ERROR,
			    PORTICO_EXCEPTION_NUMBER,
			    "exception in %s: of a type that says nothing",
			    where);
	}
}

/* What `function` returns, or `otherwise` if it throws. */
template <class Result, class Function>
Result
guard(portico_request *request, const char *where, Result otherwise,
      Function &&function) noexcept
{
	try {
		return function();
	} catch (...) {
		tell(request, where);
		return otherwise;
	}
}

template <class Function>
void
guard(portico_request *request, const char *where, Function &&function) noexcept
{
	try {
		function();
	} catch (...) {
		tell(request, where);
	}
}

/* A function object in the room of a pointer. */
template <class Function>
void *
pack(const Function &function)
{
	static_assert(sizeof(Function) <= sizeof(void *) &&
			      std::is_trivially_copyable_v<Function>,
		      "what is kept may capture one pointer, for instance "
		      "`this` or one to what request::make() has made");
	void *room = nullptr;

	std::memcpy(&room, &function, sizeof(Function));
	return room;
}

template <class Function, class... Arguments>
decltype(auto)
call(void *room, Arguments... arguments)
{
	alignas(Function) unsigned char bytes[sizeof(Function)];

	std::memcpy(bytes, &room, sizeof(Function));
	return (*std::launder(reinterpret_cast<Function *>(bytes)))(
		arguments...);
}

/* Lends a function object to a portico_field_fn for one call; an exception
 * waits until the function of C has returned. */
template <class Function> struct visitor {
	Function &function;
	std::exception_ptr thrown;

	static bool
	visit(void *arg, portico_slice name, portico_slice value) noexcept
	{
		auto *mine = static_cast<visitor *>(arg);

		try {
			if constexpr (std::is_void_v<decltype(mine->function(
					      view(name), view(value)))>) {
				mine->function(view(name), view(value));
				return true;
			} else {
				return mine->function(view(name), view(value));
			}
		} catch (...) {
			mine->thrown = std::current_exception();
			return false;
		}
	}
	void
	finish() const
	{
		if (thrown)
			std::rethrow_exception(thrown);
	}
};

} /* namespace detail */

/* ---- token ------------------------------------------------------------------ */

/*
 * The right to resume a suspended request, once, from any thread.  Move-only.
 * Destroyed without complete(), it completes: whatever goes wrong on the way,
 * no request waits for ever, and the resume function looks at the outcome.
 */
class token
{
    public:
	token() = default;
	token(portico_request *request, portico_token value)
		: request_(request), value_(value)
	{
	}
	token(token &&other) noexcept
		: request_(std::exchange(other.request_, nullptr)),
		  value_(other.value_)
	{
	}
	token &
	operator=(token &&other) noexcept
	{
		if (this != &other) {
			complete();
			request_ = std::exchange(other.request_, nullptr);
			value_ = other.value_;
		}
		return *this;
	}
	~token()
	{
		if (request_ != detail::ending)
			complete();
	}

	explicit
	operator bool() const noexcept
	{
		return request_ != nullptr;
	}
	/* PORTICO_STATE: it was empty, or the request has ended. */
	portico_status
	complete() noexcept
	{
		if (std::exchange(request_, nullptr) == nullptr)
			return PORTICO_STATE;
		return portico_complete(value_);
	}
	/* Give it to code that speaks C; completing it is up to that now. */
	portico_token
	release() noexcept
	{
		request_ = nullptr;
		return value_;
	}

    private:
	portico_request *request_ = nullptr; /* compared, never followed */
	portico_token value_ = {};
};

/* ---- file --------------------------------------------------------------------- */

/* A counted reference to an open file (file.h).  Move-only; share() makes
 * another one.  Any thread. */
class file
{
    public:
	file() = default;
	/* Takes the descriptor. */
	explicit file(int fd) : file_(portico_file_adopt(fd))
	{
	}
	file(file &&other) noexcept : file_(std::exchange(other.file_, nullptr))
	{
	}
	file &
	operator=(file &&other) noexcept
	{
		std::swap(file_, other.file_);
		return *this;
	}
	~file()
	{
		if (file_ != nullptr)
			portico_file_unref(file_);
	}
	file
	share() const noexcept
	{
		file other;

		if (file_ != nullptr)
			portico_file_ref(file_);
		other.file_ = file_;
		return other;
	}
	explicit
	operator bool() const noexcept
	{
		return file_ != nullptr;
	}
	int
	fd() const noexcept
	{
		return portico_file_fd(file_);
	}
	portico_file *
	get() const noexcept
	{
		return file_;
	}

    private:
	portico_file *file_ = nullptr;
};

/* ---- request -------------------------------------------------------------------- */

/* A request and its response, borrowed: a pointer with methods. */
class request
{
    public:
	request(portico_request *pointer) : request_(pointer)
	{
	}
	operator portico_request *() const noexcept
	{
		return request_;
	}

	/* What the client asked; views live until the request ends. */
	std::string_view
	text(portico_text which) const
	{
		return view(portico_request_text(request_, which));
	}
	std::string_view
	method() const
	{
		return text(PORTICO_TEXT_METHOD);
	}
	std::string_view
	path() const
	{
		return text(PORTICO_TEXT_PATH);
	}
	std::string_view
	path_in_application() const
	{
		return text(PORTICO_TEXT_PATH_IN_APPLICATION);
	}
	std::string_view
	user() const
	{
		return text(PORTICO_TEXT_USER);
	}
	std::optional<std::string_view>
	field(std::string_view name) const
	{
		portico_slice value;

		if (!portico_request_field(request_, slice(name), &value))
			return std::nullopt;
		return view(value);
	}
	std::optional<std::string_view>
	cookie(std::string_view name) const
	{
		portico_slice value;

		if (!portico_cookie_get(request_, slice(name), &value))
			return std::nullopt;
		return view(value);
	}
	/* Throws if there are too many parameters to give any. */
	std::optional<std::string_view>
	query(std::string_view name) const
	{
		portico_slice value;
		portico_status status =
			portico_query_get(request_, slice(name), &value);

		if (status == PORTICO_NOT_FOUND)
			return std::nullopt;
		check(status);
		return view(value);
	}
	/* function(name, value), in the order sent; a function that returns
	 * bool ends it with false. */
	template <class Function>
	void
	fields(Function &&function) const
	{
		detail::visitor<Function> visitor{ function, nullptr };

		portico_request_fields(request_, visitor.visit, &visitor);
		visitor.finish();
	}
	bool
	aborted() const
	{
		return portico_request_aborted(request_);
	}
	void
	authenticate(std::string_view user, std::string_view type) const
	{
		check(portico_request_authenticate(request_, slice(user),
						   slice(type)));
	}

	/* The module's zeroed bytes of this request (request_size). */
	template <class State>
	State &
	state() const
	{
		static_assert(std::is_trivially_copyable_v<State> &&
				      std::is_trivially_destructible_v<State>,
			      "the host makes and drops it as bytes: keep a "
			      "pointer there to what make() has made");
		return *static_cast<State *>(portico_request_state(request_));
	}
	/* The settings, as the module's directives have filled them. */
	template <class Settings>
	const Settings &
	settings() const
	{
		return *static_cast<const Settings *>(
			portico_request_configuration(request_));
	}
	/* What portico::application<> has made. */
	template <class Object>
	Object &
	application() const
	{
		return *static_cast<Object *>(
			portico_application_state(request_));
	}
	/*
	 * An object in the request's memory (portico_request_alloc), destroyed
	 * when that is freed.  Throws bad_alloc.
	 */
	template <class Object, class... Arguments>
	Object &
	make(Arguments &&...arguments) const
	{
		struct holder {
			const portico_request *request;
			alignas(Object) unsigned char bytes[sizeof(Object)];

			static void
			destroy(void *arg) noexcept
			{
				auto *mine = static_cast<holder *>(arg);

				detail::ending = mine->request;
				std::launder(reinterpret_cast<Object *>(
						     mine->bytes))
					->~Object();
				detail::ending = nullptr;
			}
		};
		static_assert(alignof(holder) <= alignof(std::max_align_t));
		void *room = portico_request_alloc(request_, sizeof(holder));

		if (room == nullptr)
			throw std::bad_alloc();
		auto *mine = new (room) holder;
		mine->request = request_;
		auto *object = new (mine->bytes)
			Object(std::forward<Arguments>(arguments)...);
		if constexpr (!std::is_trivially_destructible_v<Object>) {
			portico_status status = portico_request_on_free(
				request_, holder::destroy, mine);

			if (status < 0) {
				object->~Object();
				throw failure(status);
			}
		}
		return *object;
	}

	/* The response: what throws here is a field or status that is not
	 * permitted, or a head that has left. */
	void
	status(unsigned status, unsigned substatus = 0) const
	{
		check(portico_response_set_status(request_, status, substatus));
	}
	void
	set(std::string_view name, std::string_view value) const
	{
		check(portico_response_set_field(request_, slice(name),
						 slice(value)));
	}
	void
	add(std::string_view name, std::string_view value) const
	{
		check(portico_response_add_field(request_, slice(name),
						 slice(value)));
	}
	void
	remove(std::string_view name) const
	{
		check(portico_response_remove_field(request_, slice(name)));
	}
	void
	length(int64_t length) const
	{
		check(portico_response_set_length(request_, length));
	}
	/* OK, AGAIN (fewer were taken: wait_room, then the rest) or ABORTED;
	 * the part that was taken is cut off `data`. */
	[[nodiscard]] portico_status
	write_some(std::string_view &data) const
	{
		size_t written = 0;
		portico_status status = portico_response_write(
			request_, data.data(), data.size(), &written);

		data.remove_prefix(written);
		return status;
	}
	/* For a short response, which always fits unless the client has left;
	 * throws if not all of it was taken. */
	void
	write(std::string_view data) const
	{
		check(write_some(data));
	}
	[[nodiscard]] portico_status
	send(const file &file, uint64_t offset, uint64_t length) const
	{
		return portico_response_send_file(request_, file.get(), offset,
						  length);
	}
	/* Answer with an error page; what to return next. */
	portico_verdict
	error(unsigned status, const char *explanation = nullptr,
	      unsigned substatus = 0) const
	{
		check(portico_response_error(request_, status, substatus,
					     explanation));
		return PORTICO_DONE;
	}

	/* The next part of the body, or AGAIN (wait_body), END, ABORTED. */
	[[nodiscard]] portico_status
	read(std::string_view &chunk_r) const
	{
		portico_slice chunk = { nullptr, 0 };
		portico_status status = portico_body_read(request_, &chunk);

		chunk_r = view(chunk);
		return status;
	}

	/*
	 * Waiting.  `resume` is a function object of the form
	 * portico_verdict(portico::request) that captures at most one pointer;
	 * it goes on in the place of the function that waits.  All but suspend
	 * return PORTICO_PENDING, to be returned.
	 */
	template <class Resume>
	portico_verdict
	wait_body(Resume resume) const
	{
		check(portico_body_wait(request_, run<Resume>,
					detail::pack(resume)));
		return PORTICO_PENDING;
	}
	template <class Resume>
	portico_verdict
	wait_room(Resume resume) const
	{
		check(portico_response_wait(request_, run<Resume>,
					    detail::pack(resume)));
		return PORTICO_PENDING;
	}
	/* `work()` on a thread of the pool, with nothing of the request but
	 * what it points to; then `resume`. */
	template <class Work, class Resume>
	portico_verdict
	offload(Work work, Resume resume) const
	{
		check(portico_offload(request_, run_work<Work>,
				      detail::pack(work), run<Resume>,
				      detail::pack(resume)));
		return PORTICO_PENDING;
	}
	/* Keep the token where it is completed later, and return
	 * PORTICO_PENDING. */
	template <class Resume>
	[[nodiscard]] token
	suspend(Resume resume) const
	{
		portico_token value;

		check(portico_suspend(request_, run<Resume>,
				      detail::pack(resume), &value));
		return { request_, value };
	}

    private:
	template <class Resume>
	static portico_verdict
	run(portico_request *pointer, void *room) noexcept
	{
		return detail::guard(pointer, "a resume function",
				     PORTICO_ERROR, [&]() -> portico_verdict {
					     return detail::call<Resume>(
						     room, request(pointer));
				     });
	}
	template <class Work>
	static void
	run_work(void *room) noexcept
	{
		detail::guard(nullptr, "offloaded work",
			      [&] { detail::call<Work>(room); });
	}

	portico_request *request_;
};

/* ---- timer and watch ------------------------------------------------------------- */

/*
 * A timer of a request, stopped when it is destroyed.  The host knows its
 * address, so it is neither copied nor moved: a member of what make() has
 * made is the place for it.  `function` is of the form
 * void(portico::request) and captures at most one pointer.
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
		request_ = request;
		timer_ = portico_timer_start(
			request,
			delay.count() < 0 ? 0 :
					    static_cast<uint64_t>(delay.count()),
			fire<Function>, this);
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
			detail::call<Function>(
				room, portico::request(request), events);
		});
	}

	portico_watch *watch_ = nullptr;
	const portico_request *request_ = nullptr;
	void *room_ = nullptr;
};

/* ---- the descriptor ----------------------------------------------------------------- */

/* A function of the form portico_verdict(portico::request), as C calls it. */
template <auto function>
portico_verdict
event(portico_request *pointer) noexcept
{
	return detail::guard(
		pointer, "an event or handler", PORTICO_ERROR,
		[&]() -> portico_verdict { return function(request(pointer)); });
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
	static_assert(
		std::is_same_v<Member, typename member_of<type>::type>,
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
		const char *why = "an exception of a type that says nothing";

		try {
			*state_r = new Object(
				*static_cast<const Settings *>(settings));
			return PORTICO_OK;
		} catch (const std::exception &e) {
			return say(err, e.what());
		} catch (...) {
			return say(err, why);
		}
	}
	static void
	fini(portico_application *, void *state) noexcept
	{
		delete static_cast<Object *>(state);
	}

    private:
	static portico_status
	say(portico_error *err, const char *why) noexcept
	{
		err->status = PORTICO_CONFIG;
		snprintf(err->message, sizeof(err->message), "%s", why);
		return PORTICO_CONFIG;
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
