/* SPDX-License-Identifier: Apache-2.0
 *
 * See tls_store.h.
 *
 * What bindings ask of clients is found by a table of routes of its own, in
 * which each policy is a site: so the same binding is found that the request's
 * route comes from.
 */
#include "core/listener/tls_store.h"

#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/listener/routes.h"
#include "core/listener/snapshot.h"
#include "core/listener/tls_material.h"

#define TLS_STORE_MAGIC 0x75705731u

/* Of a DNS name, and a little for kind and port before it. */
#define NAME_BYTES_MAX 255
#define KEY_BYTES_MAX (NAME_BYTES_MAX + 16)

/* Kinds of keys, before the port. */
#define KEY_STRONG '+'
#define KEY_NAME 'n'
#define KEY_SUBDOMAIN '.'
#define KEY_ADDRESS 'a'
#define KEY_WEAK '*'
#define KEY_FIRST '1'

struct tls_store {
	unsigned magic;
	struct tls_material *material;
	struct arena *arena;
	struct hash_table *entries; /* by what they consist of */
	struct hash_table *names; /* by kind, port, name */
	bool subdomains; /* there are some */
	struct routes *policies; /* NULL: none is asked for anything */
	uint64_t *policy_numbers; /* by the number of an application there */
	size_t policy_count;
};

/* ---- building ------------------------------------------------------------------ */

static uint64_t
policy_number(const struct tls_entry *entry)
{
	uint64_t number;

	if (entry->authorities == NULL)
		return 0;
	memcpy(&number, entry->authorities->digest, sizeof(number));
	number = (number & ~UINT64_C(3)) | (uint64_t)entry->client_certificate;
	return number;
}

static struct tls_entry *
entry_new(struct tls_store *store, const struct settings_binding *binding,
	  const struct tls_certificate *certificate)
{
	const struct tls_authorities *authorities = NULL;
	struct tls_entry *entry;

	if (binding->client_certificate != SETTINGS_CLIENT_CERTIFICATE_NONE) {
		if (binding->client_authorities != NULL)
			authorities =
				hash_find_text(store->material->authorities,
					       binding->client_authorities);
		/* Whom to let in is not known: nobody. */
		if (authorities == NULL)
			return NULL;
	}
	entry = arena_zalloc(store->arena, sizeof(*entry));
	entry->certificate = certificate;
	entry->certificate_name =
		arena_strdup(store->arena, binding->certificate);
	entry->client_certificate = binding->client_certificate;
	entry->authorities = authorities;
	entry->policy = policy_number(entry);
	return entry;
}

static struct tls_entry *
get_entry(struct tls_store *store, const struct settings_binding *binding)
{
	const struct tls_certificate *certificate;
	struct tls_entry *entry;
	const char *key;

	if (binding->certificate == NULL)
		return NULL;
	certificate = tls_material_find(store->material, binding->certificate);
	if (certificate == NULL)
		return NULL;
	key = arena_printf(store->arena, "%d %s %s",
			   (int)binding->client_certificate,
			   binding->certificate,
			   binding->client_authorities != NULL ?
				   binding->client_authorities :
				   "");
	entry = hash_find_text(store->entries, key);
	if (entry != NULL)
		return entry;
	entry = entry_new(store, binding, certificate);
	if (entry != NULL)
		hash_add(store->entries, slice_from(key), entry);
	return entry;
}

/* The first binding that says it counts. */
static void
add_name(struct tls_store *store, char kind, uint16_t port, const char *name,
	 struct tls_entry *entry)
{
	const char *key =
		arena_printf(store->arena, "%c%u %s", kind, port, name);

	(void)hash_add(store->names, slice_from(key), entry);
}

static void
add_binding(struct tls_store *store, const struct settings_binding *binding)
{
	static const char kinds[] = {
		[SETTINGS_HOST_STRONG] = KEY_STRONG,
		[SETTINGS_HOST_NAME] = KEY_NAME,
		[SETTINGS_HOST_SUBDOMAIN] = KEY_SUBDOMAIN,
		[SETTINGS_HOST_ADDRESS] = KEY_ADDRESS,
		[SETTINGS_HOST_WEAK] = KEY_WEAK,
	};
	struct tls_entry *entry = get_entry(store, binding);

	if (entry == NULL)
		return;
	add_name(store, kinds[binding->host_kind], binding->port, binding->host,
		 entry);
	add_name(store, KEY_FIRST, binding->port, "", entry);
	if (binding->host_kind == SETTINGS_HOST_SUBDOMAIN)
		store->subdomains = true;
}

/* ---- policies ------------------------------------------------------------------ */

/* The pseudo site of a policy. */
static struct route_site *
policy_site(struct tls_store *store, uint64_t policy,
	    struct route_site ***sites_p)
{
	struct route_site **sites = *sites_p;
	size_t i;

	for (i = 0; i < store->policy_count; i++)
		if (store->policy_numbers[i] == policy)
			return sites[i];
	*sites_p = sites = mem_realloc(sites, (i + 1) * sizeof(*sites));
	store->policy_numbers =
		mem_realloc(store->policy_numbers,
			    (i + 1) * sizeof(*store->policy_numbers));
	store->policy_numbers[i] = policy;
	sites[i] = routes_add_site(store->policies, (uint32_t)i, "policy", 0);
	(void)routes_add_application(store->policies, sites[i], (uint32_t)i,
				     "/", 0);
	store->policy_count++;
	return sites[i];
}

/* What cannot be asked for can be given by nobody. */
static uint64_t
binding_policy(struct tls_store *store, const struct settings_binding *binding)
{
	const struct tls_entry *entry = get_entry(store, binding);

	if (entry != NULL)
		return entry->policy;
	return binding->client_certificate == SETTINGS_CLIENT_CERTIFICATE_NONE ?
		       0 :
		       UINT64_MAX;
}

static bool
asks_anybody(const struct settings *settings)
{
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->binding_count; k++)
			if (site->bindings[k].client_certificate !=
			    SETTINGS_CLIENT_CERTIFICATE_NONE)
				return true;
	}
	return false;
}

/* All bindings, also those that ask for nothing: one of them may take what
 * would else be another's. */
static void
add_policies(struct tls_store *store, const struct settings *settings)
{
	struct route_site **sites = NULL;

	if (!asks_anybody(settings))
		return;
	store->policies = routes_new();
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->binding_count; k++) {
			const struct settings_binding *binding =
				&site->bindings[k];

			if (!binding->tls)
				continue;
			(void)routes_add_binding(
				store->policies, true, binding->port,
				snapshot_host_kind(binding->host_kind),
				binding->host, binding->path,
				policy_site(store,
					    binding_policy(store, binding),
					    &sites));
		}
	}
	mem_free(sites);
}

struct tls_store *
tls_store_new(const struct settings *settings, struct tls_material *material)
{
	struct tls_store *store = mem_zalloc(sizeof(*store));

	store->magic = TLS_STORE_MAGIC;
	store->material = tls_material_ref(material);
	store->arena = arena_new("certificates by name", 0);
	store->entries = hash_new("certificate entries", 0);
	store->names = hash_new("certificates by name", 0);
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->binding_count; k++)
			if (site->bindings[k].tls)
				add_binding(store, &site->bindings[k]);
	}
	add_policies(store, settings);
	return store;
}

void
tls_store_free(struct tls_store **store_p)
{
	struct tls_store *store = *store_p;

	*store_p = NULL;
	if (store == NULL)
		return;
	CHECK(store, TLS_STORE_MAGIC);
	hash_free(store->entries);
	hash_free(store->names);
	if (store->policies != NULL)
		routes_free(store->policies);
	mem_free(store->policy_numbers);
	arena_free(store->arena);
	tls_material_unref(&store->material);
	store->magic = 0;
	mem_free(store);
}

/* ---- finding ------------------------------------------------------------------- */

static const struct tls_entry *
find(const struct tls_store *store, char kind, uint16_t port,
     struct portico_slice name)
{
	char key[KEY_BYTES_MAX];
	int length;

	if (name.length > NAME_BYTES_MAX)
		return NULL;
	length = snprintf(key, sizeof(key), "%c%u %.*s", kind, port,
			  SLICE_ARGS(name));
	return hash_find(store->names, slice_make(key, (size_t)length));
}

static const struct tls_entry *
find_subdomain(const struct tls_store *store, uint16_t port,
	       struct portico_slice name)
{
	const struct tls_entry *entry = NULL;
	ptrdiff_t dot;

	while (entry == NULL && (dot = slice_find_char(name, '.')) >= 0) {
		name = slice_skip(name, (size_t)dot + 1);
		entry = find(store, KEY_SUBDOMAIN, port, name);
	}
	return entry;
}

const struct tls_entry *
tls_store_find(const struct tls_store *store, const struct tls_target *target)
{
	const struct portico_slice none = PORTICO_SLICE("");
	const struct tls_entry *entry =
		find(store, KEY_STRONG, target->port, none);

	CHECK(store, TLS_STORE_MAGIC);
	if (entry == NULL && target->host.length > 0)
		entry = find(store, KEY_NAME, target->port, target->host);
	if (entry == NULL && store->subdomains)
		entry = find_subdomain(store, target->port, target->host);
	if (entry == NULL)
		entry = find(store, KEY_ADDRESS, target->port, target->address);
	if (entry == NULL)
		entry = find(store, KEY_WEAK, target->port, none);
	if (entry == NULL)
		entry = find(store, KEY_FIRST, target->port, none);
	return entry;
}

uint64_t
tls_store_policy(const struct tls_store *store, const struct tls_target *target,
		 struct portico_slice path)
{
	const struct route_application *found;

	CHECK(store, TLS_STORE_MAGIC);
	if (store->policies == NULL)
		return 0;
	found = routes_find(store->policies, true, target->port,
			    target->address, target->host, path);
	return found == NULL ? 0 : store->policy_numbers[found->id];
}

struct tls_material *
tls_store_material(const struct tls_store *store)
{
	CHECK(store, TLS_STORE_MAGIC);
	return store->material;
}

bool
tls_store_has_policies(const struct tls_store *store)
{
	CHECK(store, TLS_STORE_MAGIC);
	return store->policies != NULL;
}
