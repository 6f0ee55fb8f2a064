/* SPDX-License-Identifier: Apache-2.0
 *
 * Branches: copies of an app's live database, each a cluster of its own, for experiments.
 *
 *     apps/<app>/postgres/branch-<name>/    data/, branch.json: whole, whenever it has this name
 *     apps/<app>/postgres/making-<job>/     what is being made, or what a new state took the place of
 *     apps/<app>/postgres/gone-<job>/       what is being removed
 *     <run>/<app>/branch.<name>/            its socket, for the owner alone
 *
 * A branch archives nothing, has no network (not even loopback), and no backend serves it, so its jobs do not run and
 * nothing leaves it; what waited to leave is taken out of it, and its jobs are paused, for whoever puts a backend in
 * front of it. It is a part of its app ("branch.<name>"): it starts, stops and is destroyed with it. It writes down
 * what it is told as the live one does, since somebody's work may be in it.
 *
 * One job ("branch") does one thing to one branch of an app at a time; options: {"do", "name", …}:
 *
 *     create   room ▶ copy ▶ quiet ▶ put ▶ start
 *     reset    the same; put is one exchange of two folders, and the former one is removed after
 *     delete   stop ▶ remove
 *
 * branch.json says which job put it there, so recovery knows on which side of the rename a kill came; a deletion that
 * was cut off is carried on with. */
#ifndef FREEHOLD_UPKEEP_BRANCH_H
#define FREEHOLD_UPKEEP_BRANCH_H

#include "owndb/sample.h"
#include "upkeep/job.h"

#define BRANCH_NAME_MAX 20
#define BRANCHES_MAX 10 /* of an app at a time: each is a PostgreSQL that runs */
#define BRANCH_DAYS_DEFAULT 30
#define BRANCH_DAYS_MAX 3650
#define BRANCH_SAMPLE_ROWS_MAX 1000000 /* of each table */
#define BRANCH_PART "branch."
#define BRANCH_ROOM_KEPT_BYTES ((uint64_t)1 << 30)

struct branch {
	char name[BRANCH_NAME_MAX + 1];
	char kind[8]; /* "full", "schema" or "sample" */
	struct sample_rule sample;
	int64_t days; /* 0: until it is deleted */
	int64_t made_at_ms, expires_at_ms; /* the home's clock; expires 0: never */
	int64_t job;
};

/* As an app's name, but shorter. */
bool branch_name_check(const char *name, struct err *err);

/* {"name", "kind": "full" (also when absent), "schema" or "sample", "sample": "5%", "0.5%" or "1000", "days": N}: what
 * an owner may ask for. ERR_INVALID says what is wrong with it. */
bool branch_parse(const json_t *options, struct branch *ret_branch, struct err *err);

/* Those that are there, by name. */
bool branch_list(const struct flow *f, const char *app, struct branch ret_list[BRANCHES_MAX], int *ret_count,
		 struct err *err);
bool branch_get(const struct flow *f, const char *app, const char *name, struct branch *ret_branch, struct err *err);

/* How many bytes its files take; counted so far as nobody has to wait for it. */
uint64_t branch_bytes(const struct flow *f, const char *app, const char *name);

/* One as docs/api.md shows it, without its state. The caller owns it. */
bool branch_json(const struct flow *f, const char *app, const struct branch *b, json_t **ret_json, struct err *err);

/* ERR_CONFLICT or ERR_LIMIT when it cannot be made now: its name is taken, there are as many as there may be. */
bool branch_check_new(const struct flow *f, const char *app, const char *name, struct err *err);

bool branch_run(struct job_run *r, struct err *err);
bool branch_recover(struct job_run *r, bool *ret_is_done, struct err *err);

/* What the supervisor runs. */
bool branch_unit(const struct flow *f, const struct parts *p, const char *name, struct arena *arena,
		 struct unit_spec *ret_spec, struct err *err);

/* Waits until it answers queries: its socket is there a moment earlier. */
bool branch_await(const struct flow *f, const struct parts *p, const char *name, struct err *err);

/* Below, for branch_job.c: the text of branch.json, and paths. */
bool branch_path(const struct flow *f, const char *app, const char *name, const char *rest,
		 char ret_path[FILE_PATH_SIZE], struct err *err);
bool branch_write(const char *dir, const struct branch *b, struct err *err);
bool branch_read(const char *dir, struct branch *ret_branch, struct err *err);

#endif
