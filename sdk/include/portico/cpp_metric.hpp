/* SPDX-License-Identifier: Apache-2.0
 *
 * For C++ (portico.hpp): metrics and regular expressions.
 */
#ifndef PORTICO_CPP_METRIC_HPP
#define PORTICO_CPP_METRIC_HPP

#include <portico/cpp_base.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace portico
{

/*
 * Metrics (metric.h) live as long as the process: copied freely, any thread.
 * Made in load, worker_init or an application's constructor; one that was
 * made without a name counts nothing.
 */
class counter
{
      public:
	counter() = default;
	explicit counter(const char *name, const char *unit = "",
			 const char *help = "")
	{
		check(portico_metric_counter(name, unit, help, &metric_));
	}
	void
	add(int64_t delta = 1) const noexcept
	{
		portico_metric_add(metric_, delta);
	}

      private:
	portico_metric *metric_ = nullptr;
};

class gauge
{
      public:
	gauge() = default;
	explicit gauge(const char *name, const char *unit = "",
		       const char *help = "")
	{
		check(portico_metric_gauge(name, unit, help, &metric_));
	}
	void
	add(int64_t delta) const noexcept
	{
		portico_metric_add(metric_, delta);
	}
	void
	set(int64_t value) const noexcept
	{
		portico_metric_set(metric_, value);
	}

      private:
	portico_metric *metric_ = nullptr;
};

class histogram
{
      public:
	histogram() = default;
	explicit histogram(const char *name, const char *unit = "",
			   const char *help = "")
	{
		check(portico_metric_histogram(name, unit, help, &metric_));
	}
	void
	observe(uint64_t value) const noexcept
	{
		portico_metric_observe(metric_, value);
	}

      private:
	portico_metric *metric_ = nullptr;
};

/* A compiled regular expression (regex.h).  Move-only; any number of threads
 * may match by it. */
class regex
{
      public:
	regex() = default;
	/* Throws what is wrong with the pattern. */
	explicit regex(const char *pattern, uint32_t flags = 0)
	{
		portico_error err = {};
		portico_status status =
			portico_regex_compile(pattern, flags, &regex_, &err);

		if (status < 0)
			throw failure(status, err.message);
	}
	regex(regex &&other) noexcept
		: regex_(std::exchange(other.regex_, nullptr))
	{
	}
	regex &
	operator=(regex &&other) noexcept
	{
		std::swap(regex_, other.regex_);
		return *this;
	}
	~regex()
	{
		portico_regex_free(regex_);
	}
	explicit operator bool() const noexcept
	{
		return regex_ != nullptr;
	}

	/* Throws TOO_LARGE where it cannot be found out within the limits. */
	bool
	matches(std::string_view text) const
	{
		return match<1>(text).has_value();
	}
	/* The whole and its pairs of brackets, as far as there is room; those
	 * that have taken no part are empty.  They point into `text`. */
	template <size_t Count>
	std::optional<std::array<std::string_view, Count>>
	match(std::string_view text) const
	{
		portico_slice captures[Count];
		std::array<std::string_view, Count> result;
		uint32_t count = 0;
		portico_status status = portico_regex_match(
			regex_, slice(text), captures, Count, &count);

		if (status == PORTICO_NOT_FOUND)
			return std::nullopt;
		check(status);
		for (size_t i = 0; i < Count && i < count; i++)
			result[i] = view(captures[i]);
		return result;
	}
	/* 0: none of that name. */
	uint32_t
	group(const char *name) const
	{
		return portico_regex_group(regex_, name);
	}

      private:
	portico_regex *regex_ = nullptr;
};

} /* namespace portico */

#endif
