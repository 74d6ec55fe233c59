/* SPDX-License-Identifier: Apache-2.0
 *
 * For C++ (portico.hpp): tunnels.
 */
#ifndef PORTICO_CPP_TUNNEL_HPP
#define PORTICO_CPP_TUNNEL_HPP

#include <portico/cpp_request.hpp>

#include <string_view>

namespace portico
{

/* A request as a tunnel (tunnel.h), borrowed: a pointer with methods. */
class tunnel
{
      public:
	explicit tunnel(request request) : request_(request)
	{
	}
	bool
	offered(std::string_view protocol) const
	{
		return portico_tunnel_offered(request_, slice(protocol));
	}
	/* OK; AGAIN: request::wait_room, then once more; DENIED: return DONE;
	 * ABORTED. */
	[[nodiscard]] portico_status
	open(std::string_view protocol) const
	{
		return portico_tunnel_open(request_, slice(protocol));
	}
	/* OK, AGAIN (wait for READ), END or ABORTED. */
	[[nodiscard]] portico_status
	read(std::string_view &chunk_r) const
	{
		return detail::piece(portico_tunnel_read, request_, chunk_r);
	}
	/* OK, AGAIN (wait for WRITE) or ABORTED; what was taken is cut off. */
	[[nodiscard]] portico_status
	write_some(std::string_view &data) const
	{
		size_t written = 0;
		portico_status status = portico_tunnel_write(
			request_, data.data(), data.size(), &written);

		data.remove_prefix(written);
		return status;
	}
	portico_status
	shutdown() const noexcept
	{
		return portico_tunnel_shutdown(request_);
	}
	void
	abort() const noexcept
	{
		portico_tunnel_abort(request_);
	}
	unsigned
	events() const noexcept
	{
		return portico_tunnel_events(request_);
	}
	template <class Resume>
	portico_verdict
	wait(unsigned events, Resume resume) const
	{
		check(portico_tunnel_wait(request_, events,
					  request::run<Resume>,
					  detail::pack(resume)));
		return PORTICO_PENDING;
	}
	/* By which others wake it; destroyed, it does, too. */
	[[nodiscard]] token
	waker() const
	{
		portico_token value;

		check(portico_tunnel_token(request_, &value));
		return { request_, value };
	}

      private:
	request request_;
};

} /* namespace portico */

#endif
