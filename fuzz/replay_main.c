/* SPDX-License-Identifier: Apache-2.0
 *
 * main() of a fuzz target in a usual build: runs it over the files named on
 * the command line, or over fuzz/corpus/<name>/ where <name> comes from the
 * program's own name, and speaks TAP.  Each input is also run cut in half and
 * with its first byte missing, which costs nothing and meets the code's
 * "there is more to come" paths.
 */
#include "fuzz/fuzz.h"

#ifndef PORTICO_FUZZING

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/memory.h"

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* An exact heap copy, so that AddressSanitizer sees each byte read beyond. */
static void
feed(const uint8_t *data, size_t size)
{
	uint8_t *copy = mem_dup(data, size);

	LLVMFuzzerTestOneInput(copy, size);
	mem_free(copy);
}

static int
replay(int number, const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	uint8_t *data;
	size_t size;

	if (file == NULL || fstat(fileno(file), &status) != 0) {
		printf("not ok %d - %s # cannot be read\n", number, path);
		return 1;
	}
	data = mem_alloc((size_t)status.st_size);
	size = fread(data, 1, (size_t)status.st_size, file);
	fclose(file);
	feed(data, size);
	feed(data, size / 2);
	if (size > 0)
		feed(data + 1, size - 1);
	mem_free(data);
	printf("ok %d - %s\n", number, path);
	fflush(stdout);
	return 0;
}

/* fuzz/corpus/NAME for a program called .../NAME_fuzz */
static void
corpus_path(const char *program, char *path, size_t size)
{
	const char *base = strrchr(program, '/');
	const char *source = getenv("PORTICO_SRCDIR");
	size_t length;

	base = base == NULL ? program : base + 1;
	length = strlen(base);
	if (length > 5 && strcmp(base + length - 5, "_fuzz") == 0)
		length -= 5;
	snprintf(path, size, "%s/fuzz/corpus/%.*s",
		 source == NULL ? "." : source, (int)length, base);
}

static int
replay_corpus(const char *program)
{
	struct dirent **entries;
	char folder[1024], path[2048];
	int count, number = 0, failed = 0;

	corpus_path(program, folder, sizeof folder);
	count = scandir(folder, &entries, NULL, by_name);
	for (int i = 0; i < count; i++) {
		if (entries[i]->d_name[0] != '.') {
			snprintf(path, sizeof path, "%s/%s", folder,
				 entries[i]->d_name);
			failed += replay(++number, path);
		}
		free(entries[i]); /* scandir's */
	}
	if (count >= 0)
		free(entries); /* scandir's */
	if (number == 0) {
		printf("not ok 1 - %s holds no inputs\n", folder);
		return 1;
	}
	printf("1..%d\n", number);
	return failed == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	if (argc < 2)
		return replay_corpus(argv[0]);
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++)
		failed += replay(i, argv[i]);
	return failed == 0 ? 0 : 1;
}

#endif
