/* SPDX-License-Identifier: Apache-2.0
 *
 * The areas of portico.hpp: children, trailers, calls, look-ups, shared state,
 * tunnels, metrics, expressions, and what runs without a request, by `?do=`;
 * t/sdk/cpp-areas.t compiles and drives it.
 */
#include <portico/portico.hpp>

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

namespace
{

using namespace std::chrono_literals;

struct settings {
	const char *pattern;
};

constexpr portico_directive directives[] = {
	PORTICO_SETTING(settings, pattern, REGEX, "\"^/([a-z]+)(/x)?$\"",
			"What is matched."),
	{},
};

/* Of the worker.  Some are static, so that they are destroyed at exit. */
portico::counter asked;
portico::gauge level;
portico::histogram sizes;
portico::shared_counter visits;
portico::process child;
portico::hold waiting;
portico::client_call nobodys;
std::atomic<int> ticks, worked, changed, exits, nobodys_end, started, custom;
std::atomic<int> alive; /* objects of `work` */

/* Of an application: destroyed when the worker ends. */
struct application {
	portico::regex expression;
	portico::worker_timer once, often;

	explicit application(const settings &s)
		: expression(s.pattern, PORTICO_REGEX_ANY_CASE)
	{
		once.start(0s, 0s, [this] {
			ticks++;
			if (ticks < 3)
				once.start(1ms, 0s, [] { ticks++; });
			throw std::runtime_error("from a timer");
		});
		often.start(1ms, 1h, [] { ticks++; });
		if (!once.running() || !often.running())
			throw std::runtime_error("a timer stands still");
		portico::background(
			[] {
				worked++;
				throw std::runtime_error("from work");
			},
			[] { worked++; });
	}
};

struct work {
	std::string text;
	std::string_view rest;
	portico::child child;
	portico::client_call call;
	portico::lookup lookup;
	portico::shared_watch watch;
	portico::token token;
	unsigned steps = 0;

	work()
	{
		alive++;
	}
	~work()
	{
		alive--;
	}
	portico_verdict
	answer(portico::request request)
	{
		request.length(static_cast<int64_t>(text.size()));
		request.write(text);
		return PORTICO_DONE;
	}
};

/* ---- children and trailers -------------------------------------------------- */

portico_verdict
read_child(portico::request request, work &work)
{
	for (;;) {
		std::string_view chunk;

		switch (work.child.read(chunk)) {
		case PORTICO_OK:
			work.text += chunk;
			break;
		case PORTICO_AGAIN:
			return work.child.wait([&work](portico::request r) {
				return read_child(r, work);
			});
		case PORTICO_END:
			work.child.fields([&](std::string_view name,
					      std::string_view value) {
				work.text += " " + std::string(name) + "=" +
					     std::string(value);
				return name != "X-Depth";
			});
			work.child.trailers([&](std::string_view name,
						std::string_view value) {
				work.text += " " + std::string(name) + "=" +
					     std::string(value);
				return true;
			});
			work.text +=
				" " + std::string(work.child.trailer("x-sum")
							  .value_or("-"));
			work.child.close();
			return work.answer(request);
		default:
			return PORTICO_ERROR;
		}
	}
}

portico_verdict
children(portico::request request, work &work)
{
	portico_child_options options = {};
	std::string_view target = "/?do=depth";

	options.target = portico::slice(target);
	work.child = portico::child(request, options);
	portico::child other(request, "/?do=depth"); /* closed unused */
	portico::child moved = std::move(other);

	if (other || !moved)
		return PORTICO_ERROR;
	return work.child.collect(100, [&work](portico::request r) {
		work.text =
			std::to_string(work.child.status()) + "." +
			std::to_string(work.child.substatus()) + " " +
			std::string(work.child.body()) + " " +
			std::string(work.child.field("X-Depth").value_or("-")) +
			" ";
		work.child = portico::child(r, "/?do=depth");
		return read_child(r, work);
	});
}

portico_verdict
trailers(portico::request request, work &work)
{
	std::string_view chunk;

	switch (request.read(chunk)) {
	case PORTICO_OK:
		return trailers(request, work);
	case PORTICO_AGAIN:
		return request.wait_body([&work](portico::request r) {
			return trailers(r, work);
		});
	case PORTICO_END:
		break;
	default:
		return PORTICO_ERROR;
	}
	portico::announce_response_trailer(request, "X-Later");
	portico::set_response_trailer(request, "X-One", "gone");
	portico::remove_response_trailer(request, "X-One");
	portico::set_response_trailer(request, "X-One", "1");
	portico::add_response_trailer(request, "X-One", "2");
	work.text =
		std::string(portico::trailer(request, "X-A").value_or("-")) +
		std::string(portico::trailer(request, "X-No").value_or("-"));
	portico::trailers(request, [&](std::string_view name,
				       std::string_view value) {
		work.text += " " + std::string(name) + "=" + std::string(value);
	});
	portico::response_trailers(request, [&](std::string_view name,
						std::string_view value) {
		work.text += " " + std::string(name) + ":" + std::string(value);
	});
	/* Of no length, for those of the response. */
	request.write(work.text);
	return PORTICO_DONE;
}

/* ---- others' servers ---------------------------------------------------------- */

portico_verdict
called(portico::request request, work &work)
{
	std::string url(request.field("X-Url").value_or(""));

	work.call = portico::client_call(request, "POST", url);
	work.call.set(PORTICO_CLIENT_TOTAL_NS, 10000000000)
		.add("X-Send", "sent")
		.send("body");
	return work.call.run([&work](portico::request r) {
		work.text =
			std::to_string(work.call.result()) + " " +
			std::to_string(work.call.status()) + " " +
			std::string(work.call.body()) + " " +
			std::string(work.call.field("X-Reply").value_or("-"));
		work.call.fields([&](std::string_view name, std::string_view) {
			work.text += name == "X-Reply" ? " seen" : "";
		});
		work.call = portico::client_call(); /* freed before the end */
		return work.answer(r);
	});
}

portico_verdict
read_stream(portico::request request, work &work)
{
	std::string_view chunk;

	if (!work.rest.empty() &&
	    work.call.write_some(work.rest) == PORTICO_OK && work.rest.empty())
		work.call.finish();
	for (;;) {
		switch (work.call.read(chunk)) {
		case PORTICO_OK:
			work.text += chunk;
			break;
		case PORTICO_AGAIN:
			return work.call.wait(
				PORTICO_CLIENT_READ |
					(work.rest.empty() ?
						 0u :
						 static_cast<uint32_t>(
							 PORTICO_CLIENT_WRITE)),
				[&work](portico::request r) {
					return read_stream(r, work);
				});
		case PORTICO_END:
			return work.answer(request);
		default:
			return PORTICO_ERROR;
		}
	}
}

portico_verdict
streamed(portico::request request, work &work)
{
	std::string url(request.field("X-Url").value_or(""));

	work.call = portico::client_call(request, "POST", url);
	work.call.set(PORTICO_CLIENT_STREAM, 1).set(PORTICO_CLIENT_UPLOAD, 6);
	work.call.start();
	work.rest = "stream";
	return read_stream(request, work);
}

portico_verdict
refused(portico::request request, work &work)
{
	std::string url(request.field("X-Url").value_or(""));

	try {
		portico::client_call(request, "CONNECT", url);
	} catch (const portico::failure &e) {
		work.text += std::to_string(e.status());
	}
	try {
		portico::client_call(request, "GET", url)
			.add("Connection", "x")
			.run([](portico::request) { return PORTICO_ERROR; });
	} catch (const portico::failure &e) {
		work.text += " " + std::to_string(e.status());
	}
	work.call = portico::client_call(request, "GET", url);
	work.call.start([&work](uint32_t events) {
		work.text += " told " + std::to_string(events);
		work.token.complete();
		throw std::runtime_error("in a call's function");
	});
	work.call.cancel();
	work.token = request.suspend([&work](portico::request r) {
		work.text += " " + std::to_string(work.call.result()) + " " +
			     std::to_string(work.call.events()) + " " +
			     work.call.message();
		return work.answer(r);
	});
	return PORTICO_PENDING;
}

portico_verdict
found(portico::request request, work &work)
{
	auto address = work.lookup.address(0);
	size_t length = 0;

	if (!address || work.lookup.address(work.lookup.count()) ||
	    work.lookup.status() != PORTICO_OK ||
	    work.lookup.raw(0, length) == nullptr)
		return PORTICO_ERROR;
	work.text += std::string(address->text) + " " +
		     std::to_string(address->port) + " ";
	work.lookup = portico::lookup(request, "127.0.0.2", 81,
				      [&work] { work.token.complete(); });
	work.token = request.suspend([&work](portico::request r) {
		work.text += work.lookup.address(0)->text;
		return work.answer(r);
	});
	return PORTICO_PENDING;
}

portico_verdict
resolved(portico::request request, work &work)
{
	work.lookup = portico::lookup(request, "127.0.0.1", 80);
	return work.lookup.wait(
		[&work](portico::request r) { return found(r, work); });
}

/* ---- shared state --------------------------------------------------------------- */

portico_verdict
shared_state(portico::request request, work &work)
{
	uint64_t expected = 6;
	auto say = [&work](auto number) {
		work.text += std::to_string(number) + " ";
	};
	auto get = [&] {
		work.text += portico::shared::get(request, "key").value_or("-");
		work.text += " ";
	};

	visits.set(5);
	say(visits.add());
	say(visits.exchange(expected, 9));
	say(visits.value());
	say(portico::shared::put("key", "value", 1h));
	say(portico::shared::put("key", "other", 0s, PORTICO_SHARED_ADD));
	get();
	say(portico::shared::swap("key", "value", "new"));
	portico::shared::remove("n");
	say(portico::shared::increment("n", 40));
	say(portico::shared::increment("n", 2, 1h));
	say(portico::shared::remove("key"));
	get();
	work.watch = portico::shared_watch(
		request, visits, [&work](portico::request, uint64_t value) {
			work.text += "watched " + std::to_string(value);
			work.watch = portico::shared_watch();
			work.token.complete();
		});
	work.token = request.suspend(
		[&work](portico::request r) { return work.answer(r); });
	visits.add(100);
	return PORTICO_PENDING;
}

/* ---- a tunnel: what comes goes back, in capitals ----------------------------------- */

portico_verdict
echo(portico::request request, work &work)
{
	portico::tunnel tunnel(request);
	std::string_view chunk;

	if ((tunnel.events() & PORTICO_TUNNEL_WOKEN) != 0 && work.steps++ == 0)
		work.text = "woken;";
	for (;;) {
		std::string_view rest = work.text;
		portico_status status = tunnel.write_some(rest);

		work.text.erase(0, work.text.size() - rest.size());
		if (status == PORTICO_AGAIN)
			return tunnel.wait(PORTICO_TUNNEL_WRITE,
					   [&work](portico::request r) {
						   return echo(r, work);
					   });
		if (status != PORTICO_OK)
			return PORTICO_DONE;
		status = tunnel.read(chunk);
		if (status == PORTICO_AGAIN)
			return tunnel.wait(
				PORTICO_TUNNEL_READ |
					(work.steps == 0 ?
						 static_cast<unsigned>(
							 PORTICO_TUNNEL_WOKEN) :
						 0u),
				[&work](portico::request r) {
					return echo(r, work);
				});
		if (status == PORTICO_END) {
			tunnel.shutdown();
			return PORTICO_DONE;
		}
		if (status != PORTICO_OK)
			return PORTICO_DONE;
		if (chunk.substr(0, 5) == "abort")
			tunnel.abort();
		if (chunk.substr(0, 5) == "throw")
			throw std::runtime_error("in a tunnel");
		for (char c : chunk)
			work.text += static_cast<char>(
				c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	}
}

portico_verdict
tunnelled(portico::request request, work &work)
{
	portico::tunnel tunnel(request);

	if (!tunnel.offered("x-test"))
		return request.error(426);
	if (tunnel.open("x-test") != PORTICO_OK)
		return PORTICO_ERROR;
	work.token = tunnel.waker();
	work.token.complete();
	return echo(request, work);
}

/* ---- all ----------------------------------------------------------------------------- */

portico_verdict
matched(portico::request request, work &work)
{
	const auto &expression = request.application<application>().expression;
	auto path = request.field("X-Text").value_or("");
	auto captures = expression.match<3>(path);

	work.text = captures ? std::string((*captures)[1]) + "|" +
				       std::string((*captures)[2]) :
			       "none";
	work.text += " " + std::to_string(expression.matches("/A")) + " " +
		     std::to_string(expression.group("no"));
	try {
		portico::regex wrong("(");
	} catch (const portico::failure &e) {
		work.text += std::string(" ") + e.what();
	}
	return work.answer(request);
}

portico_verdict
counted(portico::request request, work &work)
{
	asked.add();
	asked.add(2);
	level.add(5);
	level.set(-3);
	sizes.observe(7);
	portico::counter().add();
	try {
		portico::counter late("late");
	} catch (const portico::failure &e) {
		work.text = std::to_string(e.status());
	}
	return work.answer(request);
}

portico_verdict
alone(portico::request request, work &work)
{
	work.text = std::to_string(ticks.load()) + " " +
		    std::to_string(worked.load()) + " " +
		    std::to_string(changed.load()) + " " +
		    std::to_string(exits.load()) + " " +
		    std::to_string(nobodys_end.load()) + " " +
		    std::to_string(started.load()) + " " +
		    std::to_string(custom.load()) + " " +
		    std::to_string(alive.load()) + " " +
		    std::to_string(child.pid() > 0) + " " +
		    std::to_string(getpid());
	return work.answer(request);
}

portico_verdict
handle(portico::request request)
{
	static constexpr struct {
		const char *name;
		portico_verdict (*function)(portico::request, work &);
	} functions[] = {
		{ "child", children },	    { "trailer", trailers },
		{ "call", called },	    { "stream", streamed },
		{ "refused", refused },	    { "resolve", resolved },
		{ "shared", shared_state }, { "tunnel", tunnelled },
		{ "regex", matched },	    { "count", counted },
		{ "alone", alone },
	};
	auto what = request.query("do").value_or("");
	auto &work = request.make<struct work>();

	if (what == "depth") {
		work.text = "depth";
		portico::set_response_trailer(request, "X-Sum", "5");
		request.set("X-Depth",
			    std::to_string(portico::child::depth(request)));
		return work.answer(request);
	}
	if (what == "post") {
		portico_global_post(portico_request_worker(request),
				    "wrapped.custom", nullptr);
		return work.answer(request);
	}
	if (what == "kill") {
		child.stop();
		return work.answer(request);
	}
	/* Never finished by anybody: destroyed with the request. */
	if (what == "left") {
		work.child = portico::child(request, "/?do=depth");
		work.call = portico::client_call(
			request, "GET", request.field("X-Url").value_or(""));
		work.call.start();
		work.lookup = portico::lookup(request, "127.0.0.1", 80);
		work.watch = portico::shared_watch(
			request, visits, [](portico::request, uint64_t) {});
		return work.answer(request);
	}
	for (const auto &one : functions)
		if (what == one.name)
			return one.function(request, work);
	return PORTICO_NEXT;
}

void
load()
{
	asked = portico::counter("asked", "", "requests that asked");
	level = portico::gauge("level");
	sizes = portico::histogram("sizes", "bytes");
}

void
worker_init(portico_worker *)
{
	visits = portico::shared_counter("visits");
	if (std::getenv("REFUSE") != nullptr)
		throw std::runtime_error("told to refuse");
}

void
worker_fini(portico_worker *)
{
	/* Ended by the host: what is destroyed at exit lets it alone. */
}

portico_verdict
on_preload(portico_worker *worker, const portico_global &)
{
	static portico::worker_timer late;

	waiting = portico::hold(worker);
	late.start(1ms, 0s, [] {
		portico::hold mine = std::move(waiting);

		mine.release();
	});
	return PORTICO_NEXT;
}

portico_verdict
on_start(portico_worker *worker, const portico_global &)
{
	static const char *const argv[] = { "/bin/sleep", "1000", nullptr };
	static portico::change_watch watch;
	portico_process_options options = {};
	const char *file = std::getenv("WATCHED");

	options.argv = argv;
	child = portico::process(options, [](const portico_process_news &news) {
		exits += news.event == PORTICO_PROCESS_ENDED;
	});
	if (portico::process::port() == 0)
		throw std::runtime_error("no port");
	if (file != nullptr)
		watch = portico::change_watch(
			worker, file,
			[](const portico_change &change) {
				changed += change.count > 0;
			},
			0, 1ms);
	nobodys = portico::client_call(nullptr, "GET", "http://127.0.0.1:1/");
	nobodys.start([](uint32_t) {
		nobodys_end++;
		nobodys = portico::client_call();
	});
	started++;
	return PORTICO_NEXT;
}

portico_verdict
on_custom(portico_worker *, const portico_global &)
{
	custom++;
	throw std::runtime_error("in a global event");
}

constexpr portico_handler handlers[] = {
	portico::handler<handle>("areas"),
	{},
};

constexpr portico_global_subscription globals[] = {
	portico::global_subscription<on_preload>(PORTICO_GLOBAL_PRELOAD),
	portico::global_subscription<on_start>(PORTICO_GLOBAL_START),
	portico::global_subscription<on_custom>(PORTICO_GLOBAL_CUSTOM,
						"wrapped.custom"),
	{},
};

constexpr portico_module descriptor = [] {
	auto one = portico::module("wrapped-areas", "1.0.0",
				   "test of portico.hpp's areas");

	one.directives = directives;
	one.configuration_size = sizeof(settings);
	one.handlers = handlers;
	one.global_subscriptions = globals;
	one.load = portico::load<load>;
	one.worker_init = portico::worker_init<worker_init>;
	one.worker_fini = portico::worker_fini<worker_fini>;
	portico::use_application<application, settings>(one);
	return one;
}();

} /* namespace */

PORTICO_CPP_MODULE(descriptor);
