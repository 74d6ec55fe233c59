/* SPDX-License-Identifier: Apache-2.0
 *
 * Resolving and assuming identities.
 */
#include "core/activation/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/config/settings.h"

static enum portico_status
refuse(struct portico_error *err, const struct settings_place *place,
       const char *what, const char *name)
{
	error_set(err, PORTICO_CONFIG, "%s \"%s\" does not exist", what, name);
	if (place->file != NULL)
		error_place(err, place->file, place->line, place->column);
	return PORTICO_CONFIG;
}

/* Without a descriptor the accounts cannot be read, and nobody seems to exist.
 */
static enum portico_status
can_look_up(struct portico_error *err)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	if (fd < 0 && io_is_exhaustion(errno))
		return error_system(err, "looking up accounts");
	io_close(&fd);
	return PORTICO_OK;
}

/* An ordinary user can only stay what it is. */
static enum portico_status
check_own(const char *user, const char *group,
	  const struct settings_place *place, struct portico_error *err)
{
	const struct passwd *own = getpwuid(geteuid());
	const struct group *own_group;

	if (user != NULL && (own == NULL || strcmp(user, own->pw_name) != 0)) {
		error_set(err, PORTICO_CONFIG,
			  "user \"%s\" cannot be assumed: porticod runs as an "
			  "ordinary user (%s)",
			  user, own == NULL ? "?" : own->pw_name);
		goto placed;
	}
	own_group = getgrgid(getegid());
	if (group != NULL &&
	    (own_group == NULL || strcmp(group, own_group->gr_name) != 0)) {
		error_set(err, PORTICO_CONFIG,
			  "group \"%s\" cannot be assumed: porticod runs as an "
			  "ordinary user (group %s)",
			  group, own_group == NULL ? "?" : own_group->gr_name);
		goto placed;
	}
	return PORTICO_OK;
placed:
	error_hint(err, "Start porticod as root or leave it out.");
	if (place->file != NULL)
		error_place(err, place->file, place->line, place->column);
	return PORTICO_CONFIG;
}

/* Those that the pool names, instead of the user's. */
static enum portico_status
add_groups(const struct settings_pool *pool, struct identity *identity,
	   struct portico_error *err)
{
	for (size_t i = 0; i < pool->group_count; i++) {
		const struct group *entry = getgrnam(pool->groups[i]);

		if (entry == NULL)
			return refuse(err, &pool->identity_place, "group",
				      pool->groups[i]);
		if (identity->group_count == IDENTITY_GROUPS_MAX)
			break; /* the table allows fewer */
		identity->groups[identity->group_count++] = entry->gr_gid;
	}
	return PORTICO_OK;
}

/* Whether the number means anything here: in a user namespace few do. */
static bool
is_mapped(const char *map, uint32_t number)
{
	FILE *file = fopen(map, "re");
	unsigned long long inside, outside, count;
	bool found = file == NULL;

	while (!found &&
	       fscanf(file, "%llu %llu %llu", &inside, &outside, &count) == 3)
		found = number >= inside && number - inside < count;
	if (file != NULL)
		fclose(file);
	return found;
}

/* No account has it, so there is nothing to look up but groups. */
static enum portico_status
resolve_dynamic(const struct settings_pool *pool, struct identity *identity_r,
		struct portico_error *err)
{
	const struct settings_place *place = &pool->identity_place;

	if (geteuid() != 0)
		error_set(err, PORTICO_CONFIG,
			  "a dynamic identity cannot be assumed: porticod "
			  "runs as an ordinary user");
	else if (!is_mapped("/proc/self/uid_map", pool->dynamic_id) ||
		 !is_mapped("/proc/self/gid_map", pool->dynamic_id))
		error_set(err, PORTICO_CONFIG,
			  "the dynamic identity %u does not exist in this "
			  "user namespace: dynamicIdentities has to be a range "
			  "that does",
			  pool->dynamic_id);
	else {
		identity_r->change = true;
		identity_r->uid = pool->dynamic_id;
		identity_r->gid = pool->dynamic_id;
		return add_groups(pool, identity_r, err);
	}
	if (place->file != NULL)
		error_place(err, place->file, place->line, place->column);
	return PORTICO_CONFIG;
}

enum portico_status
identity_resolve(const struct settings *settings,
		 const struct settings_pool *pool, struct identity *identity_r,
		 struct portico_error *err)
{
	const char *user = settings->user, *group = settings->group;
	const struct settings_place *place = &settings->user_place;
	const struct passwd *account;
	enum portico_status status;

	*identity_r = (struct identity){ .change = false };
	if (pool != NULL && pool->dynamic_id != 0)
		return resolve_dynamic(pool, identity_r, err);
	status = can_look_up(err);
	if (status != PORTICO_OK)
		return status;
	if (pool != NULL && (pool->user != NULL || pool->group != NULL)) {
		/* A group alone changes the group, not the user. */
		group = pool->group;
		if (pool->user != NULL)
			user = pool->user;
		place = &pool->identity_place;
	}
	if (geteuid() != 0 && pool != NULL && pool->group_count > 0) {
		error_set(err, PORTICO_CONFIG,
			  "groups cannot be assumed: porticod runs as an "
			  "ordinary user");
		if (place->file != NULL)
			error_place(err, place->file, place->line,
				    place->column);
		return PORTICO_CONFIG;
	}
	if (geteuid() != 0)
		return check_own(user, group, place, err);
	if (user == NULL)
		user = IDENTITY_DEFAULT_USER;
	account = getpwnam(user);
	if (account == NULL)
		return refuse(err, place, "user", user);
	identity_r->change = true;
	identity_r->uid = account->pw_uid;
	identity_r->gid = account->pw_gid;
	if (group != NULL) {
		const struct group *entry = getgrnam(group);

		if (entry == NULL)
			return refuse(err, place, "group", group);
		identity_r->gid = entry->gr_gid;
	}
	if (pool != NULL && pool->group_count > 0)
		return add_groups(pool, identity_r, err);
	identity_r->group_count = IDENTITY_GROUPS_MAX;
	if (getgrouplist(user, identity_r->gid, identity_r->groups,
			 &identity_r->group_count) < 0)
		return error_set(err, PORTICO_CONFIG,
				 "user \"%s\" is in more than %d groups", user,
				 IDENTITY_GROUPS_MAX);
	return PORTICO_OK;
}

int
identity_assume(const struct identity *identity)
{
	if (!identity->change)
		return 0;
	if (setgroups((size_t)identity->group_count, identity->groups) != 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) != 0)
		return errno;
	return 0;
}
