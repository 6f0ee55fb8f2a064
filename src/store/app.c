/* SPDX-License-Identifier: Apache-2.0 */
#include "store/app.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define APPS_MAX 1000

bool app_create(struct db *db, const char *name, struct app *ret_app, struct err *err)
{
	if (!layout_app_name_check(name, err)) return false;
	int changes = 0;
	if (!db_run(db, &changes, err, "insert into app (name, created_at) values (?, ?) on conflict do nothing", "si",
		    name, clock_wall_ms()))
		return false;
	if (changes == 0) return err_set(err, ERR_CONFLICT, "there is an app named %s already", name);
	return app_get(db, name, ret_app, err);
}

static void read_app(struct db_query *q, struct app *ret_app)
{
	struct app app = {.id = sqlite3_column_int64(q->stmt, 0), .created_at_ms = sqlite3_column_int64(q->stmt, 4)};
	(void)snprintf(app.name, sizeof app.name, "%s", db_text(q, 1));
	(void)snprintf(app.state, sizeof app.state, "%s", db_text(q, 2));
	(void)snprintf(app.shape, sizeof app.shape, "%s", db_text(q, 3));
	*ret_app = app;
}

bool app_get(struct db *db, const char *name, struct app *ret_app, struct err *err)
{
	struct db_query q;
	db_query(db, &q, "select id, name, state, shape, created_at from app where name = ?", "s", name);
	bool found = db_row(&q);
	if (found) read_app(&q, ret_app);
	if (!db_end(&q, err)) return false;
	return found || err_set(err, ERR_NOT_FOUND, "there is no app named %.40s; freehold apps lists them", name);
}

static bool update(struct db *db, const char *sql, const char *value, const char *name, struct err *err)
{
	int changes = 0;
	if (!db_run(db, &changes, err, sql, "ss", value, name)) return false;
	return changes == 1 || err_set(err, ERR_NOT_FOUND, "there is no app named %.40s", name);
}

bool app_set_state(struct db *db, const char *name, const char *state, struct err *err)
{
	return update(db, "update app set state = ? where name = ?", state, name, err);
}

bool app_set_shape(struct db *db, const char *name, const char *shape, struct err *err)
{
	return update(db, "update app set shape = ? where name = ?", shape, name, err);
}

bool app_delete(struct db *db, const char *name, struct err *err)
{
	return db_run(db, NULL, err, "delete from app where name = ?", "s", name);
}

bool app_each(struct db *db, bool (*each)(void *arg, const struct app *app, struct err *err), void *arg,
	      struct err *err)
{
	struct db_query q;
	struct app *apps = calloc(APPS_MAX, sizeof *apps);
	if (apps == NULL) abort();
	int count = 0;
	db_query(db, &q, "select id, name, state, shape, created_at from app order by name limit ?", "i",
		 (int64_t)APPS_MAX);
	while (count < APPS_MAX && db_row(&q)) read_app(&q, &apps[count++]);
	bool ok = db_end(&q, err);
	for (int i = 0; ok && i < count; i++) ok = each(arg, &apps[i], err);
	free(apps);
	return ok;
}

/* What a sealed value is bound to. */
static const char *label_of(char label[512], const char *app, const char *kind, const char *name)
{
	(void)snprintf(label, 512, "%s/%s/%s", app, kind, name);
	return label;
}

static bool put_secret(struct db *db, const struct seal *s, const char *const key[3], struct str value, const char *sql,
		       struct err *err)
{
	char label[512];
	if (value.len > SEAL_VALUE_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "the value of %s is larger than %u bytes", key[2], SEAL_VALUE_MAX_BYTES);
	struct buf sealed BUF_CLEANUP;
	buf_init(&sealed, SEAL_VALUE_MAX_BYTES + 1024);
	seal_close_value(s, str_from(label_of(label, key[0], key[1], key[2])), value, &sealed);
	return db_run(db, NULL, err, sql, "sssbi", key[0], key[1], key[2], buf_view(&sealed), clock_wall_ms());
}

bool app_secret_set(struct db *db, const struct seal *s, const char *app, const char *kind, const char *name,
		    struct str value, struct err *err)
{
	return put_secret(
	    db, s, (const char *const[]){app, kind, name}, value,
	    "insert into secret (app, kind, name, sealed, set_at) values (?, ?, ?, ?, ?) "
	    "on conflict (app, kind, name) do update set sealed = excluded.sealed, set_at = excluded.set_at",
	    err);
}

bool app_secret_keep(struct db *db, const struct seal *s, const char *app, const char *kind, const char *name,
		     struct str value, struct buf *ret_value, struct err *err)
{
	return put_secret(
		   db, s, (const char *const[]){app, kind, name}, value,
		   "insert into secret (app, kind, name, sealed, set_at) values (?, ?, ?, ?, ?) on conflict do nothing",
		   err) &&
	       app_secret_get(db, s, app, kind, name, ret_value, err);
}

bool app_secret_get(struct db *db, const struct seal *s, const char *app, const char *kind, const char *name,
		    struct buf *ret_value, struct err *err)
{
	struct db_query q;
	db_query(db, &q, "select sealed from secret where app = ? and kind = ? and name = ?", "sss", app, kind, name);
	bool found = db_row(&q), opened = false;
	struct err seal_err = {0};
	if (found) {
		char label[512];
		struct str sealed = {sqlite3_column_blob(q.stmt, 0), (size_t)sqlite3_column_bytes(q.stmt, 0)};
		opened = seal_open_value(s, str_from(label_of(label, app, kind, name)), sealed, ret_value, &seal_err);
	}
	if (!db_end(&q, err)) return false;
	if (!found) return err_set(err, ERR_NOT_FOUND, "%s has no %s named %.100s", app, kind, name);
	if (!opened) *err = seal_err;
	return opened;
}

bool app_secret_unset(struct db *db, const char *app, const char *kind, const char *name, struct err *err)
{
	int changes = 0;
	if (!db_run(db, &changes, err, "delete from secret where app = ? and kind = ? and name = ?", "sss", app, kind,
		    name))
		return false;
	return changes > 0 ||
	       err_set(err, ERR_NOT_FOUND, "%s has no variable named %.100s; freehold env %s list shows those it has",
		       app, name, app);
}

bool app_secret_each(struct db *db, const struct seal *s, const char *app, const char *kind,
		     bool (*each)(void *arg, const char *name, struct str value, int64_t set_at_ms, struct err *err),
		     void *arg, struct err *err)
{
	struct db_query q;
	bool ok = true;
	struct buf value BUF_CLEANUP;
	buf_init(&value, SEAL_VALUE_MAX_BYTES);
	db_query(db, &q, "select name, sealed, set_at from secret where app = ? and kind = ? order by name", "ss", app,
		 kind);
	while (ok && db_row(&q)) {
		char label[512];
		struct str sealed = {sqlite3_column_blob(q.stmt, 1), (size_t)sqlite3_column_bytes(q.stmt, 1)};
		buf_clear(&value);
		ok = seal_open_value(s, str_from(label_of(label, app, kind, db_text(&q, 0))), sealed, &value, err) &&
		     each(arg, db_text(&q, 0), buf_view(&value), sqlite3_column_int64(q.stmt, 2), err);
	}
	struct err end;
	if (db_end(&q, &end)) return ok;
	if (ok) *err = end;
	return false;
}

bool app_accept(struct db *db, const char *app, const char *finding, struct err *err)
{
	return db_run(db, NULL, err,
		      "insert into accepted (app, finding, accepted_at) values (?, ?, ?) on conflict do nothing", "ssi",
		      app, finding, clock_wall_ms());
}

bool app_has_accepted(struct db *db, const char *app, const char *finding, bool *ret_yes, struct err *err)
{
	struct db_query q;
	db_query(db, &q, "select 1 from accepted where app = ? and finding = ?", "ss", app, finding);
	bool yes = db_row(&q);
	if (!db_end(&q, err)) return false;
	*ret_yes = yes;
	return true;
}
