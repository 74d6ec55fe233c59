/* SPDX-License-Identifier: Apache-2.0
 *
 * Files, counted: each descriptor that portico_file_open gives is to be closed
 * or adopted, each file that is adopted to be given back.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/worker/application.h"
#include "core/worker/file.h"
#include "core/worker/program.h"
#include "sdk/testkit/file.h"
#include "sdk/testkit/guard.h"

static void
descriptor_keep(int fd, struct portico_slice path)
{
	struct kit_descriptor *one = mem_zalloc(sizeof(*one));
	struct stat properties;

	one->fd = fd;
	if (fstat(fd, &properties) == 0) {
		one->device = properties.st_dev;
		one->inode = properties.st_ino;
	}
	snprintf(one->path, sizeof(one->path), "%.*s", (int)path.length,
		 path.data);
	list_init(&one->link);
	pthread_mutex_lock(&kit_now->mutex);
	list_add_head(&kit_now->descriptors, &one->link);
	pthread_mutex_unlock(&kit_now->mutex);
}

/* It may come from offloaded work, while its request waits. */
enum portico_status
kit_file_open(struct portico_request *request, struct portico_slice path,
	      int *fd_r, struct portico_error *err)
{
	bool on_loop = kit_offloaded == 0;
	enum portico_status status;

	*fd_r = -1;
	if (on_loop && !guard_request(request, "portico_file_open"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_IO, "portico_file_open", PORTICO_SYSTEM,
		      &status))
		return error_set(err, status,
				 "cannot open \"%.*s\": the test "
				 "says so",
				 (int)path.length, path.data);
	if (on_loop && request->application->maps_path &&
	    program_notify(request, PIPELINE_STAGE_MAP_PATH) == PORTICO_ERROR)
		return PORTICO_DENIED;
	status =
		file_open_below(request->application->root_fd, path, fd_r, err);
	if (status == PORTICO_OK)
		descriptor_keep(*fd_r, path);
	return status;
}

struct portico_file *
kit_file_adopt(int fd)
{
	struct kit_file *made = mem_zalloc(sizeof(*made));

	made->file = file_adopt(fd);
	/* Ours, so that the record lives as long as the module's. */
	file_ref(made->file);
	made->refs = 1;
	made->fd = fd;
	list_init(&made->link);
	pthread_mutex_lock(&kit_now->mutex);
	LIST_FOREACH(struct kit_descriptor, link, one, &kit_now->descriptors)
		if (one->fd == fd)
			one->adopted = true;
	list_add_head(&kit_now->files, &made->link);
	pthread_mutex_unlock(&kit_now->mutex);
	return made->file;
}

/* The record of a file that is still there. */
static struct kit_file *
file_find(const struct portico_file *file, const char *name)
{
	struct kit_file *found = NULL;

	pthread_mutex_lock(&kit_now->mutex);
	LIST_FOREACH(struct kit_file, link, one, &kit_now->files)
		if (one->file == file && found == NULL)
			found = one;
	pthread_mutex_unlock(&kit_now->mutex);
	if (found == NULL)
		kit_fail("%s: the file was given back before, or never adopted",
			 name);
	return found;
}

void
kit_file_ref(struct portico_file *file)
{
	struct kit_file *found = file_find(file, "portico_file_ref");

	if (found == NULL)
		return;
	found->refs++;
	file_ref(file);
}

void
kit_file_unref(struct portico_file *file)
{
	struct kit_file *found;

	if (file == NULL)
		return;
	found = file_find(file, "portico_file_unref");
	if (found == NULL)
		return;
	file_unref(file);
	if (--found->refs > 0)
		return;
	found->file = NULL;
	file_unref(file);
}

int
kit_file_fd(const struct portico_file *file)
{
	return file_find(file, "portico_file_fd") == NULL ? -1 : file_fd(file);
}

enum portico_status
kit_file_send(struct portico_request *request, struct portico_file *file,
	      uint64_t offset, uint64_t length)
{
	enum portico_status failed;

	if (!guard_response(request, "portico_response_send_file") ||
	    file_find(file, "portico_response_send_file") == NULL)
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_IO, "portico_response_send_file",
		      PORTICO_ABORTED, &failed)) {
		request->response.cut = true;
		return failed;
	}
	return response_send_file(request, file, offset, length);
}
