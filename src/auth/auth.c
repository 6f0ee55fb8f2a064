/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a call: auth_handle parses it and checks who asks; step_* put statements or a hash under way; on_* take
 * what came of it. call_reply and call_problem are the only ends. */
#include "auth/auth.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/command.h"
#include "auth/limit.h"
#include "auth/password.h"
#include "auth/problem.h"
#include "auth/sql.h"
#include "auth/token.h"
#include "base/buf.h"
#include "base/clock.h"

#define TOKEN_LIFETIME_S 3600
#define ATTEMPTS_MAX 30
#define REFRESHES_MAX 150
#define LOOPBACK_TIMES 20 /* an app's own server signs all its visitors in from one address */
#define HASH_QUEUE_MAX 64
#define USER_AGENT_MAX_BYTES 512
#define LIST_MAX_BYTES (16u << 20)

struct auth {
	struct pg_pool *pool;
	struct auth_settings settings;
	struct auth_passwords *passwords;
	struct auth_limit *attempts, *refreshes; /* per address */
	struct auth_limit *local_attempts, *local_refreshes; /* of this machine */
	size_t calls; /* under way */
};

struct auth_call {
	struct auth *auth;
	struct auth_request request;
	struct auth_command command;
	struct auth_caller caller;
	auth_reply_fn done;
	void *arg;

	struct auth_sql sql;
	struct pg_call pg;
	void (*on_rows)(struct auth_call *call, const PGresult *rows); /* of the last statement */
	const char *failure; /* what a refused statement is called */

	char user_id[AUTH_UUID_SIZE], session_id[AUTH_UUID_SIZE];
	char refresh_token[AUTH_REFRESH_TOKEN_SIZE];
	char address[INET6_ADDRSTRLEN];
	const char *user_agent;
	const char *hash;
};

struct auth *auth_new(uv_loop_t *loop, struct pg_pool *pool, const struct auth_settings *settings)
{
	struct auth *auth = calloc(1, sizeof *auth);
	if (auth == NULL) abort();
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

static void add_header(struct auth_reply *reply, const char *name, const char *value)
{
	assert(reply->header_count < AUTH_REPLY_HEADERS_MAX);
	reply->headers[reply->header_count++] = (struct auth_header){name, value};
}

static void finish(struct auth_call *call, const struct auth_reply *reply)
{
	call->auth->calls--;
	call->done(call->arg, reply);
}

static void call_problem(struct auth_call *call, const struct auth_problem *problem, const char *cause)
{
	bool is_2024 = auth_is_version_2024(call->request.api_version);
	char *body = auth_problem_body(call->request.arena, problem, is_2024);
	struct auth_reply reply = {.status = problem->status, .cause = cause};
	reply.body = body != NULL ? str_from(body) : STR("{}");
	add_header(&reply, "Content-Type", "application/json");
	add_header(&reply, "X-Sb-Error-Code", problem->code);
	if (is_2024) add_header(&reply, "X-Supabase-Api-Version", "2024-01-01");
	finish(call, &reply);
}

static void fail(struct auth_call *call, int status, const char *code, const char *words)
{
	struct auth_problem problem;
	(void)auth_problem_set(&problem, status, code, "%s", words);
	call_problem(call, &problem, NULL);
}

/* Our failure or PostgreSQL's: the client gets a sentence, the log the cause. */
static void fail_inside(struct auth_call *call, const char *words, const struct err *cause)
{
	struct auth_problem problem;
	bool is_busy = cause->code == ERR_UNAVAILABLE || cause->code == ERR_TIMEOUT;
	(void)auth_problem_set(&problem, is_busy ? 503 : 500, is_busy ? "request_timeout" : "unexpected_failure", "%s",
			       words);
	call_problem(call, &problem, arena_strdup(call->request.arena, cause->msg));
}

static void call_reply(struct auth_call *call, int status, const char *body)
{
	if (body == NULL) {
		fail(call, 413, "request_entity_too_large", "The answer needs more memory than is set aside");
		return;
	}
	struct auth_reply reply = {.status = status, .body = str_from(body)};
	if (status != 204) add_header(&reply, "Content-Type", "application/json");
	if (call->command.kind == AUTH_JWKS) add_header(&reply, "Cache-Control", "public, max-age=600");
	finish(call, &reply);
}

static void on_refused(struct auth_call *call)
{
	struct pg_error error = {0};
	struct err err;
	pg_error_from_result(&error, call->pg.results[call->pg.failed], NULL);
	(void)pg_error_set(&err, &error);
	bool is_create = call->command.kind == AUTH_SIGNUP || call->command.kind == AUTH_ADMIN_CREATE;
	if (strcmp(error.constraint, "users_email_partial_key") == 0 && call->command.kind == AUTH_SIGNUP)
		fail(call, 422, "user_already_exists", "User already registered");
	else if (strcmp(error.constraint, "users_email_partial_key") == 0)
		fail(call, 422, "email_exists", "A user with this email address has already been registered");
	else
		fail_inside(call, is_create ? "Database error saving new user" : call->failure, &err);
}

static void on_pg_done(void *arg, struct pg_call *pg)
{
	struct auth_call *call = arg;
	if (pg->failed >= 0 && pg->failed < pg->count)
		on_refused(call);
	else if (pg->err.code != ERR_NONE)
		fail_inside(call, call->failure, &pg->err);
	else
		call->on_rows(call, pg->results[pg->count - 1]);
}

static void clear_pg(void *arg)
{
	pg_call_clear(arg);
}

/* Sends what is in call->sql. The results live as long as the request. */
static void run(struct auth_call *call, const char *failure, void (*on_rows)(struct auth_call *, const PGresult *))
{
	struct err err;
	pg_call_clear(&call->pg);
	call->pg = (struct pg_call){
	    .statements = call->sql.statements, .count = call->sql.count, .done = on_pg_done, .arg = call};
	call->on_rows = on_rows;
	call->failure = failure;
	if (!pg_pool_run(call->auth->pool, &call->pg, &err)) fail_inside(call, failure, &err);
}

static struct auth_sql *fresh_sql(struct auth_call *call)
{
	call->sql.count = 0;
	return &call->sql;
}

static bool is_local(const struct auth_call *call)
{
	struct str address = call->request.address;
	return address.len == 0 || str_has_prefix(address, STR("127.")) || str_eq(address, STR("::1"));
}

static bool take(struct auth_call *call, struct auth_limit *limit, struct auth_limit *local)
{
	if (auth_limit_take(is_local(call) ? local : limit, call->request.address, clock_now_ms())) return true;
	fail(call, 429, "over_request_rate_limit", "Request rate limit reached");
	return false;
}

static const char *address_of(const struct auth_call *call)
{
	return call->address[0] != '\0' ? call->address : NULL;
}

/* Answers with the session that was written. */
static void on_session(struct auth_call *call, const PGresult *rows)
{
	const struct auth_settings *settings = &call->auth->settings;
	struct auth_session session = {.issuer = settings->issuer,
				       .secret = settings->jwt_secret,
				       .now_s = clock_wall_ms() / 1000,
				       .lifetime_s = settings->token_lifetime_s,
				       .session_id = call->session_id,
				       .refresh_token = call->refresh_token,
				       .aal = "aal1"};
	if (PQntuples(rows) == 0) {
		fail(call, 500, "unexpected_failure", "Database error loading user");
		return;
	}
	session.amr = arena_printf(call->request.arena, "[{\"method\":\"password\",\"timestamp\":%lld}]",
				   (long long)session.now_s);
	call_reply(call, 200, session.amr != NULL ? auth_session_json(call->request.arena, rows, 0, &session) : NULL);
}

static void add_session(struct auth_call *call)
{
	auth_make_uuid(call->session_id);
	auth_make_refresh_token(call->refresh_token);
	auth_sql_begin_session(&call->sql, &(struct auth_session_start){.user_id = call->user_id,
									.session_id = call->session_id,
									.refresh_token = call->refresh_token,
									.user_agent = call->user_agent,
									.address = address_of(call)});
}

static void reply_user(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) == 0)
		fail(call, 404, "user_not_found", "User not found");
	else
		call_reply(call, 200, auth_user_json(call->request.arena, rows, 0));
}

/* Sign-up: is the address free, hash, write. */
static void on_signup_hash(void *arg, const char *hash)
{
	struct auth_call *call = arg;
	if (hash == NULL) {
		fail(call, 500, "unexpected_failure", "The password could not be hashed");
		return;
	}
	call->hash = arena_strdup(call->request.arena, hash);
	auth_make_uuid(call->user_id);
	auth_sql_create(fresh_sql(call), &call->command, call->user_id, call->hash, true);
	add_session(call);
	run(call, "Database error saving new user", on_session);
}

static void hash(struct auth_call *call, void (*done)(void *arg, const char *hash))
{
	struct err err;
	if (!auth_password_hash(call->auth->passwords, str_from(call->command.password), done, call, &err))
		fail_inside(call, err.msg, &err);
}

static void on_signup_found(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) > 0)
		fail(call, 422, "user_already_exists", "User already registered");
	else
		hash(call, on_signup_hash);
}

static void step_signup(struct auth_call *call)
{
	if (!take(call, call->auth->attempts, call->auth->local_attempts)) return;
	auth_sql_find_by_email(fresh_sql(call), call->command.email);
	run(call, "Database error finding user", on_signup_found);
}

/* Password: find, compare (somebody or nobody, it takes as long), begin a session. */
static void on_password_compared(void *arg, bool is_right)
{
	struct auth_call *call = arg;
	const PGresult *rows = call->pg.results[0];
	if (!is_right || PQntuples(rows) == 0) {
		fail(call, 400, "invalid_credentials", "Invalid login credentials");
	} else if (PQgetvalue(rows, 0, AUTH_COL_IS_BANNED)[0] == 't') {
		fail(call, 400, "user_banned", "User is banned");
	} else if (PQgetvalue(rows, 0, AUTH_COL_IS_CONFIRMED)[0] != 't') {
		fail(call, 400, "email_not_confirmed", "Email not confirmed");
	} else {
		(void)snprintf(call->user_id, sizeof call->user_id, "%s", PQgetvalue(rows, 0, AUTH_COL_ID));
		(void)fresh_sql(call);
		add_session(call);
		run(call, "Database error granting user", on_session);
	}
}

static void on_password_found(struct auth_call *call, const PGresult *rows)
{
	struct err err;
	const char *known = PQntuples(rows) > 0 ? PQgetvalue(rows, 0, AUTH_COL_PASSWORD) : NULL;
	if (!auth_password_verify(call->auth->passwords, str_from(call->command.password), known, on_password_compared,
				  call, &err))
		fail_inside(call, err.msg, &err);
}

static void step_password(struct auth_call *call)
{
	if (!take(call, call->auth->attempts, call->auth->local_attempts)) return;
	auth_sql_find_by_email(fresh_sql(call), call->command.email);
	run(call, "Database error querying schema", on_password_found);
}

static const struct {
	const char *verdict, *code, *words;
} refusals[] = {
    {"unknown", "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found"},
    {"banned", "user_banned", "Invalid Refresh Token: User Banned"},
    {"no session", "session_not_found", "Invalid Refresh Token: No Valid Session Found"},
    {"expired", "session_expired", "Invalid Refresh Token: Session Expired"},
    {"replay", "refresh_token_already_used", "Invalid Refresh Token: Already Used"},
};

static void on_refreshed(struct auth_call *call, const PGresult *rows)
{
	const struct auth_settings *settings = &call->auth->settings;
	const char *verdict = PQgetvalue(rows, 0, AUTH_REFRESH_VERDICT);
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		if (strcmp(verdict, refusals[i].verdict) != 0) continue;
		fail(call, 400, refusals[i].code, refusals[i].words);
		return;
	}
	struct auth_session session = {.issuer = settings->issuer,
				       .secret = settings->jwt_secret,
				       .now_s = clock_wall_ms() / 1000,
				       .lifetime_s = settings->token_lifetime_s,
				       .session_id = PQgetvalue(rows, 0, AUTH_REFRESH_SESSION),
				       .refresh_token = PQgetvalue(rows, 0, AUTH_REFRESH_TOKEN),
				       .aal = PQgetvalue(rows, 0, AUTH_REFRESH_AAL),
				       .amr = PQgetvalue(rows, 0, AUTH_REFRESH_AMR)};
	call_reply(call, 200, auth_session_json(call->request.arena, rows, 0, &session));
}

static void step_refresh(struct auth_call *call)
{
	if (!take(call, call->auth->refreshes, call->auth->local_refreshes)) return;
	auth_make_refresh_token(call->refresh_token);
	auth_sql_refresh(fresh_sql(call), call->command.refresh_token, call->refresh_token, call->user_agent,
			 address_of(call));
	run(call, "Database error refreshing the session", on_refreshed);
}

/* Who signed the token may have been deleted, banned or signed out since. */
static bool is_caller_good(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) == 0)
		fail(call, 403, "user_not_found", "User from sub claim in JWT does not exist");
	else if (PQgetvalue(rows, 0, AUTH_COL_EXTRA)[0] != 't')
		fail(call, 403, "session_not_found", "Session from session_id claim in JWT does not exist");
	else if (PQgetvalue(rows, 0, AUTH_COL_IS_BANNED)[0] == 't')
		fail(call, 403, "user_banned", "User is banned");
	else
		return true;
	return false;
}

static void on_logged_out(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	call_reply(call, 204, "");
}

static void on_update_hash(void *arg, const char *hash)
{
	struct auth_call *call = arg;
	if (hash == NULL) {
		fail(call, 500, "unexpected_failure", "The password could not be hashed");
		return;
	}
	call->hash = arena_strdup(call->request.arena, hash);
	auth_sql_update(fresh_sql(call), &call->command, call->user_id, call->hash, call->caller.session_id);
	run(call, "Error updating user", reply_user);
}

static void on_update_compared(void *arg, bool is_same)
{
	struct auth_call *call = arg;
	if (is_same)
		fail(call, 422, "same_password", "New password should be different from the old password.");
	else
		hash(call, on_update_hash);
}

static void step_update(struct auth_call *call, const PGresult *rows)
{
	struct auth_command *c = &call->command;
	struct err err;
	if (c->email != NULL && strcmp(c->email, PQgetvalue(rows, 0, AUTH_COL_EMAIL)) != 0) {
		fail(call, 501, "not_implemented",
		     "Freehold does not serve this yet: changing the email address, which a mail must confirm");
		return;
	}
	c->email = NULL;
	(void)snprintf(call->user_id, sizeof call->user_id, "%s", call->caller.user_id);
	if (c->password != NULL) {
		if (!auth_password_verify(call->auth->passwords, str_from(c->password),
					  PQgetvalue(rows, 0, AUTH_COL_PASSWORD), on_update_compared, call, &err))
			fail_inside(call, err.msg, &err);
		return;
	}
	auth_sql_update(fresh_sql(call), c, call->user_id, NULL, NULL);
	run(call, "Error updating user", reply_user);
}

static void on_caller(struct auth_call *call, const PGresult *rows)
{
	if (!is_caller_good(call, rows)) return;
	switch (call->command.kind) {
	case AUTH_USER_GET: reply_user(call, rows); break;
	case AUTH_USER_UPDATE: step_update(call, rows); break;
	default:
		auth_sql_logout(fresh_sql(call), call->command.scope, call->caller.user_id, call->caller.session_id);
		run(call, "Error logging out user", on_logged_out);
	}
}

static void step_caller(struct auth_call *call)
{
	auth_sql_find_caller(fresh_sql(call), call->caller.user_id, call->caller.session_id);
	run(call, "Database error loading user", on_caller);
}

/* Administration. */
static void on_listed(struct auth_call *call, const PGresult *rows)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, LIST_MAX_BYTES);
	buf_puts(&b, "{\"users\":[");
	for (int row = 0; row < PQntuples(rows); row++) {
		char *user = auth_user_json(call->request.arena, rows, row);
		buf_printf(&b, "%s%s", row > 0 ? "," : "", user != NULL ? user : "null");
	}
	buf_puts(&b, "],\"aud\":\"authenticated\"}");
	const char *total = PQntuples(rows) > 0 ? PQgetvalue(rows, 0, AUTH_COL_EXTRA) : "0";
	char *body = buf_is_ok(&b) ? arena_cstr(call->request.arena, buf_view(&b)) : NULL;
	if (body == NULL) {
		fail(call, 413, "request_entity_too_large", "The page is too large; ask for fewer users with per_page");
		return;
	}
	struct auth_reply reply = {.status = 200, .body = str_from(body)};
	add_header(&reply, "Content-Type", "application/json");
	add_header(&reply, "X-Total-Count", total);
	finish(call, &reply);
}

static void step_list(struct auth_call *call)
{
	const struct auth_command *c = &call->command;
	const char *limit = arena_printf(call->request.arena, "%lld", (long long)c->per_page);
	const char *offset = arena_printf(call->request.arena, "%lld", (long long)((c->page - 1) * c->per_page));
	auth_sql_list(fresh_sql(call), limit, offset);
	run(call, "Database error finding users", on_listed);
}

static void create(struct auth_call *call)
{
	const struct auth_command *c = &call->command;
	if (c->user_id != NULL)
		(void)snprintf(call->user_id, sizeof call->user_id, "%s", c->user_id);
	else
		auth_make_uuid(call->user_id);
	auth_sql_create(fresh_sql(call), c, call->user_id, call->hash, c->is_email_confirmed);
	auth_sql_find_by_id(&call->sql, call->user_id);
	run(call, "Database error creating new user", reply_user);
}

static void update(struct auth_call *call)
{
	auth_sql_update(fresh_sql(call), &call->command, call->command.user_id, call->hash, NULL);
	run(call, "Error updating user", reply_user);
}

static void on_admin_hash(void *arg, const char *hash)
{
	struct auth_call *call = arg;
	call->hash = hash != NULL ? arena_strdup(call->request.arena, hash) : NULL;
	if (call->hash == NULL)
		fail(call, 500, "unexpected_failure", "The password could not be hashed");
	else if (call->command.kind == AUTH_ADMIN_CREATE)
		create(call);
	else
		update(call);
}

static void step_admin_write(struct auth_call *call)
{
	call->hash = call->command.password_hash;
	if (call->command.password != NULL)
		hash(call, on_admin_hash);
	else if (call->command.kind == AUTH_ADMIN_CREATE)
		create(call);
	else
		update(call);
}

static void on_deleted(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) == 0)
		fail(call, 404, "user_not_found", "User not found");
	else
		call_reply(call, 200, "{}");
}

static void step_admin_one(struct auth_call *call)
{
	if (call->command.kind == AUTH_ADMIN_GET) {
		auth_sql_find_by_id(fresh_sql(call), call->command.user_id);
		run(call, "Database error loading user", reply_user);
	} else {
		auth_sql_delete(fresh_sql(call), call->command.user_id);
		run(call, "Database error deleting user", on_deleted);
	}
}

#define HEALTH                                                                                                         \
	"{\"version\":\"freehold\",\"name\":\"GoTrue\",\"description\":\"GoTrue is a user registration and "           \
	"authentication API\"}"
#define SETTINGS                                                                                                       \
	"{\"external\":{\"anonymous_users\":false,\"apple\":false,\"azure\":false,\"bitbucket\":false,"                \
	"\"discord\":false,\"facebook\":false,\"snapchat\":false,\"figma\":false,\"fly\":false,\"github\":false,"      \
	"\"gitlab\":false,\"google\":false,\"keycloak\":false,\"kakao\":false,\"linkedin\":false,"                     \
	"\"linkedin_oidc\":false,\"notion\":false,\"spotify\":false,\"slack\":false,\"slack_oidc\":false,"             \
	"\"workos\":false,\"twitch\":false,\"twitter\":false,\"email\":true,\"phone\":false,\"zoom\":false},"          \
	"\"disable_signup\":false,\"mailer_autoconfirm\":true,\"phone_autoconfirm\":false,\"sms_provider\":\"\","      \
	"\"saml_enabled\":false,\"passkeys_enabled\":false}"

static void step(struct auth_call *call)
{
	switch (call->command.kind) {
	case AUTH_HEALTH: call_reply(call, 200, HEALTH); return;
	case AUTH_SETTINGS: call_reply(call, 200, SETTINGS); return;
	case AUTH_JWKS: call_reply(call, 200, "{\"keys\":[]}"); return; /* a symmetric key is nobody's to see */
	case AUTH_SIGNUP: step_signup(call); return;
	case AUTH_PASSWORD: step_password(call); return;
	case AUTH_REFRESH: step_refresh(call); return;
	case AUTH_USER_GET:
	case AUTH_USER_UPDATE:
	case AUTH_LOGOUT: step_caller(call); return;
	case AUTH_ADMIN_LIST: step_list(call); return;
	case AUTH_ADMIN_CREATE:
	case AUTH_ADMIN_UPDATE: step_admin_write(call); return;
	case AUTH_ADMIN_GET:
	case AUTH_ADMIN_DELETE: step_admin_one(call); return;
	}
}

/* What goes into the session's row: the address only when it is one. */
static bool note_client(struct auth_call *call)
{
	unsigned char ignored[sizeof(struct in6_addr)];
	struct str agent = str_sub(call->request.user_agent, 0, USER_AGENT_MAX_BYTES);
	if (str_is_utf8(agent) && str_find_char(agent, '\0') < 0)
		call->user_agent = arena_cstr(call->request.arena, agent);
	else
		call->user_agent = "";
	char *address = arena_cstr(call->request.arena, call->request.address);
	if (address == NULL || call->user_agent == NULL) return false;
	if (inet_pton(AF_INET, address, ignored) == 1 || inet_pton(AF_INET6, address, ignored) == 1)
		(void)snprintf(call->address, sizeof call->address, "%s", address);
	return true;
}

void auth_handle(struct auth *auth, const struct auth_request *request, auth_reply_fn done, void *arg)
{
	struct auth_call *call = arena_alloc(request->arena, sizeof *call);
	if (call == NULL) {
		done(arg, &(struct auth_reply){.status = 413, .body = STR("{}")});
		return;
	}
	*call = (struct auth_call){.auth = auth, .request = *request, .done = done, .arg = arg};
	auth->calls++;
	arena_defer(request->arena, clear_pg, &call->pg);
	struct auth_problem problem;
	if (!note_client(call))
		fail(call, 413, "request_entity_too_large", "The request needs more memory than is set aside");
	else if (!auth_command_parse(request, &call->command, &problem) ||
		 !auth_caller_check(request->arena, request->bearer, call->command.access, auth->settings.jwt_secret,
				    clock_wall_ms() / 1000, &call->caller, &problem))
		call_problem(call, &problem, NULL);
	else
		step(call);
}
