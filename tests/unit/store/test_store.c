/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "folder.h"
#include "os/file.h"
#include "store/app.h"
#include "store/deployment.h"
#include "store/env.h"
#include "store/job.h"
#include "store/pool_use.h"

static struct db *open_store(const char *folder)
{
	struct err err;
	struct db *db = NULL;
	char path[FILE_PATH_SIZE];
	assert_true(file_path(path, &err, "%s/freehold.db", folder));
	if (!db_open(path, &db, &err)) fail_msg("%s", err.msg);
	return db;
}

static const char *const steps[] = {"receive", "build", "promote"};

static void test_deployments_are_serial_and_numbered(void **state)
{
	struct err err;
	struct app app;
	struct db *db = open_store(*state);
	int64_t n = 0, running = 0;
	assert_true(app_create(db, "shop", &app, &err));
	assert_false(app_create(db, "shop", &app, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_true(deployment_begin(db, "shop", "shop.zip", "{}", steps, 3, &n, &err));
	assert_int_equal(n, 1);
	assert_false(deployment_begin(db, "shop", "shop.zip", "{}", steps, 3, &n, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_true(deployment_running(db, "shop", &running, &err) && running == 1);
	struct err why;
	(void)err_set(&why, ERR_FAILED, "it does not compile");
	assert_true(deployment_end(db, "shop", 1, "failed", &why, &err));
	assert_true(deployment_begin(db, "shop", "shop.zip", "{}", steps, 3, &n, &err));
	assert_int_equal(n, 2);
	db_close(db);
}

static void test_journal_as_json(void **state)
{
	struct err err;
	struct app app;
	struct db *db = open_store(*state);
	int64_t n = 0;
	assert_true(app_create(db, "shop", &app, &err) &&
		    deployment_begin(db, "shop", "shop.zip", "{}", steps, 3, &n, &err));
	assert_true(deployment_step(db, "shop", n, 0, "running", -1, NULL, &err));
	assert_true(deployment_step(db, "shop", n, 0, "done", 12, "12 files", &err));
	assert_true(deployment_step(db, "shop", n, 1, "running", -1, NULL, &err));
	assert_true(deployment_set_report(db, "shop", n, "{\"url\":\"http://shop.localhost\"}", &err));
	assert_true(deployment_end(db, "shop", n, "live", NULL, &err));
	json_t *d = NULL;
	assert_true(deployment_json(db, "shop", n, true, &d, &err));
	assert_string_equal(json_string_value(json_object_get(d, "state")), "live");
	assert_string_equal(json_string_value(json_object_get(d, "step")), "build");
	assert_true(json_is_null(json_object_get(d, "error")));
	const json_t *first = json_array_get(json_object_get(d, "steps"), 0);
	assert_int_equal(json_integer_value(json_object_get(first, "duration_ms")), 12);
	assert_string_equal(json_string_value(json_object_get(first, "detail")), "12 files");
	assert_non_null(json_object_get(json_object_get(d, "report"), "url"));
	json_decref(d);
	assert_false(deployment_json(db, "shop", 9, true, &d, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	db_close(db);
}

static void test_the_release_before(void **state)
{
	struct err err;
	struct app app;
	struct db *db = open_store(*state);
	int64_t before = -1;
	assert_true(app_create(db, "shop", &app, &err));
	assert_true(promotion_before(db, "shop", 1, &before, &err) && before == 0);
	assert_true(promotion_add(db, "shop", 0, 1, "deploy", &err) && promotion_add(db, "shop", 1, 3, "deploy", &err));
	assert_true(promotion_before(db, "shop", 3, &before, &err) && before == 1);
	assert_true(promotion_add(db, "shop", 3, 1, "rollback", &err));
	assert_true(promotion_before(db, "shop", 1, &before, &err) && before == 3);
	assert_true(promotion_newest(db, "shop", &before, &err) && before == 1);
	db_close(db);
}

static bool count_and_compare(void *arg, const char *name, struct str value, int64_t set_at_ms, struct err *err)
{
	(void)set_at_ms, (void)err;
	if (strcmp(name, "STRIPE_KEY") == 0 && str_eq(value, STR("sk_two"))) ++*(int *)arg;
	return true;
}

static void test_secrets_are_sealed(void **state)
{
	struct err err;
	struct app app;
	struct seal *seal = NULL;
	struct db *db = open_store(*state);
	char key[FILE_PATH_SIZE];
	int found = 0;
	assert_true(file_path(key, &err, "%s/secret.key", (char *)*state) && seal_open(key, &seal, &err));
	assert_true(app_create(db, "shop", &app, &err));
	assert_true(app_secret_set(db, seal, "shop", "env", "STRIPE_KEY", STR("sk_one"), &err));
	assert_true(app_secret_set(db, seal, "shop", "env", "STRIPE_KEY", STR("sk_two"), &err));
	assert_true(app_secret_each(db, seal, "shop", "env", count_and_compare, &found, &err));
	assert_int_equal(found, 1);
	/* At rest nothing of it can be read. */
	struct buf file BUF_CLEANUP;
	buf_init(&file, 4 << 20);
	char path[FILE_PATH_SIZE];
	assert_true(file_path(path, &err, "%s/freehold.db-wal", (char *)*state) && file_read(path, &file, &err));
	assert_true(str_find(buf_view(&file), STR("STRIPE_KEY")) >= 0);
	assert_int_equal(str_find(buf_view(&file), STR("sk_two")), -1);
	/* A row that was moved does not open. */
	assert_true(db_run(db, NULL, &err, "update secret set name = 'OTHER'", ""));
	struct buf value BUF_CLEANUP;
	buf_init(&value, 100);
	assert_false(app_secret_get(db, seal, "shop", "env", "OTHER", &value, &err));
	assert_int_equal(value.len, 0);
	seal_close(seal);
	db_close(db);
}

static bool note_scope(void *arg, const struct env_entry *e, struct err *err)
{
	(void)err;
	char *text = arg;
	(void)snprintf(text + strlen(text), 400 - strlen(text), "%s=%.*s %s%s;", e->name, STR_FMT(e->value),
		       env_scope_word(e->scope), e->is_by_name ? "?" : "");
	return true;
}

static void assert_env(struct db *db, const struct seal *seal, enum env_scope where, const char *wanted)
{
	struct err err;
	char text[400] = "";
	assert_true(env_each(db, seal, "shop", where, note_scope, text, &err));
	assert_string_equal(text, wanted);
}

static void test_where_variables_go(void **state)
{
	struct err err;
	struct app app;
	struct seal *seal = NULL;
	struct db *db = open_store(*state);
	char key[FILE_PATH_SIZE];
	assert_true(file_path(key, &err, "%s/secret.key", (char *)*state) && seal_open(key, &seal, &err));
	assert_true(app_create(db, "shop", &app, &err));
	assert_true(env_set(db, seal, "shop", "STRIPE_KEY", STR("sk"), ENV_BY_NAME, &err));
	assert_true(env_set(db, seal, "shop", "VITE_MAP", STR("m"), ENV_BY_NAME, &err));
	assert_true(env_set(db, seal, "shop", "SENTRY", STR("s"), ENV_BUILD, &err));
	assert_env(db, seal, ENV_BUILD, "SENTRY=s build;VITE_MAP=m both?;");
	assert_env(db, seal, ENV_RUN, "STRIPE_KEY=sk run?;VITE_MAP=m both?;");
	/* A new value stays where the owner put it. */
	assert_true(env_set(db, seal, "shop", "SENTRY", STR("t"), ENV_BY_NAME, &err));
	assert_true(env_set(db, seal, "shop", "STRIPE_KEY", STR("sk"), ENV_BOTH, &err));
	assert_env(db, seal, ENV_BOTH, "SENTRY=t build;STRIPE_KEY=sk both;VITE_MAP=m both?;");
	assert_false(env_set(db, seal, "shop", "1A", STR("t"), ENV_RUN, &err));
	assert_false(env_set(db, seal, "shop", "A", STR("t\0u"), ENV_RUN, &err));
	seal_close(seal);
	db_close(db);
}

static void test_a_made_secret_stays(void **state)
{
	struct err err;
	struct app app;
	struct seal *seal = NULL;
	struct db *db = open_store(*state);
	char key[FILE_PATH_SIZE];
	assert_true(file_path(key, &err, "%s/secret.key", (char *)*state) && seal_open(key, &seal, &err));
	assert_true(app_create(db, "shop", &app, &err));
	for (int i = 0; i < 2; i++) {
		struct buf value BUF_CLEANUP;
		buf_init(&value, 100);
		assert_true(app_secret_keep(db, seal, "shop", "made", "SESSION_SECRET",
					    i == 0 ? STR("first") : STR("second"), &value, &err));
		assert_string_equal(buf_cstr(&value), "first");
	}
	seal_close(seal);
	db_close(db);
}

/* The tables as the first version left them: a variable that went into builds goes there still. */
static bool drop_backup_tables(struct db *db, struct err *err)
{
	return db_run(db, NULL, err, "drop table home_setting", "") &&
	       db_run(db, NULL, err, "drop table backup_key", "") &&
	       db_run(db, NULL, err, "drop table backup_info", "") &&
	       db_run(db, NULL, err, "drop table backup_gap", "") &&
	       db_run(db, NULL, err, "drop table backup_place", "") &&
	       db_run(db, NULL, err, "drop table timeline", "") && db_run(db, NULL, err, "drop table job", "");
}

static void test_older_tables_are_brought_up(void **state)
{
	struct err err;
	struct app app;
	struct seal *seal = NULL;
	char key[FILE_PATH_SIZE];
	struct db *db = open_store(*state);
	assert_true(file_path(key, &err, "%s/secret.key", (char *)*state) && seal_open(key, &seal, &err));
	assert_true(app_create(db, "shop", &app, &err));
	assert_true(app_secret_set(db, seal, "shop", "env", "STRIPE_KEY", STR("sk"), &err) &&
		    app_secret_set(db, seal, "shop", "key", "jwt_secret", STR("j"), &err));
	assert_true(db_run(db, NULL, &err,
			   "create table old (app text not null, kind text not null, name text not "
			   "null, sealed blob not null, set_at integer not null, primary key (app, kind, name)) strict",
			   "") &&
		    db_run(db, NULL, &err, "insert into old select app, kind, name, sealed, set_at from secret", "") &&
		    db_run(db, NULL, &err, "drop table secret", "") && db_run(db, NULL, &err, "drop table kept", "") &&
		    db_run(db, NULL, &err, "drop table setting", "") &&
		    db_run(db, NULL, &err, "drop table pool_use", "") && drop_backup_tables(db, &err) &&
		    db_run(db, NULL, &err, "alter table old rename to secret", "") &&
		    db_run(db, NULL, &err, "pragma user_version = 1", ""));
	db_close(db);
	db = open_store(*state);
	assert_env(db, seal, ENV_BOTH, "STRIPE_KEY=sk both;");
	seal_close(seal);
	db_close(db);
}

static void test_use_of_a_pool(void **state)
{
	struct err err;
	struct app app;
	struct pool_use use;
	struct db *db = open_store(*state);
	const int64_t hour = 3600 * 1000, day = 24 * hour, now = 1000 * day;
	json_t *list = json_array();
	assert_true(app_create(db, "shop", &app, &err));
	assert_true(pool_use_peak(db, "shop", 0, &use, &err) && use.demand == 0);
	assert_true(pool_use_add(db, "shop", now - 8 * day, &(struct pool_use){.demand = 90, .clients = 9}, &err));
	assert_true(pool_use_add(db, "shop", now, &(struct pool_use){.demand = 4, .clients = 50}, &err));
	assert_true(pool_use_add(db, "shop", now + 1, &(struct pool_use){.demand = 6, .clients = 20}, &err));
	assert_true(pool_use_peak(db, "shop", now - 7 * day, &use, &err));
	assert_true(use.demand == 6 && use.clients == 50);
	assert_true(pool_use_list(db, "shop", 0, list, &err) && json_array_size(list) == 2);
	/* It does not grow for good. */
	assert_true(pool_use_add(db, "shop", now + 20 * day, &(struct pool_use){.demand = 1}, &err));
	json_array_clear(list);
	assert_true(pool_use_list(db, "shop", 0, list, &err) && json_array_size(list) == 1);
	json_decref(list);
	db_close(db);
}

static void end_a_job(struct db *db, const char *app, enum err_code code)
{
	struct err err, why;
	int64_t id = 0;
	(void)err_set(&why, code, "because");
	assert_true(job_begin(db, app, "backup", NULL, &id, &err));
	assert_true(job_end(db, id, code == ERR_NONE ? "done" : "failed", code == ERR_NONE ? NULL : &why, NULL, &err));
}

static int conflicts_in_a_row(struct db *db, const char *app)
{
	struct err err;
	int count = -1;
	assert_true(job_failed_in_a_row(db, app, "backup", ERR_CONFLICT, &count, &err));
	return count;
}

static void test_jobs_that_failed_in_a_row(void **state)
{
	struct err err;
	struct app app;
	struct db *db = open_store(*state);
	assert_true(app_create(db, "shop", &app, &err));
	assert_int_equal(conflicts_in_a_row(db, "shop"), 0);
	end_a_job(db, "shop", ERR_CONFLICT);
	end_a_job(db, "shop", ERR_CONFLICT);
	end_a_job(db, NULL, ERR_NONE); /* of the home, not of this app */
	assert_int_equal(conflicts_in_a_row(db, "shop"), 2);
	end_a_job(db, "shop", ERR_FAILED);
	assert_int_equal(conflicts_in_a_row(db, "shop"), 0);
	end_a_job(db, "shop", ERR_CONFLICT);
	assert_int_equal(conflicts_in_a_row(db, "shop"), 1);
	end_a_job(db, "shop", ERR_NONE);
	assert_int_equal(conflicts_in_a_row(db, "shop"), 0);
	assert_int_equal(conflicts_in_a_row(db, NULL), 0);
	db_close(db);
}

struct writers {
	struct db *mine, *other;
	int64_t count;
};

static bool write_both(void *arg, const struct app *app, struct err *err)
{
	struct writers *w = arg;
	w->count++;
	return app_set_state(w->other, app->name, "running", err) && app_set_state(w->mine, app->name, "stopped", err);
}

/* Another process may write at any time: what is called for an app may write all the same. */
static void test_writing_for_each_app_beside_another(void **state)
{
	struct err err;
	struct app app;
	struct writers w = {.mine = open_store(*state), .other = open_store(*state)};
	assert_true(app_create(w.mine, "one", &app, &err) && app_create(w.mine, "two", &app, &err));
	if (!app_each(w.mine, write_both, &w, &err)) fail_msg("%s", err.msg);
	assert_int_equal(w.count, 2);
	db_close(w.mine);
	db_close(w.other);
}

static void test_names(void **state)
{
	(void)state;
	struct err err;
	const char *good[] = {"a", "shop", "my-shop-2", "abcdefghijklmnopqrstuvwxyz012345"};
	const char *bad[] = {"",        "Shop", "1shop", "-a",  "a-",  "a--b",
			     "a_b",     "a.b",  "../x",  "a b", "a;b", "abcdefghijklmnopqrstuvwxyz0123456",
			     "\xC3\xA9"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(layout_app_name_check(good[i], &err));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(layout_app_name_check(bad[i], &err));
}

static void test_newer_tables_are_refused(void **state)
{
	struct err err;
	struct db *db = open_store(*state);
	assert_true(db_run(db, NULL, &err, "pragma user_version = 99", ""));
	db_close(db);
	char path[FILE_PATH_SIZE];
	assert_true(file_path(path, &err, "%s/freehold.db", (char *)*state));
	assert_false(db_open(path, &db, &err));
	assert_int_equal(err.code, ERR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_deployments_are_serial_and_numbered, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_journal_as_json, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_the_release_before, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_secrets_are_sealed, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_where_variables_go, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_a_made_secret_stays, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_older_tables_are_brought_up, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_use_of_a_pool, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_jobs_that_failed_in_a_row, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_writing_for_each_app_beside_another, make_folder, remove_folder),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test_setup_teardown(test_newer_tables_are_refused, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
