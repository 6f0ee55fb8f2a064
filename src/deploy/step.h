/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside a deployment: what the steps share, and the steps. Each is run once, in order; what it undoes must also work
 * when it was cut off in its middle, or never began, or was undone before. */
#ifndef FREEHOLD_DEPLOY_STEP_H
#define FREEHOLD_DEPLOY_STEP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/events.h"
#include "app/flow.h"
#include "app/parts.h"
#include "base/arena.h"
#include "base/err.h"
#include "build/job.h"
#include "codec/migration.h"
#include "intake/child.h"
#include "store/deployment.h"

#define STEP_DETAIL_SIZE 400

/* What the export's schema tool did to a clone, to be done to the live database: a folder with one migration in it. */
struct schema_push {
	char dir[FILE_PATH_SIZE];
	struct migration_plan plan; /* none: nothing is to be changed */
};

struct deploy {
	struct flow *f;
	struct arena *arena;
	struct events events;
	struct parts parts;
	int64_t number;
	struct deployment_info info;
	json_t *options; /* {"git": …, "accept": […], "network": bool} */
	char work_dir[FILE_PATH_SIZE];
	char source_dir[FILE_PATH_SIZE];
	char upload[FILE_PATH_SIZE];
	char build_dir[FILE_PATH_SIZE];
	json_t *inspection; /* set by inspect */
	json_t *signin; /* set by inspect: what of sign-in the export decides, as adaptations */
	json_t *report; /* grows; docs/api.md REPORT */
	json_t *release; /* grows; release.json */
	struct build_job job;
	struct migration_plan plan;
	struct schema_push push; /* set by rehearse */
	json_t *tables; /* while the migrations run on the clone: what it had before (owndb/taken.h) */
	json_t *taken; /* what they take away (losses.h) */
	int64_t live_before; /* what visitors got when it began, 0: nothing */
	char state_before[16]; /* of the app: new, running, stopped */
	bool is_first; /* nothing of the app was ever live */
	bool has_committed; /* a migration of this deployment has committed: there is no undo for it */
	char detail[STEP_DETAIL_SIZE]; /* of the running step, for its row */
	bool is_skipped; /* set by a step that had nothing to do */
};

struct step {
	const char *name;
	bool (*run)(struct deploy *d, struct err *err);
	bool (*undo)(struct deploy *d, struct err *err); /* NULL: nothing to undo */
};

/* Sets the running step's detail. */
void step_detail(struct deploy *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Keeps the report as it is now in the journal, for whoever finds the deployment cut off. */
bool step_save_report(struct deploy *d, struct err *err);

/* Marks the running step as skipped, and why. Returns true. */
bool step_skip(struct deploy *d, const char *why);

/* Something the owner should read, in the events and in the report. */
void step_note(struct deploy *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* How the steps call the reader of what came from outside. */
struct intake_child step_intake_child(const struct deploy *d);

bool step_receive(struct deploy *d, struct err *err);
bool step_receive_undo(struct deploy *d, struct err *err);
bool step_unpack(struct deploy *d, struct err *err);
bool step_inspect(struct deploy *d, struct err *err);

bool step_install(struct deploy *d, struct err *err);
bool step_check(struct deploy *d, struct err *err);
bool step_build(struct deploy *d, struct err *err);
bool step_package(struct deploy *d, struct err *err);
bool step_package_undo(struct deploy *d, struct err *err);

bool step_rehearse(struct deploy *d, struct err *err);
bool step_rehearse_undo(struct deploy *d, struct err *err);
bool step_restore_point(struct deploy *d, struct err *err);
bool step_migrate(struct deploy *d, struct err *err);

/* Asks the database which of the migrations that the report calls pending have committed, and puts that into the
 * report. For a step or a deployment that was cut off: the database knows, nobody else does. */
bool step_settle_migrations(struct deploy *d, struct err *err);

bool step_start(struct deploy *d, struct err *err);
bool step_start_undo(struct deploy *d, struct err *err);
bool step_verify(struct deploy *d, struct err *err);
bool step_promote(struct deploy *d, struct err *err);
bool step_promote_undo(struct deploy *d, struct err *err);
bool step_watch(struct deploy *d, struct err *err);

#endif
