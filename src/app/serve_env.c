/* SPDX-License-Identifier: Apache-2.0 */
#include "app/serve_env.h"
#include "app/elsewhere.h"
#include "os/authority.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/lovable.h"
#include "app/parts.h"
#include "build/adapt.h"
#include "build/placeholder.h"
#include "codec/json.h"
#include "owndb/server_role.h"
#include "store/env.h"

#define SECRET_LEN 48
#define AES_KEY_BYTES 32

struct pair {
	const char *name, *value;
};

/* 127.0.0.1 only would do, since the network is its own; but some frameworks take "localhost" for ::1. */
static const struct pair always[] = {
    {"NODE_ENV", "production"},
    {"PORT", "3000"},
    {"HOST", "0.0.0.0"},
    {"HOSTNAME", "0.0.0.0"}, /* Next's standalone server */
    {"HOME", "/tmp/home"},
    {"TMPDIR", "/tmp"},
    {"LANG", "C.UTF-8"},
    {"DATA_DIR", SERVE_ENV_DATA_DIR},
    {"NO_COLOR", "1"},
    {"NEXT_TELEMETRY_DISABLED", "1"},
    {"NODE_EXTRA_CA_CERTS", SERVE_ENV_AUTHORITY},
    {"AUTH_TRUST_HOST", "true"}, /* Auth.js: the Host header comes through our edge */
};

/* Names for a placeholder's value that only a server reads. SUPABASE_KEY is the public one in the libraries that read
 * it. */
static const struct pair backend[] = {
    {"SUPABASE_URL", PLACEHOLDER_ORIGIN},
    {"SUPABASE_ANON_KEY", PLACEHOLDER_ANON_KEY},
    {"SUPABASE_KEY", PLACEHOLDER_ANON_KEY},
    {"SUPABASE_PUBLISHABLE_KEY", PLACEHOLDER_PUBLISHABLE_KEY},
    {"SUPABASE_PUBLISHABLE_DEFAULT_KEY", PLACEHOLDER_PUBLISHABLE_KEY},
    {"SUPABASE_PROJECT_ID", PLACEHOLDER_PROJECT},
    {"NUXT_PUBLIC_SUPABASE_URL", PLACEHOLDER_ORIGIN},
    {"NUXT_PUBLIC_SUPABASE_KEY", PLACEHOLDER_ANON_KEY},
    {"FREEHOLD_URL", PLACEHOLDER_ORIGIN}, /* where functions/lovable.mjs leads */
};

/* And its secrets, by the name under which Freehold keeps them. */
static const struct pair keys[] = {
    {"SUPABASE_SERVICE_ROLE_KEY", "service_role_key"},
    {"SUPABASE_SERVICE_KEY", "service_role_key"},
    {"SUPABASE_SECRET_KEY", "secret_key"},
    {"SUPABASE_JWT_SECRET", "jwt_secret"},
    {"LOVABLE_API_KEY", LOVABLE_KEY},
};

static const char *const addresses[] = {"APP_URL",
					"SITE_URL",
					"ORIGIN", /* SvelteKit refuses forms from elsewhere */
					"NEXTAUTH_URL",
					"AUTH_URL",
					"BETTER_AUTH_URL",
					"NEXT_PUBLIC_APP_URL",
					"NEXT_PUBLIC_SITE_URL",
					"NEXT_PUBLIC_BASE_URL",
					"VITE_APP_URL",
					"VITE_SITE_URL"};

static const char *const database_urls[] = {"DATABASE_URL", "POSTGRES_URL", "POSTGRES_PRISMA_URL",
					    "POSTGRES_URL_NO_SSL"};

/* What builders call the way past the pool; Supabase's own is a direct one, too. */
static const char *const direct_urls[] = {"DIRECT_URL", "POSTGRES_URL_NON_POOLING", "DATABASE_URL_UNPOOLED",
					  "SUPABASE_DB_URL"};

static const struct pair database[] = {
    {"PGHOST", "127.0.0.1"},
    {"PGPORT", "5432"},
    {"PGUSER", OWNDB_SERVER_ROLE},
    {"PGDATABASE", OWNDB_DATABASE},
    {"PGSSLMODE", "disable"},
    {"POSTGRES_HOST", "127.0.0.1"},
    {"POSTGRES_USER", OWNDB_SERVER_ROLE},
    {"POSTGRES_DATABASE", OWNDB_DATABASE},
};

static const char *const database_passwords[] = {"PGPASSWORD", "POSTGRES_PASSWORD"};

/* name: what it is kept as; Auth.js reads either of two. */
static const struct pair made[] = {
    {"SESSION_SECRET", "SESSION_SECRET"},
    {"COOKIE_SECRET", "COOKIE_SECRET"},
    {"JWT_SECRET", "JWT_SECRET"},
    {"AUTH_SECRET", "AUTH_SECRET"},
    {"NEXTAUTH_SECRET", "AUTH_SECRET"},
    {"BETTER_AUTH_SECRET", "BETTER_AUTH_SECRET"},
    {"NUXT_SESSION_PASSWORD", "NUXT_SESSION_PASSWORD"},
};

/* Next encrypts what a page hands to its own server: pages of one build must be understood by the next one. */
#define ACTIONS_KEY "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY"

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define ARENA_BYTES (16u * 1024)

static void put(json_t *env, const char *name, const char *value)
{
	json_object_set_new(env, name, json_string(value));
}

static void put_pairs(json_t *env, const struct pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) put(env, pairs[i].name, pairs[i].value);
}

struct values {
	char url[EDGE_HOST_SIZE], anon[PARTS_KEY_SIZE], publishable[PARTS_KEY_SIZE];
	const char *project;
};

static const char *value_of(const struct values *v, const char *placeholder)
{
	if (strcmp(placeholder, PLACEHOLDER_ORIGIN) == 0) return v->url;
	if (strcmp(placeholder, PLACEHOLDER_ANON_KEY) == 0) return v->anon;
	if (strcmp(placeholder, PLACEHOLDER_PUBLISHABLE_KEY) == 0) return v->publishable;
	return strcmp(placeholder, PLACEHOLDER_PROJECT) == 0 ? v->project : placeholder;
}

/* What Replit gives its own: the app's users sign in here instead (auth/issuer.h). By https, which its library insists
 * on, whatever visitors come by. */
static void put_issuer(const struct flow *f, const char *app, json_t *env)
{
	char url[EDGE_HOST_SIZE], host[EDGE_HOST_SIZE];
	edge_app_tls_url(&f->edge, app, url);
	edge_app_host(app, host);
	json_object_set_new(env, "ISSUER_URL", json_sprintf("%s/auth/v1/oidc", url));
	put(env, "REPL_ID", app);
	put(env, "REPLIT_DOMAINS", host);
}

static bool put_backend(const struct flow *f, const char *app, json_t *env, struct err *err)
{
	struct values v = {.project = app};
	char key[PARTS_KEY_SIZE];
	edge_app_url(&f->edge, app, v.url);
	if (!parts_key(f, app, "anon_key", v.anon, err) || !parts_key(f, app, "publishable_key", v.publishable, err))
		return false;
	for (const char *const *p = build_env(); *p != NULL; p++) {
		struct str name, placeholder;
		if (str_cut(str_from(*p), '=', &name, &placeholder))
			json_object_setn_new(env, name.ptr, name.len, json_string(value_of(&v, placeholder.ptr)));
	}
	for (size_t i = 0; i < COUNT(backend); i++) put(env, backend[i].name, value_of(&v, backend[i].value));
	for (size_t i = 0; i < COUNT(addresses); i++) put(env, addresses[i], v.url);
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (!parts_key(f, app, keys[i].value, key, err)) return false;
		put(env, keys[i].name, key);
	}
	put_issuer(f, app, env);
	return true;
}

/* Made once, then the same for good. */
static bool keep(const struct flow *f, const char *app, const char *name, const char *candidate, struct buf *ret_value,
		 struct err *err)
{
	return app_secret_keep(f->db, f->seal, app, "made", name, str_from(candidate), ret_value, err);
}

static bool keep_text(const struct flow *f, const char *app, const char *name, char ret_text[SERVE_ENV_PASSWORD_SIZE],
		      struct err *err)
{
	char random[SECRET_LEN + 1];
	struct buf value BUF_CLEANUP;
	buf_init(&value, SERVE_ENV_PASSWORD_SIZE - 1);
	seal_random_text(random, SECRET_LEN);
	if (!keep(f, app, name, random, &value, err)) return false;
	(void)snprintf(ret_text, SERVE_ENV_PASSWORD_SIZE, "%s", buf_cstr(&value));
	return true;
}

static bool keep_actions_key(const struct flow *f, const char *app, struct buf *ret_value, struct err *err)
{
	unsigned char key[AES_KEY_BYTES];
	char text[sodium_base64_ENCODED_LEN(AES_KEY_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	randombytes_buf(key, sizeof key);
	sodium_bin2base64(text, sizeof text, key, sizeof key, sodium_base64_VARIANT_ORIGINAL);
	return keep(f, app, ACTIONS_KEY, text, ret_value, err);
}

static bool put_made(const struct flow *f, const char *app, json_t *env, struct err *err)
{
	char text[SERVE_ENV_PASSWORD_SIZE];
	struct buf key BUF_CLEANUP;
	buf_init(&key, 128);
	for (size_t i = 0; i < COUNT(made); i++) {
		if (!keep_text(f, app, made[i].value, text, err)) return false;
		put(env, made[i].name, text);
	}
	if (!keep_actions_key(f, app, &key, err)) return false;
	put(env, ACTIONS_KEY, buf_cstr(&key));
	return true;
}

bool serve_env_database_password(const struct flow *f, const char *app, char ret_text[SERVE_ENV_PASSWORD_SIZE],
				 struct err *err)
{
	return keep_text(f, app, "DATABASE_PASSWORD", ret_text, err);
}

/* The password has letters and digits only. */
static void put_urls(json_t *env, const char *const *names, size_t count, const char *password, int port)
{
	char url[256];
	(void)snprintf(url, sizeof url,
		       "postgres://" OWNDB_SERVER_ROLE ":%s@127.0.0.1:%d/" OWNDB_DATABASE "?sslmode=disable", password,
		       port);
	for (size_t i = 0; i < count; i++) put(env, names[i], url);
}

void serve_env_put_database(json_t *env, const char *password, int direct_port)
{
	put_pairs(env, database, COUNT(database));
	put_urls(env, database_urls, COUNT(database_urls), password, SERVE_ENV_DATABASE_PORT);
	put_urls(env, direct_urls, COUNT(direct_urls), password, direct_port);
	for (size_t i = 0; i < COUNT(database_passwords); i++) put(env, database_passwords[i], password);
}

/* A driver of Node trusts whom NODE_EXTRA_CA_CERTS names beside the public ones; libpq wants one file. */
static bool put_elsewhere(json_t *env, const struct elsewhere *there, const char *password, struct err *err)
{
	char url[ELSEWHERE_URL_MAX];
	struct owndb_elsewhere_pieces p;
	struct owndb_elsewhere e = elsewhere_address(there);
	struct arena *arena = arena_new(ARENA_BYTES);
	e.server_password = password;
	bool ok =
	    owndb_elsewhere_server_url(&e, url, sizeof url, err) && owndb_elsewhere_server_pieces(&e, arena, &p, err);
	for (size_t i = 0; ok && i < COUNT(database_urls); i++) put(env, database_urls[i], url);
	for (size_t i = 0; ok && i < COUNT(direct_urls); i++) put(env, direct_urls[i], url);
	for (size_t i = 0; ok && i < COUNT(database_passwords); i++) put(env, database_passwords[i], password);
	if (ok) {
		const struct pair pairs[] = {{"PGHOST", p.host},        {"PGPORT", p.port},
					     {"PGUSER", p.user},        {"PGDATABASE", p.database},
					     {"PGSSLMODE", p.sslmode},  {"POSTGRES_HOST", p.host},
					     {"POSTGRES_USER", p.user}, {"POSTGRES_DATABASE", p.database}};
		put_pairs(env, pairs, COUNT(pairs));
	}
	if (ok && strncmp(p.sslmode, "verify-", 7) == 0)
		put(env, "PGSSLROOTCERT", there->authority[0] != '\0' ? SERVE_ENV_AUTHORITY : AUTHORITY_BUNDLE);
	arena_free(arena);
	return ok;
}

static bool put_database(const struct flow *f, const char *app, json_t *env, struct err *err)
{
	char password[SERVE_ENV_PASSWORD_SIZE];
	struct elsewhere there;
	if (!elsewhere_get(f, app, &there, err)) return false;
	if (!serve_env_database_password(f, app, password, err)) return false;
	if (there.is) return put_elsewhere(env, &there, password, err);
	serve_env_put_database(env, password, SERVE_ENV_DIRECT_PORT);
	return true;
}

static bool on_variable(void *arg, const struct env_entry *entry, struct err *err)
{
	(void)err;
	if (strcmp(entry->name, "DATABASE_URL") == 0) *(bool *)arg = true;
	return true;
}

bool serve_env_has_own_database(const struct flow *f, const char *app, bool *ret_is, struct err *err)
{
	*ret_is = false;
	return elsewhere_is(f, app, ret_is, err) &&
	       (*ret_is || env_each(f->db, f->seal, app, ENV_RUN, on_variable, ret_is, err));
}

/* Behind the last '@', where a password cannot be: "postgres://user:secret@host:5432/name?sslmode=require". */
static bool take_host(void *arg, const struct env_entry *entry, struct err *err)
{
	struct str url = entry->value;
	size_t from = 0;
	(void)err;
	if (strcmp(entry->name, "DATABASE_URL") != 0) return true;
	ptrdiff_t scheme = str_find(url, STR("://"));
	if (scheme >= 0) from = (size_t)scheme + 3;
	for (size_t i = from; i < url.len; i++)
		if (url.ptr[i] == '@') from = i + 1;
	struct str host = str_sub(url, from, url.len);
	size_t len = 0;
	while (len < host.len && strchr("/?# ", host.ptr[len]) == NULL) len++;
	(void)snprintf(arg, SERVE_ENV_HOST_SIZE, "%.*s", (int)(len < 250 ? len : 250), host.ptr);
	if (len == 0) (void)snprintf(arg, SERVE_ENV_HOST_SIZE, "an address of yours");
	return true;
}

bool serve_env_elsewhere(const struct flow *f, const char *app, char ret_host[SERVE_ENV_HOST_SIZE], struct err *err)
{
	ret_host[0] = '\0';
	return env_each(f->db, f->seal, app, ENV_RUN, take_host, ret_host, err);
}

static bool put_owners(void *arg, const struct env_entry *entry, struct err *err)
{
	json_t *env = arg;
	json_t *value = json_stringn(entry->value.ptr, entry->value.len);
	if (value == NULL) return err_set(err, ERR_INVALID, "the value of %s is not text (UTF-8)", entry->name);
	json_object_set_new(env, entry->name, value);
	return true;
}

bool serve_env(const struct flow *f, const char *app, const json_t *server, json_t **ret_env, struct err *err)
{
	json_t *env JSON_CLEANUP = json_object(), *owners JSON_CLEANUP = json_object();
	json_t *kinds = json_object_get(server, "env");
	if (!env_each(f->db, f->seal, app, ENV_RUN, put_owners, owners, err)) return false;
	bool has_database =
	    json_bool(server, "wants_database", true) && json_object_get(owners, "DATABASE_URL") == NULL;
	put_pairs(env, always, COUNT(always));
	if (!put_backend(f, app, env, err) || (has_database && !put_database(f, app, env, err)) ||
	    !put_made(f, app, env, err))
		return err_wrap(err, "the environment of %s", app);
	if (json_is_object(kinds)) json_object_update(env, kinds);
	json_object_update(env, owners);
	*ret_env = json_incref(env);
	return true;
}

int serve_env_port(const json_t *env)
{
	int64_t port = 0;
	if (!str_to_int(str_from(json_str(env, "PORT", "")), &port) || port < 1 || port > 65535) return SERVE_ENV_PORT;
	return (int)port;
}

/* Frameworks run the app's own modules and pages while they build, and those often refuse to load without a name that
 * only a server reads. What is no secret becomes the app's own when the release is bound; a secret's place is held. */
#define HELD_PLACE "freehold-none-while-building"

static void hold_places(json_t *env)
{
	put_pairs(env, backend, COUNT(backend));
	for (size_t i = 0; i < COUNT(addresses); i++) put(env, addresses[i], PLACEHOLDER_ORIGIN);
	for (size_t i = 0; i < COUNT(keys); i++) put(env, keys[i].name, HELD_PLACE);
	for (size_t i = 0; i < COUNT(made); i++) put(env, made[i].name, HELD_PLACE);
	serve_env_put_database(env, HELD_PLACE, SERVE_ENV_DIRECT_PORT);
}

bool serve_env_for_build(const struct flow *f, const char *app, bool runs_code, json_t *ret_pairs, struct err *err)
{
	struct buf key BUF_CLEANUP;
	json_t *env JSON_CLEANUP = json_object(), *value;
	const char *name;
	buf_init(&key, 128);
	if (!keep_actions_key(f, app, &key, err)) return false;
	if (runs_code) hold_places(env);
	put(env, ACTIONS_KEY, buf_cstr(&key));
	json_object_foreach(env, name, value)
	    json_array_append_new(ret_pairs, json_sprintf("%s=%s", name, json_string_value(value)));
	return true;
}
