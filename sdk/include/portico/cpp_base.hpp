/* SPDX-License-Identifier: Apache-2.0
 *
 * For C++ (portico.hpp): texts, errors, what keeps exceptions inside, tokens
 * and files.
 */
#ifndef PORTICO_CPP_BASE_HPP
#define PORTICO_CPP_BASE_HPP

#include <portico/portico.h>

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

/* A negative status as an exception; `why` is copied. */
class failure : public std::exception
{
      public:
	explicit failure(portico_status status, const char *why = nullptr)
		: status_(status)
	{
		std::snprintf(why_, sizeof(why_), "%s",
			      why == nullptr ? text(status) : why);
	}
	portico_status
	status() const noexcept
	{
		return status_;
	}
	const char *
	what() const noexcept override
	{
		return why_;
	}

      private:
	portico_status status_;
	char why_[sizeof(portico_error::message)];
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

/* Set when the worker ends: what the main loop had (timers, processes, calls
 * of nobody) is the host's to free from then on. */
inline bool over = false;

/* Whether what was made for `request` (nullptr: for nobody) is still there to
 * be let go. */
inline bool
is_there(const portico_request *request) noexcept
{
	return request == nullptr ? !over : request != ending;
}

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

/* `function` for each field that `host` has of `owner`. */
template <class Host, class Owner, class Function>
void
each(Host host, Owner owner, Function &function)
{
	visitor<Function> lent{ function, nullptr };

	if constexpr (std::is_void_v<decltype(host(owner, lent.visit, &lent))>) {
		host(owner, lent.visit, &lent);
		lent.finish();
	} else {
		portico_status status = host(owner, lent.visit, &lent);

		lent.finish();
		check(status);
	}
}

/* What `host` has of `owner` by that name; nothing: there is none. */
template <class Host, class Owner>
std::optional<std::string_view>
find(Host host, Owner owner, std::string_view name)
{
	portico_slice value = { nullptr, 0 };
	auto found = host(owner, slice(name), &value);

	if constexpr (std::is_same_v<decltype(found), bool>) {
		if (!found)
			return std::nullopt;
	} else {
		if (found == PORTICO_NOT_FOUND)
			return std::nullopt;
		check(found);
	}
	return view(value);
}

/* The next piece that `host` reads from `owner`. */
template <class Host, class Owner>
portico_status
piece(Host host, Owner owner, std::string_view &chunk_r)
{
	portico_slice chunk = { nullptr, 0 };
	portico_status status = host(owner, &chunk);

	chunk_r = view(chunk);
	return status;
}

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

	explicit operator bool() const noexcept
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
	explicit operator bool() const noexcept
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

} /* namespace portico */

#endif
