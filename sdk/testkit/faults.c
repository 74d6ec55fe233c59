/* SPDX-License-Identifier: Apache-2.0
 *
 * Failures that a test asks for.
 */
#include "sdk/testkit/kit_priv.h"

/* A test that never comes to an end without a failure goes round for ever. */
#define FAULTS_MAX 100000u

bool
kit_faults_next(struct kit_faults *faults)
{
	if (faults->n > 0 && !faults->hit)
		return false;
	if (faults->n == FAULTS_MAX) {
		kit_fail("kit_faults_next: %u runs, and each met a failure",
			 FAULTS_MAX);
		return false;
	}
	faults->n++;
	faults->calls = 0;
	faults->hit = false;
	faults->where = NULL;
	return true;
}

void
kit_set_faults(struct kit *kit, struct kit_faults *faults)
{
	CHECK(kit, KIT_MAGIC);
	kit->faults = faults;
}

bool
kit_fault(enum kit_fault_kind kind, const char *name, enum portico_status usual,
	  enum portico_status *status_r)
{
	struct kit_faults *faults = kit_now->faults;
	bool fails;

	if (faults == NULL || (faults->kinds & (unsigned)kind) == 0)
		return false;
	/* Files are opened on other threads, too. */
	pthread_mutex_lock(&kit_now->mutex);
	fails = ++faults->calls == faults->n;
	if (fails) {
		faults->hit = true;
		faults->where = name;
	}
	pthread_mutex_unlock(&kit_now->mutex);
	if (fails && status_r != NULL)
		*status_r = faults->status != 0 ? faults->status : usual;
	return fails;
}
