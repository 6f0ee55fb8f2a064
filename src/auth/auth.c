/* SPDX-License-Identifier: Apache-2.0
 *
 * How a call begins: its route, its body, who asks. What follows is the route's flow; see call.h. */
#include "auth/auth.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>

#include "auth/body.h"
#include "auth/call.h"
#include "auth/user_columns.h"
#include "codec/json.h"

#define TOKEN_LIFETIME_S 3600
#define ATTEMPTS_MAX 30
#define REFRESHES_MAX 150
#define LOOPBACK_TIMES 20 /* an app's own server signs all its visitors in from one address */
#define HASH_QUEUE_MAX 64
#define USER_AGENT_MAX_BYTES 512

struct auth *auth_new(uv_loop_t *loop, struct pg_pool *pool, const struct auth_settings *settings)
{
	struct auth *auth = calloc(1, sizeof *auth);
	if (auth == NULL) abort();
	auth->loop = loop;
	auth->pool = pool;
	auth->settings = *settings;
	if (auth->settings.token_lifetime_s == 0) auth->settings.token_lifetime_s = TOKEN_LIFETIME_S;
	unsigned attempts = settings->attempts_max > 0 ? settings->attempts_max : ATTEMPTS_MAX;
	unsigned refreshes = settings->refreshes_max > 0 ? settings->refreshes_max : REFRESHES_MAX;
	auth->attempts = auth_limit_new(attempts);
	auth->refreshes = auth_limit_new(refreshes);
	auth->local_attempts = auth_limit_new(attempts * LOOPBACK_TIMES);
	auth->local_refreshes = auth_limit_new(refreshes * LOOPBACK_TIMES);
	auth->passwords =
	    auth_passwords_new(loop, settings->hash_queue_max > 0 ? settings->hash_queue_max : HASH_QUEUE_MAX);
	return auth;
}

void auth_free(struct auth *auth)
{
	if (auth == NULL) return;
	assert(auth->calls == 0);
	auth_limit_free(auth->attempts);
	auth_limit_free(auth->refreshes);
	auth_limit_free(auth->local_attempts);
	auth_limit_free(auth->local_refreshes);
	auth_passwords_free(auth->passwords);
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

static bool read_body(struct auth_call *call, struct auth_problem *problem)
{
	if (call->route->body == AUTH_NO_BODY) return true;
	if (!body_read(call->request.body, &call->body, problem)) return false;
	arena_defer(call->arena, free_body, call->body);
	return true;
}

/* Who signed the token may have been deleted, banned or signed out since. */
static void on_caller(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) == 0) {
		call_fail(call, 403, "user_not_found", "User from sub claim in JWT does not exist");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	if (PQgetvalue(rows, 0, AUTH_USER_COLUMN_COUNT)[0] != 't')
		call_fail(call, 403, "session_not_found", "Session from session_id claim in JWT does not exist");
	else if (call->user.is_banned)
		call_fail(call, 403, "user_banned", "User is banned");
	else
		call->route->begin(call);
}

static void step_caller(struct auth_call *call)
{
	SQL_ADD(call_sql(call),
		"select " AUTH_USER_COLUMNS ", $2::uuid is null or exists (select from auth.sessions s where "
		"s.id = $2::uuid and s.user_id = u.id) from auth.users u where u.id = $1::uuid",
		call->caller.user_id, call->caller.session_id);
	call_run(call, "Database error loading user", on_caller);
}

static void begin(struct auth_call *call)
{
	const struct auth_request *r = &call->request;
	struct auth_problem problem;
	call->route = auth_route_find(r, call->ids, &problem);
	if (call->route == NULL ||
	    !auth_caller_check(call->arena, r->bearer, call->route->access, call->auth->settings.jwt_secret,
			       call_now_s(call), &call->caller, &problem) ||
	    !read_body(call, &problem))
		call_problem(call, &problem, NULL);
	else if (call->route->access == AUTH_USER)
		step_caller(call);
	else
		call->route->begin(call);
}

void auth_handle(struct auth *auth, const struct auth_request *request, auth_reply_fn done, void *arg)
{
	struct auth_call *call = arena_alloc(request->arena, sizeof *call);
	if (call == NULL) {
		done(arg, &(struct auth_reply){.status = 413, .body = STR("{}")});
		return;
	}
	*call =
	    (struct auth_call){.auth = auth, .request = *request, .arena = request->arena, .done = done, .arg = arg};
	auth->calls++;
	if (note_client(call))
		begin(call);
	else
		call_full(call);
}
