/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "codec/base64.h"
#include "codec/json.h"
#include "codec/jwt.h"

#define CLAIMS_MAX_BYTES (4u << 20)

static bool json_is_whole(const json_t *value)
{
	return json_is_integer(value);
}

static bool json_is_text(const json_t *value)
{
	return json_is_string(value);
}

static bool json_is_map(const json_t *value)
{
	return json_is_object(value);
}

static void put_text(struct buf *b, const char *before, const char *text)
{
	buf_puts(b, before);
	json_put_string(b, str_from(text));
}

static void put_json(struct buf *b, const char *before, const char *json)
{
	buf_puts(b, before);
	buf_puts(b, json);
}

static void put_claims(struct buf *b, const struct token_facts *f)
{
	const struct auth_user *u = f->user;
	put_text(b, "{\"iss\":", f->issuer);
	put_text(b, ",\"sub\":", u->id);
	put_text(b, ",\"aud\":", u->aud);
	buf_printf(b, ",\"exp\":%lld,\"iat\":%lld", (long long)f->expires_at_s, (long long)f->now_s);
	put_text(b, ",\"email\":", u->email);
	put_text(b, ",\"phone\":", u->phone);
	put_json(b, ",\"app_metadata\":", u->app_metadata);
	put_json(b, ",\"user_metadata\":", u->user_metadata);
	put_text(b, ",\"role\":", u->role);
	put_text(b, ",\"aal\":", f->aal);
	put_json(b, ",\"amr\":", f->amr);
	put_text(b, ",\"session_id\":", f->session_id);
	put_json(b, ",\"is_anonymous\":", u->is_anonymous ? "true}" : "false}");
}

char *token_claims(struct arena *a, const struct token_facts *facts)
{
	struct buf claims BUF_CLEANUP;
	buf_init(&claims, CLAIMS_MAX_BYTES);
	put_claims(&claims, facts);
	return buf_is_ok(&claims) ? arena_cstr(a, buf_view(&claims)) : NULL;
}

static const struct {
	const char *name;
	bool is_required;
	bool (*is_right)(const json_t *value);
} wanted[] = {
    {"exp", true, json_is_whole},         {"iat", true, json_is_whole},          {"nbf", false, json_is_whole},
    {"sub", true, json_is_text},          {"email", true, json_is_text},         {"phone", true, json_is_text},
    {"role", true, json_is_text},         {"aal", true, json_is_text},           {"session_id", true, json_is_text},
    {"jti", false, json_is_text},         {"iss", false, json_is_text},          {"client_id", false, json_is_text},
    {"app_metadata", false, json_is_map}, {"user_metadata", false, json_is_map},
};

static bool bad_claims(struct auth_problem *problem, const char *name, const char *what)
{
	return auth_problem_set(problem, 500, "unexpected_failure",
				"output claims do not conform to the expected schema: \n- %s: %s\n", name, what);
}

bool token_check_claims(const json_t *claims, struct auth_problem *problem)
{
	if (claims == NULL)
		return auth_problem_set(problem, 500, "unexpected_failure", "output claims field is missing");
	if (!json_is_object(claims)) return bad_claims(problem, "(root)", "must be an object");
	const json_t *audience = json_object_get(claims, "aud");
	if (!json_is_string(audience) && !json_is_array(audience))
		return bad_claims(problem, "(root)", "aud is required");
	if (json_object_get(claims, "is_anonymous") == NULL)
		return bad_claims(problem, "(root)", "is_anonymous is required");
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		const json_t *value = json_object_get(claims, wanted[i].name);
		if (value == NULL && wanted[i].is_required) return bad_claims(problem, wanted[i].name, "is required");
		if (value != NULL && !wanted[i].is_right(value))
			return bad_claims(problem, wanted[i].name, "invalid type");
	}
	return true;
}

char *token_sign(struct arena *a, const struct jwt_key *key, const char *claims)
{
	struct buf token BUF_CLEANUP;
	buf_init(&token, 2 * CLAIMS_MAX_BYTES);
	jwt_sign_text(key, str_from(claims), &token);
	return buf_is_ok(&token) ? arena_cstr(a, buf_view(&token)) : NULL;
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

char *auth_new_uuid(struct arena *a)
{
	char uuid[AUTH_UUID_SIZE];
	auth_make_uuid(uuid);
	return arena_strdup(a, uuid);
}

char *auth_new_refresh_token(struct arena *a)
{
	char token[AUTH_REFRESH_TOKEN_SIZE];
	auth_make_refresh_token(token);
	return arena_strdup(a, token);
}
