/* SPDX-License-Identifier: Apache-2.0
 *
 * A module in C++17: greets by name, counts whom it has greeted, and takes its
 * time if it is asked to.
 *
 *	GET /?name=Ada             Hello, Ada.  You are number 1.
 *	GET /?name=Ada&wait=1      the same, 100 ms later; who leaves meanwhile
 *	                           is not counted, and is in the log
 *
 *	"greeting-cpp": { "greeting": "Good morning", "longest": 20 }
 */
#include <portico/portico.hpp>

#include <atomic>
#include <stdexcept>
#include <string>

namespace
{

struct settings {
	const char *greeting;
	int64_t longest;
};

constexpr portico_directive directives[] = {
	PORTICO_SETTING(settings, greeting, STRING, "\"Hello\"",
			"What comes before the name."),
	portico::bounded(PORTICO_SETTING(settings, longest, INTEGER, "40",
					 "The longest name, in bytes."),
			 1, 1000),
	{},
};

/* One for each application, for all of its loops. */
class counter
{
    public:
	explicit counter(const settings &settings)
	{
		if (*settings.greeting == '\0')
			throw std::invalid_argument(
				"greeting-cpp: the greeting is empty");
	}
	unsigned
	next()
	{
		return ++count_;
	}

    private:
	std::atomic<unsigned> count_{ 0 };
};

/* What a request that waits needs; lives in the request's memory. */
struct visit {
	std::string name;
	portico::timer timer;
	portico::token token;

	portico_verdict
	answer(portico::request request)
	{
		const auto &settings = request.settings<struct settings>();
		auto number = request.application<counter>().next();

		request.set("Content-Type", "text/plain; charset=utf-8");
		request.write(std::string(settings.greeting) + ", " + name +
			      ".  You are number " + std::to_string(number) +
			      ".\n");
		return PORTICO_DONE;
	}
};

/* Zeroed with each request. */
struct waiting {
	struct visit *visit;
};

portico_verdict
greet(portico::request request)
{
	auto name = request.query("name").value_or("stranger");

	/* Becomes a line in the log, and 500. */
	if (name.empty())
		throw std::invalid_argument("somebody without a name");
	if (name.size() >
	    static_cast<size_t>(request.settings<settings>().longest))
		return request.error(400, "That name is too long.");

	auto &visit = request.make<struct visit>();

	visit.name = name;
	if (!request.query("wait"))
		return visit.answer(request);
	/* Whatever may fail comes before suspend(): who has suspended must
	 * not throw. */
	visit.timer.start(request, std::chrono::milliseconds(100),
			  [&visit](portico::request) {
				  visit.token.complete();
			  });
	visit.token = request.suspend([&visit](portico::request resumed) {
		return resumed.aborted() ? PORTICO_DONE : visit.answer(resumed);
	});
	request.state<waiting>().visit = &visit;
	return PORTICO_PENDING;
}

/* Nobody waits any more, so neither do we. */
void
give_up(portico::request request)
{
	struct visit *visit = request.state<waiting>().visit;

	if (visit == nullptr)
		return;
	portico_log(request, PORTICO_LOG_INFO, 0, "%s is gone: reason %d",
		    visit->name.c_str(), request.abort_reason());
	visit->token.complete();
}

constexpr portico_handler handlers[] = {
	portico::handler<greet>("greeting-cpp", "GET,HEAD"),
	{},
};

constexpr portico_module descriptor = [] {
	auto one = portico::module("greeting-cpp", "1.0.0",
				   "greets by name, in C++");

	one.directives = directives;
	one.configuration_size = sizeof(settings);
	one.handlers = handlers;
	one.request_size = sizeof(waiting);
	one.on_abort = portico::abort_event<give_up>;
	portico::use_application<counter, settings>(one);
	return one;
}();

} /* namespace */

PORTICO_CPP_MODULE(descriptor);
