/* SPDX-License-Identifier: Apache-2.0 */
#include "ownbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "owndb/prelude.h"
#include "owndb/sqltext.h"

#define START_DEADLINE_MS 30000

void ownbox_die(const char *what, const char *why)
{
	(void)fprintf(stderr, "ownbox: %s: %s\n", what, why);
	abort();
}

static const struct passwd *server_user(void)
{
	const struct passwd *user = getpwnam("postgres");
	if (user == NULL) user = getpwnam("nobody");
	if (user == NULL) ownbox_die("user", "neither postgres nor nobody exists");
	return user;
}

static void choose_users(struct ownbox *box)
{
	if (geteuid() != 0) return;
	const struct passwd *user = server_user();
	box->db.has_user = true;
	box->db.uid = user->pw_uid;
	box->db.gid = user->pw_gid;
	(void)snprintf(box->user, sizeof box->user, "%s", user->pw_name);
	user = getpwnam("daemon");
	if (user == NULL) ownbox_die("user", "daemon does not exist");
	box->db.api_gid = user->pw_gid;
	(void)snprintf(box->api_user, sizeof box->api_user, "%s", user->pw_name);
	box->db.os_user = box->user;
	box->db.api_os_user = box->api_user;
}

/* FREEHOLD_TEST_MAJORS, FREEHOLD_TEST_MAJOR: a folder as of owndb/major.h, and which of it. */
static bool find_postgres(struct ownbox *box, struct err *err)
{
	const char *majors = getenv("FREEHOLD_TEST_MAJORS"), *major = getenv("FREEHOLD_TEST_MAJOR");
	if (majors == NULL || major == NULL) return false;
	box->db.major = atoi(major);
	if (owndb_find_postgres_major(majors, box->db.major, box->bin_dir, sizeof box->bin_dir, err)) return true;
	ownbox_die("find PostgreSQL", err->msg);
}

void ownbox_init(struct ownbox *box)
{
	struct err err;
	*box = (struct ownbox){.postmaster = 0};
	(void)snprintf(box->dir, sizeof box->dir, "/tmp/freehold-own-XXXXXX");
	if (mkdtemp(box->dir) == NULL || chmod(box->dir, 0755) != 0) ownbox_die("mkdtemp", box->dir);
	(void)snprintf(box->data_dir, sizeof box->data_dir, "%s/postgres", box->dir);
	(void)snprintf(box->socket_dir, sizeof box->socket_dir, "%s/run", box->dir);
	(void)snprintf(box->log_path, sizeof box->log_path, "%s/log", box->dir);
	(void)snprintf(box->cache_dir, sizeof box->cache_dir, "%s/cache", box->dir);
	(void)snprintf(box->clones_dir, sizeof box->clones_dir, "%s/clones", box->dir);
	(void)snprintf(box->source_dir, sizeof box->source_dir, "%s/source", box->dir);
	box->db = (struct owndb){.data_dir = box->data_dir,
				 .socket_dir = box->socket_dir,
				 .log_path = box->log_path,
				 .bin_dir = box->bin_dir};
	choose_users(box);
	/* The cache is root's alone, as on a real machine. */
	if (mkdir(box->cache_dir, 0700) != 0 || mkdir(box->clones_dir, 0711) != 0) ownbox_die("mkdir", box->dir);
	if (!find_postgres(box, &err) && !owndb_find_postgres(box->bin_dir, sizeof box->bin_dir, &box->db.major, &err))
		ownbox_die("find PostgreSQL", err.msg);
}

static void exec_postgres(const struct ownbox *box, const char *const *argv, const char *const *env)
{
	int log = open(box->log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || chdir("/") != 0) _exit(126);
	if (box->db.has_user && (setgroups(0, NULL) != 0 || setresgid(box->db.gid, box->db.gid, box->db.gid) != 0 ||
				 setresuid(box->db.uid, box->db.uid, box->db.uid) != 0))
		_exit(126);
	(void)prctl(PR_SET_PDEATHSIG, SIGQUIT);
	(void)execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	_exit(127);
}

void ownbox_start(struct ownbox *box)
{
	struct err err;
	struct arena *arena = arena_new(65536);
	const char *const *argv, *const *env;
	if (!owndb_command(&box->db, arena, &argv, &env, &err)) ownbox_die("command", err.msg);
	box->postmaster = fork();
	if (box->postmaster == 0) exec_postgres(box, argv, env);
	if (!owndb_wait_ready(&box->db, box->postmaster, START_DEADLINE_MS, &err)) ownbox_die("start", err.msg);
	arena_free(arena);
}

static void end(struct ownbox *box, int sig)
{
	if (box->postmaster <= 0) return;
	(void)kill(box->postmaster, sig);
	(void)waitpid(box->postmaster, NULL, 0);
	box->postmaster = 0;
}

void ownbox_stop(struct ownbox *box)
{
	end(box, SIGINT);
}

void ownbox_kill(struct ownbox *box)
{
	end(box, SIGKILL);
}

void ownbox_done(struct ownbox *box)
{
	struct err err;
	end(box, SIGINT);
	if (!file_remove_tree(box->dir, &err)) ownbox_die("remove", err.msg);
}

void ownbox_ready(struct ownbox *box)
{
	struct err err;
	ownbox_init(box);
	if (!owndb_create(&box->db, box->cache_dir, &err)) ownbox_die("create", err.msg);
	ownbox_start(box);
	if (!owndb_prelude(&box->db, NULL, &err)) ownbox_die("prelude", err.msg);
}

void ownbox_script(const struct ownbox *box, const char *role, const char *sql)
{
	struct err err;
	struct pg_conn *conn = NULL;
	if (!owndb_connect(&box->db, role, &conn, &err)) ownbox_die("connect", err.msg);
	if (!pg_conn_script(conn, sql, NULL, &err)) ownbox_die(sql, err.msg);
	pg_conn_close(conn);
}

const char *ownbox_text(const struct ownbox *box, const char *role, const char *sql)
{
	static char text[4096];
	struct err err;
	struct pg_conn *conn = NULL;
	if (!owndb_connect(&box->db, role, &conn, &err)) ownbox_die("connect", err.msg);
	if (!pg_conn_text(conn, sql, 0, NULL, text, sizeof text, &err)) ownbox_die(sql, err.msg);
	pg_conn_close(conn);
	return text;
}

void ownbox_clear_source(const struct ownbox *box)
{
	struct err err;
	if (!file_remove_tree(box->source_dir, &err)) ownbox_die("source", err.msg);
}

void ownbox_write_source(const struct ownbox *box, const char *file, const char *sql)
{
	struct err err;
	char path[512];
	(void)snprintf(path, sizeof path, "%s/supabase/migrations", box->source_dir);
	if (!file_mkdirs(path, 0755, &err)) ownbox_die("source", err.msg);
	(void)snprintf(path, sizeof path, "%s/supabase/migrations/%s", box->source_dir, file);
	if (!file_write(path, str_from(sql), 0644, &err)) ownbox_die("source", err.msg);
}

#define PLAN_FILES_MAX 200
#define PLAN_STATEMENTS_MAX 4000

static void end_statement(struct migration *m, const char *base, struct str *open)
{
	if (open->ptr == NULL) return;
	if (m->statement_count == PLAN_STATEMENTS_MAX) ownbox_die("plan", "too many statements");
	unsigned line = 1;
	for (const char *c = base; c < open->ptr; c++) line += *c == '\n';
	m->statements[m->statement_count++] =
	    (struct migration_statement){(uint32_t)(open->ptr - base), (uint32_t)open->len, line, "unknown"};
	open->ptr = NULL;
}

static void cut(struct migration *m, struct str text)
{
	struct str rest = text, token, open = {NULL, 0};
	while (sqltext_next(&rest, &token)) {
		if (str_eq(token, STR(";"))) {
			end_statement(m, text.ptr, &open);
			continue;
		}
		if (open.ptr == NULL) open.ptr = token.ptr;
		open.len = (size_t)(token.ptr + token.len - open.ptr);
	}
	end_statement(m, text.ptr, &open);
}

static void plan_file(const struct ownbox *box, const char *file, struct arena *arena, struct migration *m)
{
	struct err err;
	char path[512];
	unsigned char hash[crypto_hash_sha256_BYTES];
	struct str version, name;
	struct buf text BUF_CLEANUP;
	buf_init(&text, MIGRATION_MAX_FILE_BYTES);
	(void)snprintf(path, sizeof path, "%s/supabase/migrations/%s", box->source_dir, file);
	if (!file_read(path, &text, &err)) ownbox_die("plan", err.msg);
	if (!migration_name_cut(str_from(file), &version, &name)) ownbox_die("plan", file);
	m->file = arena_strdup(arena, file);
	m->version = arena_cstr(arena, version);
	m->name = arena_cstr(arena, name);
	m->statements = arena_array(arena, PLAN_STATEMENTS_MAX, sizeof *m->statements);
	if (m->statements == NULL) ownbox_die("plan", "arena");
	crypto_hash_sha256(hash, (const unsigned char *)text.ptr, text.len);
	sodium_bin2hex(m->sha256, sizeof m->sha256, hash, sizeof hash);
	cut(m, buf_view(&text));
}

void ownbox_plan(const struct ownbox *box, struct arena *arena, struct migration_plan *ret_plan)
{
	char path[512];
	struct dirent **entries;
	*ret_plan = (struct migration_plan){.dir = "supabase/migrations"};
	ret_plan->migrations = arena_array(arena, PLAN_FILES_MAX, sizeof *ret_plan->migrations);
	(void)snprintf(path, sizeof path, "%s/supabase/migrations", box->source_dir);
	int count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		if (strstr(entries[i]->d_name, ".sql") != NULL && ret_plan->migration_count < PLAN_FILES_MAX)
			plan_file(box, entries[i]->d_name, arena, &ret_plan->migrations[ret_plan->migration_count++]);
		free(entries[i]);
	}
	if (count >= 0) free(entries);
}
