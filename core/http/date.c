/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP dates.  The calendar is the proleptic Gregorian one; conversions count
 * days in 400-year eras that begin on 1 March, so that the leap day is last.
 */
#include "core/http/date.h"

#include <string.h>

#define DAY_SECONDS 86400
#define ERA_DAYS 146097 /* 400 years */
#define EPOCH_SHIFT 719468 /* days from 0000-03-01 to 1970-01-01 */
#define FIRST_SECOND INT64_C(-62135596800) /* 0001-01-01 00:00:00 */
#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31 23:59:59 */

static const char day_names[7][4] = { "Sun", "Mon", "Tue", "Wed",
				      "Thu", "Fri", "Sat" };
static const char *const long_day_names[7] = { "Sunday",   "Monday",
					       "Tuesday",  "Wednesday",
					       "Thursday", "Friday",
					       "Saturday" };
static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr",
					 "May", "Jun", "Jul", "Aug",
					 "Sep", "Oct", "Nov", "Dec" };

struct civil {
	int year;
	int month; /* 1..12 */
	int day; /* 1..31 */
	int hour;
	int minute;
	int second;
};

static int64_t
days_from_civil(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year =
		(153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 -
			     year_of_era / 100 + day_of_year;

	return era * ERA_DAYS + day_of_era - EPOCH_SHIFT;
}

static void
civil_from_days(int64_t days, struct civil *civil_r)
{
	int64_t z = days + EPOCH_SHIFT;
	int64_t era = (z >= 0 ? z : z - (ERA_DAYS - 1)) / ERA_DAYS;
	int64_t day_of_era = z - era * ERA_DAYS;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 +
			       day_of_era / 36524 - day_of_era / 146096) /
			      365;
	int64_t day_of_year =
		day_of_era -
		(365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * day_of_year + 2) / 153; /* March is 0 */

	civil_r->day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
	civil_r->month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
	civil_r->year =
		(int)(year_of_era + era * 400) + (civil_r->month <= 2 ? 1 : 0);
}

static char *
put2(char *out, int value)
{
	out[0] = (char)('0' + value / 10);
	out[1] = (char)('0' + value % 10);
	return out + 2;
}

void
http_date_format(int64_t second, char out[HTTP_DATE_LENGTH + 1])
{
	struct civil civil;
	int64_t days, rest;
	char *p = out;

	if (second < FIRST_SECOND)
		second = FIRST_SECOND;
	if (second > LAST_SECOND)
		second = LAST_SECOND;
	days = second / DAY_SECONDS;
	rest = second % DAY_SECONDS;
	if (rest < 0) {
		rest += DAY_SECONDS;
		days--;
	}
	civil_from_days(days, &civil);
	/* 1970-01-01 was a Thursday. */
	memcpy(p, day_names[((days % 7) + 11) % 7], 3);
	memcpy(p + 3, ", ", 2);
	p = put2(p + 5, civil.day);
	*p++ = ' ';
	memcpy(p, month_names[civil.month - 1], 3);
	p[3] = ' ';
	p = put2(p + 4, civil.year / 100);
	p = put2(p, civil.year % 100);
	*p++ = ' ';
	p = put2(p, (int)(rest / 3600));
	*p++ = ':';
	p = put2(p, (int)(rest / 60 % 60));
	*p++ = ':';
	p = put2(p, (int)(rest % 60));
	memcpy(p, " GMT", 5);
}

const char *
http_date_cached(struct http_date_cache *cache, int64_t second)
{
	if (cache->second != second || cache->text[0] == '\0') {
		http_date_format(second, cache->text);
		cache->second = second;
	}
	return cache->text;
}

/* Reading: each function takes what it recognises off the front. */

struct reader {
	const char *p;
	const char *end;
};

static bool
take_text(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, text, n) != 0)
		return false;
	r->p += n;
	return true;
}

static bool
take_digits(struct reader *r, int count, int *value_r)
{
	int value = 0;

	if (r->end - r->p < count)
		return false;
	while (count-- > 0) {
		if (*r->p < '0' || *r->p > '9')
			return false;
		value = value * 10 + (*r->p++ - '0');
	}
	*value_r = value;
	return true;
}

static bool
take_month(struct reader *r, int *month_r)
{
	int i;

	for (i = 0; i < 12; i++) {
		if (take_text(r, month_names[i])) {
			*month_r = i + 1;
			return true;
		}
	}
	return false;
}

static bool
take_time(struct reader *r, struct civil *c)
{
	return take_digits(r, 2, &c->hour) && take_text(r, ":") &&
	       take_digits(r, 2, &c->minute) && take_text(r, ":") &&
	       take_digits(r, 2, &c->second);
}

/* ", 06 Nov 1994 08:49:37 GMT" */
static bool
take_fixdate(struct reader *r, struct civil *c)
{
	return take_text(r, ", ") && take_digits(r, 2, &c->day) &&
	       take_text(r, " ") && take_month(r, &c->month) &&
	       take_text(r, " ") && take_digits(r, 4, &c->year) &&
	       take_text(r, " ") && take_time(r, c) && take_text(r, " GMT");
}

/* " Nov  6 08:49:37 1994", of asctime() */
static bool
take_asctime(struct reader *r, struct civil *c)
{
	if (!take_text(r, " ") || !take_month(r, &c->month) ||
	    !take_text(r, " "))
		return false;
	if (take_text(r, " ")) {
		if (!take_digits(r, 1, &c->day))
			return false;
	} else if (!take_digits(r, 2, &c->day)) {
		return false;
	}
	return take_text(r, " ") && take_time(r, c) && take_text(r, " ") &&
	       take_digits(r, 4, &c->year);
}

/* ", 06-Nov-94 08:49:37 GMT" of RFC 850.  A year that seems more than 50
 * years ahead is the most recent past year with these digits. */
static bool
take_rfc850(struct reader *r, struct civil *c, int64_t now)
{
	struct civil today;
	int64_t days = now / DAY_SECONDS;

	if (!take_text(r, ", ") || !take_digits(r, 2, &c->day) ||
	    !take_text(r, "-") || !take_month(r, &c->month) ||
	    !take_text(r, "-") || !take_digits(r, 2, &c->year) ||
	    !take_text(r, " ") || !take_time(r, c) || !take_text(r, " GMT"))
		return false;
	civil_from_days(days, &today);
	c->year += today.year - today.year % 100;
	if (c->year > today.year + 50)
		c->year -= 100;
	else if (c->year <= today.year - 50)
		c->year += 100;
	return true;
}

static bool
civil_to_second(const struct civil *c, int64_t *second_r)
{
	static const int month_days[12] = { 31, 29, 31, 30, 31, 30,
					    31, 31, 30, 31, 30, 31 };
	bool leap = (c->year % 4 == 0 && c->year % 100 != 0) ||
		    c->year % 400 == 0;

	if (c->year < 1 || c->day < 1 || c->day > month_days[c->month - 1] ||
	    (c->month == 2 && c->day == 29 && !leap))
		return false;
	/* 60 is a leap second. */
	if (c->hour > 23 || c->minute > 59 || c->second > 60)
		return false;
	*second_r = days_from_civil(c->year, c->month, c->day) * DAY_SECONDS +
		    c->hour * 3600 + c->minute * 60 + c->second;
	return true;
}

bool
http_date_parse(const char *text, size_t length, int64_t now, int64_t *second_r)
{
	struct reader r = { text, text + length };
	struct civil c = { 0 };
	bool ok = false;
	int i;

	for (i = 0; i < 7 && !ok; i++) {
		r.p = text;
		if (take_text(&r, long_day_names[i]))
			ok = take_rfc850(&r, &c, now);
		else if (take_text(&r, day_names[i]))
			ok = r.p < r.end && *r.p == ',' ? take_fixdate(&r, &c) :
							  take_asctime(&r, &c);
	}
	return ok && r.p == r.end && civil_to_second(&c, second_r);
}
