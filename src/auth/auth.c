/* SPDX-License-Identifier: Apache-2.0
 *
 * How a call begins: its route, its body, who asks. What follows is the route's flow; see call.h. */
#include "auth/auth.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>

#include "auth/body.h"
#include "auth/call.h"
#include "auth/captcha.h"
#include "auth/oidc.h"
#include "auth/user_columns.h"
#include "base/clock.h"
#include "codec/json.h"

#define HASH_QUEUE_MAX 64
#define USER_AGENT_MAX_BYTES 512

struct auth *auth_new(uv_loop_t *loop, struct pg_pool *pool, const struct auth_spec *spec)
{
	struct auth *auth = calloc(1, sizeof *auth);
	if (auth == NULL) abort();
	auth->loop = loop;
	auth->pool = pool;
	auth->settings = auth_settings_hold(spec->settings);
	auth->keys = spec->keys;
	auth->tokens = spec->tokens;
	auth->http = spec->http;
	auth->oidc = oidc_cache_new();
	auth->limit = auth_limit_new();
	auth->sweep = sweep_new(pool);
	auth->passwords = auth_passwords_new(loop, spec->hash_queue_max > 0 ? spec->hash_queue_max : HASH_QUEUE_MAX);
	return auth;
}

void auth_configure(struct auth *auth, struct auth_settings *settings, const struct keyring *keys,
		    struct tokens *tokens)
{
	(void)auth_settings_hold(settings);
	auth_settings_free(auth->settings);
	auth->settings = settings;
	auth->keys = keys;
	auth->tokens = tokens;
}

void auth_free(struct auth *auth)
{
	if (auth == NULL) return;
	assert(auth->calls == 0);
	oidc_cache_free(auth->oidc);
	keyring_free(auth->issuer_keys);
	auth_limit_free(auth->limit);
	sweep_free(auth->sweep);
	auth_passwords_free(auth->passwords);
	auth_settings_free(auth->settings);
	free(auth);
}

/* What goes into the session's row: the address only when it is one. */
static bool note_client(struct auth_call *call)
{
	unsigned char ignored[sizeof(struct in6_addr)];
	struct str agent = str_sub(call->request.user_agent, 0, USER_AGENT_MAX_BYTES);
	bool is_sound = str_is_utf8(agent) && str_find_char(agent, '\0') < 0;
	call->user_agent = arena_cstr(call->arena, is_sound ? agent : STR(""));
	const char *address = arena_cstr(call->arena, call->request.address);
	if (address == NULL || call->user_agent == NULL) return false;
	if (inet_pton(AF_INET, address, ignored) == 1 || inet_pton(AF_INET6, address, ignored) == 1)
		call->address = address;
	return true;
}

static void free_body(void *arg)
{
	json_decref(arg);
}

static void free_settings(void *arg)
{
	auth_settings_free(arg);
}

static bool read_body(struct auth_call *call, struct auth_problem *problem)
{
	if (call->route->body == AUTH_NO_BODY) return true;
	if (!body_read(call->request.body, &call->body, problem)) return false;
	arena_defer(call->arena, free_body, call->body);
	return true;
}

/* Behind the user's columns. */
enum { HAS_SESSION = AUTH_USER_COLUMN_COUNT, IS_AAL2, AGE, IS_RECOVERY };

static void read_session(struct auth_call *call, const PGresult *rows)
{
	struct call_session *s = &call->session;
	s->id = call->caller.session_id;
	if (s->id == NULL) return;
	s->is_aal2 = PQgetvalue(rows, 0, IS_AAL2)[0] == 't';
	s->is_recovery = PQgetvalue(rows, 0, IS_RECOVERY)[0] == 't';
	(void)str_to_int(str_from(PQgetvalue(rows, 0, AGE)), &s->age_ms);
}

/* Who signed the token may have been deleted, banned or signed out since. */
static void on_caller(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) == 0) {
		call_fail(call, 403, "user_not_found", "User from sub claim in JWT does not exist");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	read_session(call, rows);
	if (PQgetvalue(rows, 0, HAS_SESSION)[0] != 't')
		call_fail(call, 403, "session_not_found", "Session from session_id claim in JWT does not exist");
	else if (call->user.is_banned)
		call_fail(call, 403, "user_banned", "User is banned");
	else
		call->route->begin(call);
}

static void step_caller(struct auth_call *call)
{
	PG_ADD(call_sql(call),
	       "select " AUTH_USER_COLUMNS ", $2::uuid is null or s.id is not null, s.aal = 'aal2', "
	       "floor(extract(epoch from now() - s.created_at) * 1000)::bigint, exists (select from "
	       "auth.mfa_amr_claims m where m.session_id = s.id and m.authentication_method in ('otp', 'magiclink', "
	       "'recovery')) from auth.users u left join auth.sessions s on s.id = $2::uuid and s.user_id = u.id "
	       "where u.id = $1::uuid",
	       call->caller.user_id, call->caller.session_id);
	call_run(call, "Database error loading user", on_caller);
}

static void begin(struct auth_call *call)
{
	const struct auth_request *r = &call->request;
	struct auth_problem problem;
	call->route = auth_route_find(r, call->ids, &problem);
	if (call->route == NULL ||
	    !auth_caller_check(r, call->route->access, call->auth->tokens, call_now_s(call), &call->caller, &problem) ||
	    !auth_route_check_ids(call->route, call->ids, &problem) || !read_body(call, &problem))
		call_problem(call, &problem, NULL);
	else if (call->route->access == AUTH_USER || call->caller.session_id != NULL)
		step_caller(call); /* an administrator who signed in may have signed out since, too */
	else
		captcha_run(call, call->route->begin);
}

void auth_handle(struct auth *auth, const struct auth_request *request, auth_reply_fn done, void *arg)
{
	struct auth_call *call = arena_alloc(request->arena, sizeof *call);
	if (call == NULL) {
		done(arg, &(struct auth_reply){.status = 413, .body = STR("{}")});
		return;
	}
	*call = (struct auth_call){.auth = auth,
				   .settings = auth_settings_hold(auth->settings),
				   .request = *request,
				   .arena = request->arena,
				   .done = done,
				   .arg = arg};
	arena_defer(request->arena, free_settings, auth->settings);
	auth->calls++;
	sweep_maybe(auth->sweep, auth->settings, clock_now_ms());
	if (note_client(call))
		begin(call);
	else
		call_full(call);
}
