/* SPDX-License-Identifier: Apache-2.0 */
#include "store/env.h"

#include <stdio.h>
#include <string.h>

#include "store/app.h"

static const char *const words[] = {"", "build", "run", "both"};

const char *env_scope_word(enum env_scope scope)
{
	return words[scope];
}

bool env_scope_from_word(const char *word, enum env_scope *ret_scope)
{
	for (int i = ENV_BUILD; i <= ENV_BOTH; i++)
		if (strcmp(word, words[i]) == 0) {
			*ret_scope = (enum env_scope)i;
			return true;
		}
	return false;
}

enum env_scope env_scope_by_name(const char *name)
{
	static const char *const prefixes[] = {"VITE_",        "NEXT_PUBLIC_", "PUBLIC_", "EXPO_PUBLIC_",
					       "NUXT_PUBLIC_", "REACT_APP_",   "GATSBY_", NULL};
	for (const char *const *p = prefixes; *p != NULL; p++)
		if (strncmp(name, *p, strlen(*p)) == 0) return ENV_BOTH;
	/* build/pictures.h, build/fonts.h */
	bool is_ours = strcmp(name, "FREEHOLD_PICTURES_FROM") == 0 || strcmp(name, "FREEHOLD_FONTS") == 0;
	return is_ours ? ENV_BUILD : ENV_RUN;
}

bool env_name_check(const char *name, struct err *err)
{
	size_t len = strlen(name);
	bool is_name = len > 0 && len <= ENV_NAME_MAX && (name[0] < '0' || name[0] > '9') &&
		       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == len;
	return is_name ||
	       err_set(err, ERR_INVALID, "\"%.100s\" cannot be a variable's name: use letters, digits and _", name);
}

static bool check_room(struct db *db, const char *app, const char *name, struct err *err)
{
	struct db_query q;
	int64_t others = 0;
	db_query(db, &q, "select count(*) from secret where app = ? and kind = 'env' and name <> ?", "ss", app, name);
	if (db_row(&q)) others = sqlite3_column_int64(q.stmt, 0);
	if (!db_end(&q, err)) return false;
	return others < ENV_MAX || err_set(err, ERR_LIMIT, "%s has %d variables, and no more are kept", app, ENV_MAX);
}

bool env_set(struct db *db, const struct seal *s, const char *app, const char *name, struct str value,
	     enum env_scope scope, struct err *err)
{
	if (!env_name_check(name, err) || !check_room(db, app, name, err)) return false;
	if (memchr(value.ptr, '\0', value.len) != NULL)
		return err_set(err, ERR_INVALID, "the value of %s has a zero byte in it, which no variable can hold",
			       name);
	if (!app_secret_set(db, s, app, "env", name, value, err)) return false;
	return scope == ENV_BY_NAME ||
	       db_run(db, NULL, err, "update secret set scope = ? where app = ? and kind = 'env' and name = ?", "sss",
		      words[scope], app, name);
}

struct walk {
	struct db *db;
	const char *app;
	enum env_scope where;
	bool (*each)(void *arg, const struct env_entry *entry, struct err *err);
	void *arg;
};

static bool read_scope(struct walk *w, const char *name, struct env_entry *e, struct err *err)
{
	struct db_query q;
	db_query(w->db, &q, "select scope from secret where app = ? and kind = 'env' and name = ?", "ss", w->app, name);
	e->scope = env_scope_by_name(name);
	e->is_by_name = !db_row(&q) || !env_scope_from_word(db_text(&q, 0), &e->scope);
	return db_end(&q, err);
}

static bool on_secret(void *arg, const char *name, struct str value, int64_t set_at_ms, struct err *err)
{
	struct walk *w = arg;
	struct env_entry e = {.name = name, .value = value, .set_at_ms = set_at_ms};
	if (!read_scope(w, name, &e, err)) return false;
	return (e.scope & w->where) == 0 || w->each(w->arg, &e, err);
}

bool env_each(struct db *db, const struct seal *s, const char *app, enum env_scope where,
	      bool (*each)(void *arg, const struct env_entry *entry, struct err *err), void *arg, struct err *err)
{
	struct walk w = {db, app, where, each, arg};
	return app_secret_each(db, s, app, "env", on_secret, &w, err);
}
