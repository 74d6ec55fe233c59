/* SPDX-License-Identifier: Apache-2.0
 *
 * How many descriptors this process has open: what is left behind is found by
 * two of these.
 */
#ifndef T_UNIT_DESCRIPTORS_H
#define T_UNIT_DESCRIPTORS_H

#include <dirent.h>

/* With those that looking takes, which are the same each time. */
static inline unsigned
descriptors_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

#endif
