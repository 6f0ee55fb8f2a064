/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/hook.h"

#include <stdlib.h>

#include "auth/hook_http.h"
#include "auth/token.h"
#include "base/clock.h"
#include "codec/json.h"

struct hook_asked {
	struct auth_call *call;
	const struct auth_hook *hook;
	hook_done_fn done;
	hook_refused_fn refused;
	struct pg_batch sql;
	struct pg_call pg;
};

/* By upstream's names, which are not those of the settings. */
static const char *const names[] = {
    [AUTH_HOOK_MFA_VERIFICATION_ATTEMPT] = "mfa-verification",
    [AUTH_HOOK_PASSWORD_VERIFICATION_ATTEMPT] = "password-verification",
    [AUTH_HOOK_CUSTOM_ACCESS_TOKEN] = "customize-access-token",
    [AUTH_HOOK_SEND_SMS] = "send-sms",
    [AUTH_HOOK_SEND_EMAIL] = "send-email",
    [AUTH_HOOK_BEFORE_USER_CREATED] = "before-user-created",
    [AUTH_HOOK_AFTER_USER_CREATED] = "after-user-created",
};

bool hook_is_on(const struct auth_call *call, enum auth_hook_kind kind)
{
	return call->settings->hooks[kind].is_enabled;
}

json_t *hook_input(const struct auth_call *call, enum auth_hook_kind kind)
{
	char uuid[AUTH_UUID_SIZE], time[40];
	int64_t now_ms = clock_wall_ms();
	time_t now_s = (time_t)(now_ms / 1000);
	struct tm tm;
	auth_make_uuid(uuid);
	(void)gmtime_r(&now_s, &tm);
	size_t len = strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(time + len, sizeof time - len, ".%03dZ", (int)(now_ms % 1000));
	return json_pack("{s:{s:s, s:s, s:s, s:s}}", "metadata", "uuid", uuid, "time", time, "name", names[kind],
			 "ip_address", call->address != NULL ? call->address : "");
}

json_t *hook_user(struct auth_call *call, const struct auth_user *user)
{
	json_t *value = NULL;
	struct err err;
	const char *text = auth_user_json(call->arena, user);
	return text != NULL && json_parse(str_from(text), &value, &err) ? value : NULL;
}

static void free_json(void *arg)
{
	json_decref(arg);
}

void hook_failed(struct hook_asked *asked, const struct err *why)
{
	struct auth_problem problem;
	(void)auth_problem_set(&problem, 500, "unexpected_failure", "Error running hook URI: %.180s", asked->hook->uri);
	asked->refused(asked->call, &problem, arena_strdup(asked->call->arena, why->msg));
}

void hook_refuse(struct hook_asked *asked, const struct auth_problem *problem, const char *cause)
{
	asked->refused(asked->call, problem, cause);
}

/* Whether the answer is a refusal, and if so, says it. */
static bool is_refusal(struct hook_asked *asked, const json_t *output)
{
	const json_t *error = json_object_get(output, "error");
	const char *message = json_str(error, "message", "");
	int64_t given = json_int(error, "http_code", 500);
	int status = given >= 400 && given <= 599 ? (int)given : 500;
	struct auth_problem problem;
	if (message[0] == '\0') return false;
	(void)auth_problem_set(&problem, status, status == 500 ? "unexpected_failure" : "unknown", "%s", message);
	asked->refused(asked->call, &problem, NULL);
	return true;
}

void hook_answer(struct hook_asked *asked, struct str output)
{
	json_t *value = NULL;
	struct err err;
	if (output.len == 0) output = STR("null");
	if (!json_parse(output, &value, &err)) {
		hook_failed(asked, &err);
		return;
	}
	arena_defer(asked->call->arena, free_json, value);
	if (!is_refusal(asked, value)) asked->done(asked->call, value);
}

static void clear_result(void *arg)
{
	PQclear(arg);
}

static void on_pg_done(void *arg, struct pg_call *pg)
{
	struct hook_asked *asked = arg;
	struct pg_error error = {0};
	struct err err = pg->err;
	for (int i = 0; i < pg->count + 1; i++)
		if (pg->results[i] != NULL) arena_defer(asked->call->arena, clear_result, pg->results[i]);
	if (pg->failed >= 0 && pg->failed < pg->count) {
		pg_error_from_result(&error, pg->results[pg->failed], NULL);
		(void)pg_error_set(&err, &error);
	}
	if (pg->failed >= 0 || pg->err.code != ERR_NONE)
		hook_failed(asked, &err);
	else
		hook_answer(asked, str_from(PQgetvalue(pg->results[0], 0, 0)));
}

static void ask_function(struct hook_asked *asked, const char *input)
{
	struct err err;
	PG_ADD(&asked->sql, "select freehold_auth.call_hook($1, $2, $3::jsonb)", asked->hook->schema,
	       asked->hook->function, input);
	asked->pg = (struct pg_call){.statements = asked->sql.statements,
				     .count = asked->sql.count,
				     .run_ms = HOOK_WAIT_MS,
				     .done = on_pg_done,
				     .arg = asked};
	if (!pg_pool_run(asked->call->auth->pool, &asked->pg, &err)) hook_failed(asked, &err);
}

void hook_ask(struct auth_call *call, enum auth_hook_kind kind, json_t *input, hook_done_fn done,
	      hook_refused_fn refused)
{
	json_t *held JSON_CLEANUP = input;
	struct hook_asked *asked = arena_alloc(call->arena, sizeof *asked);
	char *text = json_text(held);
	const char *copy = arena_strdup(call->arena, text);
	free(text);
	if (asked == NULL || copy == NULL) {
		call_full(call);
		return;
	}
	*asked = (struct hook_asked){.call = call,
				     .hook = &call->settings->hooks[kind],
				     .done = done,
				     .refused = refused != NULL ? refused : call_problem};
	if (asked->hook->url == NULL) {
		ask_function(asked, copy);
		return;
	}
	hook_http_ask(call, asked->hook, copy, asked);
}
