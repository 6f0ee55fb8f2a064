/* SPDX-License-Identifier: Apache-2.0
 *
 * A custom dump: what is in it, what of it comes along, and in which order it goes in. */
#include "owndb/import_archive.h"

#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "owndb/restore_error.h"
#include "owndb/sqltext.h"
#include "owndb/tool.h"
#include "owndb/vault_rows.h"

#define LIST_MAX_BYTES (64u << 20)
#define SAID_MAX_BYTES (8u << 20)
#define SQL_MAX_BYTES (16u << 20)
#define LEFT_SHOWN 200

struct output {
	struct buf out, said;
	size_t told; /* how much of said was looked at */
	const struct import *im;
	int64_t tables;
};

static void keep(void *arg, int stream, struct str bytes)
{
	struct output *o = arg;
	buf_str(stream == 1 ? &o->out : &o->said, bytes);
}

/* Each table is told when its rows go in. One line comes in pieces: pg_restore writes its name, a blank and what it
 * says by themselves. */
static void keep_and_tell(void *arg, int stream, struct str bytes)
{
	struct output *o = arg;
	struct str line, rest, what;
	keep(arg, stream, bytes);
	if (stream != 2) return;
	rest = str_sub(buf_view(&o->said), o->told, o->said.len);
	while (str_cut(rest, '\n', &line, &rest)) {
		ptrdiff_t at = str_find(line, STR("processing data for table "));
		what = str_trim(str_sub(line, (size_t)at + 26, line.len));
		if (at >= 0) import_say(o->im, "rows of %.*s", STR_FMT(str_sub(what, 0, 300)));
	}
	o->told = o->said.len - rest.len;
}

/* pg_restore itself; how it ended does not matter, what it says does. */
static bool pg_restore(struct import *im, const char *const *args, struct output *o,
		       void (*on_output)(void *arg, int stream, struct str bytes), int *ret_status, struct err *err)
{
	const char *argv[32] = {"pg_restore"};
	struct proc_result result;
	size_t n = 1;
	for (; args[n - 1] != NULL && n < 31; n++) argv[n] = args[n - 1];
	buf_init(&o->out, LIST_MAX_BYTES);
	buf_init(&o->said, SAID_MAX_BYTES);
	o->told = 0;
	o->im = im;
	if (!tool_stream(&im->clone.db, argv, NULL, on_output, o, &result, err)) return false;
	*ret_status = result.exit_status;
	return true;
}

static void output_done(struct output *o)
{
	buf_done(&o->out);
	buf_done(&o->said);
}

/* Which entries go where, as pg_restore wants to be told: lines of its own list. */
struct lists {
	struct buf app, managed, extensions, compared, vault;
	json_t *owners, *left;
	size_t tables;
	bool has_host_rows;
};

static void note_left(struct lists *l, const struct toc_entry *e)
{
	char what[400];
	if (json_array_size(l->left) >= LEFT_SHOWN) return;
	(void)snprintf(what, sizeof what, "%.*s %.*s%s%.*s", STR_FMT(str_sub(e->kind, 0, 60)),
		       STR_FMT(str_eq(e->schema, STR("-")) ? STR("") : str_sub(e->schema, 0, 100)),
		       str_eq(e->schema, STR("-")) ? "" : ".", STR_FMT(str_sub(e->name, 0, 200)));
	json_t *text = json_string(what);
	json_array_append_new(l->left, json_pack("{s:o, s:s}", "what",
						 text != NULL ? text : json_string("(not readable)"), "why", e->why));
}

static void add_line(struct buf *to, struct str line)
{
	buf_str(to, line);
	buf_putc(to, '\n');
}

static void note_owner(struct lists *l, struct str owner)
{
	static const char *const known[] = {"",
					    "-",
					    "postgres",
					    "supabase_admin",
					    "supabase_auth_admin",
					    "supabase_storage_admin",
					    "supabase_realtime_admin",
					    "supabase_functions_admin"};
	json_t *name, *one;
	size_t i;
	for (i = 0; i < sizeof known / sizeof *known; i++)
		if (str_eq(owner, str_from(known[i]))) return;
	json_array_foreach(l->owners, i, one) if (str_eq(owner, str_from(json_string_value(one)))) return;
	name = json_stringn(owner.ptr, owner.len);
	if (name != NULL) json_array_append_new(l->owners, name);
}

static void sort_in(struct lists *l, struct str line, const struct toc_entry *e)
{
	bool is_rows = str_eq(e->kind, STR("TABLE DATA"));
	switch (e->way) {
	case TOC_APP:
		add_line(&l->app, line);
		note_owner(l, e->owner);
		if (str_eq(e->kind, STR("TABLE"))) l->tables++;
		if (is_rows) add_line(&l->compared, line);
		break;
	case TOC_MANAGED:
		add_line(&l->managed, line);
		l->has_host_rows |= is_rows;
		break;
	case TOC_EXTENSION: add_line(&l->extensions, line); break;
	case TOC_REFUSED: note_left(l, e); break;
	case TOC_LEFT:
		if (is_rows && str_eq(e->schema, STR("vault")) && str_eq(e->name, STR("secrets")))
			add_line(&l->vault, line);
		break;
	}
}

static bool read_list(struct import *im, const char *archive, struct lists *l, struct err *err)
{
	struct output o;
	struct str rest, line;
	struct toc_entry e;
	int status = 0;
	size_t entries = 0;
	bool ok = pg_restore(im, (const char *const[]){"--list", archive, NULL}, &o, keep, &status, err);
	if (ok && status != 0) {
		ok = import_judge(im, buf_view(&o.said), err);
		if (ok)
			ok = err_set(err, ERR_INVALID, "the dump cannot be read: %.*s",
				     STR_FMT(str_trim(str_sub(buf_view(&o.said), 0, 400))));
	}
	rest = buf_view(&o.out);
	while (ok && str_next(&rest, '\n', &line)) {
		if (!toc_parse(line, &e)) continue;
		sort_in(l, line, &e);
		entries++;
	}
	if (ok && (!buf_is_ok(&o.out) || !buf_is_ok(&l->app)))
		ok = err_set(err, ERR_LIMIT, "the dump has more than %u MB of entries", LIST_MAX_BYTES >> 20);
	if (ok && entries == 0) ok = err_set(err, ERR_INVALID, "there is nothing in the dump");
	if (ok) import_say(im, "%zu entries in the dump, %zu tables of the app", entries, l->tables);
	output_done(&o);
	return ok;
}

static const char *write_list(struct import *im, const char *name, const struct buf *list, struct err *err)
{
	const char *path = arena_printf(im->arena, "%s/%s", im->work_dir, name);
	if (path == NULL || !file_write(path, buf_view(list), 0644, err)) return NULL;
	return path;
}

/* The statements of CREATE EXTENSION, which are read, never run. */
static bool extensions(struct import *im, const char *archive, const struct buf *list, struct err *err)
{
	struct output o;
	int status = 0;
	struct str rest, line;
	if (list->len == 0) return true;
	const char *path = write_list(im, "extensions.list", list, err);
	if (path == NULL) return false;
	bool ok = pg_restore(im, (const char *const[]){"-f", "-", "-L", path, archive, NULL}, &o, keep, &status, err);
	rest = buf_view(&o.out);
	while (ok && str_next(&rest, '\n', &line))
		if (str_has_prefix(line, STR("CREATE EXTENSION "))) ok = import_extension(im, line, err);
	output_done(&o);
	return ok;
}

bool import_make_aside(struct import *im, struct err *err)
{
	/* What the host's tables are made of, and pg_cron's table, which a dump holds the rows of and not the table. */
	static const char sql[] =
	    "create schema extensions authorization postgres; create schema cron authorization postgres;"
	    "create schema vault authorization postgres; grant create on database " IMPORT_ASIDE_DATABASE
	    " to postgres;"
	    "create table cron.job (jobid bigint, schedule text, command text, nodename text, nodeport int, database "
	    "text,"
	    " username text, active boolean, jobname text); alter table cron.job owner to postgres;";
	static const char extension_sql[] = "create extension if not exists \"uuid-ossp\" with schema extensions;"
					    "create extension if not exists pgcrypto with schema extensions;";
	struct pg_conn *conn = NULL;
	bool ok = import_connect(im, OWNDB_SUPERUSER, OWNDB_DATABASE, &conn, err) &&
		  pg_conn_exec(conn, "drop database if exists " IMPORT_ASIDE_DATABASE, 0, NULL, NULL, NULL, err) &&
		  pg_conn_exec(conn, "create database " IMPORT_ASIDE_DATABASE " template template0 owner postgres", 0,
			       NULL, NULL, NULL, err);
	pg_conn_close(conn);
	conn = NULL;
	if (!ok) return false;
	ok = import_connect(im, OWNDB_SUPERUSER, IMPORT_ASIDE_DATABASE, &conn, err) &&
	     pg_conn_script(conn, sql, NULL, err) && pg_conn_script(conn, extension_sql, NULL, err);
	pg_conn_close(conn);
	return ok;
}

static bool restore_into(struct import *im, const char *database, const char *const *more, const char *list,
			 const char *archive, bool is_judged, struct err *err)
{
	struct output o;
	int status = 0;
	const char *args[24] = {"-h",           im->clone.socket_dir, "-p", "5432",   "-U",
				OWNDB_MIGRATOR, "--no-password",      "-d", database, "--no-owner",
				"--verbose"};
	size_t n = 11;
	for (; *more != NULL; more++) args[n++] = *more;
	args[n++] = "-L", args[n++] = list, args[n++] = archive;
	bool ok = pg_restore(im, args, &o, keep_and_tell, &status, err);
	if (ok && is_judged) ok = import_judge(im, buf_view(&o.said), err);
	if (ok && status < 0) ok = err_set(err, ERR_FAILED, "pg_restore was ended in the middle");
	output_done(&o);
	return ok;
}

/* "GRANT … TO name;" and "CREATE POLICY … TO a, b …": the names behind TO. */
static void collect(struct str line, json_t *names)
{
	struct str rest = line, token;
	bool is_behind = false;
	while (sqltext_next(&rest, &token)) {
		if (str_eq(token, STR("TO")) || (is_behind && str_eq(token, STR(",")))) {
			is_behind = true;
			continue;
		}
		if (!is_behind) continue;
		is_behind = false;
		if (token.len > 1 && token.ptr[0] == '"') token = str_sub(token, 1, token.len - 1);
		if (str_eq_nocase(token, STR("PUBLIC")) || str_eq_nocase(token, STR("CURRENT_USER"))) continue;
		json_t *name = json_stringn(token.ptr, token.len);
		bool is_new = name != NULL;
		size_t i;
		json_t *one;
		json_array_foreach(names, i, one) is_new &= !json_equal(one, name);
		if (is_new) json_array_append(names, name);
		json_decref(name);
		struct str look = rest;
		is_behind = sqltext_next(&look, &token) && str_eq(token, STR(","));
	}
}

static bool keep_missing(struct import *im, const json_t *names, json_t *ret_missing, struct err *err)
{
	struct pg_conn *conn = NULL;
	bool ok = import_connect(im, OWNDB_SUPERUSER, OWNDB_DATABASE, &conn, err);
	for (size_t i = 0; ok && i < json_array_size(names); i++) {
		char is[16];
		const char *name = json_string_value(json_array_get(names, i));
		ok = pg_conn_text(conn, "select count(*)::text from pg_roles where rolname = $1", 1, &name, is,
				  sizeof is, err);
		if (ok && strcmp(is, "0") == 0) json_array_append(ret_missing, json_array_get(names, i));
	}
	pg_conn_close(conn);
	return ok;
}

/* Asked of the text before anything is restored, so that all are named at once. */
static bool missing_roles(struct import *im, const char *archive, const char *list, json_t *ret_missing,
			  struct err *err)
{
	struct output o;
	int status = 0;
	struct str rest, line;
	json_t *names JSON_CLEANUP = json_array();
	bool ok =
	    pg_restore(im, (const char *const[]){"-f", "-", "--schema-only", "--no-owner", "-L", list, archive, NULL},
		       &o, keep, &status, err);
	rest = buf_view(&o.out);
	while (ok && str_next(&rest, '\n', &line)) {
		if (str_has_prefix(line, STR("GRANT ")) || str_has_prefix(line, STR("CREATE POLICY ")) ||
		    str_has_prefix(line, STR("REVOKE ")))
			collect(line, names);
	}
	output_done(&o);
	ok = ok && keep_missing(im, names, ret_missing, err);
	if (ok && json_array_size(ret_missing) > 0) json_object_set(im->report, "roles_missing", ret_missing);
	return ok;
}

static bool restore_host(struct import *im, const char *archive, const struct lists *l, struct err *err)
{
	static const char *const more[] = {"--no-acl", NULL};
	const char *list = write_list(im, "host.list", &l->managed, err);
	if (list == NULL) return false;
	import_say(im, "users, buckets and jobs, aside");
	/* Their defaults and checks may call what only the host has: what counts is whether the rows are there, which
	 * is counted afterwards. */
	return import_make_aside(im, err) && restore_into(im, IMPORT_ASIDE_DATABASE, more, list, archive, false, err);
}

static bool restore_app(struct import *im, const char *archive, const struct lists *l, struct err *err)
{
	static const char *const before[] = {"--section=pre-data", "--section=data", NULL};
	static const char *const after[] = {"--section=post-data", NULL};
	const char *list = write_list(im, "app.list", &l->app, err);
	json_t *missing JSON_CLEANUP = json_array();
	if (list == NULL || !missing_roles(im, archive, list, missing, err)) return false;
	if (json_array_size(missing) > 0 && im->makes_roles && !import_roles(im, missing, err)) return false;
	import_say(im, "tables, functions and rows of the app");
	if (!restore_into(im, OWNDB_DATABASE, before, list, archive, true, err)) return false;
	if (l->has_host_rows && !import_managed(im, err)) return false;
	import_say(im, "keys, indexes, triggers and policies");
	return restore_into(im, OWNDB_DATABASE, after, list, archive, true, err);
}

/* They stay behind, and are told by name. */
static bool note_vault(struct import *im, const char *archive, const struct lists *l, struct err *err)
{
	struct output o;
	int status = 0;
	json_t *names = json_array();
	json_object_set_new(im->report, "secrets_left", names);
	if (l->vault.len == 0) return true;
	const char *path = write_list(im, "vault.list", &l->vault, err);
	if (path == NULL) return false;
	bool ok = pg_restore(im, (const char *const[]){"-f", "-", "-L", path, archive, NULL}, &o, keep, &status, err);
	if (ok) vault_names(buf_view(&o.out), names);
	output_done(&o);
	return ok;
}

bool import_archive(struct import *im, const char *archive, struct err *err)
{
	struct lists l = {.owners = json_array(), .left = json_array()};
	struct buf *const bufs[] = {&l.app, &l.managed, &l.extensions, &l.compared, &l.vault};
	for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) buf_init(bufs[i], LIST_MAX_BYTES);
	bool ok = read_list(im, archive, &l, err);
	json_object_set_new(im->report, "owners_mapped", l.owners);
	json_object_set_new(im->report, "left_out", l.left);
	ok = ok && note_vault(im, archive, &l, err) && extensions(im, archive, &l.extensions, err);
	if (ok && l.managed.len > 0) ok = restore_host(im, archive, &l, err);
	ok = ok && restore_app(im, archive, &l, err);
	if (ok && l.compared.len > 0) {
		im->compare_list = write_list(im, "compare.list", &l.compared, err);
		im->archive = arena_strdup(im->arena, archive);
		ok = im->compare_list != NULL;
	}
	for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) buf_done(bufs[i]);
	return ok;
}
