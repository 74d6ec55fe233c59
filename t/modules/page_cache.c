/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: what of a file is in the page cache.
 *
 *	page-cache evict FILE      write it out and have it forgotten
 *	page-cache resident FILE   print how many bytes are in memory
 *
 * The caller must own the file, or be root: the kernel tells nobody else.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int
evict(int fd)
{
	int error;

	if (fsync(fd) != 0) {
		perror("fsync");
		return 1;
	}
	error = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (error != 0) {
		fprintf(stderr, "posix_fadvise: %s\n", strerror(error));
		return 1;
	}
	return 0;
}

static int
print_resident(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages, resident = 0;
	struct stat properties;
	unsigned char *states;
	void *map;

	if (fstat(fd, &properties) != 0 || properties.st_size == 0) {
		fprintf(stderr, "not a file with bytes\n");
		return 1;
	}
	pages = ((size_t)properties.st_size + page - 1) / page;
	states = calloc(pages, 1);
	map = mmap(NULL, (size_t)properties.st_size, PROT_READ, MAP_SHARED, fd,
		   0);
	if (states == NULL || map == MAP_FAILED ||
	    mincore(map, (size_t)properties.st_size, states) != 0) {
		perror("mincore");
		return 1;
	}
	for (size_t i = 0; i < pages; i++)
		resident += states[i] & 1;
	printf("%zu\n", resident * page);
	free(states);
	return 0;
}

int
main(int argc, char **argv)
{
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: page-cache evict|resident FILE\n");
		return 2;
	}
	fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[2]);
		return 1;
	}
	return strcmp(argv[1], "evict") == 0 ? evict(fd) : print_resident(fd);
}
