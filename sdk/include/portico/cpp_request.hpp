/* SPDX-License-Identifier: Apache-2.0
 *
 * For C++ (portico.hpp): a request and its response.
 */
#ifndef PORTICO_CPP_REQUEST_HPP
#define PORTICO_CPP_REQUEST_HPP

#include <portico/cpp_base.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace portico
{

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
		return detail::find(portico_request_field, request_, name);
	}
	std::optional<std::string_view>
	cookie(std::string_view name) const
	{
		return detail::find(portico_cookie_get, request_, name);
	}
	/* Throws if there are too many parameters to give any. */
	std::optional<std::string_view>
	query(std::string_view name) const
	{
		return detail::find(portico_query_get, request_, name);
	}
	/* function(name, value), in the order sent; a function that returns
	 * bool ends it with false. */
	template <class Function>
	void
	fields(Function &&function) const
	{
		detail::each(portico_request_fields, request_, function);
	}
	bool
	aborted() const
	{
		return portico_request_aborted(request_);
	}

	portico_abort
	abort_reason() const
	{
		return portico_request_abort_reason(request_);
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
				std::launder(
					reinterpret_cast<Object *>(mine->bytes))
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
		return detail::piece(portico_body_read, request_, chunk_r);
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

	/* For wrappers: `resume` as C calls it, detail::pack(resume) being its
	 * argument. */
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

      private:
	template <class Work>
	static void
	run_work(void *room) noexcept
	{
		detail::guard(nullptr, "offloaded work",
			      [&] { detail::call<Work>(room); });
	}

	portico_request *request_;
};

} /* namespace portico */

#endif
