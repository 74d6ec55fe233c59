/* SPDX-License-Identifier: Apache-2.0
 *
 * See certificates.h.
 *
 * Files are looked at by stat() now and then, which sees what inotify does not:
 * links that point elsewhere, directories that are replaced.  Certificate and
 * key are two files, so one that has changed is read when it has not changed
 * again for one interval.
 */
#include "core/activation/certificates.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#include "core/activation/events.h"
#include "core/activation/limits.h"
#include "core/activation/listeners.h"
#include "core/activation/manager.h"
#include "core/activation/pem.h"
#include "core/activation/staples.h"
#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/io.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/config/config.h"
#include "core/config/settings.h"

#define CERTIFICATES_MAGIC 0xce971f1cu

/* Name, cipher key and HMAC key of session tickets; the first of the keys
 * encrypts, all decrypt. */
#define TICKET_KEY_BYTES 80
#define TICKET_KEYS 3

/* All that a porticod before us had. */
#define BEFORE_BYTES_MAX (512u << 20)

struct file_state {
	char *path;
	struct timespec changed; /* all 0: it is not there */
	uint64_t inode, size;
};

/* A certificate by its name, or authorities by their path. */
struct entry {
	struct list link;
	char *name;
	bool authorities;
	bool stale; /* a file is no longer the one that was read */
	bool stapling;
	char *responder; /* of the settings, or NULL */
	json_t *value; /* PEM text; NULL: it could never be read */
	size_t count;
	struct file_state files[];
};

struct certificates {
	unsigned magic;
	unsigned handles; /* of libuv, still open */
	struct manager *manager;
	struct list entries;
	size_t file_count;
	bool wanted;
	bool changed; /* something has, at the last look */
	uv_timer_t watch, rotation;
	struct staples *staples;
	uv_timer_t renewal; /* hands over what responders have said */
	uint64_t renewed_ns; /* when that was done last */
	unsigned key_count;
	unsigned char keys[TICKET_KEYS][TICKET_KEY_BYTES];
};

/* ---- files --------------------------------------------------------------- */

/* Whether it is another than when it was looked at last. */
static bool
look_at(struct file_state *file)
{
	struct file_state now = { .path = file->path };
	struct stat info;
	bool same;

	if (stat(file->path, &info) == 0) {
		now.changed = info.st_mtim;
		now.inode = info.st_ino;
		now.size = (uint64_t)info.st_size;
	}
	same = now.inode == file->inode && now.size == file->size &&
	       now.changed.tv_sec == file->changed.tv_sec &&
	       now.changed.tv_nsec == file->changed.tv_nsec;
	*file = now;
	return !same;
}

static bool
same_files(const struct entry *a, const struct entry *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct file_state *x = &a->files[i], *y = &b->files[i];

		if (strcmp(x->path, y->path) != 0 || x->inode != y->inode ||
		    x->size != y->size ||
		    x->changed.tv_sec != y->changed.tv_sec ||
		    x->changed.tv_nsec != y->changed.tv_nsec)
			return false;
	}
	return true;
}

/* ---- entries ------------------------------------------------------------- */

static struct entry *
entry_new(const char *name, bool authorities, size_t count)
{
	struct entry *entry =
		mem_zalloc(sizeof *entry + count * sizeof entry->files[0]);

	list_init(&entry->link);
	entry->name = mem_strdup(name);
	entry->authorities = authorities;
	entry->count = count;
	return entry;
}

static void
entry_set_file(struct entry *entry, size_t index, const char *path)
{
	entry->files[index].path = mem_strdup(path);
	(void)look_at(&entry->files[index]);
}

static void
entry_free(struct entry *entry)
{
	list_remove(&entry->link);
	for (size_t i = 0; i < entry->count; i++)
		mem_free(entry->files[i].path);
	json_decref(entry->value);
	mem_free(entry->responder);
	mem_free(entry->name);
	mem_free(entry);
}

static void
entries_free(struct list *entries)
{
	while (!list_empty(entries))
		entry_free(LIST_FIRST(struct entry, link, entries));
}

static struct entry *
certificate_entry(const struct settings_certificate *certificate)
{
	struct entry *entry = entry_new(certificate->name, false,
					2 * certificate->file_count);

	entry->stapling = certificate->ocsp_stapling;
	if (certificate->ocsp_responder != NULL)
		entry->responder = mem_strdup(certificate->ocsp_responder);
	for (size_t i = 0; i < certificate->file_count; i++) {
		entry_set_file(entry, 2 * i, certificate->files[i].certificate);
		entry_set_file(entry, 2 * i + 1, certificate->files[i].key);
	}
	return entry;
}

static struct entry *
authorities_entry(const char *path)
{
	struct entry *entry = entry_new(path, true, 1);

	entry_set_file(entry, 0, path);
	return entry;
}

/* ---- reading ------------------------------------------------------------- */

/* Called for each entry that settings want, in no useful order; `certificate`
 * is NULL for authorities. */
typedef void wanted_fn(struct entry *entry,
		       const struct settings_certificate *certificate,
		       const struct settings_binding *binding, void *arg);

static void
for_each_authorities(const struct settings *settings, wanted_fn *on_wanted,
		     void *arg)
{
	struct hash_table *seen = hash_new("authorities", 0);

	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->binding_count; k++) {
			const struct settings_binding *binding =
				&site->bindings[k];
			const char *path = binding->client_authorities;

			if (path != NULL && hash_add(seen, slice_from(path),
						     seen) == PORTICO_OK)
				on_wanted(authorities_entry(path), NULL,
					  binding, arg);
		}
	}
	hash_free(seen);
}

static void
for_each_wanted(const struct settings *settings, wanted_fn *on_wanted,
		void *arg)
{
	for (size_t i = 0; i < settings->certificate_count; i++)
		on_wanted(certificate_entry(&settings->certificates[i]),
			  &settings->certificates[i], NULL, arg);
	for_each_authorities(settings, on_wanted, arg);
}

static json_t *
read_value(const struct entry *entry,
	   const struct settings_certificate *certificate,
	   const struct settings_binding *binding, struct portico_error *err)
{
	json_t *value;

	if (certificate != NULL)
		return pem_read_certificate(certificate, err);
	value = pem_read_authorities(entry->name, err);
	if (value == NULL) {
		error_prefix(err, "clientCertificateAuthorities");
		error_place(err, binding->place.file, binding->place.line,
			    binding->place.column);
	}
	return value;
}

struct loading {
	struct certificates *certificates;
	struct list entries; /* new */
	struct hash_table *old; /* of struct entry by name, of both kinds */
	size_t file_count;
	unsigned read; /* anew, with success */
	struct portico_error err; /* the first one that nothing stands in for */
};

/* Names and paths do not collide: a path begins with '/', a name cannot. */
static void
load_one(struct entry *entry, const struct settings_certificate *certificate,
	 const struct settings_binding *binding, void *arg)
{
	struct loading *loading = arg;
	const struct entry *old =
		hash_find(loading->old, slice_from(entry->name));
	struct portico_error err;

	list_add_tail(&loading->entries, &entry->link);
	loading->file_count += entry->count;
	if (old != NULL && !old->stale && same_files(old, entry)) {
		entry->value = json_incref(old->value);
		return;
	}
	entry->value = read_value(entry, certificate, binding, &err);
	if (entry->value != NULL) {
		loading->read++;
	} else if (old != NULL && old->value != NULL) {
		entry->value = json_incref(old->value);
		error_hint(&err, "What was read before stays in use.");
		log_write_error(LOG_LEVEL_ERROR, EVENT_CERTIFICATE_REFUSED,
				NULL, &err);
	} else if (loading->err.status == PORTICO_OK) {
		loading->err = err;
	}
}

static void
want_staples(struct certificates *certificates)
{
	staples_begin(certificates->staples);
	LIST_FOREACH(struct entry, link, entry, &certificates->entries)
		if (entry->stapling && entry->value != NULL)
			staples_want(certificates->staples, entry->name,
				     entry->value, entry->responder);
		else
			staples_unwant(entry->value);
	staples_end(certificates->staples);
}

/* Whether something is served that was not before; err: what is missing. */
static bool
load(struct certificates *certificates, struct portico_error *err)
{
	struct loading loading = { .certificates = certificates };

	list_init(&loading.entries);
	error_clear(&loading.err);
	loading.old = hash_new("certificates", 0);
	LIST_FOREACH(struct entry, link, entry, &certificates->entries)
		(void)hash_add(loading.old, slice_from(entry->name), entry);
	for_each_wanted(certificates->manager->settings, load_one, &loading);
	hash_free(loading.old);
	entries_free(&certificates->entries);
	list_move_all(&certificates->entries, &loading.entries);
	certificates->file_count = loading.file_count;
	certificates->changed = false;
	want_staples(certificates);
	*err = loading.err;
	return loading.read > 0;
}

static void
check_one(struct entry *entry, const struct settings_certificate *certificate,
	  const struct settings_binding *binding, void *arg)
{
	struct config_problems *problems = arg;
	struct portico_error err;

	entry->value = read_value(entry, certificate, binding, &err);
	if (entry->value == NULL)
		config_problem_at(problems, err.file, err.line, err.column,
				  "%s", err.message);
	entry_free(entry);
}

void
certificates_check(const struct settings *settings,
		   struct config_problems *problems)
{
	for_each_wanted(settings, check_one, problems);
}

/* ---- handing over -------------------------------------------------------- */

static json_t *
keys_to_json(const struct certificates *certificates)
{
	json_t *keys = json_array();

	for (unsigned i = 0; i < certificates->key_count; i++) {
		char text[2 * TICKET_KEY_BYTES + 1];

		for (size_t k = 0; k < TICKET_KEY_BYTES; k++)
			snprintf(text + 2 * k, 3, "%02x",
				 certificates->keys[i][k]);
		json_array_append_new(keys, json_string(text));
		OPENSSL_cleanse(text, sizeof text);
	}
	return keys;
}

int
certificates_to_memfd(const struct certificates *certificates,
		      struct portico_error *err)
{
	json_t *pairs = json_object(), *authorities = json_object(), *all;
	size_t length;
	char *text;
	int fd = -1;

	CHECK(certificates, CERTIFICATES_MAGIC);
	LIST_FOREACH(struct entry, link, entry, &certificates->entries)
		if (entry->value != NULL)
			json_object_set(entry->authorities ? authorities :
							     pairs,
					entry->name, entry->value);
	all = json_pack("{s:o, s:o, s:o}", "certificates", pairs, "authorities",
			authorities, "tickets", keys_to_json(certificates));
	length = json_dumpb(all, NULL, 0, JSON_COMPACT);
	text = length == 0 ? NULL : mem_try_alloc(length);
	if (text != NULL) {
		json_dumpb(all, text, length, JSON_COMPACT);
		fd = io_memfd_from("portico-secrets", text, length, err);
		OPENSSL_cleanse(text, length);
		mem_free(text);
	} else {
		fd = (int)error_set(err, PORTICO_NO_MEMORY,
				    "handing on certificates: out of memory");
	}
	json_decref(all);
	return fd;
}

static void
entry_to_json(const struct certificates *certificates,
	      const struct entry *entry, json_t *all)
{
	json_t *pairs = pem_describe(entry->value);
	size_t index;
	json_t *pair;

	json_array_foreach(pairs, index, pair)
	{
		const json_t *source = json_array_get(entry->value, index);
		json_t *staple = entry->stapling ?
					 staples_describe(certificates->staples,
							  source,
							  entry->responder) :
					 json_string("off");

		json_object_set_new(pair, "certificate",
				    json_string(entry->name));
		json_object_set_new(pair, "file",
				    json_string(entry->files[2 * index].path));
		json_object_set_new(pair, "ocsp", staple);
		json_array_append(all, pair);
	}
	json_decref(pairs);
}

json_t *
certificates_to_json(const struct certificates *certificates)
{
	json_t *all = json_array();

	CHECK(certificates, CERTIFICATES_MAGIC);
	LIST_FOREACH(struct entry, link, entry, &certificates->entries)
		if (!entry->authorities)
			entry_to_json(certificates, entry, all);
	return all;
}

/* Listeners get everything anew, settings included: they serve by both. */
static void
hand_over(struct certificates *certificates)
{
	struct manager *manager = certificates->manager;
	struct portico_error err;
	int memory;

	if (manager->phase != MANAGER_RUNNING)
		return;
	memory = settings_to_memfd(manager->settings, SETTINGS_FOR_LISTENER,
				   NULL, &err);
	if (memory < 0) {
		log_write_error(LOG_LEVEL_WARNING, EVENT_CERTIFICATE_WAITS,
				NULL, &err);
		return;
	}
	listeners_configure(&manager->listeners, memory);
	io_close(&memory);
}

static void
on_renewal(uv_timer_t *timer)
{
	struct certificates *certificates = timer->data;

	CHECK(certificates, CERTIFICATES_MAGIC);
	certificates->renewed_ns = clock_monotonic_ns();
	hand_over(certificates);
}

/* Of many answers several go together. */
static void
on_staples(void *arg)
{
	struct certificates *certificates = arg;
	uint64_t since = (clock_monotonic_ns() - certificates->renewed_ns) /
			 CLOCK_NS_PER_MS;

	CHECK(certificates, CERTIFICATES_MAGIC);
	if (uv_is_active((uv_handle_t *)&certificates->renewal))
		return;
	uv_timer_start(&certificates->renewal, on_renewal,
		       since < RENEWAL_MS_LEAST ? RENEWAL_MS_LEAST - since :
						  RENEWAL_MS_FIRST,
		       0);
}

/* ---- tickets ------------------------------------------------------------- */

static void
add_key(struct certificates *certificates)
{
	memmove(certificates->keys[1], certificates->keys[0],
		(TICKET_KEYS - 1) * sizeof certificates->keys[0]);
	ASSERT(RAND_bytes(certificates->keys[0], TICKET_KEY_BYTES) == 1);
	if (certificates->key_count < TICKET_KEYS)
		certificates->key_count++;
}

static void
on_rotation(uv_timer_t *timer)
{
	struct certificates *certificates = timer->data;

	CHECK(certificates, CERTIFICATES_MAGIC);
	add_key(certificates);
	hand_over(certificates);
}

/* ---- watching ------------------------------------------------------------ */

static void on_watch(uv_timer_t *timer);

/* Some microseconds for each file: a thousandth of a processor for many. */
static void
watch_again(struct certificates *certificates)
{
	uint64_t interval = certificates->file_count * WATCH_MS_PER_FILE;

	uv_timer_start(&certificates->watch, on_watch,
		       interval > WATCH_MS_LEAST ? interval : WATCH_MS_LEAST,
		       0);
}

static void
on_watch(uv_timer_t *timer)
{
	struct certificates *certificates = timer->data;
	struct portico_error err;
	bool changed = false, before = certificates->changed;

	CHECK(certificates, CERTIFICATES_MAGIC);
	LIST_FOREACH(struct entry, link, entry, &certificates->entries) {
		bool entry_changed = false;

		for (size_t i = 0; i < entry->count; i++)
			entry_changed |= look_at(&entry->files[i]);
		if (entry_changed)
			entry->stale = true;
		changed |= entry_changed;
	}
	certificates->changed = changed;
	if (before && !changed && load(certificates, &err)) {
		log_info(NULL, "certificates have changed");
		hand_over(certificates);
	}
	watch_again(certificates);
}

/* ---- life ---------------------------------------------------------------- */

static void
start(struct certificates *certificates)
{
	uint64_t rotation =
		certificates->manager->settings->listener.ticket_key_rotation /
		CLOCK_NS_PER_MS;

	if (certificates->key_count == 0)
		add_key(certificates);
	certificates->wanted = true;
	uv_timer_start(&certificates->rotation, on_rotation, rotation,
		       rotation);
	watch_again(certificates);
}

/* ---- of a porticod before us ---------------------------------------------- */

static void
take_key(struct certificates *certificates, const char *text)
{
	unsigned char *key = certificates->keys[certificates->key_count];

	if (certificates->key_count == TICKET_KEYS || text == NULL ||
	    strlen(text) != (size_t)2 * TICKET_KEY_BYTES)
		return;
	for (size_t i = 0; i < TICKET_KEY_BYTES; i++) {
		char digits[3] = { text[2 * i], text[2 * i + 1], '\0' };

		key[i] = (unsigned char)strtoul(digits, NULL, 16);
	}
	certificates->key_count++;
}

static void
take_entries(struct certificates *certificates, json_t *from, bool authorities)
{
	const char *name;
	json_t *value;

	json_object_foreach(from, name, value)
	{
		struct entry *entry = entry_new(name, authorities, 0);

		entry->value = json_incref(value);
		list_add_tail(&certificates->entries, &entry->link);
	}
}

static void
take_before(struct certificates *certificates, int before)
{
	struct buffer text;
	json_t *all = NULL, *key;
	size_t i;

	buffer_init(&text, BEFORE_BYTES_MAX);
	if (io_memfd_read(before, BEFORE_BYTES_MAX, &text, NULL) == PORTICO_OK)
		all = json_loadb(text.data, text.length, 0, NULL);
	if (text.length > 0)
		OPENSSL_cleanse(text.data, text.length);
	buffer_fini(&text);
	take_entries(certificates, json_object_get(all, "certificates"), false);
	take_entries(certificates, json_object_get(all, "authorities"), true);
	json_array_foreach(json_object_get(all, "tickets"), i, key)
		take_key(certificates, json_string_value(key));
	json_decref(all);
}

uint64_t
certificates_stamp(const struct certificates *certificates)
{
	uint64_t stamp =
		hash_bytes(certificates->keys, sizeof certificates->keys);

	CHECK(certificates, CERTIFICATES_MAGIC);
	LIST_FOREACH(struct entry, link, entry, &certificates->entries)
		stamp = stamp * 31 + (uint64_t)(uintptr_t)entry->value;
	return stamp;
}

enum portico_status
certificates_open(struct manager *manager, int before,
		  struct certificates **certificates_r,
		  struct portico_error *err)
{
	struct certificates *certificates = mem_zalloc(sizeof *certificates);

	*certificates_r = certificates;
	certificates->magic = CERTIFICATES_MAGIC;
	certificates->manager = manager;
	list_init(&certificates->entries);
	uv_timer_init(&manager->loop, &certificates->watch);
	uv_timer_init(&manager->loop, &certificates->rotation);
	uv_timer_init(&manager->loop, &certificates->renewal);
	certificates->handles = 3;
	certificates->watch.data = certificates->rotation.data =
		certificates->renewal.data = certificates;
	certificates->staples = staples_open(manager, on_staples, certificates);
	if (before >= 0)
		take_before(certificates, before);
	(void)load(certificates, err);
	if (certificates->file_count > 0)
		start(certificates);
	return err->status;
}

void
certificates_apply(struct certificates *certificates)
{
	struct portico_error err;

	CHECK(certificates, CERTIFICATES_MAGIC);
	(void)load(certificates, &err);
	if (err.status != PORTICO_OK)
		log_write_error(LOG_LEVEL_ERROR, EVENT_CERTIFICATE_REFUSED,
				NULL, &err);
	if (certificates->file_count > 0)
		start(certificates);
}

bool
certificates_wanted(const struct certificates *certificates)
{
	CHECK(certificates, CERTIFICATES_MAGIC);
	return certificates->wanted;
}

static void
on_closed(uv_handle_t *handle)
{
	struct certificates *certificates = handle->data;

	CHECK(certificates, CERTIFICATES_MAGIC);
	if (--certificates->handles > 0)
		return;
	entries_free(&certificates->entries);
	OPENSSL_cleanse(certificates->keys, sizeof certificates->keys);
	certificates->magic = 0;
	mem_free(certificates);
}

void
certificates_free(struct certificates **certificates_p)
{
	struct certificates *certificates = *certificates_p;

	*certificates_p = NULL;
	if (certificates == NULL)
		return;
	CHECK(certificates, CERTIFICATES_MAGIC);
	staples_free(&certificates->staples);
	uv_close((uv_handle_t *)&certificates->watch, on_closed);
	uv_close((uv_handle_t *)&certificates->renewal, on_closed);
	uv_close((uv_handle_t *)&certificates->rotation, on_closed);
}
