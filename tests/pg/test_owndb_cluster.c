/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "ownbox.h"
#include "owndb/prelude.h"

static struct ownbox box;

static int start(void **state)
{
	(void)state;
	ownbox_ready(&box);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	ownbox_done(&box);
	return 0;
}

static void test_settings(void **state)
{
	(void)state;
	assert_string_equal(ownbox_text(&box, "postgres", "show data_checksums"), "on");
	assert_string_equal(ownbox_text(&box, "postgres", "show wal_level"), "logical");
	assert_string_equal(ownbox_text(&box, "postgres", "show listen_addresses"), "");
	assert_string_equal(ownbox_text(&box, "postgres", "show search_path"), "\"$user\", public, extensions");
	assert_string_equal(ownbox_text(&box, "supabase_admin", "show search_path"), "pg_catalog");
	assert_string_equal(ownbox_text(&box, "postgres", "select 'b' < 'C'"), "t"); /* as a person sorts */
	struct stat st;
	assert_int_equal(stat(box.socket_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, geteuid() == 0 ? 0710 : 0700);
	uint64_t size = 0;
	struct err err;
	assert_true(owndb_size(&box.db, &size, &err));
	assert_true(size > 5000000 && size < 200000000);
	int major = 0;
	assert_true(owndb_read_major(box.data_dir, &major, &err));
	assert_int_equal(major, box.db.major);
}

/* A second cluster comes from the cache, is complete, and is not taken for the first. */
static void test_copies_have_identities(void **state)
{
	(void)state;
	char data_dir[128], socket_dir[128], first[64];
	struct err err;
	struct ownbox other = box;
	(void)snprintf(data_dir, sizeof data_dir, "%s/second", box.dir);
	(void)snprintf(socket_dir, sizeof socket_dir, "%s/run2", box.dir);
	other.db.data_dir = data_dir;
	other.db.socket_dir = socket_dir;
	other.postmaster = 0;
	assert_true(owndb_create(&other.db, box.cache_dir, &err));
	assert_false(owndb_create(&other.db, box.cache_dir, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	ownbox_start(&other);
	(void)snprintf(first, sizeof first, "%s",
		       ownbox_text(&box, "supabase_admin", "select system_identifier::text from pg_control_system()"));
	const char *sql = "select system_identifier::text from pg_control_system()";
	assert_string_not_equal(ownbox_text(&other, "supabase_admin", sql), first);
	ownbox_stop(&other);
	char left[160];
	(void)snprintf(left, sizeof left, "%s.new", data_dir);
	assert_false(file_exists(left));
}

/* What a crash in the middle of an earlier try left is no obstacle. */
static void test_left_overs(void **state)
{
	(void)state;
	char data_dir[128], beside[160], junk[192];
	struct err err;
	(void)snprintf(data_dir, sizeof data_dir, "%s/third", box.dir);
	(void)snprintf(beside, sizeof beside, "%s.new", data_dir);
	(void)snprintf(junk, sizeof junk, "%s/base", beside);
	assert_true(file_mkdirs(junk, 0700, &err));
	struct owndb db = box.db;
	db.data_dir = data_dir;
	assert_true(owndb_create(&db, box.cache_dir, &err));
	assert_false(file_exists(beside));
	db.bin_dir = "/nonexistent";
	(void)snprintf(data_dir, sizeof data_dir, "%s/fourth", box.dir);
	assert_false(owndb_create(&db, box.cache_dir, &err));
	assert_false(file_exists(data_dir));
}

/* Killed at any moment of its making, a cluster is there whole or not at all, and the next try works. */
static void test_killed_while_made(void **state)
{
	(void)state;
	struct err err;
	char data_dir[128], cache_dir[128], marker[160];
	(void)snprintf(data_dir, sizeof data_dir, "%s/fifth", box.dir);
	(void)snprintf(cache_dir, sizeof cache_dir, "%s/cache2", box.dir);
	(void)snprintf(marker, sizeof marker, "%s/freehold_vault.key", data_dir);
	assert_int_equal(mkdir(cache_dir, 0700), 0);
	struct owndb db = box.db;
	db.data_dir = data_dir;
	for (int wait_ms = 5; wait_ms < 2000 && !file_exists(data_dir); wait_ms += wait_ms / 2 + 20) {
		pid_t pid = fork();
		if (pid == 0) _exit(owndb_create(&db, cache_dir, &err) ? 0 : 1);
		(void)poll(NULL, 0, wait_ms);
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	if (!file_exists(data_dir) && !owndb_create(&db, cache_dir, &err)) fail_msg("%s", err.msg);
	assert_true(file_exists(marker));
	assert_true(file_remove_tree(data_dir, &err));
	if (!owndb_create(&db, cache_dir, &err)) fail_msg("%s", err.msg);
	struct ownbox other = box;
	char socket_dir[128];
	(void)snprintf(socket_dir, sizeof socket_dir, "%s/run5", box.dir);
	other.db.data_dir = data_dir;
	other.db.socket_dir = socket_dir;
	ownbox_start(&other);
	assert_true(owndb_prelude(&other.db, NULL, &err));
	ownbox_stop(&other);
}

/* Who may be whom: tried as each system user, in a child that becomes it. */
static bool may_connect(const char *os_user, const char *role)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct passwd *user = getpwnam(os_user);
		struct pg_conn *conn = NULL;
		struct err err;
		if (user == NULL || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
		    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
			_exit(2);
		_exit(owndb_connect(&box.db, role, &conn, &err) ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 0;
}

static void test_access(void **state)
{
	(void)state;
	if (geteuid() != 0) skip();
	assert_true(may_connect(box.api_user, "authenticator"));
	assert_true(may_connect(box.api_user, "supabase_auth_admin"));
	assert_false(may_connect(box.api_user, "postgres"));
	assert_false(may_connect(box.api_user, "supabase_admin"));
	assert_true(may_connect(box.user, "supabase_admin"));
	assert_false(may_connect("nobody", "authenticator"));
	assert_false(may_connect("nobody", "postgres"));
}

static void test_prelude_again(void **state)
{
	(void)state;
	struct err err;
	int run = -1;
	assert_true(owndb_prelude(&box.db, &run, &err));
	assert_int_equal(run, 0);
	/* Another edition of every file: each can be run over what is there. */
	ownbox_script(&box, "supabase_admin", "update freehold.prelude set sha256 = 'older'");
	assert_true(owndb_prelude(&box.db, &run, &err));
	assert_int_equal(run, (int)atoi(ownbox_text(&box, "supabase_admin", "select count(*) from freehold.prelude")));
	assert_true(run >= 9);
}

static void test_setting(void **state)
{
	(void)state;
	struct err err;
	assert_true(owndb_setting_set(&box.db, "app.settings.jwt_secret", "it's; a \"secret\"", &err));
	assert_string_equal(ownbox_text(&box, "postgres", "select current_setting('app.settings.jwt_secret')"),
			    "it's; a \"secret\"");
	assert_false(owndb_setting_set(&box.db, "fsync", "off", &err));
}

static void test_does_not_start(void **state)
{
	(void)state;
	struct err err;
	char path[160];
	ownbox_stop(&box);
	(void)snprintf(path, sizeof path, "%s/global/pg_control", box.data_dir);
	char aside[192];
	(void)snprintf(aside, sizeof aside, "%s.aside", path);
	assert_int_equal(rename(path, aside), 0);
	struct arena *arena = arena_new(65536);
	const char *const *argv, *const *env;
	assert_true(owndb_command(&box.db, arena, &argv, &env, &err));
	pid_t pid = fork();
	if (pid == 0) {
		int log = open(box.log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
		(void)dup2(log, 2);
		if (box.db.has_user && (setresgid(box.db.gid, box.db.gid, box.db.gid) != 0 ||
					setresuid(box.db.uid, box.db.uid, box.db.uid) != 0))
			_exit(126);
		(void)execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
		_exit(127);
	}
	assert_false(owndb_wait_ready(&box.db, pid, 20000, &err));
	assert_int_equal(err.code, ERR_FAILED);
	assert_non_null(strstr(err.msg, "pg_control"));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	arena_free(arena);
	assert_int_equal(rename(aside, path), 0);
	ownbox_start(&box);
	assert_string_equal(ownbox_text(&box, "postgres", "select 1"), "1");
}

static void test_limits(void **state)
{
	(void)state;
	struct err err;
	char long_dir[200];
	memset(long_dir, 'x', sizeof long_dir);
	long_dir[0] = '/';
	long_dir[120] = '\0';
	struct owndb db = box.db;
	db.socket_dir = long_dir;
	struct arena *arena = arena_new(65536);
	const char *const *argv, *const *env;
	assert_false(owndb_command(&db, arena, &argv, &env, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	db.socket_dir = "/tmp/a,b";
	assert_false(owndb_command(&db, arena, &argv, &env, &err));
	assert_int_equal(err.code, ERR_INVALID);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_settings),       cmocka_unit_test(test_copies_have_identities),
	    cmocka_unit_test(test_left_overs),     cmocka_unit_test(test_killed_while_made),
	    cmocka_unit_test(test_access),         cmocka_unit_test(test_prelude_again),
	    cmocka_unit_test(test_setting),        cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_does_not_start),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
