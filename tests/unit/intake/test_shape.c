/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "intake/package.h"

#define FILES(...) ((const char *const[][2]){__VA_ARGS__, {NULL, NULL}})
#define DEPENDS(name) "{\"dependencies\":{\"" name "\":\"^1.0.0\"},\"scripts\":{\"build\":\"x\"}}"

static json_t *expect(const char *dir, const char *const (*files)[2], const char *shape, bool runs)
{
	fixture_tree(dir, files);
	json_t *i = fixture_inspect(dir);
	assert_string_equal(json_str(i, "shape", ""), shape);
	assert_int_equal(json_bool(i, "runs", !runs), runs);
	assert_int_equal(json_is_string(json_object_get(i, "refusal")), !runs);
	if (strcmp(shape, "unknown") != 0) assert_true(json_array_size(json_object_get(i, "evidence")) > 0);
	return i;
}

static void test_frameworks(void **state)
{
	static const char *const shapes[][2] = {
	    {"expo", DEPENDS("expo")},
	    {"nextjs", DEPENDS("next")},
	    {"tanstack-start", DEPENDS("@tanstack/react-start")},
	    {"tanstack-start", "{\"devDependencies\":{\"@lovable.dev/vite-tanstack-config\":\"2\",\"vite\":\"8\"}}"},
	    {"remix", DEPENDS("@remix-run/react")},
	    {"react-router", DEPENDS("@react-router/dev")},
	    {"astro", DEPENDS("astro")},
	    {"sveltekit", DEPENDS("@sveltejs/kit")},
	    {"nuxt", DEPENDS("nuxt")},
	    {"node-server", "{\"scripts\":{\"start\":\"node server.js\"}}"},
	    {"unknown", DEPENDS("react-scripts")},
	};
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		json_decref(expect(*state, FILES({"package.json", shapes[i][1]}), shapes[i][0],
				   strcmp(shapes[i][0], "unknown") != 0));
	json_decref(expect(*state, FILES({"README.md", "nothing"}), "unknown", false));
}

static void test_vite_spa(void **state)
{
	json_t *i JSON_CLEANUP =
	    expect(*state,
		   FILES({"package.json",
			  "{\"name\":\"shop\",\"scripts\":{\"build\":\"vite build\"},\"engines\":{\"node\":\">=20\"},"
			  "\"devDependencies\":{\"vite\":\"^5.4.1\",\"lovable-tagger\":\"^1\"}}"},
			 {"index.html", "<p>"}, {"bun.lockb", "x"}, {"package-lock.json", "{}"},
			 {"vite.config.ts", "export default { build: { // outDir: 'no'\n outDir: \"./site/out\" } }"}),
		   "vite-spa", true);
	assert_string_equal(json_str(i, "builder", ""), "lovable");
	assert_string_equal(json_str(i, "name", ""), "shop");
	assert_string_equal(json_str(i, "output_dir", ""), "site/out");
	assert_string_equal(json_str(i, "package_manager", ""), "npm");
	assert_int_equal(json_array_size(json_object_get(i, "lockfiles")), 2);
	assert_string_equal(json_str(json_object_get(i, "node"), "wish", ""), ">=20");
	assert_string_equal(json_str(json_object_get(i, "versions"), "vite", ""), "^5.4.1");
}

static void test_static(void **state)
{
	json_decref(expect(*state, FILES({"index.html", "<p>"}, {"style.css", "x"}), "static", true));
	json_decref(expect(*state, FILES({"index.html", "<p>"}, {"package.json", "{}"}), "static", true));
}

static void test_express_and_its_absence(void **state)
{
	const char *both =
	    "{\"dependencies\":{\"express\":\"4\",\"vite\":\"5\"},\"scripts\":{\"start\":\"node dist/index.js\"}}";
	json_decref(expect(
	    *state,
	    FILES({"package.json", both}, {"client/index.html", "<p>"}, {"server/index.ts", "x"}, {".replit", "x"}),
	    "express-vite", true));
	/* A dependency nobody starts is no server. */
	const char *unused =
	    "{\"dependencies\":{\"express\":\"4\",\"vite\":\"5\"},\"scripts\":{\"build\":\"vite build\"}}";
	json_decref(expect(*state, FILES({"package.json", unused}, {"index.html", "<p>"}), "vite-spa", true));
}

static void test_cloudflare(void **state)
{
	json_t *i JSON_CLEANUP =
	    expect(*state,
		   FILES({"package.json", DEPENDS("hono")},
			 {"wrangler.jsonc", "{ // bindings\n \"d1_databases\": [{\"binding\": \"DB\"},], }"}),
		   "cloudflare", false);
	const char *what = json_str(json_array_get(json_object_get(i, "evidence"), 0), "what", "");
	assert_string_equal(what, "binds a D1 database of Cloudflare (DB)");
	assert_non_null(strstr(json_str(i, "refusal", ""), "wrangler.jsonc binds a D1 database of Cloudflare (DB)"));
	json_decref(expect(*state,
			   FILES({"package.json", DEPENDS("x")},
				 {"wrangler.toml", "name = 'x'\n[[kv_namespaces]]\nbinding = 'KV'\nid = '1'\n"}),
			   "cloudflare", false));
	/* A wrangler file without bindings decides nothing. */
	json_decref(expect(*state,
			   FILES({"package.json", "{\"dependencies\":{\"vite\":\"5\"}}"}, {"index.html", "<p>"},
				 {"wrangler.toml", "name = 'x'\n"}),
			   "vite-spa", true));
}

static void test_subfolder(void **state)
{
	json_t *i JSON_CLEANUP = expect(
	    *state,
	    FILES({"package.json", "{\"workspaces\":[\"apps/*\"]}"}, {"docs/index.html", "<p>"},
		  {"apps/web/package.json", "{\"dependencies\":{\"vite\":\"5\"}}"}, {"apps/web/index.html", "<p>"},
		  {"apps/web/public/index.html", "<p>"}, {"a/b/c/d/package.json", DEPENDS("next")}),
	    "vite-spa", true);
	assert_string_equal(json_str(i, "root", ""), "apps/web");
}

static void test_bad_package_json_is_named(void **state)
{
	struct err err;
	json_t *inspection = NULL;
	fixture_tree(*state, FILES({"web/package.json", "{\"a\":"}));
	assert_false(inspection_make(*state, &inspection, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "web/package.json: is not valid JSON"));
	/* npm lets a key stand twice, and so do real exports. */
	json_decref(expect(*state, FILES({"package.json", "{\"name\":\"a\",\"name\":\"b\"}"}, {"index.html", ""}),
			   "static", true));
}

static void test_out_dir(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
	    {"build: { outDir: 'dist/public' }", "dist/public"},
	    {"outDir: path.resolve(import.meta.dirname, \"dist/public\"),", "dist/public"},
	    {"outDir: path.resolve(root, \"a\", \"b\"),", NULL},
	    {"outDir: target,", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str dir;
		assert_true(package_vite_out_dir(str_from(cases[i][0]), &dir));
		if (cases[i][1] == NULL)
			assert_null(dir.ptr);
		else
			assert_true(str_eq(dir, str_from(cases[i][1])));
	}
	struct str dir;
	assert_false(package_vite_out_dir(STR("plugins: []"), &dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frameworks),
	    cmocka_unit_test(test_vite_spa),
	    cmocka_unit_test(test_static),
	    cmocka_unit_test(test_express_and_its_absence),
	    cmocka_unit_test(test_cloudflare),
	    cmocka_unit_test(test_subfolder),
	    cmocka_unit_test(test_bad_package_json_is_named),
	    cmocka_unit_test(test_out_dir),
	};
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
