/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/fetched.h"

#include <stdio.h>
#include <string.h>

#include "app/archive.h"
#include "app/daemon.h"
#include "app/pause.h"
#include "app/pool.h"
#include "base/clock.h"
#include "codec/json.h"
#include "owndb/major.h"
#include "owndb/major_kept.h"
#include "owndb/pooler.h"
#include "run/record.h"

#define READY_MS 60000
#define NAMES 2

static const char *name_of(int i, char text[24])
{
	(void)snprintf(text, 24, "%d", MAJOR_FETCHED);
	return i == 0 ? text : MAJOR_PGBOUNCER;
}

static bool majors_of(const struct flow *f, char ret_path[FILE_PATH_SIZE])
{
	struct err ignored;
	return layout_home(&f->layout, "postgres", ret_path, &ignored) && file_is_dir(ret_path);
}

/* Who runs from it. */

struct using
{
	const char *majors, *name, *app; /* app NULL: all */
	int now;
	json_t *uses;
};

static void add_use(void *arg, const struct record *record)
{
	struct using *u = arg;
	struct str app, part;
	if (!str_cut(str_from(record->unit), '/', &app, &part) || !proc_is_alive(&record->id)) return;
	if (u->app != NULL && !str_eq(app, str_from(u->app))) return;
	int number = major_of_process(u->majors, u->name, record->id.pid);
	if (number == 0) return;
	json_array_append_new(u->uses, json_pack("{s:s%, s:s%, s:i, s:b}", "app", app.ptr, app.len, "part", part.ptr,
						 part.len, "number", number, "is_behind", number != u->now));
}

static json_t *uses_of(const struct flow *f, const char *majors, const char *name, int now, const char *app)
{
	struct using u = {majors, name, app, now, json_array()};
	record_each(f->db, add_use, &u);
	return u.uses;
}

json_t *fetched_json(const struct flow *f)
{
	char majors[FILE_PATH_SIZE], text[24];
	json_t *list = json_array();
	for (int i = 0; i < NAMES && majors_of(f, majors); i++) {
		const char *name = name_of(i, text);
		json_t *one = major_json(majors, name);
		if (one == NULL) continue;
		json_object_set_new(one, "uses", uses_of(f, majors, name, (int)json_int(one, "number", 0), NULL));
		json_array_append_new(list, one);
	}
	return json_pack("{s:o}", "fetched", list);
}

int64_t fetched_looked_at_ms(const struct flow *f)
{
	char majors[FILE_PATH_SIZE], text[24];
	int64_t oldest = -1;
	for (int i = 0; i < NAMES && majors_of(f, majors); i++) {
		json_t *one JSON_CLEANUP = major_json(majors, name_of(i, text));
		int64_t at = json_int(one, "looked_at_ms", 0);
		if (one != NULL && (oldest < 0 || at < oldest)) oldest = at;
	}
	return oldest;
}

static void warn_of_newer(const json_t *one, json_t *warnings)
{
	const json_t *newer = json_object_get(one, "newer"), *first = json_array_get(newer, 0);
	const char *name = json_str(one, "name", ""), *what = name[0] == 'p' ? "PgBouncer" : "PostgreSQL ";
	size_t i;
	json_t *package;
	if (first == NULL) return;
	char wanted[48];
	(void)snprintf(wanted, sizeof wanted, name[0] == 'p' ? "%s" : "postgresql-%s", name);
	json_array_foreach(newer, i, package) if (strcmp(json_str(package, "package", ""), wanted) == 0) first =
	    package;
	json_array_append_new(
	    warnings,
	    json_sprintf("There is a newer edition of the %s%s that was fetched (%s %s, here %s; %d package%s): "
			 "freehold postgres update",
			 what, name[0] == 'p' ? "" : name, json_str(first, "package", ""), json_str(first, "to", ""),
			 json_str(first, "from", "not noted"), (int)json_array_size(newer),
			 json_array_size(newer) == 1 ? "" : "s"));
}

void fetched_warnings(const struct flow *f, json_t *warnings)
{
	json_t *all JSON_CLEANUP = fetched_json(f), *one, *use;
	size_t i, k;
	json_array_foreach(json_object_get(all, "fetched"), i, one)
	{
		warn_of_newer(one, warnings);
		json_array_foreach(json_object_get(one, "uses"), k, use) if (json_bool(use, "is_behind", false))
		    json_array_append_new(warnings,
					  json_sprintf("%s of %s still runs an earlier edition than the one that "
						       "was fetched: freehold db %s renew",
						       json_str(use, "part", ""), json_str(use, "app", ""),
						       json_str(use, "app", "")));
	}
}

/* Looking, fetching, going back. */

static void on_step(void *arg, const char *text)
{
	job_note(arg, "%s", text);
}

bool fetched_pgbouncer_run(struct job_run *r, struct err *err)
{
	char program[FILE_PATH_SIZE];
	int version = 0;
	if (!job_begin_step(r, "fetch", err) || !major_install_pgbouncer(r->parts.majors_dir, on_step, r, err) ||
	    !pooler_find(r->parts.majors_dir, program, &version, err))
		return false;
	json_object_set_new(r->result, "version",
			    json_sprintf("%d.%d.%d", version / 10000, version / 100 % 100, version % 100));
	return true;
}

static bool each_name(struct job_run *r,
		      bool (*each)(struct job_run *r, const char *majors, const char *name, json_t *changed,
				   struct err *err),
		      struct err *err)
{
	char majors[FILE_PATH_SIZE], text[24];
	bool ok = true;
	json_t *changed = json_array();
	json_object_set_new(r->result, "changed", changed);
	for (int i = 0; ok && i < NAMES && majors_of(r->f, majors); i++) {
		const char *name = name_of(i, text);
		char dir[FILE_PATH_SIZE];
		if (!file_path(dir, err, "%s/%s", majors, name)) return false;
		if (!file_is_dir(dir)) continue;
		ok = each(r, majors, name, changed, err);
	}
	return ok;
}

static bool look(struct job_run *r, const char *majors, const char *name, json_t *changed, struct err *err)
{
	(void)changed;
	return major_look(majors, name, on_step, r, err);
}

bool fetched_look_run(struct job_run *r, struct err *err)
{
	return job_begin_step(r, "look", err) && each_name(r, look, err);
}

/* Looked at anew, so that what is fetched is what is said. */
static bool update(struct job_run *r, const char *majors, const char *name, json_t *changed, struct err *err)
{
	int number = 0;
	if (!major_look(majors, name, on_step, r, err)) return false;
	json_t *state JSON_CLEANUP = major_json(majors, name);
	if (json_array_size(json_object_get(state, "newer")) == 0) return true;
	if (!major_fetch_newer(majors, name, on_step, r, &number, err) || !major_switch(majors, name, number, err) ||
	    !major_prune(majors, name, err))
		return false;
	json_array_append_new(changed, json_string(name));
	return true;
}

static bool go_back(struct job_run *r, const char *majors, const char *name, json_t *changed, struct err *err)
{
	int now = 0, before = 0, newest = 0;
	(void)r;
	if (!major_numbers(majors, name, &now, &before, &newest, err)) return false;
	if (before == 0) return true;
	json_array_append_new(changed, json_string(name));
	return major_switch(majors, name, before, err);
}

bool fetched_change_run(struct job_run *r, struct err *err)
{
	bool is_back = strcmp(json_str(r->options, "do", ""), "back") == 0;
	if (!job_begin_step(r, is_back ? "back" : "fetch", err) || !each_name(r, is_back ? go_back : update, err))
		return false;
	if (!is_back || json_array_size(json_object_get(r->result, "changed")) > 0) return true;
	return err_set(err, ERR_NOT_FOUND, "there is no earlier edition to go back to: none was fetched, or only one");
}

/* An app changes over. */

static bool is_part_behind(const json_t *uses, const char *part)
{
	size_t i;
	json_t *use;
	json_array_foreach(uses, i, use) if (json_bool(use, "is_behind", false) &&
					     strcmp(json_str(use, "part", ""), part) == 0) return true;
	return false;
}

static json_t *all_uses(const struct job_run *r)
{
	char text[24];
	json_t *all = json_array();
	for (int i = 0; i < NAMES; i++) {
		int now = 0, newest = 0;
		struct err ignored;
		const char *name = name_of(i, text);
		if (!major_numbers(r->parts.majors_dir, name, &now, NULL, &newest, &ignored) || now == 0) continue;
		json_t *uses JSON_CLEANUP = uses_of(r->f, r->parts.majors_dir, name, now, r->job.app);
		(void)json_array_extend(all, uses);
	}
	return all;
}

static bool start_postgres(const struct job_run *r, struct err *err)
{
	return daemon_start_part(r->f, r->job.app, "postgres", err) &&
	       owndb_wait_ready(&r->parts.owndb, 0, READY_MS, err);
}

/* Nobody gets to keep a database that does not start. */
static bool start_former(struct job_run *r, struct err *err)
{
	struct err why = *err;
	int now = 0, before = 0, newest = 0;
	char name[24];
	(void)name_of(0, name);
	if (!major_numbers(r->parts.majors_dir, name, &now, &before, &newest, err) || before == 0) {
		*err = why;
		return false;
	}
	if (!daemon_stop_part(r->f, r->job.app, "postgres", err) ||
	    !major_switch(r->parts.majors_dir, name, before, err) || !start_postgres(r, err))
		return err_wrap(err, "%.200s; and the edition before did not start either", why.msg);
	*err = why;
	return err_wrap(err, "the newer edition did not start; the one before runs again, and is current");
}

static bool restart_part(struct job_run *r, const char *part, struct err *err)
{
	return daemon_stop_part(r->f, r->job.app, part, err) && daemon_start_part(r->f, r->job.app, part, err);
}

/* What is written beforehand need not be at the stop. */
static void checkpoint(const struct job_run *r)
{
	struct pg_conn *conn = NULL;
	struct err ignored;
	if (!owndb_connect(&r->parts.owndb, OWNDB_SUPERUSER, &conn, &ignored)) return;
	(void)pg_conn_exec(conn, "checkpoint", 0, NULL, NULL, NULL, &ignored);
	pg_conn_close(conn);
}

/* The pool keeps its clients waiting while PostgreSQL is away. Where it is another PgBouncer itself, it ends when
 * nobody is in a transaction, and its clients connect anew. */
static bool renew_postgres(struct job_run *r, bool is_pool_behind, struct err *err)
{
	checkpoint(r);
	int64_t began_ms = clock_now_ms();
	if (!daemon_stop_part(r->f, r->job.app, "postgres", err)) return false;
	pause_here("renew", "stopped");
	bool ok = !is_pool_behind || daemon_stop_part(r->f, r->job.app, POOL_PART, err);
	ok = ok && (start_postgres(r, err) || start_former(r, err));
	json_object_set_new(r->result, "away_ms", json_integer(clock_now_ms() - began_ms));
	struct err *pool_err = ok ? err : &(struct err){0}; /* one that failed before says more */
	return (!is_pool_behind || daemon_start_part(r->f, r->job.app, POOL_PART, pool_err)) && ok;
}

bool fetched_renew_run(struct job_run *r, struct err *err)
{
	json_t *uses JSON_CLEANUP = all_uses(r), *use, *parts = json_array();
	size_t i;
	char name[24];
	json_object_set_new(r->result, "parts", parts);
	json_array_foreach(uses, i, use) if (json_bool(use, "is_behind", false))
	    json_array_append(parts, json_object_get(use, "part"));
	if (!job_keep(r->f->db, r->job.id, r->result, err) || !job_begin_step(r, "renew", err)) return false;
	bool is_pool = is_part_behind(uses, POOL_PART);
	if (is_part_behind(uses, "postgres")) {
		if (!renew_postgres(r, is_pool, err)) return false;
	} else if (is_pool && !restart_part(r, POOL_PART, err)) {
		return false;
	}
	json_array_foreach(uses, i, use)
	{
		const char *part = json_str(use, "part", "");
		if (!json_bool(use, "is_behind", false) || strcmp(part, "postgres") == 0 ||
		    strcmp(part, POOL_PART) == 0)
			continue;
		if (!restart_part(r, part, err)) return false;
	}
	for (int k = 0; k < NAMES && file_is_dir(r->parts.majors_dir); k++)
		if (!major_prune(r->parts.majors_dir, name_of(k, name), err)) return false;
	return archive_prepare(r->f, &r->parts, err);
}

/* Whatever it had stopped runs again. */
bool fetched_renew_recover(struct job_run *r, bool *ret_is_done, struct err *err)
{
	json_t *kept JSON_CLEANUP = job_result(r->f->db, r->job.id), *uses JSON_CLEANUP = NULL;
	size_t i;
	if (strcmp(r->parts.app.state, "running") != 0) return true;
	for (i = 0; i < json_array_size(json_object_get(kept, "parts")); i++) {
		const char *part = json_string_value(json_array_get(json_object_get(kept, "parts"), i));
		bool is_postgres = strcmp(part, "postgres") == 0;
		if (is_postgres ? !start_postgres(r, err) : !daemon_start_part(r->f, r->job.app, part, err))
			return false;
	}
	uses = all_uses(r);
	*ret_is_done = !is_part_behind(uses, "postgres");
	return true;
}
