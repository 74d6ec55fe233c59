/* SPDX-License-Identifier: Apache-2.0
 *
 * For C++ (portico.hpp): child requests and trailer fields.
 */
#ifndef PORTICO_CPP_CHILD_HPP
#define PORTICO_CPP_CHILD_HPP

#include <portico/cpp_request.hpp>

#include <optional>
#include <string_view>
#include <utility>

namespace portico
{

/* A child request (child.h), closed when it is destroyed.  Move-only. */
class child
{
      public:
	child() = default;
	child(request parent, const portico_child_options &options)
		: request_(parent)
	{
		check(portico_child_start(parent, &options, &child_));
	}
	/* GET of "/path?query". */
	child(request parent, std::string_view target, uint32_t flags = 0)
		: request_(parent)
	{
		portico_child_options options = {};

		options.target = slice(target);
		options.flags = flags;
		check(portico_child_start(parent, &options, &child_));
	}
	child(child &&other) noexcept
		: request_(other.request_),
		  child_(std::exchange(other.child_, nullptr))
	{
	}
	child &
	operator=(child &&other) noexcept
	{
		std::swap(request_, other.request_);
		std::swap(child_, other.child_);
		return *this;
	}
	~child()
	{
		if (child_ != nullptr && detail::is_there(request_))
			portico_child_close(child_);
	}
	explicit operator bool() const noexcept
	{
		return child_ != nullptr;
	}
	portico_child *
	get() const noexcept
	{
		return child_;
	}

	/* As those of request: `resume` goes on, PORTICO_PENDING is returned. */
	template <class Resume>
	portico_verdict
	wait(Resume resume) const
	{
		check(portico_child_wait(child_, request::run<Resume>,
					 detail::pack(resume)));
		return PORTICO_PENDING;
	}
	template <class Resume>
	portico_verdict
	collect(size_t bytes_max, Resume resume) const
	{
		check(portico_child_collect(child_, bytes_max,
					    request::run<Resume>,
					    detail::pack(resume)));
		return PORTICO_PENDING;
	}

	/* 0: its head has not come. */
	unsigned
	status() const
	{
		return portico_child_status(child_);
	}
	unsigned
	substatus() const
	{
		return portico_child_substatus(child_);
	}
	std::optional<std::string_view>
	field(std::string_view name) const
	{
		return detail::find(portico_child_field, child_, name);
	}
	template <class Function>
	void
	fields(Function &&function) const
	{
		detail::each(portico_child_fields, child_, function);
	}
	/* OK, END, AGAIN (wait), ABORTED or TOO_LARGE. */
	[[nodiscard]] portico_status
	read(std::string_view &chunk_r) const
	{
		return detail::piece(portico_child_read, child_, chunk_r);
	}
	/* What collect() has kept; lives as long as the child. */
	std::string_view
	body() const
	{
		return view(portico_child_body(child_));
	}
	/* Of the complete response; none before. */
	std::optional<std::string_view>
	trailer(std::string_view name) const
	{
		return detail::find(portico_child_trailer, child_, name);
	}
	template <class Function>
	void
	trailers(Function &&function) const
	{
		detail::each(portico_child_trailers, child_, function);
	}
	void
	close() noexcept
	{
		portico_child_close(std::exchange(child_, nullptr));
	}
	/* 0: a request of a client. */
	static uint32_t
	depth(request request)
	{
		return portico_child_depth(request);
	}

      private:
	const portico_request *request_ = nullptr;
	portico_child *child_ = nullptr;
};

/* A trailer field of the request (trailer.h); throws while the body has not
 * been read to its end. */
inline std::optional<std::string_view>
trailer(request request, std::string_view name)
{
	return detail::find(portico_request_trailer, request, name);
}

template <class Function>
void
trailers(request request, Function &&function)
{
	detail::each(portico_request_trailers, request, function);
}

/* Trailer fields of the response (trailer.h). */
inline void
set_response_trailer(request request, std::string_view name,
		     std::string_view value)
{
	check(portico_response_set_trailer(request, slice(name), slice(value)));
}

inline void
add_response_trailer(request request, std::string_view name,
		     std::string_view value)
{
	check(portico_response_add_trailer(request, slice(name), slice(value)));
}

inline void
remove_response_trailer(request request, std::string_view name)
{
	check(portico_response_remove_trailer(request, slice(name)));
}

inline void
announce_response_trailer(request request, std::string_view name)
{
	check(portico_response_announce_trailer(request, slice(name)));
}

template <class Function>
void
response_trailers(request request, Function &&function)
{
	detail::each(portico_response_trailers, request, function);
}

} /* namespace portico */

#endif
