/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of a kit: entries of the table (file.c).
 */
#ifndef SDK_TESTKIT_FILE_H
#define SDK_TESTKIT_FILE_H

#include <portico/host.h>

enum portico_status kit_file_open(struct portico_request *request,
				  struct portico_slice path, int *fd_r,
				  struct portico_error *err);
struct portico_file *kit_file_adopt(int fd);
void kit_file_ref(struct portico_file *file);
void kit_file_unref(struct portico_file *file);
int kit_file_fd(const struct portico_file *file);
enum portico_status kit_file_send(struct portico_request *request,
				  struct portico_file *file, uint64_t offset,
				  uint64_t length);

#endif
