/* SPDX-License-Identifier: Apache-2.0
 *
 * Making, renewing and removing a branch. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/database.h"
#include "app/pause.h"
#include "base/clock.h"
#include "codec/json.h"
#include "owndb/copy.h"
#include "owndb/prelude.h"
#include "owndb/tool.h"
#include "store/home.h"
#include "upkeep/branch.h"

#define SCHEMA_BYTES ((uint64_t)64 << 20) /* of a cluster without rows, its log of changes included */
#define MIB ((uint64_t)1 << 20)
#define DAY_MS ((int64_t)24 * 3600 * 1000)

struct task {
	struct job_run *r;
	struct branch branch;
	bool is_reset;
	char dir[FILE_PATH_SIZE]; /* branch-NAME */
	char making[FILE_PATH_SIZE], gone[FILE_PATH_SIZE];
	char part[BRANCH_NAME_MAX + sizeof BRANCH_PART];
	uint64_t bytes; /* about what is copied */
};

static bool open_task(struct job_run *r, struct task *t, struct err *err)
{
	const char *name = json_str(r->options, "name", "");
	*t = (struct task){.r = r, .is_reset = strcmp(json_str(r->options, "do", ""), "reset") == 0};
	(void)snprintf(t->part, sizeof t->part, BRANCH_PART "%s", name);
	return branch_name_check(name, err) && branch_path(r->f, r->job.app, name, "", t->dir, err) &&
	       file_path(t->making, err, "%s/postgres/making-%lld", r->parts.dir, (long long)r->job.id) &&
	       file_path(t->gone, err, "%s/postgres/gone-%lld", r->parts.dir, (long long)r->job.id);
}

/* How much the copy takes is known only about; what a sample refers to is not known at all. */
static bool check_room(struct task *t, struct err *err)
{
	uint64_t live = 0, room = 0;
	const struct parts *p = &t->r->parts;
	struct err why;
	if (!owndb_size(&p->owndb, &live, &why))
		return err_set(err, ERR_UNAVAILABLE,
			       "a branch is a copy of the running database, and that of %s does not answer (%.200s); "
			       "start it: freehold start %s",
			       p->app.name, why.msg, p->app.name);
	t->bytes = strcmp(t->branch.kind, "full") == 0 ? live : 0;
	if (strcmp(t->branch.kind, "sample") == 0 && !owndb_sample_bytes(&p->owndb, &t->branch.sample, &t->bytes, err))
		return false;
	uint64_t want = t->bytes + SCHEMA_BYTES;
	if (!file_disk_free(p->dir, &room, err)) return false;
	if (room >= want + BRANCH_ROOM_KEPT_BYTES) return true;
	return err_set(err, ERR_UNAVAILABLE,
		       "there is not enough room for this branch of %s: it takes about %" PRIu64 " MB, %" PRIu64
		       " MB are to stay free, and %" PRIu64
		       " MB are free; make room, or take less (--sample 5%%, --schema-only)",
		       p->app.name, want / MIB, BRANCH_ROOM_KEPT_BYTES / MIB, room / MIB);
}

static void on_progress(void *arg, double done)
{
	struct task *t = arg;
	events_progress(&t->r->events, done, t->bytes);
}

static bool fill_sample(struct task *t, struct clone *c, struct err *err)
{
	struct sample_result s = {0};
	json_t *result = t->r->result;
	if (!owndb_sample(&t->r->parts.owndb, &c->db, &t->branch.sample, on_progress, t, &s, err)) return false;
	json_object_set_new(result, "tables", json_integer(s.tables));
	json_object_set_new(result, "rows", json_integer(s.rows));
	json_object_set_new(result, "referred", json_integer(s.referred));
	if (s.orphans > 0)
		job_note(t->r, "%" PRId64 " references lead nowhere in the live database either.", s.orphans);
	return true;
}

static bool fill(struct task *t, struct clone *c, struct err *err)
{
	char cache[FILE_PATH_SIZE];
	const struct owndb *live = &t->r->parts.owndb;
	if (!file_mkdirs(t->making, 0700, err) || !tool_give(live, t->making, err) ||
	    !clone_open_at(c, live, t->making, err))
		return false;
	if (strcmp(t->branch.kind, "full") == 0) return copy_full(live, c, on_progress, t, err);
	return database_cache(t->r->f, cache, err) && copy_schema(live, c, cache, err) &&
	       (strcmp(t->branch.kind, "sample") != 0 || fill_sample(t, c, err)) &&
	       owndb_prelude(&c->db, NULL, err); /* its own rows; settings of the database came along */
}

/* Nobody serves it, so nothing would run or leave; but somebody may put a backend of his own in front of it. */
static bool quiet(struct clone *c, struct err *err)
{
	static const char sql[] =
	    "do $$begin"
	    " if to_regclass('freehold_jobs.state') is not null then update freehold_jobs.state set is_paused = true;"
	    " end if;"
	    " if to_regclass('net.http_request_queue') is not null then delete from net.http_request_queue; end if;"
	    " if to_regclass('freehold_jobs.request') is not null then delete from freehold_jobs.request; end if;"
	    " if to_regclass('freehold_auth.mails') is not null then"
	    " delete from freehold_auth.mails where state in ('waiting', 'sending'); end if;"
	    " end$$";
	struct pg_conn *conn = NULL;
	if (!owndb_connect(&c->db, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = pg_conn_exec(conn,
			       "select set_config('session_replication_role', 'replica', false),"
			       " set_config('default_transaction_read_only', 'off', false), "
			       "set_config('statement_timeout', '0', false)",
			       0, NULL, NULL, NULL, err) &&
		  pg_conn_exec(conn, sql, 0, NULL, NULL, NULL, err);
	pg_conn_close(conn);
	return ok || err_wrap(err, "hold back the branch's jobs and mails");
}

/* Whole, and on the disk, before it gets its name. */
static bool finish_copy(struct task *t, struct clone *c, struct err *err)
{
	struct branch *b = &t->branch;
	char path[FILE_PATH_SIZE];
	if (!clone_stop_clean(c, err) || !file_remove_tree(c->socket_dir, err) || !file_remove_tree(c->log_path, err))
		return false;
	static const char *const scripts[] = {"roles.sql", "schema.sql", "rows.sql"};
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		if (!file_path(path, err, "%s/%s", t->making, scripts[i]) || !file_remove_tree(path, err)) return false;
	b->made_at_ms = home_now_ms(t->r->f->db);
	b->expires_at_ms = b->days > 0 ? b->made_at_ms + b->days * DAY_MS : 0;
	b->job = t->r->job.id;
	return branch_write(t->making, b, err) && tool_sync(t->making, err);
}

static bool make(struct task *t, struct err *err)
{
	struct clone c = {.lock = -1};
	if (!job_begin_step(t->r, "room", err) || !check_room(t, err) || !job_begin_step(t->r, "copy", err))
		return false;
	bool ok = fill(t, &c, err) && job_begin_step(t->r, "quiet", err) && quiet(&c, err) && finish_copy(t, &c, err);
	clone_stop(&c);
	return ok;
}

/* One rename, or one exchange. */
static bool put(struct task *t, struct err *err)
{
	char parent[FILE_PATH_SIZE];
	if (!job_begin_step(t->r, "put", err) || !file_path(parent, err, "%s/postgres", t->r->parts.dir)) return false;
	if (t->is_reset && !daemon_stop_part(t->r->f, t->r->job.app, t->part, err)) return false;
	pause_here("put", "stopped");
	if (renameat2(AT_FDCWD, t->making, AT_FDCWD, t->dir, t->is_reset ? RENAME_EXCHANGE : RENAME_NOREPLACE) != 0)
		return err_set_errno(err, "name the branch %s", t->dir);
	pause_here("put", "renamed");
	return file_sync_dir(parent, err);
}

static bool start(struct task *t, struct err *err)
{
	return job_begin_step(t->r, "start", err) && daemon_start_part(t->r->f, t->r->job.app, t->part, err) &&
	       branch_await(t->r->f, &t->r->parts, t->branch.name, err);
}

static bool tell(struct task *t, struct err *err)
{
	json_t *whole JSON_CLEANUP = NULL;
	if (!branch_json(t->r->f, t->r->job.app, &t->branch, &whole, err)) return false;
	(void)json_object_update(t->r->result, whole);
	return true;
}

/* A branch that did not come to be goes; one that was to get a new state has its former one again. */
static void take_back(struct task *t)
{
	struct branch there;
	struct err err;
	const struct flow *f = t->r->f;
	const char *app = t->r->job.app;
	bool is_put = branch_read(t->dir, &there, &err) && there.job == t->r->job.id;
	bool ok = true;
	if (is_put) ok = daemon_stop_part(f, app, t->part, &err);
	if (is_put && t->is_reset)
		ok = ok && (renameat2(AT_FDCWD, t->making, AT_FDCWD, t->dir, RENAME_EXCHANGE) == 0 ||
			    err_set_errno(&err, "put back %s", t->dir));
	else if (is_put)
		ok = ok && file_remove_tree(t->dir, &err);
	if (ok && t->is_reset) ok = daemon_start_part(f, app, t->part, &err);
	if (!file_remove_tree(t->making, &err) || !ok) job_note(t->r, "%s", err.msg);
}

static bool run_make(struct task *t, struct err *err)
{
	int64_t began_ms = clock_now_ms();
	if (t->is_reset) {
		struct branch former;
		if (!branch_get(t->r->f, t->r->job.app, json_str(t->r->options, "name", ""), &former, err) ||
		    !branch_parse(t->r->options, &t->branch, err))
			return false;
	} else if (!branch_parse(t->r->options, &t->branch, err) ||
		   !branch_check_new(t->r->f, t->r->job.app, t->branch.name, err)) {
		return false;
	}
	if (!make(t, err) || !put(t, err) || !start(t, err)) {
		take_back(t);
		return false;
	}
	if (t->is_reset && !file_remove_tree(t->making, err)) return false;
	json_object_set_new(t->r->result, "ms", json_integer(clock_now_ms() - began_ms));
	return tell(t, err);
}

/* As often as it takes. */
static bool run_delete(struct task *t, struct err *err)
{
	uint64_t bytes = 0;
	char sockets[FILE_PATH_SIZE];
	if (!job_begin_step(t->r, "stop", err) || !daemon_stop_part(t->r->f, t->r->job.app, t->part, err) ||
	    !job_begin_step(t->r, "remove", err))
		return false;
	if (rename(t->dir, t->gone) != 0 && errno != ENOENT) return err_set_errno(err, "remove %s", t->dir);
	pause_here("remove", "renamed");
	if (file_is_dir(t->gone) && !file_tree_size(t->gone, &bytes, err)) return false;
	json_object_set_new(t->r->result, "bytes", json_integer((json_int_t)bytes));
	return layout_app_run(&t->r->f->layout, t->r->job.app, t->part, sockets, err) &&
	       file_remove_tree(t->gone, err) && file_remove_tree(sockets, err);
}

bool branch_run(struct job_run *r, struct err *err)
{
	struct task t;
	struct branch b;
	if (!open_task(r, &t, err)) return false;
	json_object_set_new(r->result, "name", json_string(json_str(r->options, "name", "")));
	if (strcmp(json_str(r->options, "do", ""), "delete") != 0) return run_make(&t, err);
	return branch_get(r->f, r->job.app, json_str(r->options, "name", ""), &b, err) && run_delete(&t, err);
}

bool branch_recover(struct job_run *r, bool *ret_is_done, struct err *err)
{
	struct task t;
	struct branch there;
	if (!open_task(r, &t, err)) return false;
	json_object_set_new(r->result, "name", json_string(json_str(r->options, "name", "")));
	if (strcmp(json_str(r->options, "do", ""), "delete") == 0) {
		*ret_is_done = true;
		return run_delete(&t, err);
	}
	bool is_there = file_is_dir(t.dir);
	if (is_there && !branch_read(t.dir, &there, err)) return false;
	*ret_is_done = is_there && there.job == r->job.id;
	/* Not yet put there, or what it took the place of. */
	if (!file_remove_tree(t.making, err)) return false;
	if (!is_there) return true;
	t.branch = there;
	return daemon_start_part(r->f, r->job.app, t.part, err) && (!*ret_is_done || tell(&t, err));
}
