/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "auth/sql.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/jwt.h"

#define USER_MAX_BYTES (4u << 20)

static bool bad_jwt(struct auth_problem *problem, const char *words)
{
	return auth_problem_set(problem, 403, "bad_jwt", "%s", words);
}

static bool check_admin(const json_t *claims, struct auth_problem *problem)
{
	const char *role = json_str(claims, "role", "");
	if (strcmp(role, "service_role") == 0 || strcmp(role, "supabase_admin") == 0) return true;
	return auth_problem_set(problem, 403, "not_admin", "User not allowed");
}

static bool check_user(struct arena *a, const json_t *claims, struct auth_caller *caller, struct auth_problem *problem)
{
	const char *sub = json_str(claims, "sub", ""), *session = json_str(claims, "session_id", "");
	if (sub[0] == '\0') return bad_jwt(problem, "invalid claim: missing sub claim");
	if (!auth_is_uuid(sub))
		return auth_problem_set(problem, 400, "bad_jwt", "invalid claim: sub claim must be a UUID");
	if (session[0] != '\0' && !auth_is_uuid(session))
		return bad_jwt(problem, "invalid claim: session_id claim must be a UUID");
	caller->user_id = arena_strdup(a, sub);
	caller->session_id = session[0] != '\0' ? arena_strdup(a, session) : NULL;
	if (caller->user_id != NULL && (session[0] == '\0' || caller->session_id != NULL)) return true;
	return auth_problem_set(problem, 413, "request_entity_too_large",
				"The request needs more memory than is set aside");
}

bool auth_caller_check(struct arena *a, struct str bearer, enum auth_access access, struct str secret, int64_t now_s,
		       struct auth_caller *ret_caller, struct auth_problem *ret_problem)
{
	const struct jwt_key key = {.algorithm = JWT_HS256, .secret = secret};
	const struct jwt_keys keys = {&key, 1};
	const struct jwt_expect expect = {.now_s = now_s};
	json_t *claims JSON_CLEANUP = NULL;
	enum jwt_fault fault;
	struct err err;
	if (access == AUTH_ANYONE) return true;
	if (bearer.len == 0)
		return auth_problem_set(ret_problem, 401, "no_authorization",
					"This endpoint requires a valid Bearer token");
	if (!jwt_verify(bearer, &keys, &expect, &claims, &fault, &err))
		return auth_problem_set(ret_problem, 403, "bad_jwt",
					"invalid JWT: unable to parse or verify signature, %.150s", err.msg);
	if (access == AUTH_ADMIN) return check_admin(claims, ret_problem);
	return check_user(a, claims, ret_caller, ret_problem);
}

static const char *value_at(const PGresult *rows, int row, int column)
{
	return PQgetvalue(rows, row, column);
}

/* The columns are JSON texts that PostgreSQL wrote, so that they are put together and not taken apart. */
static void put_user(struct buf *b, const PGresult *rows, int row)
{
	struct str fields = str_from(value_at(rows, row, AUTH_COL_FIELDS));
	buf_str(b, str_sub(fields, 0, fields.len - 1));
	buf_printf(b, ",\"app_metadata\":%s", value_at(rows, row, AUTH_COL_APP_METADATA));
	buf_printf(b, ",\"user_metadata\":%s", value_at(rows, row, AUTH_COL_USER_METADATA));
	buf_printf(b, ",\"identities\":%s}", value_at(rows, row, AUTH_COL_IDENTITIES));
}

char *auth_user_json(struct arena *a, const PGresult *rows, int row)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, USER_MAX_BYTES);
	put_user(&b, rows, row);
	return buf_is_ok(&b) ? arena_cstr(a, buf_view(&b)) : NULL;
}

static void put_text(struct buf *b, const char *key, const char *text)
{
	json_t *value JSON_CLEANUP = json_string(text);
	char *quoted = json_text(value);
	buf_printf(b, "\"%s\":%s,", key, quoted);
	free(quoted);
}

static void put_claims(struct buf *b, const PGresult *rows, int row, const struct auth_session *s)
{
	buf_putc(b, '{');
	put_text(b, "iss", s->issuer);
	put_text(b, "sub", value_at(rows, row, AUTH_COL_ID));
	put_text(b, "aud", value_at(rows, row, AUTH_COL_AUD));
	buf_printf(b, "\"exp\":%lld,\"iat\":%lld,", (long long)(s->now_s + s->lifetime_s), (long long)s->now_s);
	put_text(b, "email", value_at(rows, row, AUTH_COL_EMAIL));
	put_text(b, "phone", value_at(rows, row, AUTH_COL_PHONE));
	buf_printf(b, "\"app_metadata\":%s,", value_at(rows, row, AUTH_COL_APP_METADATA));
	buf_printf(b, "\"user_metadata\":%s,", value_at(rows, row, AUTH_COL_USER_METADATA));
	put_text(b, "role", value_at(rows, row, AUTH_COL_ROLE));
	put_text(b, "aal", s->aal);
	buf_printf(b, "\"amr\":%s,", s->amr);
	put_text(b, "session_id", s->session_id);
	buf_printf(b, "\"is_anonymous\":%s}", value_at(rows, row, AUTH_COL_IS_ANONYMOUS)[0] == 't' ? "true" : "false");
}

static void put_session(struct buf *b, const PGresult *rows, int row, const struct auth_session *s, struct str token)
{
	buf_printf(b, "{\"access_token\":\"%.*s\",\"token_type\":\"bearer\",", STR_FMT(token));
	buf_printf(b, "\"expires_in\":%lld,\"expires_at\":%lld,", (long long)s->lifetime_s,
		   (long long)(s->now_s + s->lifetime_s));
	put_text(b, "refresh_token", s->refresh_token);
	buf_puts(b, "\"user\":");
	put_user(b, rows, row);
	buf_putc(b, '}');
}

char *auth_session_json(struct arena *a, const PGresult *rows, int row, const struct auth_session *session)
{
	const struct jwt_key key = {.algorithm = JWT_HS256, .secret = session->secret};
	struct buf claims BUF_CLEANUP, token BUF_CLEANUP, text BUF_CLEANUP;
	buf_init(&claims, USER_MAX_BYTES);
	buf_init(&token, 2 * USER_MAX_BYTES);
	buf_init(&text, 4 * USER_MAX_BYTES);
	put_claims(&claims, rows, row, session);
	jwt_sign_text(&key, buf_view(&claims), &token);
	put_session(&text, rows, row, session, buf_view(&token));
	bool is_whole = buf_is_ok(&claims) && buf_is_ok(&token) && buf_is_ok(&text);
	return is_whole ? arena_cstr(a, buf_view(&text)) : NULL;
}

static void fill(void *bytes, size_t size)
{
	if (getrandom(bytes, size, 0) != (ssize_t)size) abort();
}

void auth_make_uuid(char ret_uuid[AUTH_UUID_SIZE])
{
	unsigned char b[16];
	fill(b, sizeof b);
	b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
	(void)snprintf(ret_uuid, AUTH_UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		       b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		       b[15]);
}

void auth_make_refresh_token(char ret_token[AUTH_REFRESH_TOKEN_SIZE])
{
	char bytes[16];
	struct buf text BUF_CLEANUP;
	buf_init(&text, AUTH_REFRESH_TOKEN_SIZE);
	fill(bytes, sizeof bytes);
	base64url_encode((struct str){bytes, sizeof bytes}, &text);
	(void)snprintf(ret_token, AUTH_REFRESH_TOKEN_SIZE, "%s", buf_cstr(&text));
}
