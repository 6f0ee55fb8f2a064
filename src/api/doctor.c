/* SPDX-License-Identifier: Apache-2.0
 *
 * What this machine gives, and what is weaker for it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/routes.h"
#include "codec/json.h"
#include "edge/port.h"
#include "move/following.h"
#include "os/limits.h"
#include "os/proc.h"
#include "os/sandbox.h"
#include "owndb/owndb.h"
#include "owndb/pooler.h"
#include "store/backup.h"
#include "upkeep/disks.h"
#include "upkeep/fetched.h"

static void check(json_t *checks, const char *name, const char *state, const char *what, const char *next)
{
	json_array_append_new(
	    checks, json_pack("{s:s, s:s, s:s, s:s?}", "name", name, "state", state, "what", what, "next", next));
}

static void check_users(struct daemon *d, json_t *checks)
{
	if (d->flow.is_root)
		check(checks, "users", "ok",
		      "each app has system users of its own: an app that is broken into cannot read another one", NULL);
	else
		check(checks, "users", "weak",
		      "everything runs as one user: an app's code could read another app's data",
		      "run freeholdd as root on a server that others can reach");
}

static void check_sandbox(struct daemon *d, json_t *checks)
{
	struct err err;
	struct user edge = {0};
	bool ok = !d->flow.is_root || user_ensure(FLOW_EDGE_USER, &edge, &err);
	if (ok && sandbox_probe(d->flow.is_root, edge.uid, edge.gid, &err))
		check(checks, "sandbox", "ok",
		      "builds run in a sandbox (bubblewrap): they see their own files and nothing else of this machine",
		      NULL);
	else
		check(checks, "sandbox", "bad", err.msg,
		      "install bubblewrap and allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)");
}

static void check_programs(json_t *checks)
{
	static const struct {
		const char *path, *name, *package;
	} programs[] = {{"/usr/sbin/nginx", "nginx", "nginx-light"},
			{"/usr/bin/git", "git", "git"},
			{"/usr/bin/bwrap", "bubblewrap", "bubblewrap"},
			{"/usr/bin/pgbackrest", "pgbackrest", "pgbackrest"},
			{"/usr/bin/restic", "restic", "restic"}};
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		char next[128];
		(void)snprintf(next, sizeof next, "apt-get install %s", programs[i].package);
		bool is_there = access(programs[i].path, X_OK) == 0;
		check(checks, programs[i].name, is_there ? "ok" : "bad",
		      is_there ? programs[i].path : "is not installed", is_there ? NULL : next);
	}
}

static void check_postgres(json_t *checks)
{
	struct err err;
	char bin_dir[256], what[320];
	int major = 0;
	bool ok = owndb_find_postgres(bin_dir, sizeof bin_dir, &major, &err);
	if (ok) (void)snprintf(what, sizeof what, "PostgreSQL %d (%s)", major, bin_dir);
	check(checks, "postgres", ok ? "ok" : "bad", ok ? what : err.msg, ok ? NULL : "apt-get install postgresql");
}

static void check_pgbouncer(struct daemon *d, json_t *checks)
{
	struct err err;
	char majors[FILE_PATH_SIZE], program[FILE_PATH_SIZE], what[512];
	int version = 0;
	bool ok =
	    layout_home(&d->flow.layout, "postgres", majors, &err) && pooler_find(majors, program, &version, &err);
	if (ok)
		(void)snprintf(
		    what, sizeof what, "PgBouncer %d.%d (%.300s)%s", version / 10000, version / 100 % 100, program,
		    version < POOLER_PREPARES ? ": session pooling; 1.21 and later can do transaction pooling" : "");
	check(checks, "pgbouncer", ok ? "ok" : "weak", ok ? what : err.msg,
	      !ok                         ? "apt-get install pgbouncer"
	      : version < POOLER_PREPARES ? "freehold db APP pool --fetch"
					  : NULL);
}

static void check_fetched(struct daemon *d, json_t *checks)
{
	json_t *said JSON_CLEANUP = json_array(), *line;
	size_t i;
	if (fetched_looked_at_ms(&d->flow) < 0) return;
	fetched_warnings(&d->flow, said);
	json_array_foreach(said, i, line) check(checks, "fetched", "weak", json_string_value(line), NULL);
	if (json_array_size(said) == 0)
		check(checks, "fetched", "ok",
		      "what Freehold fetched is the newest that it knows of (freehold postgres)", NULL);
}

static void check_disks(struct daemon *d, json_t *checks)
{
	struct err err;
	json_t *disks JSON_CLEANUP = NULL, *disk;
	size_t i;
	if (!disks_look(&d->flow, &disks, &err)) check(checks, "disk", "bad", err.msg, NULL);
	json_array_foreach(disks, i, disk)
	{
		const char *state = json_bool(disk, "is_low", false) ? "weak" : "ok";
		if (json_object_get(disk, "free_bytes") == NULL) state = "bad";
		check(checks, "disk", state, json_str(disk, "what", ""), json_str(disk, "next", NULL));
	}
}

static void check_edge(struct daemon *d, json_t *checks)
{
	struct err err;
	char what[FILE_PATH_SIZE + 300];
	const struct edge *e = &d->flow.edge;
	json_t *edge JSON_CLEANUP = supervisor_json(d->supervisor, "edge", "edge");
	if (!edge_check_ports(e, &err)) {
		check(checks, "edge", "bad", err.msg, NULL);
	} else if (strcmp(json_str(edge, "state", ""), "running") == 0) {
		(void)snprintf(what, sizeof what, "nginx listens on %s:%u and, by https, on %u", e->address, e->port,
			       e->tls_port);
		check(checks, "edge", "ok", what, NULL);
	} else {
		(void)snprintf(what, sizeof what, "nginx does not run (%.200s); its log is %s/logs/edge.log",
			       json_str(edge, "reason", "it is being started"), d->flow.layout.home);
		check(checks, "edge", "bad", what, NULL);
	}
}

static void check_places(struct daemon *d, json_t *checks)
{
	struct err err;
	struct backup_places places;
	bool has_elsewhere = false;
	if (!backup_places_get(d->flow.db, d->flow.seal, &places, &err)) {
		check(checks, "backups", "bad", err.msg, NULL);
		return;
	}
	for (int i = 0; i < places.count; i++) has_elsewhere |= places.list[i].is_elsewhere;
	backup_places_done(&places);
	if (has_elsewhere)
		check(checks, "backups", "ok",
		      "backups go to a place that outlives this server; status says whether they "
		      "are proved",
		      NULL);
	else
		check(checks, "backups", "weak", "all backups are lost with this server",
		      "add a place elsewhere: freehold backup add s3://BUCKET");
}

struct looking {
	struct daemon *d;
	json_t *checks;
};

/* What a move left at a server of somebody else's, or would leave there if this one were lost. */
static bool check_following(void *arg, const struct app *app, struct err *err)
{
	json_t *state JSON_CLEANUP = NULL;
	char what[900], next[200];
	(void)err;
	struct err ignored;
	const struct looking *f = arg;
	if (!following_read(&f->d->flow, app->name, &state, &ignored) || following_is(state, "ended")) return true;
	const char *name = json_str(state, "name", ""), *trouble = json_str(state, "trouble", "");
	bool is_leaving = following_is(state, "leaving");
	(void)snprintf(what, sizeof what, "%s: the slot %s at %.200s makes that server keep its log%s%s%.400s",
		       app->name, name, json_str(state, "source", ""), is_leaving ? ", and is to be removed" : "",
		       trouble[0] != '\0' ? ": " : "", trouble);
	(void)snprintf(next, sizeof next,
		       is_leaving ? "by hand, there: select pg_drop_replication_slot('%s')"
				  : "freehold move %s --finish or --back",
		       is_leaving ? name : app->name);
	bool is_fine = trouble[0] == '\0' && !is_leaving;
	check(f->checks, "move", is_fine ? "ok" : "bad", what, is_fine ? NULL : next);
	return true;
}

/* Of apps that should run: the machine may be well and they not. */
static bool check_app(void *arg, const struct app *app, struct err *err)
{
	const struct looking *f = arg;
	(void)err;
	json_t *whole JSON_CLEANUP = app->state[0] == 'r' ? app_json(f->d, app) : NULL;
	const json_t *list = json_object_get(whole, "processes");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *process = json_array_get(list, i);
		const char *part = json_str(process, "name", "");
		char what[400], next[160];
		if (strcmp(json_str(process, "state", ""), "failing") != 0) continue;
		(void)snprintf(what, sizeof what, "%s of %s does not stay up (%.200s)", part, app->name,
			       json_str(process, "reason", ""));
		(void)snprintf(next, sizeof next, "freehold logs %s %s%s says why", app->name,
			       strcmp(part, "functions") == 0 ? "--" : "--source ", part);
		check(f->checks, "app", "bad", what, next);
	}
	return true;
}

static void check_apps(struct daemon *d, json_t *checks)
{
	struct err err;
	struct looking f = {d, checks};
	if (!app_each(d->flow.db, check_app, &f, &err)) check(checks, "app", "bad", err.msg, NULL);
}

static void check_moves(struct daemon *d, json_t *checks)
{
	struct err err;
	struct looking f = {d, checks};
	if (!app_each(d->flow.db, check_following, &f, &err)) check(checks, "move", "bad", err.msg, NULL);
}

void route_doctor(struct route_call *c)
{
	json_t *checks = json_array();
	check_users(c->d, checks);
	check_sandbox(c->d, checks);
	check_programs(checks);
	check_postgres(checks);
	check_pgbouncer(c->d, checks);
	check_fetched(c->d, checks);
	check_edge(c->d, checks);
	check_disks(c->d, checks);
	check_places(c->d, checks);
	check_moves(c->d, checks);
	check_apps(c->d, checks);
	reply_json(c->req, 200, json_pack("{s:o}", "checks", checks));
}
