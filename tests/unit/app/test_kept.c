/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "app/kept.h"
#include "codec/json.h"

static void assert_found(const char *log, const char *wanted)
{
	json_t *found JSON_CLEANUP = json_array(), *one;
	char text[600] = "";
	size_t i;
	kept_find(str_from(log), found);
	json_array_foreach(found, i, one)(void)
	    snprintf(text + strlen(text), sizeof text - strlen(text), "%s %s%s;", json_str(one, "path", ""),
		     json_str(one, "kind", ""), json_bool(one, "can_keep", false) ? "" : " not");
	assert_string_equal(text, wanted);
}

static void test_what_could_not_be_written(void **state)
{
	(void)state;
	assert_found("listening on 3000\nGET /app/uploads 200\n", "");
	assert_found("Error: EROFS: read-only file system, open '/app/uploads/2026/a.png'\n"
		     "    at Object.open\n"
		     "Error: EROFS: read-only file system, mkdir '/app/uploads'\n",
		     "uploads folder;");
	assert_found("[Error: EROFS: read-only file system, mkdir '/app/tmp'] {\n", "tmp folder;");
	assert_found("EROFS: read-only file system, open '/app/db.sqlite'\n", "db.sqlite file;");
	assert_found("EROFS: read-only file system, open '/app/public/uploads/b c.png'\n", "public/uploads folder;");
	assert_found("OSError: [Errno 30] Read-only file system: '/app/data/store.json'\n", "data folder;");
}

static void test_what_cannot_be_kept(void **state)
{
	(void)state;
	assert_found("EROFS: read-only file system, open '/app/.next/server/app/index.html'\n", ".next folder not;");
	assert_found("EROFS: read-only file system, mkdir '/app/.next/cache/images'\n", ".next/cache folder;");
	assert_found("EROFS: read-only file system, open '/app/node_modules/x/y'\n", "node_modules folder not;");
	assert_found("EROFS: read-only file system, open '/app/../etc/passwd'\n", "");
	assert_found("EROFS: read-only file system, open '/app//x'\n", "");
	assert_found("EROFS: read-only file system, open '/usr/x'\n", "");
}

static void put(const char *top, const char *name, const char *text)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	(void)snprintf(path, sizeof path, "%s/%s", top, name);
	*strrchr(path, '/') = '\0';
	assert_true(file_mkdirs(path, 0755, &err));
	(void)snprintf(path, sizeof path, "%s/%s", top, name);
	assert_true(file_write(path, str_from(text), 0644, &err));
}

static void assert_holds(const char *top, const char *name, const char *wanted)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	struct buf text BUF_CLEANUP;
	buf_init(&text, 100);
	(void)snprintf(path, sizeof path, "%s/%s", top, name);
	if (wanted == NULL) {
		assert_false(file_exists(path));
		return;
	}
	if (!file_read(path, &text, &err)) fail_msg("%s", err.msg);
	assert_string_equal(buf_cstr(&text), wanted);
}

static void test_seeding(void **state)
{
	(void)state;
	struct err err;
	char top[] = "/tmp/freehold-test-XXXXXX", source[64], data[64];
	assert_non_null(mkdtemp(top));
	assert_int_equal(chmod(top, 0755), 0);
	(void)snprintf(source, sizeof source, "%s/source", top);
	(void)snprintf(data, sizeof data, "%s/data", top);
	put(source, "web/uploads/a.txt", "shipped");
	put(source, "web/db.sqlite", "rows");
	put(source, "web/other.txt", "no");
	assert_true(file_mkdirs(data, 0700, &err));
	bool is_root = geteuid() == 0;
	if (is_root) assert_true(file_chown_tree(data, 64400, 64400, &err));
	struct build_job job = {
	    .app = "shop", .source_dir = source, .root = "web", .has_user = is_root, .uid = 64400, .gid = 64400};
	json_t *keeps JSON_CLEANUP = json_pack("[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}, {s:s, s:s}]", "path", "uploads",
					       "kind", "folder", "path", "db.sqlite", "kind", "file", "path", "cache/x",
					       "kind", "folder", "path", "new.db", "kind", "file");
	if (!kept_seed(&job, keeps, data, &err)) fail_msg("%s", err.msg);
	assert_holds(data, "uploads/a.txt", "shipped");
	assert_holds(data, "db.sqlite", "rows");
	assert_holds(data, "other.txt", NULL);
	assert_holds(data, "new.db", NULL);
	char made[128];
	struct stat st;
	(void)snprintf(made, sizeof made, "%s/cache/x", data);
	assert_int_equal(stat(made, &st), 0);
	if (is_root) assert_int_equal(st.st_uid, 64400);
	/* Once: what the server wrote since stays. */
	put(data, "uploads/a.txt", "written");
	if (!kept_seed(&job, keeps, data, &err)) fail_msg("%s", err.msg);
	assert_holds(data, "uploads/a.txt", "written");
	json_t *out JSON_CLEANUP = json_pack("[{s:s, s:s}]", "path", "../x", "kind", "folder");
	assert_false(kept_seed(&job, out, data, &err));
	assert_true(file_remove_tree(top, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_could_not_be_written),
	    cmocka_unit_test(test_what_cannot_be_kept),
	    cmocka_unit_test(test_seeding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
