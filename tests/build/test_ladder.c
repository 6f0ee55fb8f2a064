/* SPDX-License-Identifier: Apache-2.0
 *
 * Every rung of the ladder, with the smallest packages that show it, and the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/install.h"
#include "build/package.h"
#include "codec/json.h"
#include "harness.h"

#define MS "sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=="
#define BUILD "\"scripts\":{\"build\":\"node b.js\"}"
#define PACKAGE(more) "{\"name\":\"gen\",\"private\":true," BUILD "," more "}"
#define WITH_MS PACKAGE("\"dependencies\":{\"ms\":\"2.1.3\"}")

static struct harness h;
static char cache[] = "/tmp/freehold-cache-XXXXXX";

static void begin(const char *app, const char *package)
{
	harness_init(&h, app, cache);
	harness_write(&h, "package.json", package);
	harness_write(&h, "b.js",
		      "require('ms');const fs=require('fs');fs.mkdirSync('dist');"
		      "fs.writeFileSync('dist/index.html',process.version)");
}

static void expect_rung(const char *rung, size_t attempts)
{
	if (!harness_build(&h)) fail_msg("%s\n%s", h.err.msg, buf_cstr(&h.output));
	assert_string_equal(json_str(h.install, "rung", ""), rung);
	if (json_array_size(json_object_get(h.install, "attempts")) != attempts) fail_msg("%s", buf_cstr(&h.output));
}

/* Written by a builder whose packages come from a cache of its own. */
static void test_bun_lock_with_a_private_cache(void **state)
{
	(void)state;
	begin("bunny", WITH_MS);
	harness_write(
	    &h, "bun.lock",
	    "{\n  \"lockfileVersion\": 1,\n  \"workspaces\": {\n    \"\": {\n      \"name\": \"gen\",\n"
	    "      \"dependencies\": {\n        \"ms\": \"2.1.3\",\n      },\n    },\n  },\n  \"packages\": {\n"
	    "    \"ms\": [\"ms@2.1.3\", \"https://cache.example-host.invalid/lovable-core-prod/sandbox-npm-cache/ms/-/"
	    "ms-2.1.3.tgz\", {}, \"" MS "\"],\n  }\n}\n");
	expect_rung("bun.lock", 0);
	assert_int_equal(json_int(h.install, "rewritten", 0), 1);
	harness_done(&h);
}

static void test_pnpm(void **state)
{
	(void)state;
	begin("panda", WITH_MS);
	harness_write(
	    &h, "pnpm-lock.yaml",
	    "lockfileVersion: '9.0'\n\nsettings:\n  autoInstallPeers: true\n  excludeLinksFromLockfile: false\n\n"
	    "importers:\n\n  .:\n    dependencies:\n      ms:\n        specifier: 2.1.3\n        version: 2.1.3\n\n"
	    "packages:\n\n  ms@2.1.3:\n    resolution: {integrity: " MS "}\n\nsnapshots:\n\n  ms@2.1.3: {}\n");
	expect_rung("pnpm", 0);
	harness_done(&h);
}

#define LOCK_OF_ANOTHER                                                                                                \
	"{\"name\":\"gen\",\"lockfileVersion\":3,\"requires\":true,\"packages\":{\"\":{\"name\":\"gen\","              \
	"\"dependencies\":{}}}}"

static void test_lock_out_of_step(void **state)
{
	(void)state;
	begin("outofstep", WITH_MS);
	harness_write(&h, "package-lock.json", LOCK_OF_ANOTHER);
	expect_rung("npm install", 1);
	json_t *attempt = json_array_get(json_object_get(h.install, "attempts"), 0);
	assert_string_equal(json_str(attempt, "rung", ""), "npm ci");
	assert_non_null(strstr(json_str(attempt, "why", ""), "in sync"));
	harness_done(&h);
}

static void test_peer_conflict(void **state)
{
	(void)state;
	begin("peers", PACKAGE("\"dependencies\":{\"ms\":\"2.1.3\",\"react\":\"18.2.0\",\"react-dom\":\"17.0.2\"}"));
	expect_rung("npm install --legacy-peer-deps", 1);
	harness_done(&h);
}

static void test_nothing_works(void **state)
{
	(void)state;
	begin("broken", PACKAGE("\"dependencies\":{\"ms\":\"99.0.0\"}"));
	assert_false(harness_build(&h));
	assert_int_equal(h.err.code, ERR_FAILED);
	assert_non_null(strstr(h.err.msg, "npm install: "));
	assert_non_null(strstr(h.err.msg, "ms@99.0.0"));
	harness_done(&h);
}

static void test_another_node(void **state)
{
	(void)state;
	begin("newnode", PACKAGE("\"engines\":{\"node\":\">=22\"},\"dependencies\":{\"ms\":\"2.1.3\"}"));
	harness_write(&h, ".npmrc", "registry=https://evil.example.invalid/\n");
	expect_rung("npm install", 0);
	char path[FILE_PATH_SIZE];
	struct buf b BUF_CLEANUP;
	buf_init(&b, 100);
	assert_true(file_path(path, &h.err, "%s/public/index.html", h.release) && file_read(path, &b, &h.err));
	assert_memory_equal(buf_cstr(&b), "v22.", 4);
	assert_memory_equal(json_str(h.run, "node", ""), "22.", 3);
	harness_done(&h);
}

static void test_cache(void **state)
{
	(void)state;
	begin("twice", WITH_MS);
	expect_rung("npm install", 0);
	assert_false(json_bool(h.install, "cached", true));
	char *key = NULL;
	struct installed found;
	assert_true(install_recall(&h.job, &found, &h.err));
	key = strdup(found.key);
	harness_again(&h);
	expect_rung("npm install", 0);
	assert_true(json_bool(h.install, "cached", false));
	assert_null(strstr(buf_cstr(&h.output), "installing:"));
	/* Another package.json is another entry; and another app never gets this one. */
	harness_again(&h);
	harness_write(&h, "package.json", PACKAGE("\"version\":\"2.0.0\",\"dependencies\":{\"ms\":\"2.1.3\"}"));
	expect_rung("npm install", 0);
	assert_false(json_bool(h.install, "cached", true));
	harness_again(&h);
	harness_write(&h, "package.json", WITH_MS);
	h.job.app = "somebody-else";
	expect_rung("npm install", 0);
	assert_false(json_bool(h.install, "cached", true));
	/* One half-made entry and a maximum of one byte: the oldest go, that of this build stays and is whole. */
	h.job.app = "twice";
	char path[FILE_PATH_SIZE];
	harness_again(&h);
	assert_true(file_path(path, &h.err, "%s/apps/twice/deps/half-made/app", cache) &&
		    file_mkdirs(path, 0755, &h.err));
	h.job.cache_max_bytes = 1;
	expect_rung("npm install", 0);
	assert_true(json_bool(h.install, "cached", false));
	assert_false(file_exists(path));
	assert_true(file_path(path, &h.err, "%s/apps/twice/deps/%s", cache, key) && file_exists(path));
	assert_true(file_path(path, &h.err, "%s/apps/somebody-else/deps/%s", cache, key));
	assert_false(file_exists(path));
	free(key);
	harness_done(&h);
}

/* A build that writes into node_modules runs again with a copy; the cache stays as it was. */
static void test_writes_to_node_modules(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		begin("scribbler", WITH_MS);
		harness_write(
		    &h, "b.js",
		    "const fs=require('fs');if(fs.existsSync('node_modules/ms/x'))throw 'poisoned';"
		    "fs.writeFileSync('node_modules/.cache/fine','x');fs.writeFileSync('node_modules/ms/x','x');"
		    "fs.mkdirSync('dist');fs.writeFileSync('dist/index.html','ok')");
		expect_rung("npm install", 0);
		assert_true(json_bool(h.run, "copied", false));
		harness_done(&h);
	}
}

static void test_without_package(void **state)
{
	(void)state;
	harness_init(&h, "plain", cache);
	harness_write(&h, "index.html", "<p>ok</p>");
	harness_write(&h, "seed.sql", "drop table x");
	harness_write(&h, "supabase/config.toml", "x");
	json_t *inspection = json_pack("{s:s}", "shape", "static");
	h.job.inspection = inspection;
	assert_true(build_prepare(&h.job, &h.err));
	if (!build_package(&h.job, h.release, "/nonexistent", &h.package, &h.err)) fail_msg("%s", h.err.msg);
	assert_int_equal(json_int(h.package, "files", 0), 1);
	assert_int_equal(json_array_size(json_object_get(h.package, "left_out")), 2);
	json_decref(inspection);
	harness_done(&h);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(cache) == NULL || chmod(cache, 0755) != 0) return 1;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bun_lock_with_a_private_cache),
	    cmocka_unit_test(test_pnpm),
	    cmocka_unit_test(test_lock_out_of_step),
	    cmocka_unit_test(test_peer_conflict),
	    cmocka_unit_test(test_nothing_works),
	    cmocka_unit_test(test_another_node),
	    cmocka_unit_test(test_writes_to_node_modules),
	    cmocka_unit_test(test_cache),
	    cmocka_unit_test(test_without_package),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	struct err err;
	(void)file_remove_tree(cache, &err);
	return failed;
}
