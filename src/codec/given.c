/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/given.h"

#include <stddef.h>
#include <string.h>

static const char *const given[] = {
    "APP_URL",
    "AUTH_SECRET",
    "AUTH_TRUST_HOST",
    "AUTH_URL",
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_URL",
    "COOKIE_SECRET",
    "DATABASE_URL",
    "DATABASE_URL_UNPOOLED",
    "DATA_DIR",
    "DIRECT_URL",
    "EXPO_PUBLIC_SUPABASE_ANON_KEY",
    "EXPO_PUBLIC_SUPABASE_KEY",
    "EXPO_PUBLIC_SUPABASE_PUBLISHABLE_KEY",
    "EXPO_PUBLIC_SUPABASE_URL",
    "FREEHOLD_URL",
    "HOME",
    "HOST",
    "HOSTNAME",
    "ISSUER_URL",
    "JWT_SECRET",
    "LANG",
    "LOVABLE_API_KEY",
    "NEXTAUTH_SECRET",
    "NEXTAUTH_URL",
    "NEXT_PUBLIC_APP_URL",
    "NEXT_PUBLIC_BASE_URL",
    "NEXT_PUBLIC_SITE_URL",
    "NEXT_PUBLIC_SUPABASE_ANON_KEY",
    "NEXT_PUBLIC_SUPABASE_PROJECT_ID",
    "NEXT_PUBLIC_SUPABASE_PUBLISHABLE_DEFAULT_KEY",
    "NEXT_PUBLIC_SUPABASE_PUBLISHABLE_KEY",
    "NEXT_PUBLIC_SUPABASE_URL",
    "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY",
    "NEXT_TELEMETRY_DISABLED",
    "NODE_ENV",
    "NODE_EXTRA_CA_CERTS",
    "NO_COLOR",
    "NUXT_PUBLIC_SUPABASE_KEY",
    "NUXT_PUBLIC_SUPABASE_URL",
    "NUXT_SESSION_PASSWORD",
    "ORIGIN",
    "PGDATABASE",
    "PGHOST",
    "PGPASSWORD",
    "PGPORT",
    "PGSSLMODE",
    "PGUSER",
    "PORT",
    "POSTGRES_DATABASE",
    "POSTGRES_HOST",
    "POSTGRES_PASSWORD",
    "POSTGRES_PRISMA_URL",
    "POSTGRES_URL",
    "POSTGRES_URL_NON_POOLING",
    "POSTGRES_URL_NO_SSL",
    "POSTGRES_USER",
    "PUBLIC_SUPABASE_ANON_KEY",
    "PUBLIC_SUPABASE_PUBLISHABLE_KEY",
    "PUBLIC_SUPABASE_URL",
    "REACT_APP_SUPABASE_ANON_KEY",
    "REACT_APP_SUPABASE_PROJECT_ID",
    "REACT_APP_SUPABASE_PUBLISHABLE_KEY",
    "REACT_APP_SUPABASE_URL",
    "REPLIT_DOMAINS",
    "REPL_ID",
    "SESSION_SECRET",
    "SITE_URL",
    "SUPABASE_ANON_KEY",
    "SUPABASE_DB_URL",
    "SUPABASE_JWT_SECRET",
    "SUPABASE_KEY",
    "SUPABASE_PROJECT_ID",
    "SUPABASE_PUBLISHABLE_DEFAULT_KEY",
    "SUPABASE_PUBLISHABLE_KEY",
    "SUPABASE_SECRET_KEY",
    "SUPABASE_SERVICE_KEY",
    "SUPABASE_SERVICE_ROLE_KEY",
    "SUPABASE_URL",
    "TMPDIR",
    "VITE_APP_URL",
    "VITE_SITE_URL",
    "VITE_SUPABASE_ANON_KEY",
    "VITE_SUPABASE_KEY",
    "VITE_SUPABASE_PROJECT_ID",
    "VITE_SUPABASE_PROJECT_REF",
    "VITE_SUPABASE_PUBLISHABLE_DEFAULT_KEY",
    "VITE_SUPABASE_PUBLISHABLE_KEY",
    "VITE_SUPABASE_URL",
};

static const char *const ambient[] = {
    "ANALYZE",
    "APPDATA",
    "BUN_ENV",
    "CI",
    "DEBUG",
    "EDGE_RUNTIME",
    "FORCE_COLOR",
    "HOMEPATH",
    "INIT_CWD",
    "LOG_LEVEL",
    "NEXT_PHASE",
    "NEXT_RUNTIME",
    "NODE_OPTIONS",
    "PATH",
    "PWD",
    "SHELL",
    "SB_EXECUTION_ID",
    "SB_REGION",
    "SUPABASE_JWKS",
    "SUPABASE_PUBLISHABLE_KEYS",
    "SUPABASE_SECRET_KEYS",
    "TEMP",
    "TERM",
    "TMP",
    "TURBOPACK",
    "TZ",
    "USER",
    "USERPROFILE",
    "VITEST",
    "WEB_REPL_RENEWAL",
};

/* By these a platform tells an app that it runs there. */
static const char *const prefixes[] = {"AWS_LAMBDA_", "CF_PAGES", "DENO_",     "FLY_",     "JEST_",
				       "NETLIFY",     "NITRO_",   "NUXT_APP_", "RAILWAY_", "RENDER",
				       "REPL_",       "REPLIT",   "VERCEL",    "__NEXT_",  "npm_"};

static bool is_in(struct str name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(name, str_from(list[i]))) return true;
	return false;
}

bool given_is(struct str name)
{
	return is_in(name, given, sizeof given / sizeof *given);
}

bool given_is_ambient(struct str name)
{
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (str_has_prefix(name, str_from(prefixes[i]))) return true;
	return is_in(name, ambient, sizeof ambient / sizeof *ambient);
}

const char *given_builders_place(const char *builder)
{
	static const char *const places[][2] = {{"lovable", "Lovable, under Cloud, Secrets"},
						{"bolt", "Bolt, under Secrets, or in its .env file"},
						{"v0", "v0, under Vars"},
						{"replit", "Replit, under Secrets"}};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (strcmp(builder, places[i][0]) == 0) return places[i][1];
	return NULL;
}
