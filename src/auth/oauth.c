/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/oauth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "codec/url.h"

#define GITHUB "https://github.com"
#define GITHUB_API "https://api.github.com"
#define DISCORD "https://discord.com"
#define FACEBOOK "https://www.facebook.com"
#define FACEBOOK_GRAPH "https://graph.facebook.com"
#define AZURE "https://login.microsoftonline.com/common"

/* Those that are found by discovery. An owner's url takes the issuer's place. */
static const struct {
	const char *name;
	enum oauth_kind kind;
	const char *issuer, *scopes;
} issuers[] = {
    {"google", OAUTH_GOOGLE, "https://accounts.google.com", "openid email profile"},
    {"apple", OAUTH_APPLE, "https://appleid.apple.com", "email name"},
    {"keycloak", OAUTH_OIDC, NULL, "openid profile email"},
    {"gitlab", OAUTH_OIDC, "https://gitlab.com", "openid profile email"},
    {"linkedin_oidc", OAUTH_OIDC, "https://www.linkedin.com/oauth", "openid profile email"},
    {"slack_oidc", OAUTH_OIDC, "https://slack.com", "openid profile email"},
};

static const char *base_of(const struct auth_provider *s, const char *otherwise, struct arena *a)
{
	struct str url = str_from(s->url);
	if (url.len == 0) return otherwise;
	while (url.len > 0 && url.ptr[url.len - 1] == '/') url.len--;
	return arena_cstr(a, url);
}

static const char *join(struct arena *a, const char *base, const char *path)
{
	return base != NULL ? arena_printf(a, "%s%s", base, path) : NULL;
}

static void set_github(struct oauth_provider *p, struct arena *a)
{
	bool is_own = p->settings->url[0] != '\0';
	const char *base = base_of(p->settings, GITHUB, a);
	const char *api = is_own ? join(a, base, "/api/v3") : GITHUB_API;
	p->kind = OAUTH_GITHUB;
	p->authorize_url = join(a, base, "/login/oauth/authorize");
	p->token_url = join(a, base, "/login/oauth/access_token");
	p->user_url = join(a, api, "/user");
	p->emails_url = join(a, api, "/user/emails");
	p->api_url = api;
	p->scopes = "user:email";
}

static void set_discord(struct oauth_provider *p, struct arena *a)
{
	const char *base = base_of(p->settings, DISCORD, a);
	p->kind = OAUTH_DISCORD;
	p->authorize_url = join(a, base, "/api/oauth2/authorize");
	p->token_url = join(a, base, "/api/oauth2/token");
	p->user_url = join(a, base, "/api/users/@me");
	p->api_url = join(a, base, "/api");
	p->scopes = "email identify";
}

/* Its issuer signs what Limited Login of a phone gives (grant_type=id_token). */
static void set_facebook(struct oauth_provider *p, struct arena *a)
{
	p->kind = OAUTH_FACEBOOK;
	p->issuer = base_of(p->settings, FACEBOOK, a);
	p->authorize_url = join(a, p->issuer, "/dialog/oauth");
	p->token_url = join(a, base_of(p->settings, FACEBOOK_GRAPH, a), "/oauth/access_token");
	p->user_url =
	    join(a, base_of(p->settings, FACEBOOK_GRAPH, a), "/me?fields=email,first_name,last_name,name,picture");
	p->api_url = p->user_url;
	p->scopes = "email";
}

/* The addresses are known; the issuer of a token is another one for each tenant and is looked up when one comes. */
static void set_azure(struct oauth_provider *p, struct arena *a)
{
	const char *base = base_of(p->settings, AZURE, a);
	p->kind = OAUTH_AZURE;
	p->authorize_url = join(a, base, "/oauth2/v2.0/authorize");
	p->token_url = join(a, base, "/oauth2/v2.0/token");
	p->scopes = "openid";
}

static bool set_issuer(struct oauth_provider *p, struct arena *a)
{
	p->kind = OAUTH_OIDC;
	p->scopes = "openid profile email";
	for (size_t i = 0; i < sizeof issuers / sizeof *issuers; i++) {
		if (strcmp(issuers[i].name, p->settings->name) != 0) continue;
		p->kind = issuers[i].kind;
		p->issuer = base_of(p->settings, issuers[i].issuer, a);
		p->scopes = issuers[i].scopes;
		return true;
	}
	p->issuer = p->settings->url[0] != '\0' ? p->settings->url : NULL;
	return p->settings->is_generic;
}

static const char *all_scopes(const struct oauth_provider *p, struct arena *a)
{
	const char *scopes = p->scopes;
	for (size_t i = 0; i < p->settings->scopes.count && scopes != NULL; i++)
		scopes = arena_printf(a, "%s %s", scopes, p->settings->scopes.at[i]);
	return scopes;
}

static bool fill(struct oauth_provider *p, struct arena *a, struct err *err)
{
	const char *name = p->settings->name;
	bool is_known = true;
	if (strcmp(name, "github") == 0)
		set_github(p, a);
	else if (strcmp(name, "discord") == 0)
		set_discord(p, a);
	else if (strcmp(name, "facebook") == 0)
		set_facebook(p, a);
	else if (strcmp(name, "azure") == 0)
		set_azure(p, a);
	else
		is_known = set_issuer(p, a);
	if (!is_known) return err_set(err, ERR_INVALID, "Provider %s could not be found", name);
	if (p->issuer == NULL && p->authorize_url == NULL)
		return err_set(err, ERR_INVALID, "unable to find URL for the %s provider", name);
	return true;
}

bool oauth_provider_find(const struct auth_settings *settings, struct str name, struct arena *a,
			 struct oauth_provider *ret_provider, struct err *err)
{
	char lower[128];
	size_t n = 0;
	for (; n < name.len && n + 1 < sizeof lower; n++)
		lower[n] = name.ptr[n] >= 'A' && name.ptr[n] <= 'Z' ? (char)(name.ptr[n] + 32) : name.ptr[n];
	const struct auth_provider *s = auth_settings_provider(settings, (struct str){lower, n});
	if (s == NULL || n < name.len)
		return err_set(err, ERR_INVALID, "Provider %.*s could not be found", STR_FMT(str_sub(name, 0, 100)));
	if (!s->is_enabled) return err_set(err, ERR_INVALID, "provider is not enabled");
	if (s->client_ids.count == 0) return err_set(err, ERR_INVALID, "missing OAuth client ID");
	struct oauth_provider p = {.settings = s, .client_id = s->client_ids.at[0]};
	p.redirect_uri = s->redirect_uri[0] != '\0' ? s->redirect_uri : join(a, settings->external_url, "/callback");
	if (!fill(&p, a, err)) return false;
	p.scopes = all_scopes(&p, a);
	if (p.scopes == NULL || p.redirect_uri == NULL) return err_set(err, ERR_LIMIT, "the request is too large");
	*ret_provider = p;
	return true;
}

static void put(struct buf *b, const char *name, struct str value)
{
	if (b->len > 0) buf_putc(b, '&');
	url_encode(str_from(name), b);
	buf_putc(b, '=');
	url_encode(value, b);
}

/* What a client must not set, and what is for us. */
static bool is_ours(struct str name)
{
	static const char *const ours[] = {
	    "provider",           "scopes",        "redirect_to", "code_challenge", "code_challenge_method",
	    "skip_http_redirect", "invite_token",  "client_id",   "client_secret",  "redirect_uri",
	    "response_type",      "response_mode", "state",       "scope",          "nonce",
	    "code_verifier",      "code",          "grant_type",  "request",        "request_uri",
	    "registration",       "apikey"};
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (str_eq_nocase(name, str_from(ours[i]))) return true;
	return false;
}

static void hand_through(struct arena *a, struct str query, struct buf *to)
{
	struct str name, value, decoded_name, decoded_value;
	struct err err;
	while (query_next(&query, &name, &value)) {
		if (!url_decode_plus(a, name, &decoded_name, &err) || !url_decode_plus(a, value, &decoded_value, &err))
			continue;
		if (is_ours(decoded_name) || decoded_name.len > 64) continue;
		const char *copy = arena_cstr(a, decoded_name);
		if (copy != NULL) put(to, copy, decoded_value);
	}
}

/* The request's scopes come with commas or spaces. */
static void put_scopes(const struct oauth_provider *p, struct arena *a, struct str query, struct buf *to)
{
	struct str wished;
	BUF_CLEANUP struct buf scopes;
	buf_init(&scopes, 2048);
	buf_puts(&scopes, p->scopes);
	if (query_get(a, query, STR("scopes"), &wished) && wished.len > 0) {
		buf_putc(&scopes, ' ');
		for (size_t i = 0; i < wished.len; i++) buf_putc(&scopes, wished.ptr[i] == ',' ? ' ' : wished.ptr[i]);
	}
	put(to, "scope", buf_view(&scopes));
}

const char *oauth_authorize_url(const struct oauth_provider *p, struct arena *a, struct str query, const char *state,
				const char *nonce, const char *challenge)
{
	BUF_CLEANUP struct buf b;
	buf_init(&b, OAUTH_URL_MAX_BYTES);
	put(&b, "client_id", str_from(p->client_id));
	put(&b, "redirect_uri", str_from(p->redirect_uri));
	put(&b, "response_type", STR("code"));
	put_scopes(p, a, query, &b);
	put(&b, "state", str_from(state));
	if (nonce != NULL) put(&b, "nonce", str_from(nonce));
	if (challenge != NULL) {
		put(&b, "code_challenge", str_from(challenge));
		put(&b, "code_challenge_method", STR("S256"));
	}
	if (p->kind == OAUTH_APPLE)
		put(&b, "response_mode", STR("form_post"));
	else
		hand_through(a, query, &b);
	if (!buf_is_ok(&b)) return NULL;
	bool has_query = strchr(p->authorize_url, '?') != NULL;
	return arena_printf(a, "%s%c%s", p->authorize_url, has_query ? '&' : '?', buf_cstr(&b));
}

const char *oauth_token_body(const struct oauth_provider *p, struct arena *a, const char *code, const char *verifier,
			     bool has_secret)
{
	BUF_CLEANUP struct buf b;
	buf_init(&b, OAUTH_URL_MAX_BYTES);
	put(&b, "grant_type", STR("authorization_code"));
	put(&b, "code", str_from(code));
	put(&b, "redirect_uri", str_from(p->redirect_uri));
	put(&b, "client_id", str_from(p->client_id));
	if (has_secret && p->settings->secret[0] != '\0') put(&b, "client_secret", str_from(p->settings->secret));
	if (verifier != NULL) put(&b, "code_verifier", str_from(verifier));
	return buf_is_ok(&b) ? arena_cstr(a, buf_view(&b)) : NULL;
}

/* Hosts of Microsoft's. Whoever could name another one here would sign in as anybody: the keys are fetched there. */
static bool is_azure(const char *issuer)
{
	struct str s = str_from(issuer);
	if (str_has_prefix(s, STR("https://login.microsoftonline.com/")) ||
	    str_has_prefix(s, STR("https://sts.windows.net/")))
		return true;
	if (!str_has_prefix(s, STR("https://"))) return false;
	const char *tenant = issuer + strlen("https://");
	size_t len = strspn(tenant, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return len > 0 && str_has_prefix(str_from(tenant + len), STR(".ciamlogin.com/"));
}

/* The endpoints of Microsoft's that are no tenant, so that tokens of any come. */
static bool is_shared(struct str url)
{
	static const char *const shared[] = {"common", "organizations", "consumers"};
	while (url.len > 0 && url.ptr[url.len - 1] == '/') url.len--;
	if (url.len == 0) return true;
	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
		size_t len = strlen(shared[i]);
		if (url.len > len && url.ptr[url.len - len - 1] == '/' &&
		    str_eq(str_sub(url, url.len - len, url.len), str_from(shared[i])))
			return true;
	}
	return false;
}

/* A tenant of the owner's own is the only one. */
static bool is_azure_good(const struct oauth_provider *p, const char *issuer)
{
	const char *url = p->settings->url;
	if (is_shared(str_from(url))) return is_azure(issuer);
	size_t len = strlen(url);
	while (len > 0 && url[len - 1] == '/') len--;
	return strncmp(issuer, url, len) == 0 && (issuer[len] == '/' || issuer[len] == '\0');
}

bool oauth_issuer_is_good(const struct oauth_provider *p, const char *issuer)
{
	if (p->kind == OAUTH_AZURE) return is_azure_good(p, issuer);
	if (p->issuer == NULL) return false;
	if (strcmp(issuer, p->issuer) == 0) return true;
	if (p->kind == OAUTH_APPLE && p->settings->url[0] == '\0')
		return strcmp(issuer, "https://account.apple.com") == 0;
	return p->kind == OAUTH_GOOGLE && p->settings->url[0] == '\0' && strcmp(issuer, "accounts.google.com") == 0;
}
