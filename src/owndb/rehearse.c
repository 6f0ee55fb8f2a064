/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/rehearse.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "owndb/copy.h"

#define MIB (1u << 20)

struct watch {
	const struct owndb_migration_run *run;
	struct owndb_rehearsal *rehearsal;
};

static void note_timing(void *arg, const struct owndb_event *event)
{
	struct watch *w = arg;
	if (event->kind == OWNDB_FILE_DONE)
		w->rehearsal->timings[w->rehearsal->timing_count++] =
		    (struct owndb_timing){event->migration, event->duration_ms};
	if (w->run->on_event != NULL) w->run->on_event(w->run->arg, event);
}

/* Full, or without rows and why. */
static bool choose(const struct owndb *db, const struct owndb_rehearsal_spec *spec, struct owndb_rehearsal *r,
		   struct err *err)
{
	if (db->elsewhere != NULL) {
		r->is_schema_only = true;
		(void)snprintf(r->why_schema_only, sizeof r->why_schema_only, "the database is elsewhere");
		return true;
	}
	uint64_t size, has_free, most = spec->full_max_bytes, keep = spec->keep_free_bytes;
	if (most == 0) most = OWNDB_CLONE_FULL_MAX_BYTES;
	if (keep == 0) keep = OWNDB_CLONE_KEEP_FREE_BYTES;
	if (!owndb_size(db, &size, err) || !file_disk_free(spec->clones_dir, &has_free, err)) return false;
	if (has_free < OWNDB_CLONE_SCHEMA_BYTES)
		return err_set(err, ERR_UNAVAILABLE,
			       "the disk has %" PRIu64 " MiB left and rehearsing needs %llu MiB; free some space",
			       has_free / MIB, OWNDB_CLONE_SCHEMA_BYTES / MIB);
	/* The log of changes comes along, and the migrations write. */
	uint64_t need = size + size / 2 + OWNDB_CLONE_SCHEMA_BYTES;
	r->is_schema_only = size > most || has_free < keep || has_free - keep < need;
	if (size > most)
		(void)snprintf(r->why_schema_only, sizeof r->why_schema_only,
			       "the database has %" PRIu64 " MiB, and up to %" PRIu64 " MiB are copied for a rehearsal",
			       size / MIB, most / MIB);
	else if (r->is_schema_only)
		(void)snprintf(r->why_schema_only, sizeof r->why_schema_only,
			       "a copy needs %" PRIu64 " MiB beside a reserve of %" PRIu64
			       " MiB, and the disk has %" PRIu64 " MiB left",
			       need / MIB, keep / MIB, has_free / MIB);
	return true;
}

static bool rehearse_on(const struct owndb *db, const struct owndb_rehearsal_spec *spec, struct clone *c,
			struct owndb_rehearsal *r, struct owndb_failure *ret_failure, struct err *err)
{
	int64_t from_ms = clock_now_ms();
	if (db->elsewhere != NULL && !copy_elsewhere(db, c, spec->cache_dir, err)) {
		(void)snprintf(r->why_not, sizeof r->why_not, "%.290s", err->msg);
		return true;
	}
	if (db->elsewhere == NULL &&
	    !(r->is_schema_only ? copy_schema(db, c, spec->cache_dir, err) : copy_full(db, c, NULL, NULL, err)))
		return err_wrap(err, "make a copy of the database to rehearse on");
	r->clone_ms = clock_now_ms() - from_ms;
	struct watch w = {&spec->run, r};
	struct owndb_migration_run run = spec->run;
	run.on_event = note_timing;
	run.arg = &w;
	return (spec->on_cloned == NULL || spec->on_cloned(spec->arg, c, err)) &&
	       owndb_migrate(&c->db, &run, ret_failure, err) &&
	       (spec->on_migrated == NULL || spec->on_migrated(spec->arg, c, err));
}

bool owndb_rehearse(const struct owndb *db, const struct owndb_rehearsal_spec *spec, struct arena *arena,
		    struct owndb_rehearsal *ret_rehearsal, struct owndb_failure *ret_failure, struct err *err)
{
	struct owndb_rehearsal r = {.why_schema_only = ""};
	struct clone c;
	*ret_failure = (struct owndb_failure){.applied_count = 0};
	r.timings = arena_array(arena, spec->run.pending->pending_count + 1, sizeof *r.timings);
	if (r.timings == NULL) return err_set(err, ERR_LIMIT, "too many migrations");
	if (!choose(db, spec, &r, err) || !clone_open(&c, db, spec->clones_dir, err)) return false;
	bool ok = rehearse_on(db, spec, &c, &r, ret_failure, err);
	clone_close(&c);
	ret_failure->applied_count = 0;
	*ret_rehearsal = r;
	return ok;
}
