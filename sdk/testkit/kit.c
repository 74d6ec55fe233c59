/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing a kit, and its failures.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/worker/file.h"
#include "core/worker/module_config.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/guard.h"

struct kit *kit_now;

/* ---- texts and lists ------------------------------------------------------------ */

void
kit_texts_add(struct kit_texts *texts, const char *text)
{
	pthread_mutex_lock(&kit_now->mutex);
	texts->items = mem_realloc(texts->items,
				   (texts->count + 1) * sizeof(*texts->items));
	texts->items[texts->count++] = mem_strdup(text);
	pthread_mutex_unlock(&kit_now->mutex);
}

void
kit_texts_free(struct kit_texts *texts)
{
	for (unsigned i = 0; i < texts->count; i++)
		mem_free(texts->items[i]);
	mem_free(texts->items);
	*texts = (struct kit_texts){ 0 };
}

static const char *
text_at(const struct kit_texts *texts, unsigned index)
{
	return index < texts->count ? texts->items[index] : NULL;
}

static char *
text_of(struct portico_slice slice)
{
	char *copy = mem_alloc(slice.length + 1);

	if (slice.length > 0)
		memcpy(copy, slice.data, slice.length);
	copy[slice.length] = '\0';
	return copy;
}

void
kit_field_add(struct kit_field **list, struct portico_slice name,
	      struct portico_slice value)
{
	struct kit_field *made = mem_zalloc(sizeof(*made));

	made->name = text_of(name);
	made->value = text_of(value);
	while (*list != NULL)
		list = &(*list)->next;
	*list = made;
}

const struct kit_field *
kit_field_find(const struct kit_field *list, const char *name)
{
	while (list != NULL &&
	       !slice_equal_nocase(slice_from(list->name), slice_from(name)))
		list = list->next;
	return list;
}

bool
kit_field_get(const struct kit_field *list, struct portico_slice name,
	      struct portico_slice *value_r)
{
	while (list != NULL &&
	       !slice_equal_nocase(slice_from(list->name), name))
		list = list->next;
	if (list != NULL)
		*value_r = slice_from(list->value);
	return list != NULL;
}

void
kit_fields_each(const struct kit_field *list, portico_field_fn *fn, void *arg)
{
	while (list != NULL &&
	       fn(arg, slice_from(list->name), slice_from(list->value)))
		list = list->next;
}

void
kit_fields_free(struct kit_field **list)
{
	while (*list != NULL) {
		struct kit_field *field = *list;

		*list = field->next;
		mem_free(field->name);
		mem_free(field->value);
		mem_free(field);
	}
}

struct kit_piece *
kit_piece_add(struct list *list, const void *data, size_t length)
{
	struct kit_piece *piece = mem_zalloc(sizeof(*piece));

	/* Without a byte to spare: reading behind it shows. */
	piece->data = mem_dup(data == NULL ? "" : data, length);
	piece->length = length;
	list_init(&piece->link);
	list_add_tail(list, &piece->link);
	return piece;
}

void
kit_piece_free(struct kit_piece *piece)
{
	if (piece == NULL)
		return;
	list_remove(&piece->link);
	file_unref(piece->file);
	mem_free(piece->data);
	mem_free(piece);
}

/* ---- failures ---------------------------------------------------------------------- */

void
kit_fail(const char *format, ...)
{
	struct kit *kit = kit_now;
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (kit == NULL || kit->options.on_failure == NULL) {
		fprintf(stderr, "portico test kit: %s\n", text);
		abort();
	}
	kit_texts_add(&kit->failures, text);
	kit->options.on_failure(kit->options.on_failure_arg, text);
}

unsigned
kit_failures(const struct kit *kit)
{
	CHECK(kit, KIT_MAGIC);
	return kit->failures.count;
}

const char *
kit_failure(const struct kit *kit, unsigned index)
{
	CHECK(kit, KIT_MAGIC);
	return text_at(&kit->failures, index);
}

const char *
kit_log(const struct kit *kit, unsigned index)
{
	CHECK(kit, KIT_MAGIC);
	return text_at(&kit->logs, index);
}

const char *
kit_trace(const struct kit *kit, unsigned index)
{
	CHECK(kit, KIT_MAGIC);
	return text_at(&kit->traces, index);
}

const char *
kit_raised(const struct kit *kit, unsigned index)
{
	CHECK(kit, KIT_MAGIC);
	return text_at(&kit->raised, index);
}

void
kit_on_raise(struct kit *kit, kit_subscriber_fn *fn, void *arg)
{
	CHECK(kit, KIT_MAGIC);
	kit->subscriber = fn;
	kit->subscriber_arg = arg;
}

/* ---- opening ------------------------------------------------------------------------ */

static enum portico_status
add_module(struct kit *kit, struct portico_error *err)
{
	const struct kit_options *options = &kit->options;
	const struct portico_module *module;

	if (options->entry == NULL && options->file == NULL)
		return error_set(err, PORTICO_INVALID,
				 "the test kit was given neither an entry "
				 "function nor a file");
	if (options->entry == NULL)
		return module_set_add(kit->worker->modules, NULL, options->file,
				      &kit->record, err);
	module = options->entry(&worker_host, NULL);
	if (module == NULL || module->name == NULL)
		return error_set(err, PORTICO_INVALID,
				 "the entry function returned no descriptor "
				 "with a name");
	return module_set_add_static(kit->worker->modules, module->name,
				     options->entry, &kit->record, err);
}

static const struct portico_module *
answer_entry(const struct portico_host *host, struct portico_self *self)
{
	(void)host;
	(void)self;
	return &kit_answer_module;
}

static enum portico_status
fill_settings(struct kit *kit, void **filled_r, struct portico_error *err)
{
	const char *text = kit->options.settings;
	const struct settings_section section = {
		.module = kit->record->name,
		.json = text,
		.json_length = text == NULL ? 0 : strlen(text),
		.place = { "settings", 1, 1 },
	};
	struct config_problems *problems =
		config_problems_new(kit->worker->arena);

	if (module_config_fill(
		    &kit->record->module, text == NULL ? NULL : &section,
		    kit->worker->arena, filled_r, problems) == PORTICO_OK)
		return PORTICO_OK;
	return config_problems_to_error(problems, err);
}

static enum portico_status
build(struct kit *kit, struct module_record *answer, const void *settings,
      struct portico_error *err)
{
	struct module_record *modules[] = { kit->record, answer };
	const void *configurations[] = { settings, NULL };
	struct settings_handler rules[] = {
		{ .path = "*", .module = kit->record->name },
		{ .path = "*", .module = answer->name },
	};
	bool has_handler = kit->record->handler_count > 0;
	const struct application_options options = {
		.id = 1,
		.path = kit->options.path,
		.root = kit->options.root,
		.site = kit->options.site,
		.modules = modules,
		.module_count = 2,
		.configurations = configurations,
		.rules = has_handler ? rules : rules + 1,
		.rule_count = has_handler ? 2 : 1,
	};
	struct config_problems *problems =
		config_problems_new(kit->worker->arena);
	enum portico_status status = application_new(
		kit->worker, &options, &kit->application, problems, err);

	if (status == PORTICO_OK)
		worker_add_application(kit->worker, kit->application);
	return status;
}

static enum portico_status
load(struct kit *kit, struct portico_error *err)
{
	struct module_record *answer = NULL;
	void *settings = NULL;
	enum portico_status status = add_module(kit, err);
	enum kit_place outer;

	if (status == PORTICO_OK)
		status = module_set_add_static(kit->worker->modules,
					       kit_answer_module.name,
					       answer_entry, &answer, err);
	if (status == PORTICO_OK)
		status = fill_settings(kit, &settings, err);
	if (status == PORTICO_OK)
		status = build(kit, answer, settings, err);
	/* What the module needs is not here, and need not be: it is alone. */
	if (status == PORTICO_OK && kit->record->module.needs == NULL)
		status = module_set_resolve(kit->worker->modules, err);
	if (status == PORTICO_OK && kit->record->module.needs != NULL) {
		kit->record->module.needs = NULL;
		status = module_set_resolve(kit->worker->modules, err);
	}
	if (status != PORTICO_OK)
		return status;
	kit->faults = kit->options.faults;
	outer = kit_enter(KIT_PLACE_MAIN);
	status = worker_start_modules(kit->worker, err);
	kit_leave(outer);
	kit->opened = true;
	return status;
}

/* As a worker ends: what runs on the main loop first, then the modules. */
static void
stop(struct kit *kit)
{
	enum kit_place outer;

	kit->faults = NULL;
	kit_resolve_stop();
	kit_background_stop();
	kit_process_stop();
	outer = kit_enter(KIT_PLACE_MAIN);
	worker_free(&kit->worker);
	kit_leave(outer);
}

static void
close_areas(void)
{
	kit_background_close();
	kit_cache_close();
	kit_change_close();
	kit_child_close();
	kit_client_close();
	kit_global_close();
	kit_process_close();
	kit_resolve_close();
	kit_shared_close();
}

static void
free_all(struct kit *kit)
{
	kit_timers_free(kit);
	guard_forget_all(kit);
	kit_texts_free(&kit->failures);
	kit_texts_free(&kit->logs);
	kit_texts_free(&kit->traces);
	kit_texts_free(&kit->raised);
	pthread_mutex_destroy(&kit->mutex);
	kit->magic = 0;
	kit_now = NULL;
	mem_free(kit);
}

static struct kit *
make(const struct kit_options *given, struct portico_error *err)
{
	struct kit *kit = mem_zalloc(sizeof(*kit));
	struct kit_options *options = &kit->options;

	*options = *given;
	if (options->path == NULL)
		options->path = "/";
	if (options->site == NULL)
		options->site = "test";
	if (options->pool == NULL)
		options->pool = "test";
	kit->magic = KIT_MAGIC;
	kit->loop = pthread_self();
	pthread_mutex_init(&kit->mutex, NULL);
	/* A clock that says 0 hides what was never set. */
	kit->now = UINT64_C(1000000000);
	list_init(&kit->requests);
	list_init(&kit->timers);
	list_init(&kit->watches);
	list_init(&kit->due);
	list_init(&kit->pumps);
	list_init(&kit->descriptors);
	list_init(&kit->files);
	kit->attachment.magic = ATTACHMENT_MAGIC;
	kit->attachment.window = UINT64_MAX / 2;
	kit_now = kit;
	kit_leave(KIT_PLACE_TEST); /* a test may have left by longjmp() */
	kit->worker = worker_new(options->pool, options->loops, 1, err);
	if (kit->worker == NULL)
		free_all(kit);
	else
		kit_global_open(kit);
	return kit_now;
}

struct kit *
kit_open(const struct kit_options *options, struct portico_error *err)
{
	struct portico_error unused;
	struct kit *kit;

	if (err == NULL)
		err = &unused;
	error_clear(err);
	if (kit_now != NULL)
		kit_fail("kit_open: another kit is open");
	kit_tokens_reset();
	kit = make(options, err);
	if (kit == NULL || load(kit, err) == PORTICO_OK)
		return kit;
	stop(kit);
	close_areas();
	free_all(kit);
	return NULL;
}

/* ---- closing ------------------------------------------------------------------------- */

static void
check_descriptors(struct kit *kit)
{
	LIST_FOREACH_SAFE(struct kit_descriptor, link, one, &kit->descriptors) {
		struct stat properties;

		if (!one->adopted && fstat(one->fd, &properties) == 0 &&
		    properties.st_dev == one->device &&
		    properties.st_ino == one->inode)
			kit_fail("the descriptor %d that portico_file_open "
				 "gave for \"%s\" was not closed",
				 one->fd, one->path);
		list_remove(&one->link);
		mem_free(one);
	}
	LIST_FOREACH_SAFE(struct kit_file, link, file, &kit->files) {
		if (file->file != NULL)
			kit_fail("the file of descriptor %d that "
				 "portico_file_adopt took was not given back "
				 "(portico_file_unref)",
				 file->fd);
		for (; file->file != NULL && file->refs > 0; file->refs--)
			file_unref(file->file);
		file_unref(file->file);
		list_remove(&file->link);
		mem_free(file);
	}
}

unsigned
kit_close(struct kit *kit)
{
	unsigned failures;

	CHECK(kit, KIT_MAGIC);
	kit->faults = NULL;
	kit_global_stop(kit);
	LIST_FOREACH(struct kit_request, link, request, &kit->requests)
		if (!request->freed)
			kit_free(request);
	stop(kit);
	LIST_FOREACH_SAFE(struct kit_request, link, request, &kit->requests)
		kit_request_release(request);
	check_descriptors(kit);
	close_areas();
	failures = kit->failures.count;
	free_all(kit);
	return failures;
}
