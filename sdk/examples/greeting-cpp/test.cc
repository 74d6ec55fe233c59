/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives greeting-cpp without a server: the test kit is C, and serves C++ as
 * well.  Two classes give back what a test would forget.
 */
#undef NDEBUG
#include <portico/testkit.h>
#include <portico/testkit_abort.h>

#include <cassert>
#include <cstdint>
#include <cstdio>
#include <string>

namespace
{

constexpr uint64_t MS = 1000000;

class kit_of
{
    public:
	explicit kit_of(const char *settings = nullptr,
			kit_faults *faults = nullptr)
	{
		kit_options options = {};

		options.entry = portico_module_entry;
		options.settings = settings;
		options.faults = faults;
		kit_ = kit_open(&options, nullptr);
		assert(kit_ != nullptr);
	}
	~kit_of()
	{
		unsigned failures = kit_close(kit_);

		assert(failures == 0);
	}
	kit_of(const kit_of &) = delete;
	kit_of &operator=(const kit_of &) = delete;
	operator kit *() const
	{
		return kit_;
	}

    private:
	kit *kit_;
};

class asked
{
    public:
	asked(kit *kit, const char *target)
	    : request_(kit_request(kit, "GET", target))
	{
		kit_run(request_);
	}
	~asked()
	{
		kit_free(request_);
	}
	asked(const asked &) = delete;
	asked &operator=(const asked &) = delete;
	operator struct kit_request *() const
	{
		return request_;
	}
	bool
	waits() const
	{
		return kit_state(request_) == KIT_TOKEN;
	}
	std::string
	answer() const
	{
		assert(kit_state(request_) == KIT_ENDED);
		return std::to_string(kit_status(request_)) + " " +
		       kit_response_body(request_).data;
	}

    private:
	struct kit_request *request_;
};

void
greets()
{
	kit_of kit("{ \"greeting\": \"Good morning\", \"longest\": 8 }");

	assert(asked(kit, "/?name=Ada").answer() ==
	       "200 Good morning, Ada.  You are number 1.\n");
	assert(asked(kit, "/").answer() ==
	       "200 Good morning, stranger.  You are number 2.\n");
	assert(asked(kit, "/?name=Charlotte").answer().substr(0, 3) == "400");
}

void
an_exception_is_an_error()
{
	kit_of kit;

	assert(asked(kit, "/?name=").answer().substr(0, 3) == "500");
	assert(std::string(kit_log(kit, 0)).find("somebody without a name") !=
	       std::string::npos);
}

void
refuses_its_settings()
{
	kit_options options = {};
	portico_error err;

	options.entry = portico_module_entry;
	options.settings = "{ \"greeting\": \"\" }";
	assert(kit_open(&options, &err) == nullptr);
	assert(std::string(err.message).find("greeting is empty") !=
	       std::string::npos);
}

void
takes_its_time()
{
	kit_of kit;
	asked ada(kit, "/?name=Ada&wait=1");

	kit_advance(kit, 99 * MS);
	assert(ada.waits());
	asked bob(kit, "/?name=Bob");
	kit_advance(kit, MS);
	assert(ada.answer() == "200 Hello, Ada.  You are number 2.\n");
	assert(bob.answer() == "200 Hello, Bob.  You are number 1.\n");
}

/* Of those who leave none is counted, and each is in the log with why. */
void
does_not_wait_for_nobody()
{
	kit_of kit;

	unsigned lines = 0;

	for (portico_abort why : { PORTICO_ABORT_CLIENT, PORTICO_ABORT_SLOW,
				   PORTICO_ABORT_OPERATOR }) {
		asked ada(kit, "/?name=Ada&wait=1");

		assert(ada.waits());
		kit_abort_for(ada, why);
		assert(kit_state(ada) == KIT_ENDED);
		assert(std::string(kit_log(kit, lines++))
			       .find("Ada is gone: reason " +
				     std::to_string(why)) != std::string::npos);
	}
	assert(asked(kit, "/").answer() ==
	       "200 Hello, stranger.  You are number 1.\n");
}

/* The n-th failure, for every n: never anything but an answer or an error. */
void
fails_well()
{
	kit_faults faults = {};

	faults.kinds = KIT_FAULT_MEMORY | KIT_FAULT_IO | KIT_FAULT_WAIT;
	while (kit_faults_next(&faults)) {
		kit_of kit(nullptr, &faults);
		asked ada(kit, "/?name=Ada&wait=1");

		kit_advance(kit, 100 * MS);
		assert(kit_status(ada) == (faults.hit ? 500 : 200));
	}
	assert(faults.n > 3);
}

} /* namespace */

int
main()
{
	greets();
	an_exception_is_an_error();
	refuses_its_settings();
	takes_its_time();
	does_not_wait_for_nobody();
	fails_well();
	std::puts("1..1\nok 1 - greeting-cpp");
	return 0;
}
