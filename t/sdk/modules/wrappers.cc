/* SPDX-License-Identifier: Apache-2.0
 *
 * All of portico.hpp, by `?do=`; t/sdk/cpp.t compiles and drives it.
 */
#include <portico/portico.hpp>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{

struct settings {
	bool enabled;
	int64_t count;
	uint64_t limit;
	uint64_t wait;
	int colour;
	const char *const *list;
	const portico_pair *map;
};

constexpr const char *colours[] = { "red", "green", nullptr };

constexpr portico_directive directives[] = {
	PORTICO_SETTING(settings, enabled, BOOL, "true", "A switch."),
	portico::bounded(
		PORTICO_SETTING(settings, count, INTEGER, "7", "A number."), 1,
		9),
	PORTICO_SETTING(settings, limit, SIZE, "\"1KiB\"", "A size."),
	PORTICO_SETTING(settings, wait, DURATION, "\"1s\"", "A time."),
	portico::one_of(PORTICO_SETTING(settings, colour, ENUM, "\"green\"",
					"A word."),
			colours),
	PORTICO_SETTING(settings, list, LIST, nullptr, "Words."),
	PORTICO_SETTING(settings, map, MAP, nullptr, "Pairs."),
	{},
};

/* What the request's zeroed bytes are. */
struct work;
struct bytes {
	unsigned events;
	struct work *waiting; /* to be told of an abort */
};

std::atomic<int> alive; /* objects of `work` */
std::atomic<int> aborts;

struct work {
	std::string text;
	std::string_view rest;
	portico::token token;
	portico::timer timer;
	portico::watch watch;
	std::thread thread;
	int fd = -1;
	unsigned ticks = 0;

	work()
	{
		alive++;
	}
	~work()
	{
		alive--;
		if (thread.joinable())
			thread.join();
		if (fd >= 0)
			close(fd);
	}

	portico_verdict
	answer(portico::request request)
	{
		request.length(static_cast<int64_t>(text.size()));
		request.write(text);
		return PORTICO_DONE;
	}
	portico_verdict
	write_rest(portico::request request)
	{
		switch (request.write_some(rest)) {
		case PORTICO_OK:
			return PORTICO_DONE;
		case PORTICO_AGAIN:
			return request.wait_room([this](portico::request r) {
				return write_rest(r);
			});
		default:
			return PORTICO_ERROR;
		}
	}
	portico_verdict
	read_body(portico::request request)
	{
		for (;;) {
			std::string_view chunk;

			switch (request.read(chunk)) {
			case PORTICO_OK:
				text += chunk;
				break;
			case PORTICO_END:
				rest = text;
				return write_rest(request);
			case PORTICO_AGAIN:
				return request.wait_body(
					[this](portico::request r) {
						return read_body(r);
					});
			default:
				return PORTICO_ERROR;
			}
		}
	}
	void
	tick(portico::request request)
	{
		text += std::to_string(++ticks);
		if (timer.running())
			text += " runs";
		if (ticks == 3) {
			if (token.complete() != PORTICO_OK ||
			    token.complete() != PORTICO_STATE)
				text += " completed badly";
			return;
		}
		timer.start(request, std::chrono::milliseconds(1),
			    [this](portico::request r) { tick(r); });
		if (!timer.running())
			text += " stands";
	}
};

portico::token
suspend(portico::request request, work &work)
{
	return request.suspend(
		[&work](portico::request r) { return work.answer(r); });
}

portico_verdict
texts(portico::request request, work &work)
{
	work.text = std::string(request.method()) + " " +
		    std::string(portico::view(portico_request_text(
			    request, PORTICO_TEXT_PATH))) + " " +
		    std::string(request.path_in_application()) + " " +
		    std::string(request.cookie("a").value_or("none")) + " " +
		    std::string(request.field("X-None").value_or("none"));
	request.fields([&](std::string_view name, std::string_view value) {
		if (name.substr(0, 3) == "X-T")
			work.text += " " + std::string(name) + "=" +
				     std::string(value);
	});
	if (request.path().empty())
		work.text += " no path";
	request.authenticate("ada", "Test");
	work.text += " " + std::string(request.user());
	request.add("X-Two", "1");
	request.add("X-Two", "2");
	request.set("X-Gone", "");
	request.remove("X-Gone");
	request.status(201);
	return work.answer(request);
}

portico_verdict
configured(portico::request request, work &work)
{
	const auto &s = request.settings<settings>();

	work.text = std::to_string(s.enabled) + " " + std::to_string(s.count) +
		    " " + std::to_string(s.limit) + " " +
		    std::to_string(s.wait) + " " + colours[s.colour] + " " +
		    (s.list == nullptr || *s.list == nullptr ? "none" :
							       *s.list) +
		    " " +
		    (s.map == nullptr || s.map->name == nullptr ? "none" :
								  s.map->name);
	return work.answer(request);
}

portico_verdict
watched(portico::request request, work &work)
{
	work.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (work.watch.start(request, -1, PORTICO_WATCH_READ,
			     [](portico::request, int) {}))
		return PORTICO_ERROR;
	if (!work.watch.start(request, work.fd, PORTICO_WATCH_READ,
			      [&work](portico::request, int events) {
				      work.text = "events " +
						  std::to_string(events);
				      work.watch.stop();
				      work.token.complete();
			      }))
		return PORTICO_ERROR;
	work.token = suspend(request, work);
	return PORTICO_PENDING;
}

portico_verdict
sent(portico::request request, work &)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	portico::file one(fd), two = one.share(), three = std::move(one);

	if (one || !three || three.fd() != fd || two.get() != three.get())
		return PORTICO_ERROR;
	if (request.send(two, 1, 3) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

portico_verdict
handle(portico::request request)
{
	auto what = request.query("do").value_or("");
	auto &work = request.make<struct work>();

	if (what == "texts")
		return texts(request, work);
	if (what == "settings")
		return configured(request, work);
	if (what == "events") {
		work.text = std::to_string(request.state<bytes>().events);
		return work.answer(request);
	}
	if (what == "alive") {
		work.text = std::to_string(alive) + " " +
			    std::to_string(aborts);
		return work.answer(request);
	}
	if (what == "throw")
		throw std::runtime_error("as asked");
	if (what == "throw-int")
		throw 7;
	if (what == "throw-inside")
		request.fields([](std::string_view, std::string_view) -> bool {
			throw std::runtime_error("from a visit");
		});
	if (what == "bad-field")
		request.set("X Y", "");
	if (what == "error")
		return request.error(403, "Not you.", 7);
	if (what == "echo")
		return work.read_body(request);
	if (what == "much") {
		work.text.assign(8 << 20, 'x');
		work.rest = work.text;
		request.length(8 << 20);
		return work.write_rest(request);
	}
	if (what == "ticks") {
		work.token = suspend(request, work);
		work.tick(request);
		return PORTICO_PENDING;
	}
	if (what == "thread") {
		work.text = "from a thread";
		work.thread = std::thread(
			[token = suspend(request, work)]() mutable {
				portico::token other = std::move(token);

				other.complete();
			});
		return PORTICO_PENDING;
	}
	if (what == "dropped") {
		work.text = "nobody completed it";
		work.token = suspend(request, work);
		work.token = portico::token();
		return PORTICO_PENDING;
	}
	if (what == "throw-check") {
		portico::check(PORTICO_AGAIN); /* no error, no exception */
		portico::check(PORTICO_INVALID);
	}
	if (what == "throw-suspended") {
		portico::token token = suspend(request, work);

		throw std::runtime_error("after it had suspended");
	}
	if (what == "offload" || what == "offload-throw") {
		work.text = what == "offload" ? "worked" : "";
		return request.offload(
			[&work] {
				if (work.text.empty())
					throw std::runtime_error("in work");
				work.text += " elsewhere";
			},
			[&work](portico::request r) { return work.answer(r); });
	}
	if (what == "watch")
		return watched(request, work);
	if (what == "file")
		return sent(request, work);
	if (what == "wait") {
		work.token = suspend(request, work);
		request.state<bytes>().waiting = &work;
		work.timer.start(request, std::chrono::hours(1),
				 [](portico::request) {});
		return PORTICO_PENDING;
	}
	if (what == "left") {
		/* Both are there when the request ends, which stops them. */
		work.timer.start(request, std::chrono::hours(1),
				 [](portico::request) {});
		work.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (!work.watch.start(request, work.fd, PORTICO_WATCH_READ,
				      [](portico::request, int) {}))
			return PORTICO_ERROR;
		return work.answer(request);
	}
	return PORTICO_NEXT;
}

portico_verdict
on_begin(portico::request request)
{
	request.state<bytes>().events++;
	if (request.query("do") == "throw-begin")
		throw std::runtime_error("in BEGIN");
	return PORTICO_NEXT;
}

void
on_abort(portico::request request)
{
	aborts++;
	if (request.state<bytes>().waiting != nullptr)
		request.state<bytes>().waiting->token.complete();
	if (!request.aborted())
		throw std::runtime_error("told of no abort");
	throw std::runtime_error("told of an abort: " +
				 std::to_string(request.abort_reason()));
}

portico_verdict
filter_head(portico::request request)
{
	if (!request.query("filter"))
		return PORTICO_DONE;
	request.length(-1);
	request.set("X-Filtered", "yes");
	return PORTICO_NEXT;
}

portico_status
filter_data(portico::request request, std::string_view chunk, uint32_t flags,
	    portico_filter_stream *next)
{
	std::string louder(chunk);

	if (request.query("filter") == "throw")
		throw std::runtime_error("in a filter");
	for (char &c : louder)
		if (c >= 'a' && c <= 'z')
			c = static_cast<char>(c - 'a' + 'A');
	return portico_filter_pass(next, portico::slice(louder), flags);
}

constexpr portico_subscription subscriptions[] = {
	portico::subscription<on_begin>(PORTICO_EVENT_BEGIN),
	portico::subscription<on_begin>(PORTICO_EVENT_BEGIN,
					PORTICO_PHASE_POST),
	{},
};
constexpr portico_handler handlers[] = {
	portico::handler<handle>("wrappers"),
	{},
};
constexpr portico_filter filter =
	portico::filter<filter_head, filter_data>("louder");

constexpr portico_module descriptor = [] {
	auto one = portico::module("wrappers", "1.0.0", "test of portico.hpp");

	one.directives = directives;
	one.configuration_size = sizeof(settings);
	one.request_size = sizeof(bytes);
	one.subscriptions = subscriptions;
	one.handlers = handlers;
	one.filter = &filter;
	one.on_abort = portico::abort_event<on_abort>;
	return one;
}();

} /* namespace */

PORTICO_CPP_MODULE(descriptor);
