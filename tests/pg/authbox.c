/* SPDX-License-Identifier: Apache-2.0 */
#include "authbox.h"

#include "auth/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"
#include "codec/jwt.h"
#include "owndb/prelude.h"

static struct auth_settings *settings_of(const char *text)
{
	json_t *wish JSON_CLEANUP = NULL;
	struct auth_settings *settings = NULL;
	struct err err;
	if (!json_parse(str_from(text), &wish, &err) || !auth_settings_read(wish, &settings, &err))
		fail_msg("%s", err.msg);
	return settings;
}

void authbox_init(struct authbox *box, const char *settings)
{
	static char conninfo[300];
	struct err err;
	*box = (struct authbox){.api_version = "", .address = "192.0.2.1", .referer = ""};
	ownbox_init(&box->db);
	box->db.db.api_os_user = NULL; /* this process is the backend, too */
	if (!owndb_create(&box->db.db, box->db.cache_dir, &err)) fail_msg("%s", err.msg);
	ownbox_start(&box->db);
	if (!owndb_prelude(&box->db.db, NULL, &err)) fail_msg("%s", err.msg);
	(void)snprintf(conninfo, sizeof conninfo, "host=%s dbname=postgres user=supabase_auth_admin",
		       box->db.socket_dir);
	assert_int_equal(uv_loop_init(&box->loop), 0);
	box->pool = pg_pool_new(&box->loop, &(struct pg_pool_settings){.conninfo = conninfo, .size = 4});
	struct auth_settings *made = settings_of(settings);
	box->keys = keyring_from_secret(STR(AUTHBOX_SECRET));
	box->tokens = tokens_new(&(struct tokens_settings){.keys = keyring_verifying(box->keys), .role = "anon"});
	box->auth = auth_new(&box->loop, box->pool,
			     &(struct auth_spec){.settings = made, .keys = box->keys, .tokens = box->tokens});
	auth_settings_free(made);
}

void authbox_configure(struct authbox *box, const char *settings)
{
	struct auth_settings *made = settings_of(settings);
	auth_configure(box->auth, made, box->keys, box->tokens);
	auth_settings_free(made);
}

void authbox_done(struct authbox *box)
{
	auth_free(box->auth);
	tokens_free(box->tokens);
	keyring_free(box->keys);
	pg_pool_stop(box->pool, NULL, NULL);
	(void)uv_run(&box->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&box->loop), 0);
	ownbox_done(&box->db);
}

static void take_header(struct answer *a, const struct auth_header *h)
{
	const struct {
		const char *name;
		char *to;
		size_t size;
	} wanted[] = {{"X-Supabase-Api-Version", a->version, sizeof a->version},
		      {"Location", a->location, sizeof a->location},
		      {"Link", a->link, sizeof a->link},
		      {"X-Total-Count", a->total, sizeof a->total}};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (strcmp(h->name, wanted[i].name) == 0) (void)snprintf(wanted[i].to, wanted[i].size, "%s", h->value);
}

static void on_reply(void *arg, const struct auth_reply *reply)
{
	struct answer *a = arg;
	struct err err;
	assert_false(a->is_done);
	a->is_done = true;
	a->status = reply->status;
	if (reply->body.len > 0 && !json_parse(reply->body, &a->body, &err))
		fail_msg("%s: %s", err.msg, reply->body.ptr);
	for (int i = 0; i < reply->header_count; i++) take_header(a, &reply->headers[i]);
	(void)snprintf(a->cause, sizeof a->cause, "%s", reply->cause != NULL ? reply->cause : "");
}

void authbox_begin(struct authbox *box, struct answer *a, struct arena *arena, const char *method, const char *path,
		   const char *query, const char *bearer, const char *body)
{
	struct auth_request request = {.method = str_from(method),
				       .path = str_from(path),
				       .query = str_from(query),
				       .body = str_from(body),
				       .bearer = str_from(bearer),
				       .api_version = str_from(box->api_version),
				       .user_agent = STR("test"),
				       .address = str_from(box->address),
				       .referer = str_from(box->referer),
				       .redirect_to = STR(""),
				       .arena = arena};
	*a = (struct answer){0};
	auth_handle(box->auth, &request, on_reply, a);
}

void authbox_await(struct authbox *box, const struct answer *a)
{
	while (!a->is_done) (void)uv_run(&box->loop, UV_RUN_ONCE);
}

struct answer authbox_ask(struct authbox *box, const char *method, const char *path, const char *query,
			  const char *bearer, const char *body)
{
	struct answer a;
	struct arena *arena = arena_new(8u << 20);
	authbox_begin(box, &a, arena, method, path, query, bearer, body);
	authbox_await(box, &a);
	arena_free(arena);
	if (a.status >= 500 && a.status != 501 && a.cause[0] != '\0')
		print_message("%s %s: %s\n", method, path, a.cause);
	return a;
}

void answer_expect(struct answer a, int status, const char *code)
{
	char *text = a.body != NULL ? json_text(a.body) : strdup("");
	if (a.status != status || strcmp(json_str(a.body, "error_code", ""), code) != 0)
		fail_msg("wanted %d %s, got %d %s", status, code, a.status, text);
	free(text);
	json_decref(a.body);
}

json_t *answer_ok(struct answer a)
{
	char *text = a.body != NULL ? json_text(a.body) : strdup("");
	if (a.status != 200) fail_msg("wanted 200, got %d %s", a.status, text);
	free(text);
	return a.body;
}

char *authbox_token(const char *claims)
{
	const struct jwt_key key = {.algorithm = JWT_HS256, .secret = STR(AUTHBOX_SECRET)};
	struct buf b BUF_CLEANUP;
	buf_init(&b, 8192);
	jwt_sign_text(&key, str_from(claims), &b);
	return strdup(buf_cstr(&b));
}

json_t *authbox_claims(const json_t *session)
{
	json_t *claims = NULL;
	struct err err;
	if (!jwt_peek(str_from(json_str(session, "access_token", "")), &claims, &err)) fail_msg("%s", err.msg);
	return claims;
}

const char *authbox_text(struct authbox *box, const char *sql)
{
	return ownbox_text(&box->db, "postgres", sql);
}

void authbox_forget_limits(struct authbox *box)
{
	auth_limit_free(box->auth->limit);
	box->auth->limit = auth_limit_new();
}

void authbox_run(struct authbox *box, const char *sql)
{
	ownbox_script(&box->db, "postgres", sql);
}

const char *textf(const char *fmt, ...)
{
	static char text[4000];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	return text;
}
