/* SPDX-License-Identifier: Apache-2.0
 *
 * What load-client is asked to do.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "t/load/client.h"
#include "t/load/pattern.h"

struct load_options options = {
	.connections = 1,
	.seed = 1,
	.name = "load",
	.prefix = "",
	.files_prefix = "/files",
	.bytes_max = 100000,
	.timeout = 30,
	.grace = 10,
};

void
options_usage(const char *why)
{
	fprintf(stderr,
		"load-client: %s\n"
		"--port N  --connections N  --seconds S  --requests N  --seed N\n"
		"--mix pattern=W,file=W,store=W,post=W  --bytes MIN-MAX\n"
		"--delay MS  --rate BYTES/S  --leave PER-MILLE  --hold\n"
		"--requests-per-connection N  --receive-buffer BYTES  --max-segment BYTES\n"
		"--spread S\n"
		"--prefix PATH  --files-prefix PATH  --file SEED-BYTES ...\n"
		"--name TEXT  --journal FILE  --failures FILE\n"
		"--timeout S  --grace S\n",
		why);
	exit(2);
}

static void
take_mix(char *text)
{
	static const char *const names[KINDS] = { "pattern", "file", "store",
						  "post" };
	char *rest = text, *part;

	while ((part = strsep(&rest, ",")) != NULL) {
		char *value = strchr(part, '=');
		unsigned kind = 0;

		if (value == NULL)
			options_usage("--mix wants KIND=WEIGHT");
		*value++ = '\0';
		while (kind < KINDS && strcmp(names[kind], part) != 0)
			kind++;
		if (kind == KINDS)
			options_usage("unknown kind in --mix");
		options.weights[kind] = (unsigned)strtoul(value, NULL, 10);
	}
}

static void
take_pair(const char *text, uint64_t *first_r, uint64_t *second_r)
{
	char *end;

	*first_r = strtoull(text, &end, 10);
	if (*end != '-')
		options_usage(
			"two numbers with a dash between them are expected");
	*second_r = strtoull(end + 1, NULL, 10);
}

static void
take_file(const char *text)
{
	struct load_file *file = &options.files[options.file_count];

	if (options.file_count == FILES_MAX)
		options_usage("too many files");
	take_pair(text, &file->seed, &file->bytes);
	options.file_count++;
}

/* The bytes of a file, to standard output. */
static void
write_file(const char *text)
{
	uint64_t seed, bytes, at = 0;
	char data[4096];

	take_pair(text, &seed, &bytes);
	while (at < bytes) {
		size_t length = bytes - at < sizeof(data) ? bytes - at :
							    sizeof(data);

		pattern_fill(data, length, seed, at);
		if (fwrite(data, 1, length, stdout) != length)
			exit(1);
		at += length;
	}
	exit(fflush(stdout) == 0 ? 0 : 1);
}

static void
take_option(int option, char *text)
{
	switch (option) {
	case 'p':
		options.port = (uint16_t)strtoul(text, NULL, 10);
		break;
	case 'c':
		options.connections = (unsigned)strtoul(text, NULL, 10);
		break;
	case 's':
		options.seconds = strtod(text, NULL);
		break;
	case 'n':
		options.requests = strtoull(text, NULL, 10);
		break;
	case 'S':
		options.seed = strtoull(text, NULL, 10);
		break;
	case 'm':
		take_mix(text);
		break;
	case 'b':
		take_pair(text, &options.bytes_min, &options.bytes_max);
		break;
	case 'd':
		options.delay_ms = (unsigned)strtoul(text, NULL, 10);
		break;
	case 'r':
		options.rate = (uint32_t)strtoul(text, NULL, 10);
		break;
	case 'l':
		options.leave = (unsigned)strtoul(text, NULL, 10);
		break;
	case 'H':
		options.hold = true;
		break;
	case 'k':
		options.requests_per_connection =
			(unsigned)strtoul(text, NULL, 10);
		break;
	case 'B':
		options.receive_buffer = (int)strtol(text, NULL, 10);
		break;
	case 'M':
		options.max_segment = (int)strtol(text, NULL, 10);
		break;
	case 'P':
		options.prefix = text;
		break;
	case 'F':
		options.files_prefix = text;
		break;
	case 'f':
		take_file(text);
		break;
	case 'w':
		write_file(text);
		break;
	case 'N':
		options.name = text;
		break;
	case 'j':
		options.journal = fopen(text, "we");
		if (options.journal == NULL)
			options_usage("the journal cannot be written");
		break;
	case 'x':
		options.failures = fopen(text, "we");
		if (options.failures == NULL)
			options_usage("the failures cannot be written");
		break;
	case 'o':
		options.spread = strtod(text, NULL);
		break;
	case 't':
		options.timeout = strtod(text, NULL);
		break;
	case 'g':
		options.grace = strtod(text, NULL);
		break;
	default:
		options_usage("unknown option");
	}
}

void
options_read(int argc, char **argv)
{
	static const struct option known[] = {
		{ "port", 1, NULL, 'p' },
		{ "connections", 1, NULL, 'c' },
		{ "seconds", 1, NULL, 's' },
		{ "requests", 1, NULL, 'n' },
		{ "seed", 1, NULL, 'S' },
		{ "mix", 1, NULL, 'm' },
		{ "bytes", 1, NULL, 'b' },
		{ "delay", 1, NULL, 'd' },
		{ "rate", 1, NULL, 'r' },
		{ "leave", 1, NULL, 'l' },
		{ "hold", 0, NULL, 'H' },
		{ "prefix", 1, NULL, 'P' },
		{ "requests-per-connection", 1, NULL, 'k' },
		{ "receive-buffer", 1, NULL, 'B' },
		{ "max-segment", 1, NULL, 'M' },
		{ "spread", 1, NULL, 'o' },
		{ "files-prefix", 1, NULL, 'F' },
		{ "file", 1, NULL, 'f' },
		{ "name", 1, NULL, 'N' },
		{ "journal", 1, NULL, 'j' },
		{ "failures", 1, NULL, 'x' },
		{ "write-file", 1, NULL, 'w' },
		{ "timeout", 1, NULL, 't' },
		{ "grace", 1, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned weights = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		take_option(option, optarg);
	for (unsigned i = 0; i < KINDS; i++)
		weights += options.weights[i];
	if (weights == 0)
		options.weights[KIND_PATTERN] = 1;
	if (options.port == 0 || options.connections == 0)
		options_usage("--port and at least one connection are needed");
	if (options.weights[KIND_FILE] > 0 && options.file_count == 0)
		options_usage("no --file is given");
	if (options.bytes_max < options.bytes_min)
		options_usage("--bytes wants the smaller number first");
}
