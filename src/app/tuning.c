/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tuning.h"

#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "os/machine.h"
#include "owndb/override.h"

#define KIND "postgres" /* of the kept values, store/app.h */
#define FILES_MAX 20000

static bool count_running(void *arg, const struct app *app, struct err *err)
{
	(void)err;
	if (strcmp(app->state, "running") == 0) ++*(int *)arg;
	return true;
}

static bool find_facts(const struct flow *f, const struct parts *p, struct tuning *t, struct err *err)
{
	struct machine machine;
	char base[FILE_PATH_SIZE];
	bool is_whole = false;
	machine_find("", &machine);
	t->is_limited = machine.is_memory_limited || machine.is_cpu_limited;
	t->facts = (struct tune_facts){.memory_bytes = machine.memory_bytes, .cores = machine.cores};
	if (!app_each(f->db, count_running, &t->facts.apps, err) || !file_path(base, err, "%s/base", p->data_dir))
		return false;
	if (strcmp(p->app.state, "running") != 0) t->facts.apps++;
	/* One with more files than that is large. */
	t->facts.database_bytes = file_tree_size_up_to(base, FILES_MAX, &is_whole);
	return true;
}

struct lines {
	struct buf *text;
	struct tune *tune;
};

static bool add_line(void *arg, const char *name, struct str value, int64_t set_at_ms, struct err *err)
{
	struct lines *l = arg;
	int64_t number = 0;
	(void)set_at_ms;
	if (strcmp(name, "max_connections") == 0 && str_to_int(value, &number) && number > TUNE_OTHER_CONNECTIONS) {
		l->tune->max_connections = (int)number;
		l->tune->server_connections = (int)number - TUNE_OTHER_CONNECTIONS;
	}
	return conf_override(l->text, name, value, err);
}

bool tuning_find(const struct flow *f, const struct parts *p, struct tuning *ret_tuning, struct err *err)
{
	struct buf text BUF_CLEANUP;
	struct lines lines = {&text, &ret_tuning->tune};
	buf_init(&text, sizeof ret_tuning->overrides - 1);
	if (!find_facts(f, p, ret_tuning, err)) return false;
	tune_compute(&ret_tuning->facts, &ret_tuning->tune);
	if (!app_secret_each(f->db, f->seal, p->app.name, KIND, add_line, &lines, err)) return false;
	if (!buf_is_ok(&text)) return err_set(err, ERR_LIMIT, "too many settings of PostgreSQL are set");
	(void)snprintf(ret_tuning->overrides, sizeof ret_tuning->overrides, "%s", buf_cstr(&text));
	return true;
}

static bool add_owners(void *arg, const char *name, struct str value, int64_t set_at_ms, struct err *err)
{
	(void)set_at_ms, (void)err;
	json_object_set_new(arg, name, json_stringn(value.ptr, value.len));
	return true;
}

static bool owners(const struct flow *f, const char *app, json_t **ret_owners, struct err *err)
{
	json_t *o = json_object();
	if (!app_secret_each(f->db, f->seal, app, KIND, add_owners, o, err)) {
		json_decref(o);
		return false;
	}
	*ret_owners = o;
	return true;
}

bool tuning_json(const struct flow *f, const struct parts *p, json_t **ret_json, struct err *err)
{
	struct tuning t;
	json_t *set = NULL;
	if (!tuning_find(f, p, &t, err) || !owners(f, p->app.name, &set, err)) return false;
	*ret_json =
	    json_pack("{s:{s:I, s:i, s:i, s:I, s:b}, s:o}", "facts", "memory_bytes", (json_int_t)t.facts.memory_bytes,
		      "cores", t.facts.cores, "apps", t.facts.apps, "database_bytes",
		      (json_int_t)t.facts.database_bytes, "is_limited", t.is_limited, "owners", set);
	return true;
}

/* Setting. */

static bool is_back(const char *value)
{
	return value[0] == '\0' || strcmp(value, "default") == 0;
}

static bool check(const struct parts *p, const json_t *values, struct err *err)
{
	const char *name;
	json_t *value;
	struct machine machine;
	machine_find("", &machine);
	json_object_foreach((json_t *)(uintptr_t)values, name, value)
	{
		const char *text = json_string_value(value);
		if (text == NULL) return err_set(err, ERR_INVALID, "%.64s must be a text, such as \"16MB\"", name);
		if (!(is_back(text) ? override_name_check(name, err)
				    : override_check(&p->owndb, name, text, machine.memory_bytes, err)))
			return false;
	}
	return true;
}

static bool keep(const struct flow *f, const char *app, const json_t *values, struct err *err)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)values, name, value)
	{
		const char *text = json_string_value(value);
		bool ok = is_back(text) ? app_secret_unset(f->db, app, KIND, name, err) || err->code == ERR_NOT_FOUND
					: app_secret_set(f->db, f->seal, app, KIND, name, str_from(text), err);
		if (!ok) return false;
	}
	json_t *all JSON_CLEANUP = NULL;
	if (!owners(f, app, &all, err)) return false;
	return json_object_size(all) <= TUNING_OVERRIDES_MAX ||
	       err_set(err, ERR_LIMIT, "at most %d settings of PostgreSQL can be set", TUNING_OVERRIDES_MAX);
}

/* A server that does not run reads them when it starts. */
static bool reload(const struct parts *p, const json_t *values, json_t *ret_at_start, struct err *err)
{
	static const char sql[] =
	    "select exists (select from pg_catalog.pg_settings where name = $1 and context = 'postmaster')::text";
	struct pg_conn *conn = NULL;
	struct err ignored;
	const char *name;
	json_t *value;
	if (!owndb_connect(&p->owndb, OWNDB_SUPERUSER, &conn, &ignored)) return true;
	bool ok = pg_conn_exec(conn, "select pg_catalog.pg_reload_conf()", 0, NULL, NULL, NULL, err);
	json_object_foreach((json_t *)(uintptr_t)values, name, value)
	{
		char is[8] = "";
		ok = ok && pg_conn_text(conn, sql, 1, &name, is, sizeof is, err);
		if (ok && is[0] == 't') json_array_append_new(ret_at_start, json_string(name));
	}
	pg_conn_close(conn);
	return ok;
}

bool tuning_set(const struct flow *f, const char *app, const json_t *values, json_t **ret_outcome, struct err *err)
{
	struct parts p;
	struct tuning t;
	json_t *at_start JSON_CLEANUP = json_array(), *set = NULL;
	if (!parts_open(f, app, &p, err)) return false;
	if (!file_is_dir(p.data_dir))
		return err_set(err, ERR_NOT_FOUND, "%s has no database yet; deploy it first", app);
	if (!check(&p, values, err) || !db_begin(f->db, err)) return false;
	if (!keep(f, app, values, err)) {
		db_rollback(f->db);
		return false;
	}
	if (!db_commit(f->db, err) || !tuning_find(f, &p, &t, err)) return false;
	p.owndb.tune = &t.tune;
	p.owndb.overrides = t.overrides;
	if (!override_apply(&p.owndb, err) || !reload(&p, values, at_start, err) || !owners(f, app, &set, err))
		return false;
	*ret_outcome = json_pack("{s:o, s:O}", "set", set, "at_start", at_start);
	return true;
}
