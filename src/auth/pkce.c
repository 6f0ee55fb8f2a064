/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/pkce.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <strings.h>

#include "auth/body.h"
#include "base/buf.h"
#include "codec/base64.h"

#define CHALLENGE_MIN 43
#define CHALLENGE_MAX 128

static bool is_challenge(const char *text)
{
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && strchr("._~-", *text) == NULL) return false;
	return true;
}

bool pkce_check(struct arena *a, const char *challenge, const char *method, struct pkce *ret_pkce,
		struct auth_problem *problem)
{
	size_t len = strlen(challenge);
	(void)a;
	*ret_pkce = (struct pkce){.challenge = "", .method = ""};
	if ((len == 0) != (method[0] == '\0'))
		return auth_invalid(problem, "PKCE flow requires code_challenge_method and code_challenge");
	if (len == 0) return true;
	if (len < CHALLENGE_MIN || len > CHALLENGE_MAX)
		return auth_problem_set(problem, 400, "validation_failed",
					"code challenge has to be between %d and %d characters", CHALLENGE_MIN,
					CHALLENGE_MAX);
	if (!is_challenge(challenge))
		return auth_invalid(problem, "code challenge can only contain alphanumeric characters, hyphens, "
					     "periods, underscores and tildes");
	bool is_s256 = strcasecmp(method, "s256") == 0;
	if (!is_s256 && strcasecmp(method, "plain") != 0)
		return auth_problem_set(problem, 400, "validation_failed",
					"unsupported code_challenge method \"%.20s\"", method);
	*ret_pkce = (struct pkce){.challenge = challenge, .method = is_s256 ? "s256" : "plain"};
	return true;
}

bool pkce_read(struct arena *a, const json_t *body, struct pkce *ret_pkce, struct auth_problem *problem)
{
	const char *challenge = "", *method = "";
	*ret_pkce = (struct pkce){.challenge = "", .method = ""};
	return body_text(a, body, "code_challenge", &challenge, problem) &&
	       body_text(a, body, "code_challenge_method", &method, problem) &&
	       pkce_check(a, challenge, method, ret_pkce, problem);
}

void pkce_sql_begin(struct pg_batch *sql, const struct pkce *p, const char *provider_type, const char *auth_method,
		    const char *user_id)
{
	PG_ADD(sql,
	       "insert into auth.flow_state (id, user_id, auth_code, code_challenge_method, code_challenge, "
	       "provider_type, provider_access_token, provider_refresh_token, created_at, updated_at, "
	       "authentication_method) values (gen_random_uuid(), $1::uuid, gen_random_uuid()::text, "
	       "$2::auth.code_challenge_method, $3, $4, '', '', now(), now(), $5)",
	       user_id, p->method, p->challenge, provider_type, auth_method);
}

static bool is_same(struct str a, const char *b)
{
	return a.len == strlen(b) && CRYPTO_memcmp(a.ptr, b, a.len) == 0;
}

bool pkce_verify(const char *challenge, const char *method, const char *verifier)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct buf text BUF_CLEANUP;
	buf_init(&text, 64);
	if (strcasecmp(method, "plain") == 0) return is_same(str_from(verifier), challenge);
	if (strcasecmp(method, "s256") != 0) return false;
	(void)SHA256((const unsigned char *)verifier, strlen(verifier), digest);
	base64url_encode((struct str){(const char *)digest, sizeof digest}, &text);
	return is_same(buf_view(&text), challenge);
}
