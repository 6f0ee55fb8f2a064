/* SPDX-License-Identifier: Apache-2.0
 *
 * The owner's variables of an app. */
#include "store/env.h"

#include <string.h>

#include "api/app_parts.h"
#include "api/routes.h"
#include "api/worker.h"
#include "app/functions.h"
#include "app/serve_env.h"
#include "app/signin.h"
#include "base/clock.h"
#include "codec/given.h"
#include "codec/json.h"
#include "store/app.h"

struct env_list {
	json_t *list;
	bool has_values;
};

static bool add_env(void *arg, const struct env_entry *e, struct err *err)
{
	struct env_list *l = arg;
	char set_at[CLOCK_ISO8601_SIZE];
	(void)err;
	clock_iso8601(e->set_at_ms, set_at);
	json_t *entry = json_pack("{s:s, s:s, s:b, s:s}", "name", e->name, "scope", env_scope_word(e->scope), "by_name",
				  e->is_by_name, "set_at", set_at);
	if (l->has_values) json_object_set_new(entry, "value", json_stringn(e->value.ptr, e->value.len));
	json_array_append_new(l->list, entry);
	return true;
}

/* Variables that only functions get. */
static bool add_secret(void *arg, const char *name, struct str value, int64_t set_at_ms, struct err *err)
{
	struct env_entry e = {.name = name, .value = value, .set_at_ms = set_at_ms};
	struct env_list *l = arg;
	if (!add_env(arg, &e, err)) return false;
	json_object_set_new(json_array_get(l->list, json_array_size(l->list) - 1), "scope", json_string("functions"));
	return true;
}

static bool list_all(struct route_call *c, bool is_functions, struct env_list *l, struct err *err)
{
	return is_functions
		   ? app_secret_each(c->d->flow.db, c->d->flow.seal, c->app, FUNCTIONS_SECRET, add_secret, l, err)
		   : env_each(c->d->flow.db, c->d->flow.seal, c->app, ENV_BOTH, add_env, l, err);
}

/* answer: what else is said; taken over. */
static void reply_env(struct route_call *c, bool has_values, bool is_functions, json_t *answer)
{
	struct err err;
	struct app app;
	struct env_list l = {json_array(), has_values};
	json_object_set_new(answer, "env", l.list);
	if (app_get(c->d->flow.db, c->app, &app, &err) && list_all(c, is_functions, &l, &err)) {
		reply_json(c->req, 200, answer);
		return;
	}
	json_decref(answer);
	reply_error(c->req, &err);
}

void route_env(struct route_call *c)
{
	const char *values = query_param(c->req, "values"), *functions = query_param(c->req, "functions");
	reply_env(c, values != NULL && strcmp(values, "1") == 0, functions != NULL && strcmp(functions, "1") == 0,
		  json_object());
}

struct change {
	const json_t *body;
	enum env_scope scope;
	bool is_functions; /* for functions only */
	bool leaves_given; /* what Freehold gives the app itself is left out */
	json_t *left_out;
	bool is_created;
};

static bool read_change(const json_t *body, struct change *ret_change, struct err *err)
{
	const char *scope = json_str(body, "scope", "");
	*ret_change = (struct change){.body = body,
				      .leaves_given = json_bool(body, "leave_given", false),
				      .is_functions = json_bool(body, "functions", false)};
	if (ret_change->is_functions && scope[0] != '\0')
		return err_set(err, ERR_INVALID, "a variable for functions goes to no build and no server");
	return scope[0] == '\0' || env_scope_from_word(scope, &ret_change->scope) ||
	       err_set(err, ERR_INVALID, "a variable goes to build, run or both, not to \"%.40s\"", scope);
}

static bool set_secret(struct route_call *c, const char *name, struct str value, struct err *err)
{
	if (!env_name_check(name, err)) return false;
	if (memchr(value.ptr, '\0', value.len) != NULL)
		return err_set(err, ERR_INVALID, "the value of %s has a zero byte in it", name);
	return app_secret_set(c->d->flow.db, c->d->flow.seal, c->app, FUNCTIONS_SECRET, name, value, err);
}

static bool set_all(struct route_call *c, struct change *change, struct err *err)
{
	const char *name;
	json_t *value;
	json_object_foreach(json_object_get(change->body, "set"), name, value)
	{
		if (!json_is_string(value))
			return err_set(err, ERR_INVALID, "the value of %.100s must be a text", name);
		struct str text = {json_string_value(value), json_string_length(value)};
		if (change->leaves_given && given_is(str_from(name)))
			json_array_append_new(change->left_out, json_string(name));
		else if (change->is_functions
			     ? !set_secret(c, name, text, err)
			     : !env_set(c->d->flow.db, c->d->flow.seal, c->app, name, text, change->scope, err))
			return false;
	}
	return true;
}

static bool unset_all(struct route_call *c, const struct change *change, struct err *err)
{
	size_t i;
	json_t *value;
	json_array_foreach(json_object_get(change->body, "unset"), i, value)
	{
		const char *name = json_is_string(value) ? json_string_value(value) : "";
		if (!app_secret_unset(c->d->flow.db, c->app, change->is_functions ? FUNCTIONS_SECRET : "env", name,
				      err))
			return false;
	}
	return true;
}

/* Variables can be set before the first deployment, which may need them: that makes the app. */
static bool ensure_app(struct route_call *c, struct change *change, struct err *err)
{
	bool has_some = json_object_size(json_object_get(change->body, "set")) > 0;
	return app_ensure(c, has_some, &change->is_created, err);
}

/* All of it or nothing. */
static bool apply(struct route_call *c, struct change *change, struct err *err)
{
	if (!db_begin(c->d->flow.db, err)) return false;
	if (ensure_app(c, change, err) && set_all(c, change, err) && unset_all(c, change, err))
		return db_commit(c->d->flow.db, err);
	db_rollback(c->d->flow.db);
	return false;
}

void route_env_put(struct route_call *c)
{
	struct err err;
	struct change change;
	json_t *body = body_json(c->req), *answer = NULL;
	if (body == NULL) return;
	bool ok = read_change(body, &change, &err);
	if (ok) {
		answer = json_pack("{s:[]}", "left_out");
		change.left_out = json_object_get(answer, "left_out");
		ok = apply(c, &change, &err);
		json_object_set_new(answer, "created", json_boolean(change.is_created));
	}
	ok = ok && signin_apply(&c->d->flow, c->app, &err);
	json_decref(body);
	if (ok) {
		daemon_renew_functions(c->d, c->app);
		reply_env(c, false, change.is_functions, answer);
		return;
	}
	json_decref(answer);
	reply_error(c->req, &err);
}
