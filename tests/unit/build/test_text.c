/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts: lockfiles, adaptations, binding, keys in text, names of assets, Node's versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "build/adapt.h"
#include "build/asset.h"
#include "build/bind.h"
#include "build/box.h"
#include "build/hint.h"
#include "build/literal.h"
#include "build/manifest.h"
#include "build/placeholder.h"
#include "build/preset.h"
#include "build/tools.h"
#include "build/wish.h"
#include "codec/base64.h"
#include "codec/json.h"

#define REF "abcdefghijklmnopqrst"
#define OTHER "zyxwvutsrqponmlkjihg"

static const char *jwt(const char *role, const char *ref, struct buf *b)
{
	char claims[200];
	(void)snprintf(claims, sizeof claims,
		       "{\"iss\":\"supabase\",\"ref\":\"%s\",\"role\":\"%s\",\"iat\":1,\"exp\":2}", ref, role);
	buf_clear(b);
	base64url_encode(STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), b);
	buf_putc(b, '.');
	base64url_encode(str_from(claims), b);
	buf_puts(b, ".c2lnbmF0dXJlLW9mLXNvbWUta2luZA");
	return buf_cstr(b);
}

struct seen {
	int changes, left, last_line;
};

static void on_change(void *arg, int line, const char *what, bool is_left)
{
	struct seen *s = arg;
	assert_true(strlen(what) > 0);
	s->last_line = line;
	if (is_left)
		s->left++;
	else
		s->changes++;
}

static struct seen adapts(const char *text, const char *expected)
{
	struct seen s = {0};
	struct buf out BUF_CLEANUP;
	buf_init(&out, 1 << 20);
	adapt_text(&(struct adapt_text){str_from(text), STR(REF), on_change, &s}, &out);
	assert_string_equal(buf_cstr(&out), expected);
	return s;
}

static void test_addresses(void **state)
{
	(void)state;
	struct seen s =
	    adapts("a\nconst U = \"https://" REF ".supabase.co\";", "a\nconst U = \"" PLACEHOLDER_ORIGIN "\";");
	assert_int_equal(s.changes, 1);
	assert_int_equal(s.last_line, 2);
	(void)adapts("fetch('https://" REF ".supabase.co/functions/v1/x')",
		     "fetch('" PLACEHOLDER_ORIGIN "/functions/v1/x')");
	(void)adapts("'https://" REF ".functions.supabase.co/x'", "'" PLACEHOLDER_ORIGIN "/functions/v1/x'");
	(void)adapts("'https://" REF ".storage.supabase.co/s'", "'" PLACEHOLDER_ORIGIN "/s'");
	(void)adapts("'wss://" REF ".supabase.co/realtime'", "'" PLACEHOLDER_SOCKET "/realtime'");
	(void)adapts("<link rel=preconnect href=//" REF ".supabase.co>",
		     "<link rel=preconnect href=//" PLACEHOLDER_HOST ">");
	(void)adapts("connect-src https://*.supabase.co wss://*.supabase.co",
		     "connect-src " PLACEHOLDER_ORIGIN " " PLACEHOLDER_SOCKET);
	(void)adapts("`https://${env.ID}.supabase.co/x`", "`" PLACEHOLDER_ORIGIN "${String(env.ID).slice(0, 0)}/x`");
	(void)adapts("See https://" REF ".supabase.co.", "See " PLACEHOLDER_ORIGIN ".");
}

static void test_addresses_that_stay(void **state)
{
	(void)state;
	struct seen s = adapts("\"https://" OTHER ".supabase.co\"", "\"https://" OTHER ".supabase.co\"");
	assert_int_equal(s.changes, 0);
	assert_int_equal(s.left, 1);
	const char *const same[] = {"https://supabase.co/" REF,
				    "https://" REF ".supabase.com",
				    "https://" REF ".supabase.co.evil.example",
				    "https://short.supabase.co",
				    "x" REF ".supabase.co",
				    "${a}.supabase.co",
				    "https://${a\n}.supabase.co",
				    ""};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) assert_int_equal(adapts(same[i], same[i]).changes, 0);
}

static void test_keys(void **state)
{
	(void)state;
	char text[2000], expected[2000];
	struct buf b BUF_CLEANUP;
	buf_init(&b, 4096);
	(void)snprintf(text, sizeof text, "k=\"%s\";", jwt("anon", REF, &b));
	(void)adapts(text, "k=\"" PLACEHOLDER_ANON_KEY "\";");
	(void)snprintf(text, sizeof text, "k=\"%s\";", jwt("anon", OTHER, &b));
	(void)adapts(text, text);
	(void)snprintf(text, sizeof text, "k=\"%s\";", jwt("service_role", REF, &b));
	(void)adapts(text, text);
	enum literal_kind kind;
	int line;
	(void)snprintf(expected, sizeof expected, "\n\n%s", text);
	assert_true(literal_find_secret(str_from(expected), &kind, &line));
	assert_int_equal(kind, LITERAL_SERVICE_JWT);
	assert_int_equal(line, 3);
	(void)snprintf(text, sizeof text, "k=\"%s\";", jwt("anon", REF, &b));
	assert_false(literal_find_secret(str_from(text), &kind, &line));
	assert_true(literal_find_secret(STR("'sb_secret_0123456789abcdefghijklmn'"), &kind, &line));
	assert_false(literal_find_secret(STR("startsWith('sb_secret_')"), &kind, &line));
	(void)adapts("'sb_publishable_0123456789abcdefghij_klm'", "'" PLACEHOLDER_PUBLISHABLE_KEY "'");
}

static void test_binding(void **state)
{
	(void)state;
	const struct {
		const char *origin, *text, *expected;
	} cases[] = {
	    {"https://shop.example.com", "a(\"" PLACEHOLDER_ORIGIN "/x\")", "a(\"https://shop.example.com/x\")"},
	    {"http://shop.localhost:8080", "\"" PLACEHOLDER_ORIGIN "\"", "\"http://shop.localhost:8080\""},
	    {"http://shop.localhost:8080", "'" PLACEHOLDER_SOCKET "'", "'ws://shop.localhost:8080'"},
	    {"https://a.b", "'" PLACEHOLDER_SOCKET "'", "'wss://a.b'"},
	    {"http://a.b", "\"https:\\/\\/" PLACEHOLDER_HOST "\\/x\"", "\"http:\\/\\/a.b\\/x\""},
	    {"http://a.b", "u=https%3A%2F%2F" PLACEHOLDER_HOST, "u=http%3A%2F%2Fa.b"},
	    {"http://a.b", "//" PLACEHOLDER_HOST "/", "//a.b/"},
	    {"http://a.b", PLACEHOLDER_HOST, "a.b"},
	    {"http://a.b", PLACEHOLDER_ANON_KEY "," PLACEHOLDER_PUBLISHABLE_KEY "," PLACEHOLDER_PROJECT,
	     "anon.key,pub_key,shop"},
	    {"http://a.b", PLACEHOLDER_ORIGIN PLACEHOLDER_ORIGIN, "http://a.bhttp://a.b"},
	    {"http://a.b", "freehold-freehold-origin-placeholder.invali",
	     "freehold-freehold-origin-placeholder.invali"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct build_values v = {cases[i].origin, "anon.key", "pub_key", "shop"};
		struct buf out BUF_CLEANUP;
		buf_init(&out, 4096);
		int count = bind_text(str_from(cases[i].text), &v, &out);
		assert_string_equal(buf_cstr(&out), cases[i].expected);
		assert_int_equal(count > 0, bind_is_needed(str_from(cases[i].text)));
	}
}

static void test_private_cache(void **state)
{
	(void)state;
	struct buf out BUF_CLEANUP;
	buf_init(&out, 4096);
	int count = manifest_rewrite(
	    STR("[\"react@18\", "
		"\"https://cache-7.example-host.dev/lovable-core-prod/sandbox-npm-cache/react/-/react-18.tgz\"],\n"
		"\"x/lovable-core-prod/sandbox-npm-cache/y\""),
	    STR("https://registry.example/"), &out);
	assert_int_equal(count, 1);
	assert_string_equal(buf_cstr(&out), "[\"react@18\", \"https://registry.example/react/-/react-18.tgz\"],\n"
					    "\"x/lovable-core-prod/sandbox-npm-cache/y\"");
}

static void test_assets(void **state)
{
	(void)state;
	const char *const yes[] = {"index-B-x3_9aZ.js",
				   "index-DkR4s9Qa.css",
				   "main.1f3c9a7e.js",
				   "index-DkR4s9Qa.js.map",
				   "2.8d1f4c0a.chunk.js",
				   "logo-CE3u1abc.svg",
				   "a-_-b_c-Dx.js",
				   "assets/index-DkR4s9Qa.js",
				   "_next/static/css/40009275aeda0ca3.css",
				   "_next/static/chunks/app/(shop)/[id]/page-0a8b9a7b052e6eac.js",
				   "_next/static/chunks/117-e5476d4bdcce692a.js",
				   "_next/static/media/491cbc05ce0e9ce7-s.p.woff2"};
	const char *const no[] = {"index.html",
				  "hero-portrait.jpg",
				  "photo-20240101.jpg",
				  "main.js",
				  "a.12345678.js",
				  "-DkR4s9Qa.js",
				  "index-DkR4s9Qa",
				  "index-DkR4s9Qa.",
				  "jquery-3.7.1.min.js",
				  ".1f3c9a7e.js",
				  "app-v1.2.3.js",
				  "",
				  "40009275aeda0ca3.css",
				  "css/40009275aeda0ca3.css",
				  "_next/static/chunks/main.js",
				  "_next/static/40009275aeda0ca3/_buildManifest.js",
				  "x/_next/static/css/40009275aeda0ca3.css"};
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!asset_is_fingerprinted(str_from(yes[i]))) fail_msg("%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (asset_is_fingerprinted(str_from(no[i]))) fail_msg("%s", no[i]);
}

static void test_node_versions(void **state)
{
	(void)state;
	const struct {
		const char *range;
		int wanted;
	} cases[] = {{"", 0},
		     {">=18", 0},
		     {"20.x", 0},
		     {"^20.19.0 || >=22.12.0", 0},
		     {"22", 22},
		     {"v22.11.0", 22},
		     {">=22", 22},
		     {"18.x", 0},
		     {">=18 <21", 0},
		     {">=20.99", 20},
		     {"lts/iron", 0},
		     {"*", 0},
		     {"22.x || 24.x", 24},
		     {"99999", 0},
		     {">=24.0.0 <25", 24},
		     {"~20", 0},
		     {"|||", 0},
		     {NULL, 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (tool_wanted_node(cases[i].range, 0, 20, 20) != cases[i].wanted)
			fail_msg("%s: %d", cases[i].range, tool_wanted_node(cases[i].range, 0, 20, 20));
	/* What its packages need counts where the app leaves it open. */
	const struct {
		const char *range;
		int host, wanted;
	} floors[] = {{"", 20, 22},
		      {NULL, 20, 22},
		      {"*", 20, 22},
		      {">=18", 20, 22},
		      {"lts/*", 20, 22},
		      {">=18 <21", 20, 0},
		      {"20.x", 20, 0},
		      {"24.x", 20, 24},
		      {">=18", 22, 0},
		      {"", 24, 0},
		      {"^20.19.0 || >=22.12.0", 20, 22}};
	for (size_t i = 0; i < sizeof floors / sizeof *floors; i++)
		if (tool_wanted_node(floors[i].range, 22, floors[i].host, 20) != floors[i].wanted)
			fail_msg("%s with a floor: %d", floors[i].range,
				 tool_wanted_node(floors[i].range, 22, floors[i].host, 20));
	/* On Debian 12's own Node. */
	const struct {
		const char *range;
		int wanted;
	} old[] = {{"", 22}, {">=18", 22}, {"18.x", 0}, {"^18", 0}, {"20.x", 20}, {">=20.9.0", 20}, {"lts/*", 22}};
	for (size_t i = 0; i < sizeof old / sizeof *old; i++)
		if (tool_wanted_node(old[i].range, 0, 18, 20) != old[i].wanted)
			fail_msg("%s on 18: %d", old[i].range, tool_wanted_node(old[i].range, 0, 18, 20));
}

static void test_node_floor(void **state)
{
	(void)state;
	const struct {
		const char *package;
		int floor;
	} cases[] = {{"{\"dependencies\":{\"@tanstack/react-start\":\"1.168.32\"}}", 22},
		     {"{\"devDependencies\":{\"@lovable.dev/vite-tanstack-config\":\"2.3.2\"}}", 22},
		     {"{\"dependencies\":{\"@supabase/supabase-js\":\"^2.112.3\"}}", 22},
		     {"{\"dependencies\":{\"@supabase/supabase-js\":\"latest\"}}", 22},
		     {"{\"dependencies\":{\"@supabase/supabase-js\":\"~2.109.0\"}}", 0},
		     {"{\"dependencies\":{\"@supabase/supabase-js\":\"3.0.0\"}}", 22},
		     {"{\"dependencies\":{\"@supabase/supabase-js\":7}}", 0},
		     {"{\"dependencies\":{\"nuxt\":\"^4.5.2\"}}", 22},
		     {"{\"dependencies\":{\"nuxt\":\"^3.17.0\"}}", 0},
		     {"{\"devDependencies\":{\"astro\":\"^6\"}}", 22},
		     {"{\"dependencies\":{\"astro\":\"5.9.0\"}}", 0},
		     {"{\"dependencies\":[]}", 0},
		     {"{}", 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *package JSON_CLEANUP = NULL;
		struct err err;
		assert_true(json_parse(str_from(cases[i].package), &package, &err));
		if (manifest_node_floor(package) != cases[i].floor)
			fail_msg("%s: %d", cases[i].package, manifest_node_floor(package));
	}
}

static void test_addition(void **state)
{
	(void)state;
	const struct {
		const char *package, *wanted;
	} cases[] = {{"{\"devDependencies\":{\"@sveltejs/kit\":\"^2.49.0\",\"@sveltejs/adapter-auto\":\"^7\"}}",
		      "@sveltejs/adapter-node@5"},
		     {"{\"devDependencies\":{\"@sveltejs/kit\":\"3.2.0\",\"@sveltejs/adapter-auto\":\"7\"}}",
		      "@sveltejs/adapter-node@6"},
		     {"{\"devDependencies\":{\"@sveltejs/kit\":\"latest\",\"@sveltejs/adapter-auto\":\"7\"}}",
		      "@sveltejs/adapter-node@6"},
		     {"{\"devDependencies\":{\"@sveltejs/kit\":\"2\",\"@sveltejs/adapter-auto\":\"7\",\"@sveltejs/"
		      "adapter-node\":\"5\"}}",
		      ""},
		     {"{\"devDependencies\":{\"@sveltejs/kit\":\"2\",\"@sveltejs/adapter-static\":\"3\"}}", ""},
		     {"{\"dependencies\":7}", ""}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *package JSON_CLEANUP = NULL;
		struct err err;
		assert_true(json_parse(str_from(cases[i].package), &package, &err));
		assert_string_equal(manifest_addition(package), cases[i].wanted);
	}
}

static void count_changes(void *arg, int line, const char *what, bool is_left)
{
	int *sum = arg;
	assert_false(is_left);
	assert_non_null(strstr(what, "built for Node instead of "));
	*sum += line;
}

static void test_presets(void **state)
{
	(void)state;
	const struct {
		const char *text, *wanted;
		int lines; /* of the changes, added up */
	} cases[] = {
	    {"a\n  nitro: { preset: \"cloudflare-module\" },\n", "a\n  nitro: { preset: \"node-server\" },\n", 2},
	    {"preset: x ? 'vercel' : 'cloudflare_pages'", "preset: x ? 'node-server' : 'node-server'", 2},
	    {"preset: 'bun'", "preset: 'bun'", 0},
	    {"'vercel' preset", "'vercel' preset", 0},
	    {"import a from '@sveltejs/adapter-vercel';", "import a from '@sveltejs/adapter-node';", 1},
	    {"import a from '@sveltejs/adapter-static';", "import a from '@sveltejs/adapter-static';", 0},
	    {"preset: 'vercel", "preset: 'vercel", 0},
	    {"preset: ''", "preset: ''", 0},
	    {"", "", 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out BUF_CLEANUP;
		int lines = 0;
		buf_init(&out, 4096);
		preset_adapt(&(struct adapt_text){str_from(cases[i].text), STR(""), count_changes, &lines}, &out);
		assert_string_equal(buf_cstr(&out), cases[i].wanted);
		assert_int_equal(lines, cases[i].lines);
	}
	assert_true(preset_is_config("vite.config.mts") && preset_is_config("nuxt.config.ts"));
	assert_false(preset_is_config("config.ts"));
}

static void test_what_builds(void **state)
{
	(void)state;
	const struct {
		const char *inspection, *text;
	} cases[] = {{"{\"shape\":\"nextjs\",\"build_script\":\"next build\"}", "build"},
		     {"{\"shape\":\"nextjs\"}", "next build"},
		     {"{\"shape\":\"expo\"}", "expo export -p web"},
		     {"{\"shape\":\"expo\",\"build_script\":\"eas build\"}", "expo export -p web"},
		     {"{\"shape\":\"expo\",\"build_script\":\"expo export\"}", "build"},
		     {"{\"shape\":\"express-vite\"}", NULL},
		     {"{\"shape\":\"static\"}", NULL}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *inspection JSON_CLEANUP = NULL;
		struct err err;
		assert_true(json_parse(str_from(cases[i].inspection), &inspection, &err));
		struct build_wish wish = build_wish_read(inspection);
		assert_true((wish.command == NULL) == (cases[i].text == NULL));
		if (cases[i].text != NULL) assert_string_equal(wish.command_text, cases[i].text);
	}
}

static void test_environment(void **state)
{
	(void)state;
	struct err err;
	assert_true(build_env_check("VITE_API=x", &err));
	assert_true(build_env_check("SUPABASE_SERVICE_ROLE_KEY=x", &err));
	assert_false(build_env_check("VITE_SUPABASE_SERVICE_ROLE_KEY=x", &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_false(build_env_check("NEXT_PUBLIC_KEY=sb_secret_0123456789abcdefghijklmn", &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_false(build_env_check("A B=x", &err));
	assert_false(build_env_check("=x", &err));
	for (const char *const *p = build_env(); *p != NULL; p++) assert_true(build_env_check(*p, &err));
}

static void test_reason(void **state)
{
	(void)state;
	struct str r = box_reason(STR("transforming...\nsrc/a.ts(3,1): error TS1005: ';' expected.\nmore\n"), 100);
	assert_true(str_has_prefix(r, STR("src/a.ts(3,1): error")));
	assert_true(str_eq(box_reason(STR("one\ntwo\n"), 3), STR("two")));
	r = box_reason(STR("error during build:\nUnexpected =\n    at a (x.js:1:2)\n    at b\n"), 100);
	assert_true(str_eq(r, STR("error during build:\nUnexpected =")));
	assert_true(str_eq(box_reason(STR("an error:\nthe whole line\n"), 15), STR("an error:")));
	assert_int_equal(box_reason(STR(""), 10).len, 0);
}

static void test_pnpm(void **state)
{
	(void)state;
	struct str lock = STR("lockfileVersion: '9.0'\n\nsettings:\n"),
		   settings = STR("allowBuilds:\n  esbuild: true\n");
	assert_int_equal(manifest_pnpm_major(STR("lockfileVersion: '6.0'\n"), STR("")), 8);
	assert_int_equal(manifest_pnpm_major(lock, STR("")), 9);
	assert_int_equal(manifest_pnpm_major(lock, STR("packages:\n  - apps/*\n")), 9);
	assert_int_equal(manifest_pnpm_major(lock, settings), 10);
	assert_true(manifest_is_pnpm_workspace(STR("# ours\npackages:\n  - apps/*\n")));
	assert_false(manifest_is_pnpm_workspace(settings));
	assert_false(manifest_is_pnpm_workspace(STR("")));
}

static void hints(bool (*read)(struct str, char *), const char *said, const char *part)
{
	char hint[HINT_SIZE];
	bool has = read(str_from(said), hint);
	if (has != (part[0] != '\0') || strstr(hint, part) == NULL) fail_msg("\"%s\": \"%s\"", said, hint);
}

static void test_hints(void **state)
{
	(void)state;
	hints(hint_missing_module, "x\nError: Cannot find package '@a/b' imported from /app/vite.config.ts",
	      "the package @a/b,");
	hints(hint_missing_module, "[vite]: Rollup failed to resolve import \"@a/b/deep/er\" from", "Add @a/b to");
	hints(hint_missing_module, "Module not found: Can't resolve 'lodash/fp'", "Add lodash to");
	hints(hint_missing_module, "Module not found: Can't resolve '@/lib/x'",
	      "the code imports @/lib/x, and the export");
	hints(hint_missing_module, "Cannot find module './a'", "no such file");
	hints(hint_missing_module, "Cannot find module '", "");
	hints(hint_missing_module, "error TS1005", "");
	hints(hint_missing_version, "npm error notarget No matching version found for @m/lint@1.0.0-rc.11.\nnpm error",
	      "asks for @m/lint@1.0.0-rc.11, and");
	hints(hint_missing_version, "npm error 404  'nosuch@*' is not in this registry.", "nosuch@* is not on npm");
	hints(hint_missing_version, "npm error code ERESOLVE", "");
	hints(hint_unreached, "npm error code EHOSTUNREACH\nnpm error syscall connect", "(EHOSTUNREACH)");
	hints(hint_unreached, "npm error code ERESOLVE", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addresses),     cmocka_unit_test(test_addresses_that_stay),
	    cmocka_unit_test(test_keys),          cmocka_unit_test(test_binding),
	    cmocka_unit_test(test_private_cache), cmocka_unit_test(test_assets),
	    cmocka_unit_test(test_node_versions), cmocka_unit_test(test_node_floor),
	    cmocka_unit_test(test_addition),      cmocka_unit_test(test_presets),
	    cmocka_unit_test(test_what_builds),   cmocka_unit_test(test_environment),
	    cmocka_unit_test(test_reason),        cmocka_unit_test(test_hints),
	    cmocka_unit_test(test_pnpm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
