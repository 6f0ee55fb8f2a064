/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/base64.h"
#include "fixture.h"

#define PACKAGE                                                                                                        \
	{"package.json", "{\"dependencies\":{\"vite\":\"5\"}}"},                                                       \
	{                                                                                                              \
		"index.html", "<p>"                                                                                    \
	}
#define TREE(...) fixture_tree(*state, (const char *const[][2]){PACKAGE, __VA_ARGS__, {NULL, NULL}})

/* Keys are put together here, so that no text of this repository looks like one. */
static const char *token(const char *role, const char *issuer)
{
	static char text[600];
	struct buf claims BUF_CLEANUP, b BUF_CLEANUP;
	buf_init(&claims, 400), buf_init(&b, 590);
	buf_printf(&claims, "{\"iss\":\"%s\",\"ref\":\"abcdefghijklmnopqrst\",\"role\":\"%s\"}", issuer, role);
	base64url_encode(STR("{\"alg\":\"HS256\"}"), &b);
	buf_putc(&b, '.');
	base64url_encode(buf_view(&claims), &b);
	buf_puts(&b, ".Q0wHiTc3vN2mXk7pLr9sYbJd4uFzEaGo");
	(void)snprintf(text, sizeof text, "%s", buf_cstr(&b));
	return text;
}

static const char *with(const char *before, const char *secret, const char *after)
{
	static char text[1200];
	(void)snprintf(text, sizeof text, "%s%s%s", before, secret, after);
	return text;
}

static const json_t *call(const json_t *inspection, const char *kind, const char *name)
{
	return fixture_named(json_object_get(json_object_get(inspection, "calls"), kind), name);
}

/* Which are asked for public addresses, in whatever file; a computed name is no bucket's. */
static void test_buckets(void **state)
{
	TREE({"src/a.ts", "import { supabase } from './client';\n"
			  "supabase.storage.from('avatars').upload(path(x), f);\n"
			  "supabase.storage.from(`shed-${id}`).list(); supabase.storage.from(`plain`).list();\n"
			  "await supabase.storage.from('docs').createSignedUrl(p, 60);"},
	     {"src/b.ts", "import { supabase } from './client';\n"
			  "supabase.storage\n  .from('avatars')\n  .getPublicUrl(`${id}/a.png`);"},
	     {"supabase/functions/report/index.ts",
	      "createClient(); // supabase\n"
	      "const supabase = 1; supabase.storage.from('reports').upload(a, b)"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	assert_true(json_bool(call(i, "storage", "avatars"), "public", false));
	assert_non_null(call(i, "storage", "docs"));
	assert_false(json_bool(call(i, "storage", "docs"), "public", false));
	assert_non_null(call(i, "storage", "plain"));
	assert_non_null(call(i, "storage", "reports"));
	assert_null(call(i, "storage", "shed-"));
	assert_int_equal(json_array_size(json_object_get(json_object_get(i, "calls"), "storage")), 5);
}

static void test_calls(void **state)
{
	TREE({"src/a.ts",
	      "import { supabase } from './client'; // supabase.storage.from('comment')\n"
	      "const BUCKET: string = 'resolved';\n"
	      "supabase.storage\n  .from('avatars').upload(x);\n"
	      "supabase.storage.from(BUCKET); supabase.from('table_not_bucket');\n"
	      "supabase.functions.invoke<Reply>('pay', {}); fetch(`${url}/functions/v1/hook-it`);\n"
	      "supabase.channel(`room:${id}`); tv.channel; supabase.auth.signInWithOAuth({ provider: 'google' });\n"
	      "supabase.auth.signInWithPassword({}); form.resend(); await supabase.auth.resend({});\n"
	      "admin.auth.admin.createUser({}); lovable.auth.signInWithOAuth(\"github\", {}); "
	      "a.auth.signInWithSSO({});\n"
	      "supabase.auth.signInAnonymously()"},
	     {"src/b.ts", "fetch(`${import.meta.env.VITE_SUPABASE_URL}/functions/v1/chat`)"},
	     {"src/a.test.ts", "supabase.storage.from('in-a-test')"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *calls = json_object_get(i, "calls");
	assert_int_equal(json_array_size(json_object_get(calls, "storage")), 2);
	assert_int_equal(json_int(call(i, "storage", "avatars"), "line", 0), 4);
	assert_non_null(call(i, "storage", "resolved"));
	assert_int_equal(json_array_size(json_object_get(calls, "functions")), 3);
	assert_string_equal(json_str(call(i, "functions", "chat"), "file", ""), "src/b.ts");
	assert_non_null(call(i, "functions", "pay"));
	assert_non_null(call(i, "functions", "hook-it"));
	assert_null(json_object_get(calls, "realtime"));
	assert_int_equal(json_array_size(json_object_get(calls, "auth")), 1);
	assert_non_null(call(i, "auth", "signInWithSSO"));
	const json_t *sign_in = json_object_get(i, "sign_in");
	assert_int_equal(json_array_size(sign_in), 4);
	assert_non_null(fixture_named(sign_in, "provider google"));
	assert_non_null(fixture_named(sign_in, "provider github"));
	assert_non_null(fixture_named(sign_in, "mail"));
	assert_non_null(fixture_named(sign_in, "anonymous"));
}

static void test_services(void **state)
{
	TREE({"package.json", "{\"dependencies\":{\"vite\":\"5\"}}"},
	     {"src/lib/ai.server.ts", "x\nfetch('https://ai.gateway.lovable.dev/v1/chat/completions', {})"},
	     {"supabase/functions/mail/index.ts", "import { sendLovableEmail } from 'npm:@lovable.dev/email-js'"},
	     {"src/a.ts", "// connector-gateway.lovable.dev\nconst x = '/__l5e/assets-v1/1/a.png'"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *services = json_object_get(i, "services");
	assert_int_equal(json_array_size(services), 3);
	assert_int_equal(json_int(fixture_named(services, "ai"), "line", 0), 2);
	assert_string_equal(json_str(fixture_named(services, "mail"), "file", ""), "supabase/functions/mail/index.ts");
	assert_non_null(fixture_named(services, "pictures"));
}

static void test_replit_login(void **state)
{
	TREE({"package.json",
	      "{\"dependencies\":{\"express\":\"4\",\"vite\":\"5\"},\"scripts\":{\"start\":\"node x\"}}"},
	     {"server/replitAuth.ts", "import x\nnew URL(process.env.ISSUER_URL ?? \"https://replit.com/oidc\")"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *finding = fixture_finding(i, "replit-login:server/replitAuth.ts");
	assert_non_null(finding);
	assert_int_equal(json_int(finding, "line", 0), 2);
	assert_string_equal(json_str(finding, "severity", ""), "warn");
}

/* Whether tables that the code makes must stay open to the pages. */
static bool is_in_browser(void **state, const char *path, const char *text)
{
	TREE({path, text});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *supabase = json_object_get(i, "supabase");
	assert_true(json_bool(supabase, "uses", false));
	return json_bool(supabase, "in_browser", false);
}

static void test_where_supabase_is_used(void **state)
{
	static const char node[] = "import { createClient } from '@supabase/supabase-js';\n"
				   "createClient(process.env.SUPABASE_URL, process.env.SUPABASE_SERVICE_KEY)";
	static const char page[] = "import { createClient } from 'https://esm.sh/@supabase/supabase-js';";
	assert_false(is_in_browser(state, "server/db.ts", node));
	assert_false(is_in_browser(state, "repair-schema.js", node));
	assert_true(is_in_browser(state, "app.js", page));
	assert_true(is_in_browser(state, "client/src/db.ts", page));
}

static void test_fonts(void **state)
{
	TREE({"package.json", "{\"dependencies\":{\"next\":\"16\"}}"},
	     {"app/layout.tsx", "import type { Metadata } from 'next'\nimport { Inter, Roboto_Mono as Mono, } from "
				"\"next/font/google\""},
	     {"app/a.tsx", "// from 'next/font/google'"}, {"app/b.tsx", "import * as f from 'next/font/google'"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *fonts = json_object_get(i, "fonts");
	assert_int_equal(json_array_size(fonts), 3);
	assert_int_equal(json_int(fixture_named(fonts, "Inter"), "line", 0), 2);
	assert_string_equal(json_str(fixture_named(fonts, "Roboto_Mono"), "file", ""), "app/layout.tsx");
	assert_non_null(fixture_named(fonts, "(computed)"));
}

static void test_environment(void **state)
{
	TREE({"src/a.ts",
	      "import.meta.env.VITE_NEEDED; import.meta.env['VITE_SET']; import.meta.env.VITE_SUPABASE_URL;\n"
	      "import.meta.env.VITE_OR ?? 'x'; import.meta.env.VITE_EMPTY || ''; import.meta.env.DEV;\n"
	      "// import.meta.env.VITE_COMMENT"},
	     {".env", "VITE_SET=hello\nVITE_NOT_READ=1\n"}, {"vite.config.ts", "process.env.ON_SERVER"},
	     {"supabase/functions/f/index.ts", "Deno.env.get('STRIPE_KEY')!"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	char *needs = json_text(json_object_get(i, "needs"));
	assert_string_equal(needs, "[\"VITE_NEEDED\",\"VITE_EMPTY\"]");
	free(needs);
	/* What a server reads counts where there is a server; not what is given, nor what a platform says of itself. */
	TREE({"package.json", "{\"dependencies\":{\"next\":\"16\"},\"scripts\":{\"build\":\"next build\"}}"},
	     {"app/page.tsx",
	      "process.env.STRIPE_SECRET_KEY; process.env.DATABASE_URL; process.env.VERCEL_URL;\n"
	      "process.env.NEXT_PUBLIC_SUPABASE_URL; process.env.STRIPE_SECRET_KEY; process.env.NODE_ENV"},
	     {"next.config.mjs", "process.env.OF_THE_CONFIG"});
	json_t *next JSON_CLEANUP = fixture_inspect(*state);
	needs = json_text(json_object_get(next, "needs"));
	assert_string_equal(needs, "[\"STRIPE_SECRET_KEY\"]");
	free(needs);
	const json_t *env = json_object_get(i, "env");
	assert_string_equal(json_str(fixture_named(env, "VITE_SET"), "set_in", ""), ".env");
	assert_string_equal(json_str(fixture_named(env, "ON_SERVER"), "where", ""), "server");
	assert_string_equal(json_str(fixture_named(env, "STRIPE_KEY"), "where", ""), "function");
	char *all = json_text(i);
	assert_null(strstr(all, "hello"));
	free(all);
	assert_non_null(fixture_finding(i, "committed-env:.env"));
	assert_int_equal(fixture_count(i, "stop"), 0);
}

/* What the app does not run: caches of tools, other apps beside it, evaluations. */
static void test_environment_of_others(void **state)
{
	TREE({"package.json", "{\"dependencies\":{\"next\":\"16\"}}"}, {"app/page.tsx", "process.env.OWN"},
	     {".bun-cache/yargs/index.mjs", "process.env.OF_A_CACHE"}, {"evals/run.ts", "process.env.OF_EVALS"},
	     {"services/hook/package.json", "{\"scripts\":{\"start\":\"node index.js\"}}"},
	     {"services/hook/index.js", "process.env.OF_ANOTHER"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	char *needs = json_text(json_object_get(i, "needs"));
	assert_string_equal(needs, "[\"OWN\"]");
	free(needs);
}

/* Modules of variables, as SvelteKit and Astro have them. */
static void test_environment_modules(void **state)
{
	TREE({"package.json", "{\"dependencies\":{\"@sveltejs/kit\":\"2\"}}"},
	     {"src/a.svelte",
	      "<script>import {\n PUBLIC_SHOP as shop, PUBLIC_SUPABASE_URL, } from '$env/static/public';"},
	     {"src/hooks.server.ts", "import { STRIPE_KEY } from \"$env/static/private\";\nimport { env } from "
				     "'$env/dynamic/private'; a.env.NO; env.MAIL_KEY; env.PLACE ?? 'here'"},
	     {"src/b.ts", "import { CLIENT_KEY } from 'astro:env/client'; const env = {}; env.NOTHING"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	char *needs = json_text(json_object_get(i, "needs"));
	assert_string_equal(needs, "[\"PUBLIC_SHOP\",\"CLIENT_KEY\",\"STRIPE_KEY\",\"MAIL_KEY\"]");
	free(needs);
	const json_t *env = json_object_get(i, "env");
	assert_string_equal(json_str(fixture_named(env, "PUBLIC_SHOP"), "where", ""), "browser");
	assert_string_equal(json_str(fixture_named(env, "MAIL_KEY"), "where", ""), "server");
}

static void test_addresses_and_types(void **state)
{
	TREE({"src/c.ts", "const u = 'https://abcdefghijklmnopqrst.supabase.co';\nlet x = 'https://short.supabase.co'"},
	     {"supabase/config.toml", "project_id = \"zyxwvutsrqponmlkjihg\"\n[functions.f]\nverify_jwt = false\n"},
	     {"supabase/functions/f/index.ts", "x"}, {"supabase/functions/_shared/a.ts", "x"},
	     {"src/integrations/supabase/types.ts", "export type Database = { public: { Tables: { votes: { Row: { id: "
						    "string } Insert: {} } \n \"my polls\": { Row: {} } } "
						    "Views: { [_ in never]: never } } }"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *s = json_object_get(i, "supabase");
	assert_int_equal(json_array_size(json_object_get(s, "hard_coded")), 1);
	assert_string_equal(json_str(s, "project_ref", ""), "zyxwvutsrqponmlkjihg");
	char *tables = json_text(json_object_get(i, "tables"));
	assert_string_equal(tables, "[\"votes\",\"my polls\"]");
	free(tables);
	const json_t *functions = json_object_get(i, "functions");
	assert_int_equal(json_array_size(functions), 1);
	assert_false(json_bool(fixture_named(functions, "f"), "verify_jwt", true));
}

static void expect_secret(const char *dir, const char *file, const char *text, const char *name, bool can_accept)
{
	fixture_tree(dir, (const char *const[][2]){PACKAGE, {file, text}, {NULL, NULL}});
	json_t *i JSON_CLEANUP = fixture_inspect(dir);
	const json_t *f = fixture_finding(i, name);
	if (name[0] == '\0') {
		if (fixture_count(i, "stop") != 0) fail_msg("%s: a false alarm", text);
		return;
	}
	if (f == NULL) fail_msg("%s: not found", name);
	assert_string_equal(json_str(f, "severity", ""), "stop");
	assert_int_equal(json_bool(f, "can_accept", !can_accept), can_accept);
	/* The secret itself is nowhere in the report. */
	char *all = json_text(i);
	assert_null(strstr(all, "Q0wHiTc3vN2mXk7p"));
	free(all);
}

#define RANDOM "Q0wHiTc3vN2mXk7pLr9sYbJd4uFzEaGo"

static void test_secrets(void **state)
{
	const char *dir = *state;
	expect_secret(dir, "src/a.ts", with("k='", token("service_role", "supabase"), "'"),
		      "service-key-in-browser:src/a.ts", false);
	expect_secret(dir, "scripts/a.ts", with("k='", token("service_role", "supabase"), "'"),
		      "service-key:scripts/a.ts", true);
	expect_secret(dir, "src/a.ts", with("k='", token("anon", "supabase"), "'"), "", true);
	expect_secret(dir, "src/a.ts", with("k='", token("service_role", "supabase-demo"), "'"), "", true);
	expect_secret(dir, "src/a.ts", with("k='", token("service_role", "elsewhere"), "'"), "", true);
	expect_secret(dir, "src/a.ts", with("k='sb_secret_", RANDOM, "'"), "service-key-in-browser:src/a.ts", false);
	expect_secret(dir, "src/a.ts", with("k='sk_live_", RANDOM, "'"), "secret-stripe-key:src/a.ts", true);
	expect_secret(dir, "src/a.ts", "k='sk_live_xxxxxxxxxxxxxxxxxxxxxxxx'", "", true);
	expect_secret(dir, "src/a.ts", "k='sk_live_your_key_goes_here_now'", "", true);
	expect_secret(dir, "README.md", with("AKIA", "Q7ZXW3PLMNB5TYRC", " "), "secret-aws-key:README.md", true);
	expect_secret(dir, "README.md", with("AKIA", "IOSFODNN7EXAMPLE", " "), "", true);
	expect_secret(dir, "key.pem",
		      with("-----BEGIN "
			   "PRIVATE KEY-----\n",
			   RANDOM "\n" RANDOM, "\n-----END PRIVATE KEY-----\n"),
		      "secret-private-key:key.pem", true);
	expect_secret(dir, "doc.md",
		      "-----BEGIN "
		      "PRIVATE KEY-----\nYOUR KEY\n-----END PRIVATE KEY-----\n",
		      "", true);
}

static void test_env_files(void **state)
{
	const char *dir = *state;
	expect_secret(dir, ".env", "STRIPE_SECRET_KEY=" RANDOM "\n", "secret-in-env:.env:STRIPE_SECRET_KEY", true);
	expect_secret(dir, ".env.local", "export DATABASE_URL='postgres://u:" RANDOM "@h/d'\n",
		      "secret-in-env:.env.local:DATABASE_URL", true);
	expect_secret(dir, ".env", "VITE_SUPABASE_SERVICE_ROLE_KEY=" RANDOM "\n",
		      "service-key-in-browser:VITE_SUPABASE_SERVICE_ROLE_KEY", false);
	expect_secret(dir, ".env", with("VITE_KEY=", token("service_role", "supabase"), "\n"),
		      "service-key-in-browser:.env", false);
	expect_secret(dir, "src/a.ts", "import.meta.env.VITE_SUPABASE_SERVICE_ROLE_KEY",
		      "service-key-in-browser:VITE_SUPABASE_SERVICE_ROLE_KEY", false);
	expect_secret(dir, "src/a.ts", "import.meta.env.VITE_OPENAI_API_KEY",
		      "secret-name-in-browser:VITE_OPENAI_API_KEY", true);
	expect_secret(dir, "src/a.ts",
		      "import.meta.env.VITE_STRIPE_PUBLISHABLE_KEY + import.meta.env.VITE_FIREBASE_API_KEY", "", true);
	expect_secret(dir, ".env", with("VITE_SUPABASE_ANON_KEY=\"", token("anon", "supabase"), "\"\n"), "", true);
	expect_secret(dir, ".env", "VITE_GOOGLE_API_KEY=" RANDOM "\nSESSION_SECRET=\nAPI_KEY=your-key-here\n", "",
		      true);
	expect_secret(dir, ".env.example", "STRIPE_SECRET_KEY=" RANDOM "\n", "", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_buckets),
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_services),
	    cmocka_unit_test(test_replit_login),
	    cmocka_unit_test(test_where_supabase_is_used),
	    cmocka_unit_test(test_fonts),
	    cmocka_unit_test(test_environment),
	    cmocka_unit_test(test_environment_of_others),
	    cmocka_unit_test(test_environment_modules),
	    cmocka_unit_test(test_addresses_and_types),
	    cmocka_unit_test(test_secrets),
	    cmocka_unit_test(test_env_files),
	};
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
