/* SPDX-License-Identifier: Apache-2.0 */
#include "build/literal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "codec/jwt.h"

#define KEY_MIN_BYTES 20 /* behind sb_publishable_ and sb_secret_ */

static bool is_token_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static size_t span(struct str text, size_t at)
{
	size_t end = at;
	while (end < text.len && is_token_char(text.ptr[end])) end++;
	return end - at;
}

/* Three base64url parts with a dot between. */
static size_t jwt_len(struct str text, size_t at)
{
	size_t end = at;
	for (int part = 0; part < 3; part++) {
		size_t len = span(text, end);
		if (len < 8) return 0;
		end += len;
		if (part < 2 && (end >= text.len || text.ptr[end++] != '.')) return 0;
	}
	return end - at;
}

static enum literal_kind jwt_kind(struct str token, char ret_ref[LITERAL_REF_SIZE])
{
	json_t *claims JSON_CLEANUP = NULL;
	struct err ignored;
	if (token.len > JWT_MAX_BYTES || !jwt_peek(token, &claims, &ignored)) return LITERAL_NONE;
	const char *role = json_str(claims, "role", ""), *ref = json_str(claims, "ref", "");
	(void)snprintf(ret_ref, LITERAL_REF_SIZE, "%s", ref);
	if (strcmp(role, "anon") == 0) return LITERAL_ANON_JWT;
	bool is_service = strcmp(role, "service_role") == 0 || strcmp(role, "supabase_admin") == 0;
	return is_service ? LITERAL_SERVICE_JWT : LITERAL_NONE;
}

enum literal_kind literal_at(struct str text, size_t at, size_t *ret_len, char ret_ref[LITERAL_REF_SIZE])
{
	struct str rest = str_sub(text, at, text.len);
	ret_ref[0] = '\0';
	if (at > 0 && (is_token_char(text.ptr[at - 1]) || text.ptr[at - 1] == '.')) return LITERAL_NONE;
	bool is_public = str_has_prefix(rest, STR("sb_publishable_")),
	     is_secret = str_has_prefix(rest, STR("sb_secret_"));
	if (is_public || is_secret) {
		size_t len = span(text, at), head = is_public ? strlen("sb_publishable_") : strlen("sb_secret_");
		if (len < head + KEY_MIN_BYTES) return LITERAL_NONE;
		*ret_len = len;
		return is_public ? LITERAL_PUBLISHABLE : LITERAL_SECRET;
	}
	if (!str_has_prefix(rest, STR("eyJ"))) return LITERAL_NONE;
	size_t len = jwt_len(text, at);
	enum literal_kind kind = len > 0 ? jwt_kind(str_sub(text, at, at + len), ret_ref) : LITERAL_NONE;
	if (kind != LITERAL_NONE) *ret_len = len;
	return kind;
}

bool literal_find_secret(struct str text, enum literal_kind *ret_kind, int *ret_line)
{
	int line = 1;
	for (size_t i = 0; i < text.len; i++) {
		char ref[LITERAL_REF_SIZE];
		size_t len = 0;
		if (text.ptr[i] == '\n') line++;
		if (text.ptr[i] != 'e' && text.ptr[i] != 's') continue;
		enum literal_kind kind = literal_at(text, i, &len, ref);
		if (kind == LITERAL_SERVICE_JWT || kind == LITERAL_SECRET) {
			*ret_kind = kind, *ret_line = line;
			return true;
		}
		if (kind != LITERAL_NONE) i += len - 1;
	}
	return false;
}
