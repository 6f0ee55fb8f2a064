/* SPDX-License-Identifier: Apache-2.0
 *
 * grant_type=id_token: an app that had somebody signed in by a provider itself (a phone's own button, Google's One Tap)
 * brings the ID token, for a session. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "auth/account.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/new_user.h"
#include "auth/oidc.h"
#include "auth/provider_call.h"
#include "auth/session.h"
#include "codec/json.h"
#include "codec/jwt.h"

#define MISMATCH "Nonces mismatch"

struct grant {
	const char *id_token, *access_token, *nonce, *provider_name, *client_id, *issuer;
	bool is_link;
	struct oauth_provider provider;
	struct account account;
	const struct session *session;
};

/* This grant's failures have OAuth 2's form upstream, and clients read error_description. */
static bool invalid_request(struct auth_problem *problem, const char *words)
{
	(void)auth_problem_set(problem, 400, "validation_failed", "%s", words);
	problem->oauth_error = "invalid request";
	return false;
}

static void refuse(struct auth_call *call, const char *words, const char *cause)
{
	struct auth_problem problem;
	(void)invalid_request(&problem, words);
	if (strcmp(words, MISMATCH) == 0) problem.oauth_error = "invalid nonce";
	call_problem(call, &problem, cause != NULL ? arena_strdup(call->arena, cause) : NULL);
}

static void reply(struct auth_call *call)
{
	const struct grant *g = call->flow;
	session_reply(call, g->session);
}

static void on_session(struct auth_call *call, const struct session *session)
{
	struct grant *g = call->flow;
	g->session = session;
	if (g->account.is_new)
		new_user_after(call, &session->user, reply);
	else
		reply(call);
}

static void on_account(struct auth_call *call)
{
	const struct grant *g = call->flow;
	session_begin(call, &(struct session_start){.user_id = g->account.user_id, .method = "oauth"},
		      "Database error granting user", on_session);
}

/* The token holds the hash of what the app chose, so that one that was seen elsewhere is worth nothing here. */
static bool check_nonce(struct auth_call *call, const struct grant *g, const json_t *claims)
{
	const char *claimed = json_str(claims, "nonce", "");
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char hex[EVP_MAX_MD_SIZE * 2 + 1] = "";
	if (g->provider.settings->skip_nonce_check || g->provider.kind == OAUTH_FACEBOOK) return true;
	if ((claimed[0] == '\0') != (g->nonce[0] == '\0')) {
		refuse(call, "Passed nonce and nonce in id_token should either both exist or not.", NULL);
		return false;
	}
	if (claimed[0] == '\0') return true;
	(void)EVP_Digest(g->nonce, strlen(g->nonce), digest, &len, EVP_sha256(), NULL);
	for (unsigned i = 0; i < len; i++) (void)snprintf(hex + (size_t)i * 2, 3, "%02x", digest[i]);
	if (strcmp(hex, claimed) == 0) return true;
	refuse(call, MISMATCH, NULL);
	return false;
}

static void on_verified(struct auth_call *call, const json_t *claims, const struct err *why)
{
	struct grant *g = call->flow;
	struct err err;
	if (claims == NULL) {
		refuse(call, "Bad ID token", why->msg);
		return;
	}
	if (!oidc_has_audience(claims, &g->provider.settings->client_ids)) {
		refuse(call, "Unacceptable audience in id_token", NULL);
		return;
	}
	if (!check_nonce(call, g, claims)) return;
	if (g->access_token[0] != '\0' && !provider_at_hash_is_right(claims, g->id_token, g->access_token)) {
		refuse(call, "Bad ID token", "it belongs to another access token (at_hash)");
		return;
	}
	g->account = (struct account){.provider = g->provider.settings->name,
				      .target_id = g->is_link ? call->caller.user_id : NULL,
				      .target_session = g->is_link ? call->caller.session_id : NULL,
				      .is_email_optional = g->provider.settings->is_email_optional,
				      .next = on_account};
	if (!oauth_person_from_claims(g->provider.kind, claims, call->arena, &g->account.person, &err))
		refuse(call, "Missing sub claim in id_token", err.msg);
	else
		account_run(call, &g->account);
}

/* By its name, or by the issuer that is named, as upstream lets older apps do. */
static bool find_provider(struct auth_call *call, struct grant *g, struct auth_problem *problem)
{
	const struct auth_settings *s = call->settings;
	struct err err;
	if (g->provider_name[0] != '\0') {
		if (oauth_provider_find(s, str_from(g->provider_name), call->arena, &g->provider, &err)) return true;
		const struct auth_provider *known = auth_settings_provider(s, str_from(g->provider_name));
		if (known != NULL && !known->is_enabled)
			return auth_problem_set(problem, 400, "provider_disabled",
						"Provider (issuer \"%s\") is not enabled", g->provider_name);
		return auth_problem_set(problem, 400, "validation_failed",
					"Custom OIDC provider \"%.100s\" not allowed", g->provider_name);
	}
	for (size_t i = 0; i < s->provider_count; i++) {
		if (!s->providers[i].is_enabled ||
		    !oauth_provider_find(s, str_from(s->providers[i].name), call->arena, &g->provider, &err))
			continue;
		if (oauth_issuer_is_good(&g->provider, g->issuer)) return true;
	}
	return auth_problem_set(problem, 400, "validation_failed", "Custom OIDC provider \"%.100s\" not allowed",
				g->provider_name);
}

static bool parse(struct auth_call *call, struct grant *g, struct auth_problem *problem)
{
	struct arena *a = call->arena;
	const json_t *body = call->body;
	g->id_token = g->access_token = g->nonce = g->provider_name = g->client_id = g->issuer = "";
	if (!body_text(a, body, "id_token", &g->id_token, problem) ||
	    !body_text(a, body, "access_token", &g->access_token, problem) ||
	    !body_text(a, body, "nonce", &g->nonce, problem) ||
	    !body_text(a, body, "provider", &g->provider_name, problem) ||
	    !body_text(a, body, "client_id", &g->client_id, problem) ||
	    !body_text(a, body, "issuer", &g->issuer, problem) ||
	    !body_bool(body, "link_identity", &g->is_link, problem))
		return false;
	if (g->id_token[0] == '\0') return invalid_request(problem, "id_token required");
	if (g->provider_name[0] == '\0' && (g->client_id[0] == '\0' || g->issuer[0] == '\0'))
		return invalid_request(problem, "provider or client_id and issuer required");
	if (g->is_link &&
	    !auth_caller_check(&call->request, AUTH_USER, call->auth->tokens, call_now_s(call), &call->caller, problem))
		return false;
	if (g->is_link && !call->settings->enable_manual_linking)
		return auth_problem_set(problem, 404, "manual_linking_disabled", "Manual linking is disabled");
	return find_provider(call, g, problem);
}

static const char *issuer_of(struct auth_call *call, const struct grant *g)
{
	json_t *claims JSON_CLEANUP = NULL;
	struct err ignored;
	if (!jwt_peek(str_from(g->id_token), &claims, &ignored)) return NULL;
	const char *issuer = json_str(claims, "iss", "");
	if (!oauth_issuer_is_good(&g->provider, issuer)) return NULL;
	return g->provider.kind == OAUTH_AZURE ? arena_strdup(call->arena, issuer) : g->provider.issuer;
}

void flow_grant_id_token(struct auth_call *call)
{
	struct auth_problem problem;
	struct grant *g = call_flow(call, sizeof *g);
	if (g == NULL || !call_limit(call, LIMIT_PASSWORD)) return;
	if (!parse(call, g, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	const char *issuer = issuer_of(call, g);
	if (issuer == NULL)
		refuse(call, "Bad ID token", "its issuer is none of this provider");
	else
		oidc_verify(call, issuer, g->id_token, on_verified);
}
