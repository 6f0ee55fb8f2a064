/* SPDX-License-Identifier: Apache-2.0
 *
 * Going back to a moment. First into a copy, a cluster of its own that never archives, runs nothing and has no network
 * once it is where it should be; then, when that is wanted, the app is switched over to it: one exchange of two
 * folders. The former cluster is kept aside until the owner says otherwise, so that a restore can itself be undone.
 *
 *     apps/<app>/postgres/copy-<job>/    data/, run/, log, archive -> ../archive: a copy to be looked at
 *     apps/<app>/postgres/aside-<job>/   what was live before job <job> switched over
 *
 * Which of the two folders is live is told by a note in the cluster itself (freehold_restored), so a switch that was
 * cut off is known for what it is. Jobs:
 *
 *     inspect  room ▶ fetch ▶ recover ▶ compare          and waits, its copy running read-only (part "copy")
 *     restore  the same, or from a copy that waits ▶ stop ▶ swap ▶ start
 *     undo     stop ▶ swap ▶ start
 *     forget   removes copies and what is aside
 *     bring    rows of one table from a copy that waits into the live database */
#ifndef FREEHOLD_UPKEEP_RESTORE_H
#define FREEHOLD_UPKEEP_RESTORE_H

#include "owndb/clone.h"
#include "upkeep/job.h"

bool restore_inspect_run(struct job_run *r, struct err *err);
bool restore_run(struct job_run *r, struct err *err);
bool restore_undo_run(struct job_run *r, struct err *err);
bool restore_forget_run(struct job_run *r, struct err *err);
bool restore_bring_run(struct job_run *r, struct err *err);
bool restore_recover(struct job_run *r, bool *ret_is_done, struct err *err);
bool restore_inspect_recover(struct job_run *r, bool *ret_is_done, struct err *err);

/* What of restores is there: {"copy": JOB or null, "aside": [{"job", "bytes", "at"}]}. */
bool restore_json(const struct flow *f, const char *app, json_t **ret_json, struct err *err);

/* The newest copy that waits to be looked at, 0: none. */
bool restore_waiting_copy(const struct flow *f, const char *app, int64_t *ret_job, struct err *err);

/* What the copies of an app write, one after the other. */
bool restore_copy_log(const struct parts *p, char ret_path[FILE_PATH_SIZE], struct err *err);

/* What the supervisor runs to let a copy be looked at: read-only, no network, nobody but the owner. */
bool restore_copy_unit(const struct flow *f, const struct parts *p, int64_t job, struct arena *arena,
		       struct unit_spec *ret_spec, struct err *err);
#define RESTORE_COPY_PART "copy"

/* Below, for drills and for a server that was lost: */

/* Where a backup is chosen from and to what moment. */
struct restore_source {
	int64_t place;
	char label[64];
	int64_t timeline;
	int64_t at_ms; /* 0: the newest */
	int64_t forked_ms; /* at which moment of that history the copy leaves it */
	char point[64]; /* or "" */
	bool is_end_of_backup;
	uint64_t bytes;
};

/* options: {"to": ISO time | "now", "point": NAME, "backup": ID, "release": N (the data it had), "place": N}; all of
 * them absent: the newest. */
bool restore_choose(const struct flow *f, const struct parts *p, const json_t *options,
		    struct restore_source *ret_source, struct err *err);

/* Opens copy folder `dir` (made when it is missing) and fetches and recovers into it; the copy does not run afterwards.
 */
bool restore_into(struct job_run *r, const struct restore_source *source, const char *dir, bool only_this_place,
		  struct clone *ret_copy, struct err *err);

#endif
