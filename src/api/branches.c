/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes about branches of an app's database (upkeep/branch.h). */
#include <stdio.h>

#include "api/app_parts.h"
#include "api/routes.h"
#include "codec/json.h"
#include "upkeep/branch.h"

static bool add_state(struct daemon *d, const char *app, const struct branch *b, json_t **ret_json, struct err *err)
{
	char part[PART_NAME_SIZE], unit[UNIT_NAME_SIZE];
	if (!branch_json(&d->flow, app, b, ret_json, err)) return false;
	(void)snprintf(part, sizeof part, BRANCH_PART "%s", b->name);
	parts_unit_name(app, part, unit);
	json_t *process = supervisor_json(d->supervisor, unit, part);
	json_object_set_new(*ret_json, "state", json_string(json_str(process, "state", "stopped")));
	json_decref(process);
	return true;
}

void route_branches(struct route_call *c)
{
	struct err err;
	struct app app;
	struct branch list[BRANCHES_MAX];
	int count = 0;
	json_t *branches = json_array();
	bool ok = app_get(c->d->flow.db, c->app, &app, &err) && branch_list(&c->d->flow, c->app, list, &count, &err);
	for (int i = 0; ok && i < count; i++) {
		json_t *one = NULL;
		ok = add_state(c->d, c->app, &list[i], &one, &err);
		if (ok) json_array_append_new(branches, one);
	}
	if (ok) {
		reply_json(c->req, 200,
			   json_pack("{s:s, s:o, s:i, s:i}", "app", c->app, "branches", branches, "most", BRANCHES_MAX,
				     "days", BRANCH_DAYS_DEFAULT));
		return;
	}
	json_decref(branches);
	reply_error(c->req, &err);
}

/* Where it is, for whoever wants to connect. */
void route_branch(struct route_call *c)
{
	struct err err;
	struct branch b;
	struct parts parts;
	json_t *answer = NULL;
	if (!parts_open(&c->d->flow, c->app, &parts, &err) || !branch_get(&c->d->flow, c->app, c->arg[0], &b, &err) ||
	    !add_state(c->d, c->app, &b, &answer, &err)) {
		reply_error(c->req, &err);
		return;
	}
	json_object_set_new(answer, "bin_dir", json_string(parts.pg_bin_dir));
	json_object_set_new(answer, "database", json_string(OWNDB_DATABASE));
	reply_json(c->req, 200, answer);
}

/* What cannot be is said before anything begins. */
void route_branches_post(struct route_call *c)
{
	struct err err;
	struct app app;
	struct branch b;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	if (app_get(c->d->flow.db, c->app, &app, &err) && branch_parse(body, &b, &err) &&
	    branch_check_new(&c->d->flow, c->app, b.name, &err)) {
		json_object_set_new(body, "do", json_string("create"));
		route_begin_job(c, "branch", body);
		return;
	}
	json_decref(body);
	reply_error(c->req, &err);
}

/* What is not said stays as it was. */
static bool fill_reset(json_t *body, const json_t *former, const struct branch *b, struct err *err)
{
	struct branch checked;
	bool has_kind = json_object_get(body, "kind") != NULL;
	json_object_set_new(body, "do", json_string("reset"));
	json_object_set_new(body, "name", json_string(b->name));
	if (!has_kind) json_object_set_new(body, "kind", json_string(b->kind));
	if (!has_kind && json_is_string(json_object_get(former, "sample")))
		json_object_set(body, "sample", json_object_get(former, "sample"));
	if (json_object_get(body, "days") == NULL) json_object_set_new(body, "days", json_integer(b->days));
	return branch_parse(body, &checked, err);
}

void route_branch_reset(struct route_call *c)
{
	struct err err;
	struct branch b;
	json_t *body = body_json(c->req), *former JSON_CLEANUP = NULL;
	if (body == NULL) return;
	if (branch_get(&c->d->flow, c->app, c->arg[0], &b, &err) &&
	    branch_json(&c->d->flow, c->app, &b, &former, &err) && fill_reset(body, former, &b, &err)) {
		route_begin_job(c, "branch", body);
		return;
	}
	json_decref(body);
	reply_error(c->req, &err);
}

void route_branch_delete(struct route_call *c)
{
	struct err err;
	struct branch b;
	if (branch_get(&c->d->flow, c->app, c->arg[0], &b, &err))
		route_begin_job(c, "branch", json_pack("{s:s, s:s}", "do", "delete", "name", b.name));
	else
		reply_error(c->req, &err);
}
