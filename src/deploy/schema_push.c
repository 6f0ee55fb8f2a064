/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/schema_push.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "app/serve_env.h"
#include "build/push.h"
#include "codec/json.h"
#include "deploy/losses.h"
#include "intake/changes.h"
#include "owndb/captured.h"

#define PASSWORD_LEN 32
#define SHOWN_MAX 60 /* statements */
#define NAMES_SHOWN 6
#define TAIL_BYTES 16384

bool schema_push_is_wanted(struct deploy *d, bool *ret_is, struct err *err)
{
	char host[SERVE_ENV_HOST_SIZE];
	*ret_is = json_is_object(json_object_get(d->inspection, "schema_push"));
	if (!*ret_is) return true;
	if (!serve_env_elsewhere(d->f, d->parts.app.name, host, err)) return false;
	if (host[0] != '\0')
		step_note(d,
			  "DATABASE_URL is set to a database of your own, so its schema is yours to change: the app's "
			  "schema was not pushed.");
	*ret_is = host[0] == '\0';
	return true;
}

bool schema_push_is_pending(const struct deploy *d)
{
	return d->push.plan.migration_count > 0;
}

/* NAME=value of an object, for a sandbox. */
static const char **env_list(struct arena *arena, json_t *env)
{
	const char **list = arena_array(arena, json_object_size(env) + 1, sizeof *list), *name;
	json_t *value;
	size_t n = 0;
	json_object_foreach(env, name, value)
	{
		const char *pair = arena_printf(arena, "%s=%s", name, json_string_value(value));
		if (list == NULL || pair == NULL) return NULL;
		list[n++] = pair;
	}
	return list;
}

static bool run_tool(struct deploy *d, struct clone *c, const char *password, struct err *err)
{
	char forward[FILE_PATH_SIZE];
	json_t *env JSON_CLEANUP = json_object();
	struct buf tail BUF_CLEANUP;
	buf_init(&tail, TAIL_BYTES);
	serve_env_put_database(env, password, SERVE_ENV_DATABASE_PORT);
	events_line(&d->events, 1, STR("drizzle-kit push, on a copy of the database:"));
	const char **list = env_list(d->arena, env);
	if (list == NULL) return err_set(err, ERR_LIMIT, "the variables are too large");
	const json_t *wish = json_object_get(d->inspection, "schema_push");
	struct build_push push = {.config = json_str(wish, "config", "drizzle.config.ts"),
				  .forward = forward,
				  .socket_dir = c->app_socket_dir,
				  .env = list};
	return file_path(forward, err, "%s/freehold-forward", d->f->helpers) && build_push(&d->job, &push, &tail, err);
}

/* work/N/push/supabase/migrations/20261123021000_schema_push.sql */
static bool write_migration(struct deploy *d, const struct buf *sql, struct err *err)
{
	char folder[FILE_PATH_SIZE], path[FILE_PATH_SIZE], version[32];
	time_t now = time(NULL);
	struct tm t;
	gmtime_r(&now, &t);
	(void)strftime(version, sizeof version, "%Y%m%d%H%M%S", &t);
	return file_path(d->push.dir, err, "%s/push", d->work_dir) &&
	       file_path(folder, err, "%s/supabase/migrations", d->push.dir) && file_remove_tree(d->push.dir, err) &&
	       file_mkdirs(folder, 0755, err) &&
	       file_path(path, err, "%s/%s_" SCHEMA_PUSH_NAME ".sql", folder, version) &&
	       file_write(path, buf_view(sql), 0644, err);
}

static void quote(struct buf *out, struct str name)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '"') buf_putc(out, '"');
		buf_putc(out, name.ptr[i]);
	}
	buf_putc(out, '"');
}

/* Tables that only the app's own server is to read are closed to the keys that browsers have. */
static size_t close_tables(json_t *tables, struct buf *sql)
{
	const char *key;
	json_t *table;
	size_t count = 0;
	json_object_foreach(tables, key, table)
	{
		struct str schema, name;
		if (!str_cut(str_from(key), '.', &schema, &name) || !str_eq(schema, STR("public"))) continue;
		buf_puts(sql, "revoke all on table ");
		quote(sql, schema);
		buf_putc(sql, '.');
		quote(sql, name);
		buf_puts(sql, " from anon, authenticated;\n\n");
		count++;
	}
	return count;
}

/* Statements as they will run, for the owner: the journal's lines and the report. */
static void show(struct deploy *d, const struct buf *sql)
{
	const struct migration *m = &d->push.plan.migrations[0];
	json_t *list = json_array();
	events_line(&d->events, 1, STR("what it did there, to be done to the live database:"));
	for (size_t i = 0; i < m->statement_count; i++) {
		const struct migration_statement *s = &m->statements[i];
		struct str text = str_sub(buf_view(sql), s->offset, (size_t)s->offset + s->len), line;
		json_array_append_new(list, json_stringn(text.ptr, text.len));
		if (i >= SHOWN_MAX) continue;
		while (str_next(&text, '\n', &line)) events_line(&d->events, 1, line);
	}
	if (m->statement_count > SHOWN_MAX)
		events_line(&d->events, 1, STR("… (all of them: freehold deployments APP N --json)"));
	step_note(d,
		  "The schema in the app's code differs from the database. What makes them agree, %zu statement%s: "
		  "freehold logs %s --build %lld",
		  m->statement_count, m->statement_count == 1 ? "" : "s", d->parts.app.name, (long long)d->number);
	json_object_set_new(d->report, "schema_push", json_pack("{s:s, s:o}", "file", m->file, "statements", list));
}

/* The pages ask for tables by the public key; or the server does, having no other. */
static bool are_tables_public(const struct deploy *d)
{
	static const char *const keys[] = {"SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SERVICE_KEY", "SUPABASE_SECRET_KEY"};
	const json_t *supabase = json_object_get(d->inspection, "supabase");
	size_t i;
	json_t *env;
	if (!json_bool(supabase, "uses", false) || json_bool(supabase, "in_browser", false))
		return json_bool(supabase, "uses", false);
	json_array_foreach(json_object_get(d->inspection, "env"), i, env)
	{
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			if (strcmp(json_str(env, "name", ""), keys[k]) == 0) return false;
	}
	return true;
}

/* Nothing of the code can be told to have row security, so nothing is closed: the owner has to know. */
static void note_open_tables(struct deploy *d, const json_t *tables, const struct buf *sql)
{
	struct buf names BUF_CLEANUP;
	const char *key;
	json_t *table;
	size_t count = 0;
	buf_init(&names, 2000);
	if (str_find(buf_view(sql), STR("ENABLE ROW LEVEL SECURITY")) >= 0) return;
	json_object_foreach((json_t *)(uintptr_t)tables, key, table)
	{
		if (strncmp(key, "public.", 7) != 0) continue;
		if (count++ < NAMES_SHOWN) buf_printf(&names, "%s%s", count > 1 ? ", " : "", key + 7);
	}
	if (count > NAMES_SHOWN) buf_printf(&names, " and %zu more", count - NAMES_SHOWN);
	if (count == 0) return;
	step_note(d,
		  "The new tables have no row security, and the app reads tables by its public key: every visitor can "
		  "read and change all rows of %s. Paste into the builder's chat: Enable row level security for every "
		  "table in the schema, with policies that let each user reach only what is theirs.",
		  buf_cstr(&names));
}

/* Reads what was captured twice: to know the tables, and with what is added for them. */
static bool plan_changes(struct deploy *d, struct buf *sql, json_t **ret_changes, struct err *err)
{
	struct intake_child child = step_intake_child(d);
	json_t *first JSON_CLEANUP = NULL;
	bool is_public = are_tables_public(d);
	if (!write_migration(d, sql, err) || !intake_changes(&child, d->push.dir, &first, err)) return false;
	if (is_public)
		note_open_tables(d, json_object_get(first, "tables"), sql);
	else if (close_tables(json_object_get(first, "tables"), sql) > 0)
		step_note(d, "The new tables are for the app's own server; the public keys cannot read them.");
	return buf_is_ok(sql) && write_migration(d, sql, err) &&
	       intake_changes(&child, d->push.dir, ret_changes, err) &&
	       migration_plan_from_json(json_object_get(*ret_changes, "migrations"), d->arena, &d->push.plan, err);
}

static bool judge(struct deploy *d, struct buf *sql, struct err *err)
{
	json_t *changes JSON_CLEANUP = NULL;
	if (!plan_changes(d, sql, &changes, err)) return false;
	if (d->push.plan.migration_count != 1)
		return err_set(err, ERR_INTERNAL, "what drizzle-kit did could not be read back");
	json_t *losses = json_object_get(changes, "losses");
	show(d, sql);
	json_object_set(json_object_get(d->report, "schema_push"), "losses", losses);
	return losses_judge(d, losses, "the app's new schema", "the schema in the code", err);
}

bool schema_push_rehearse(struct deploy *d, struct clone *c, struct err *err)
{
	char password[PASSWORD_LEN + 1];
	struct buf sql BUF_CLEANUP;
	size_t count = 0;
	buf_init(&sql, MIGRATION_MAX_FILE_BYTES);
	seal_random_text(password, PASSWORD_LEN);
	d->push.plan.migration_count = 0;
	if (!captured_begin(c, password, err) || !run_tool(d, c, password, err)) return false;
	clone_stop(c);
	if (!captured_end(c, &sql, &count, err)) return err_wrap(err, "drizzle-kit push");
	if (count == 0) {
		events_line(&d->events, 1, STR("the database has the app's schema already"));
		return true;
	}
	return judge(d, &sql, err);
}
