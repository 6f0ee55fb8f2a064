/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "os/proc.h"
#include "ownbox.h"
#include "owndb/copy.h"
#include "owndb/dump.h"
#include "owndb/promises.h"
#include "owndb/rehearse.h"

static struct ownbox box;
static struct arena *arena;
static struct migration_plan plan;
static struct owndb_pending pending;
static struct owndb_failure failure;
static struct owndb_rehearsal rehearsal;
static struct err err;

static int start(void **state)
{
	(void)state;
	ownbox_ready(&box);
	arena = arena_new(64u << 20);
	ownbox_script(
	    &box, "postgres",
	    "create table posts (id int primary key, author uuid default auth.uid());"
	    "create type mood as enum ('x'); create view v as select id from posts;"
	    "alter table posts enable row level security; create policy p on posts using (author = auth.uid());"
	    "insert into posts select generate_series(1, 1000);"
	    "insert into storage.buckets (id, name) values ('pictures', 'pictures');"
	    "alter publication supabase_realtime add table posts;"
	    "create function f() returns trigger language plpgsql security definer as"
	    " $$begin perform net.http_post('https://example.org'); return new; end$$;"
	    "create trigger t after insert on auth.users for each row execute function f();"
	    "select cron.schedule('nightly-report', '0 3 * * *',"
	    " $$select net.http_post('https://abcdefgh.supabase.co/functions/v1/x')$$);"
	    "select vault.create_secret('hush', 'key');"
	    "insert into auth.users (id) values (gen_random_uuid());");
	struct err ignored;
	assert_true(owndb_setting_set(&box.db, "app.settings.x", "a, \"b\"", &ignored));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	ownbox_done(&box);
	arena_free(arena);
	return 0;
}

static int count_clones(void)
{
	struct dirent **entries;
	int count = scandir(box.clones_dir, &entries, NULL, NULL);
	assert_true(count >= 2);
	for (int i = 0; i < count; i++) free(entries[i]);
	free(entries);
	return count - 2;
}

static void plan_one(const char *sql)
{
	arena_reset(arena);
	ownbox_clear_source(&box);
	ownbox_write_source(&box, "1_a.sql", "alter table posts add column title text; update posts set title = 'x';");
	ownbox_write_source(&box, "2_b.sql", sql);
	ownbox_plan(&box, arena, &plan);
	if (!owndb_pending(&box.db, box.source_dir, &plan, arena, &pending, &err)) fail_msg("%s", err.msg);
}

static struct owndb_rehearsal_spec spec(void)
{
	return (struct owndb_rehearsal_spec){.clones_dir = box.clones_dir,
					     .cache_dir = box.cache_dir,
					     .keep_free_bytes = 1,
					     .run = {.source_dir = box.source_dir, .plan = &plan, .pending = &pending}};
}

static bool rehearse(const struct owndb_rehearsal_spec *s)
{
	return owndb_rehearse(&box.db, s, arena, &rehearsal, &failure, &err);
}

static void live_is_untouched(void)
{
	assert_string_equal(ownbox_text(&box, "postgres", "select count(*) from supabase_migrations.schema_migrations"),
			    "0");
	assert_string_equal(ownbox_text(&box, "postgres",
					"select count(*) from information_schema.columns where column_name = 'title'"),
			    "0");
	assert_int_equal(count_clones(), 0);
}

/* The settings that keep a clone to itself, asked of the clone by a migration that refuses to run otherwise. */
static const char clone_only[] =
    "do $$ begin"
    " if current_setting('archive_mode') <> 'off' or current_setting('fsync') <> 'off'"
    "  or current_setting('listen_addresses') <> '' or current_setting('app.settings.x') <> 'a, \"b\"'"
    "  or current_setting('search_path') <> '\"$user\", public, extensions'"
    " then raise exception 'not as a clone'; end if;"
    " if (select decrypted_secret from vault.decrypted_secrets where name = 'key') is distinct from 'hush'"
    "  and exists (select from posts) then raise exception 'vault'; end if;"
    " end $$;"
    "insert into posts (id) select max(id) + 1 from posts having count(*) = 1000;"
    "insert into storage.objects (bucket_id, name) values ('pictures', 'a.png');"
    "create policy q on storage.objects using (true); alter type mood add value 'y'; alter table posts owner to "
    "postgres;";

static void test_full(void **state)
{
	(void)state;
	plan_one(clone_only);
	struct owndb_rehearsal_spec s = spec();
	if (!rehearse(&s)) fail_msg("%s", err.msg);
	assert_false(rehearsal.is_schema_only);
	assert_int_equal(rehearsal.timing_count, 2);
	assert_string_equal(rehearsal.timings[1].migration->file, "2_b.sql");
	assert_true(rehearsal.clone_ms > 0);
	print_message("full clone: %d ms\n", (int)rehearsal.clone_ms);
	live_is_untouched();
}

static void test_schema_only(void **state)
{
	(void)state;
	plan_one(clone_only);
	struct owndb_rehearsal_spec s = spec();
	s.full_max_bytes = 1;
	if (!rehearse(&s)) fail_msg("%s", err.msg);
	assert_true(rehearsal.is_schema_only);
	assert_non_null(strstr(rehearsal.why_schema_only, "are copied for a rehearsal"));
	print_message("schema-only clone: %d ms\n", (int)rehearsal.clone_ms);
	live_is_untouched();
	/* Too little disk: the same, and says so. */
	s = spec();
	s.keep_free_bytes = UINT64_MAX;
	plan_one("select 1 / (select count(*) from posts)"); /* no rows: the one who knows is told */
	assert_false(rehearse(&s));
	assert_true(rehearsal.is_schema_only);
	assert_string_equal(failure.error.sqlstate, "22012");
	assert_non_null(strstr(rehearsal.why_schema_only, "the disk has"));
	live_is_untouched();
}

/* The copy has the setting of the live one, and came to be in spite of it. */
static void test_read_only(void **state)
{
	(void)state;
	struct clone c;
	struct pg_conn *conn = NULL;
	char text[8] = "";
	ownbox_script(&box, "supabase_admin", "alter database postgres set default_transaction_read_only = on");
	bool ok = clone_open(&c, &box.db, box.clones_dir, &err);
	assert_true(ok);
	ok = copy_schema(&box.db, &c, box.cache_dir, &err) && owndb_connect(&c.db, OWNDB_MIGRATOR, &conn, &err) &&
	     pg_conn_text(conn, "show default_transaction_read_only", 0, NULL, text, sizeof text, &err);
	pg_conn_close(conn);
	clone_close(&c);
	ownbox_script(&box, "supabase_admin", "alter database postgres reset default_transaction_read_only");
	if (!ok) fail_msg("%s", err.msg);
	assert_string_equal(text, "on");
}

/* A tmpfs that holds nothing. */
static void test_no_disk(void **state)
{
	(void)state;
	if (geteuid() != 0) skip();
	const char *const mount[] = {"mount", "-t", "tmpfs", "-o", "size=1m,mode=711", "none", box.clones_dir, NULL};
	const char *const unmount[] = {"umount", box.clones_dir, NULL};
	struct proc_spec m = {.argv = mount}, u = {.argv = unmount};
	if (!proc_run_ok(&m, NULL, &err)) skip();
	plan_one("select 1");
	struct owndb_rehearsal_spec s = spec();
	bool ok = rehearse(&s);
	enum err_code code = err.code;
	assert_true(proc_run_ok(&u, NULL, &err));
	assert_false(ok);
	assert_int_equal(code, ERR_UNAVAILABLE);
	live_is_untouched();
}

static void test_failure(void **state)
{
	(void)state;
	static const char *const known[] = {"comments", NULL};
	plan_one("create table ok (id int);\ninsert into comments values (1);");
	struct owndb_rehearsal_spec s = spec();
	s.run.known_tables = known;
	assert_false(rehearse(&s));
	assert_true(failure.is_sql);
	assert_string_equal(failure.file, "2_b.sql");
	assert_int_equal(failure.line, 2);
	assert_int_equal(failure.applied_count, 0);
	assert_non_null(strstr(failure.advice, "comments is in types.ts"));
	assert_int_equal(rehearsal.timing_count, 1);
	live_is_untouched();
}

static int ready_fd;

static void say_begun(void *arg, const struct owndb_event *e)
{
	(void)arg;
	if (e->kind == OWNDB_FILE_BEGIN && e->index == 1) (void)!write(ready_fd, "x", 1);
}

static pid_t clone_postmaster(void)
{
	char path[512], text[32];
	struct dirent **entries;
	int count = scandir(box.clones_dir, &entries, NULL, alphasort);
	assert_int_equal(count, 3);
	(void)snprintf(path, sizeof path, "%s/%s/data/postmaster.pid", box.clones_dir, entries[2]->d_name);
	for (int i = 0; i < count; i++) free(entries[i]);
	free(entries);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof text, f));
	(void)fclose(f);
	return atoi(text);
}

static void has_no_network(pid_t pid)
{
	char path[64], theirs[64] = "", ours[64] = "";
	(void)snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	assert_true(readlink(path, theirs, sizeof theirs - 1) > 0);
	assert_true(readlink("/proc/self/ns/net", ours, sizeof ours - 1) > 0);
	assert_string_not_equal(theirs, ours);
}

/* Killed in the middle of a rehearsal: the clone's PostgreSQL dies with us, its folder is found and removed. */
static void test_killed(void **state)
{
	(void)state;
	int fds[2], removed = -1;
	char byte;
	plan_one("select pg_sleep(60)");
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct owndb_rehearsal_spec s = spec();
		s.run.on_event = say_begun;
		ready_fd = fds[1];
		(void)rehearse(&s);
		_exit(1);
	}
	(void)close(fds[1]);
	struct pollfd p = {.fd = fds[0], .events = POLLIN};
	assert_int_equal(poll(&p, 1, 30000), 1);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	(void)close(fds[0]);
	/* In use: not swept. */
	assert_int_equal(count_clones(), 1);
	assert_true(owndb_sweep_clones(box.clones_dir, &removed, &err));
	assert_int_equal(removed, 0);
	pid_t postmaster = clone_postmaster();
	has_no_network(postmaster);
	struct pollfd gone = {.fd = (int)syscall(SYS_pidfd_open, postmaster, 0), .events = POLLIN};
	assert_true(gone.fd >= 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(poll(&gone, 1, 10000), 1);
	(void)close(gone.fd);
	for (int tries = 0; tries < 200 && removed != 1; tries++) {
		assert_true(owndb_sweep_clones(box.clones_dir, &removed, &err));
		if (removed != 1) (void)poll(NULL, 0, 20); /* until the keeper, which shares the lock, has died too */
	}
	assert_int_equal(removed, 1);
	live_is_untouched();
	const char *const look[] = {"pgrep", "-f", box.clones_dir, NULL};
	struct proc_spec ps = {.argv = look};
	struct proc_result result;
	assert_true(proc_run(&ps, NULL, &result, &err));
	assert_int_equal(result.exit_status, 1);
}

/* Of a killed one the notes stay, and its number may be another's of the same user by the next start. */
static void test_left_by_a_kill(void **state)
{
	(void)state;
	struct clone c;
	char path[FILE_PATH_SIZE], text[32];
	if (!clone_open(&c, &box.db, box.clones_dir, &err) || !copy_full(&box.db, &c, NULL, NULL, &err))
		fail_msg("%s", err.msg);
	if (!clone_stop_clean(&c, &err)) fail_msg("%s", err.msg);
	assert_int_equal(unlink(c.log_path), 0);
	pid_t other = fork();
	if (other == 0) {
		if (box.db.has_user && setresuid(box.db.uid, box.db.uid, box.db.uid) != 0) _exit(1);
		for (;;) (void)pause();
	}
	(void)snprintf(text, sizeof text, "%d\n", (int)other);
	assert_true(file_path(path, &err, "%s/postmaster.pid", c.data_dir));
	assert_true(file_write(path, str_from(text), 0600, &err));
	if (box.db.has_user) assert_int_equal(chown(path, box.db.uid, box.db.gid), 0);
	bool ok = clone_start(&c, &err);
	clone_close(&c);
	assert_int_equal(kill(other, SIGKILL), 0);
	assert_int_equal(waitpid(other, NULL, 0), other);
	if (!ok) fail_msg("%s", err.msg);
}

static void test_promises(void **state)
{
	(void)state;
	const char *const *list;
	size_t count = 0;
	char all[4096] = "";
	assert_true(owndb_promises(&box.db, "bcdefghi", arena, &list, &count, &err));
	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(all);
		(void)snprintf(all + used, sizeof all - used, "%s\n", list[i]);
	}
	assert_string_equal(all,
			    "the scheduled job nightly-report (0 3 * * *) calls https://abcdefgh.supabase.co, which is "
			    "another project and not this app\n");
	assert_true(owndb_promises(&box.db, "bcdefghi abcdefgh", arena, &list, &count, &err));
	assert_int_equal(count, 0);
}

static void test_dump(void **state)
{
	(void)state;
	char path[160], key[192];
	bool has_key = false;
	struct stat st;
	(void)snprintf(path, sizeof path, "%s/last.dump", box.dir);
	(void)snprintf(key, sizeof key, "%s.vault-key", path);
	if (!owndb_dump(&box.db, path, &has_key, &err)) fail_msg("%s", err.msg);
	assert_true(has_key);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	char program[160];
	(void)snprintf(program, sizeof program, "%s/pg_restore", box.bin_dir);
	const char *const list[] = {program, "-f", "-", "-t", "posts", path, NULL};
	struct proc_spec s = {.argv = list};
	struct buf out BUF_CLEANUP;
	buf_init(&out, 1u << 20);
	assert_true(proc_run_ok(&s, &out, &err));
	assert_non_null(strstr(out.ptr, "COPY public.posts"));
	assert_non_null(strstr(out.ptr, "\n1000\t"));
	(void)snprintf(path, sizeof path, "%s/no/folder.dump", box.dir);
	assert_false(owndb_dump(&box.db, path, &has_key, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read_only),      cmocka_unit_test(test_full),     cmocka_unit_test(test_schema_only),
	    cmocka_unit_test(test_no_disk),        cmocka_unit_test(test_failure),  cmocka_unit_test(test_killed),
	    cmocka_unit_test(test_left_by_a_kill), cmocka_unit_test(test_promises), cmocka_unit_test(test_dump),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
