/* SPDX-License-Identifier: Apache-2.0
 *
 * For C++ (portico.hpp): HTTP calls to other servers, and addresses of names.
 */
#ifndef PORTICO_CPP_CLIENT_HPP
#define PORTICO_CPP_CLIENT_HPP

#include <portico/cpp_request.hpp>

#include <optional>
#include <string_view>
#include <utility>

namespace portico
{

/*
 * An HTTP call (client.h), ended and freed when it is destroyed.  Move-only;
 * its loop only.
 */
class client_call
{
      public:
	client_call() = default;
	/* `owner` nullptr: a call of nobody. */
	client_call(portico_request *owner, std::string_view method,
		    std::string_view url)
		: request_(owner)
	{
		check(portico_client_new(owner, slice(method), slice(url),
					 &call_));
	}
	client_call(client_call &&other) noexcept
		: request_(other.request_),
		  call_(std::exchange(other.call_, nullptr))
	{
	}
	client_call &
	operator=(client_call &&other) noexcept
	{
		std::swap(request_, other.request_);
		std::swap(call_, other.call_);
		return *this;
	}
	~client_call()
	{
		if (call_ != nullptr && detail::is_there(request_))
			portico_client_free(call_);
	}
	explicit operator bool() const noexcept
	{
		return call_ != nullptr;
	}
	portico_client_call *
	get() const noexcept
	{
		return call_;
	}

	/* Before the start, which throws what the first of them refused. */
	client_call &
	set(portico_client_number which, int64_t value)
	{
		portico_client_set_number(call_, which, value);
		return *this;
	}
	client_call &
	set(portico_client_text which, std::string_view value)
	{
		portico_client_set_text(call_, which, slice(value));
		return *this;
	}
	client_call &
	add(std::string_view name, std::string_view value)
	{
		portico_client_add_field(call_, slice(name), slice(value));
		return *this;
	}
	client_call &
	send(std::string_view body)
	{
		portico_client_set_body(call_, slice(body));
		return *this;
	}

	/* Start and wait for the end: PORTICO_PENDING, to be returned. */
	template <class Resume>
	portico_verdict
	run(Resume resume) const
	{
		check(portico_client_run(call_, request::run<Resume>,
					 detail::pack(resume)));
		return PORTICO_PENDING;
	}
	void
	start() const
	{
		check(portico_client_start(call_, nullptr, nullptr));
	}
	/* `function` is of the form void(uint32_t events), on the call's loop,
	 * captures at most one pointer and may destroy the call. */
	template <class Function>
	void
	start(Function function) const
	{
		check(portico_client_start(call_, told<Function>,
					   detail::pack(function)));
	}
	template <class Resume>
	portico_verdict
	wait(uint32_t events, Resume resume) const
	{
		check(portico_client_wait(call_, events, request::run<Resume>,
					  detail::pack(resume)));
		return PORTICO_PENDING;
	}
	void
	cancel() const noexcept
	{
		portico_client_cancel(call_);
	}

	uint32_t
	events() const
	{
		return portico_client_events(call_);
	}
	/* OK, AGAIN, CLOSED or STATE; what was taken is cut off `data`. */
	[[nodiscard]] portico_status
	write_some(std::string_view &data) const
	{
		size_t written = 0;
		portico_status status = portico_client_write(
			call_, data.data(), data.size(), &written);

		data.remove_prefix(written);
		return status;
	}
	void
	finish() const
	{
		check(portico_client_finish(call_));
	}
	[[nodiscard]] portico_status
	read(std::string_view &chunk_r) const
	{
		return detail::piece(portico_client_read, call_, chunk_r);
	}
	enum portico_client_result
	result() const
	{
		return ::portico_client_result(call_);
	}
	const char *
	message() const
	{
		return portico_client_message(call_);
	}
	unsigned
	status() const
	{
		return portico_client_status(call_);
	}
	std::optional<std::string_view>
	field(std::string_view name) const
	{
		return detail::find(portico_client_field, call_, name);
	}
	template <class Function>
	void
	fields(Function &&function) const
	{
		detail::each(portico_client_fields, call_, function);
	}
	std::string_view
	body() const
	{
		return view(portico_client_body(call_));
	}

      private:
	template <class Function>
	static void
	told(portico_client_call *, uint32_t events, void *room) noexcept
	{
		detail::guard(nullptr, "a function of a call",
			      [&] { detail::call<Function>(room, events); });
	}

	const portico_request *request_ = nullptr;
	portico_client_call *call_ = nullptr;
};

/* A look-up of a name's addresses (resolve.h), freed when it is destroyed.
 * Move-only; its loop only. */
class lookup
{
      public:
	lookup() = default;
	lookup(portico_request *owner, std::string_view name, uint16_t port)
		: request_(owner)
	{
		check(portico_lookup_start(owner, slice(name), port, nullptr,
					   nullptr, &lookup_));
	}
	/* `function` is of the form void(), captures at most one pointer and
	 * may destroy the look-up. */
	template <class Function>
	lookup(portico_request *owner, std::string_view name, uint16_t port,
	       Function function)
		: request_(owner)
	{
		check(portico_lookup_start(owner, slice(name), port,
					   told<Function>,
					   detail::pack(function), &lookup_));
	}
	lookup(lookup &&other) noexcept
		: request_(other.request_),
		  lookup_(std::exchange(other.lookup_, nullptr))
	{
	}
	lookup &
	operator=(lookup &&other) noexcept
	{
		std::swap(request_, other.request_);
		std::swap(lookup_, other.lookup_);
		return *this;
	}
	~lookup()
	{
		if (lookup_ != nullptr && detail::is_there(request_))
			portico_lookup_free(lookup_);
	}
	explicit operator bool() const noexcept
	{
		return lookup_ != nullptr;
	}

	template <class Resume>
	portico_verdict
	wait(Resume resume) const
	{
		check(portico_lookup_wait(lookup_, request::run<Resume>,
					  detail::pack(resume)));
		return PORTICO_PENDING;
	}
	/* OK, AGAIN, NOT_FOUND, TIMED_OUT, ABORTED or SYSTEM. */
	[[nodiscard]] portico_status
	status() const
	{
		return portico_lookup_status(lookup_);
	}
	uint32_t
	count() const
	{
		return portico_lookup_count(lookup_);
	}
	std::optional<portico_address>
	address(uint32_t index) const
	{
		portico_address address;

		if (!portico_lookup_address(lookup_, index, &address))
			return std::nullopt;
		return address;
	}
	/* As connect() wants it; nullptr: there are not so many. */
	const sockaddr *
	raw(uint32_t index, size_t &length_r) const
	{
		return portico_lookup_sockaddr(lookup_, index, &length_r);
	}

      private:
	template <class Function>
	static void
	told(portico_lookup *, void *room) noexcept
	{
		detail::guard(nullptr, "a function of a look-up",
			      [&] { detail::call<Function>(room); });
	}

	const portico_request *request_ = nullptr;
	portico_lookup *lookup_ = nullptr;
};

} /* namespace portico */

#endif
