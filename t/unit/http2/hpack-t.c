/* SPDX-License-Identifier: Apache-2.0
 *
 * Field blocks that we write, read by a decoder that is not ours: what went in
 * comes out, whatever the table has been through, and what is secret is marked.
 */
#include "t/unit/unit.h"

#include <nghttp2/nghttp2.h>

#include "core/base/slice.h"
#include "core/http2/hpack.h"

/* An encoder, and the client that reads what it writes. */
struct line {
	struct hpack_encoder encoder;
	struct hpack_block block;
	nghttp2_hd_inflater *inflater;
	uint8_t bytes[8192];
	char text[16384]; /* of the last block: "name: value\n", '!': secret */
};

static void
line_open(struct line *line)
{
	hpack_encoder_init(&line->encoder);
	assert_int_equal(nghttp2_hd_inflate_new(&line->inflater), 0);
}

static void
line_close(struct line *line)
{
	nghttp2_hd_inflate_del(line->inflater);
}

static void
begin(struct line *line)
{
	line->block.encoder = &line->encoder;
	line->block.at = line->bytes;
}

static void
begin_200(struct line *line)
{
	begin(line);
	hpack_begin_response(&line->block, 200);
}

static void
field(struct line *line, enum http_header_id id, const char *name,
      const char *value)
{
	const uint8_t *before = line->block.at;

	hpack_field(&line->block, id, slice_from(name), slice_from(value));
	assert_true((size_t)(line->block.at - before) <=
		    strlen(name) + strlen(value) + http_header_name_length(id) +
			    HPACK_FIELD_ROOM);
}

/* What the client makes of the block; its bytes are written() before. */
static const char *
decoded(struct line *line)
{
	const uint8_t *at = line->bytes;
	size_t left = (size_t)(line->block.at - at), used = 0;
	int flags = 0;

	line->text[0] = '\0';
	while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
		nghttp2_nv nv;
		ssize_t got = nghttp2_hd_inflate_hd2(line->inflater, &nv,
						     &flags, at, left, 1);

		assert_true(got >= 0);
		at += got;
		left -= (size_t)got;
		if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
			used += (size_t)snprintf(
				line->text + used, sizeof(line->text) - used,
				"%s%.*s: %.*s\n",
				(nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0 ?
					"!" :
					"",
				(int)nv.namelen, (const char *)nv.name,
				(int)nv.valuelen, (const char *)nv.value);
		else
			assert_true((flags & NGHTTP2_HD_INFLATE_FINAL) != 0);
	}
	assert_int_equal(left, 0);
	nghttp2_hd_inflate_end_headers(line->inflater);
	return line->text;
}

static size_t
written(const struct line *line)
{
	return (size_t)(line->block.at - line->bytes);
}

/* ---- tests ------------------------------------------------------------------------ */

static void
every_status(void **unused)
{
	struct line line;
	char expected[32];

	(void)unused;
	line_open(&line);
	for (unsigned status = 100; status <= 999; status++) {
		begin(&line);
		hpack_begin_response(&line.block, status);
		assert_true(written(&line) <= HPACK_FIRST_ROOM);
		snprintf(expected, sizeof(expected), ":status: %u\n", status);
		assert_string_equal(decoded(&line), expected);
	}
	line_close(&line);
}

static void
every_known_name(void **unused)
{
	struct line line;
	char expected[128];

	(void)unused;
	line_open(&line);
	for (int id = HTTP_HEADER_UNKNOWN + 1; id < HTTP_HEADER_COUNT; id++) {
		bool secret = id == HTTP_HEADER_SET_COOKIE ||
			      id == HTTP_HEADER_WWW_AUTHENTICATE;
		const char *name = http_header_name((enum http_header_id)id);
		int length = snprintf(expected, sizeof(expected),
				      ":status: 200\n%s%s: v\n",
				      secret ? "!" : "", name);

		for (int i = 0; i < length; i++)
			expected[i] = slice_lower(expected[i]);
		/* Twice: the second may come out of the table. */
		for (int again = 0; again < 2; again++) {
			begin_200(&line);
			field(&line, (enum http_header_id)id, "", "v");
			assert_string_equal(decoded(&line), expected);
		}
	}
	line_close(&line);
}

static void
names_are_in_lower_case(void **unused)
{
	struct line line;

	(void)unused;
	line_open(&line);
	begin_200(&line);
	field(&line, HTTP_HEADER_UNKNOWN, "X-Some-Thing", "As Is");
	field(&line, HTTP_HEADER_UNKNOWN, "X-Empty", "");
	assert_string_equal(decoded(&line), ":status: 200\n"
					    "x-some-thing: As Is\nx-empty: \n");
	begin(&line);
	hpack_begin_trailers(&line.block);
	field(&line, HTTP_HEADER_UNKNOWN, "X-Sum", "1");
	assert_string_equal(decoded(&line), "x-sum: 1\n");
	line_close(&line);
}

static void
what_is_repeated_costs_a_byte(void **unused)
{
	struct line line;
	size_t first;

	(void)unused;
	line_open(&line);
	for (int i = 0; i < 3; i++) {
		begin_200(&line);
		first = written(&line);
		field(&line, HTTP_HEADER_DATE, "",
		      "Mon, 23 Nov 2026 17:00:00 GMT");
		field(&line, HTTP_HEADER_SERVER, "", "Portico");
		assert_true(i == 0 || written(&line) == first + 2);
		assert_string_equal(decoded(&line),
				    ":status: 200\n"
				    "date: Mon, 23 Nov 2026 17:00:00 GMT\n"
				    "server: Portico\n");
	}
	line_close(&line);
}

/* Bytes that differ in length, so that the texts are packed at any place. */
static void
the_table_forgets_as_the_client_does(void **unused)
{
	static const enum http_header_id ids[] = {
		HTTP_HEADER_DATE,	   HTTP_HEADER_CONTENT_TYPE,
		HTTP_HEADER_CACHE_CONTROL, HTTP_HEADER_VARY,
		HTTP_HEADER_SET_COOKIE,	   HTTP_HEADER_UNKNOWN
	};
	struct line line;
	char value[700], expected[4096];
	uint32_t random = 1;

	(void)unused;
	line_open(&line);
	for (int block = 0; block < 5000; block++) {
		int used =
			snprintf(expected, sizeof(expected), ":status: 200\n");

		begin_200(&line);
		for (int i = 0; i < 4; i++) {
			enum http_header_id id;
			unsigned length;

			random = random * 1103515245u + 12345u;
			id = ids[(random >> 16) % 6];
			length = (random >> 8) % 16 == 0 ? 600 :
							   (random >> 8) % 90;
			/* Few letters: many of them come again. */
			memset(value, 'a' + (int)(random >> 28), length);
			value[length] = '\0';
			field(&line, id, "x-other", value);
			used += snprintf(
				expected + used,
				sizeof(expected) - (size_t)used, "%s%s: %s\n",
				id == HTTP_HEADER_SET_COOKIE ? "!" : "",
				id == HTTP_HEADER_UNKNOWN ?
					"x-other" :
					http_header_name(id),
				value);
		}
		for (char *c = expected; *c != '\0'; c++)
			*c = slice_lower(*c);
		assert_string_equal(decoded(&line), expected);
		assert_true(line.encoder.cost <= HPACK_TABLE_BYTES);
	}
	line_close(&line);
}

/* RFC 7541 section 4.2: a limit that fell and rose again empties the table. */
static void
the_client_limits_the_table(void **unused)
{
	static const uint32_t limits[] = { 0, 100, 4096, 200, 65536 };
	struct line line;

	(void)unused;
	line_open(&line);
	for (unsigned i = 0; i < 5; i++) {
		hpack_encoder_limit(&line.encoder, limits[i]);
		/* What it says in SETTINGS holds for its own decoder, too. */
		assert_int_equal(nghttp2_hd_inflate_change_table_size(
					 line.inflater, limits[i]),
				 0);
		for (int again = 0; again < 2; again++) {
			begin_200(&line);
			field(&line, HTTP_HEADER_SERVER, "", "Portico");
			assert_string_equal(decoded(&line),
					    ":status: 200\nserver: Portico\n");
		}
		assert_true(line.encoder.cost <= limits[i]);
	}
	hpack_encoder_limit(&line.encoder, 0);
	hpack_encoder_limit(&line.encoder, 4096);
	assert_int_equal(nghttp2_hd_inflate_change_table_size(line.inflater, 0),
			 0);
	assert_int_equal(
		nghttp2_hd_inflate_change_table_size(line.inflater, 4096), 0);
	begin_200(&line);
	assert_true(written(&line) <= HPACK_FIRST_ROOM);
	field(&line, HTTP_HEADER_SERVER, "", "Portico");
	assert_string_equal(decoded(&line), ":status: 200\nserver: Portico\n");
	assert_int_equal(line.encoder.count, 1);
	line_close(&line);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_status),
	cmocka_unit_test(every_known_name),
	cmocka_unit_test(names_are_in_lower_case),
	cmocka_unit_test(what_is_repeated_costs_a_byte),
	cmocka_unit_test(the_table_forgets_as_the_client_does),
	cmocka_unit_test(the_client_limits_the_table),
};

UNIT_MAIN(tests)
