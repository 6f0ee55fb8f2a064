/* SPDX-License-Identifier: Apache-2.0 */
#include "move/import_source.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"
#include "owndb/major.h"
#include "owndb/tool.h"

#define CONNECT_DEADLINE_MS 30000
#define FETCH_DEADLINE_MS (24ll * 3600 * 1000)
#define SAID_MAX_BYTES (256u * 1024)
#define TELL_MS 3000
#define ENV_MAX 16

static void say(struct import_source *s, const char *text)
{
	events_line(s->events, 1, str_from(text));
}

static void on_step(void *arg, const char *text)
{
	say(arg, text);
}

/* What a program prints goes to a file that the cluster's user may read. */
struct sink {
	struct import_source *s;
	int fd, error;
	uint64_t bytes;
	int64_t began_ms, told_ms, tables;
	char table[200];
	struct buf said;
};

static void take(void *arg, int stream, struct str bytes)
{
	struct sink *k = arg;
	struct str line, rest = bytes;
	if (stream == 2) {
		if (k->said.len > SAID_MAX_BYTES / 2) buf_consume(&k->said, k->said.len / 2);
		buf_str(&k->said, bytes);
		while (str_next(&rest, '\n', &line)) {
			ptrdiff_t at = str_find(line, STR("dumping contents of table "));
			if (at < 0) continue;
			k->tables++;
			(void)snprintf(k->table, sizeof k->table, "%.*s",
				       STR_FMT(str_sub(str_trim(line), (size_t)at + 26, 250)));
		}
	}
	while (stream == 1 && bytes.len > 0 && k->error == 0) {
		ssize_t put = write(k->fd, bytes.ptr, bytes.len);
		if (put < 0 && errno != EINTR) k->error = errno;
		if (put <= 0) continue;
		k->bytes += (uint64_t)put;
		bytes = str_sub(bytes, (size_t)put, bytes.len);
	}
	int64_t now = clock_now_ms();
	if (now - k->told_ms < TELL_MS) return;
	k->told_ms = now;
	char text[400];
	(void)snprintf(text, sizeof text, "%.1f MB, %.1f MB/s, table %lld: %s", (double)k->bytes / 1e6,
		       (double)k->bytes / 1e3 / (double)(now - k->began_ms + 1), (long long)k->tables, k->table);
	say(k->s, text);
}

static bool sink_open(struct import_source *s, struct sink *k, const char *path, struct err *err)
{
	*k = (struct sink){.s = s, .began_ms = clock_now_ms(), .told_ms = clock_now_ms()};
	k->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (k->fd < 0) return err_set_errno(err, "write %s", path);
	buf_init(&k->said, SAID_MAX_BYTES);
	return true;
}

/* Whole, under its name, the cluster user's; or not there. */
static bool sink_close(struct sink *k, const char *part, const char *path, bool ok, struct err *err)
{
	const struct owndb *db = &k->s->parts->owndb;
	errno = k->error;
	if (ok && k->error != 0) ok = err_set_errno(err, "keep what comes in");
	if (ok && db->has_user && fchown(k->fd, db->uid, db->gid) != 0) ok = err_set_errno(err, "%s", part);
	if (ok && fsync(k->fd) != 0) ok = err_set_errno(err, "%s", part);
	(void)close(k->fd);
	buf_done(&k->said);
	if (ok && rename(part, path) != 0) ok = err_set_errno(err, "%s", path);
	if (!ok) (void)unlink(part);
	return ok;
}

/* The parts of an address as libpq's environment: what is on a command line everybody can read. */
struct address {
	PQconninfoOption *options;
	char texts[ENV_MAX][600];
	const char *env[ENV_MAX + 4];
	char host[256], port[16];
};

static bool read_address(const char *url, struct address *ret_address, struct err *err)
{
	char *why = NULL;
	size_t n = 0;
	struct address *a = ret_address;
	memset(a, 0, sizeof *a);
	a->options = PQconninfoParse(url, &why);
	if (a->options == NULL) {
		(void)err_set(err, ERR_INVALID, "the address is not understood: %s", why != NULL ? why : "?");
		PQfreemem(why);
		return false;
	}
	a->env[0] = "PATH=/usr/bin:/bin", a->env[1] = "LC_ALL=C.UTF-8", a->env[2] = "PGTZ=UTC";
	for (const PQconninfoOption *o = a->options; o->keyword != NULL; o++) {
		if (o->val == NULL || o->envvar == NULL || n >= ENV_MAX) continue;
		(void)snprintf(a->texts[n], sizeof a->texts[n], "%s=%s", o->envvar, o->val);
		a->env[3 + n] = a->texts[n];
		n++;
		if (strcmp(o->keyword, "host") == 0) (void)snprintf(a->host, sizeof a->host, "%s", o->val);
		if (strcmp(o->keyword, "port") == 0) (void)snprintf(a->port, sizeof a->port, "%s", o->val);
	}
	PQconninfoFree(a->options);
	return true;
}

/* What helps, by how the words of libpq begin. */
static bool explain_connect(const struct address *a, struct err *err)
{
	if (strstr(err->msg, "Network is unreachable") != NULL || strstr(err->msg, "No route to host") != NULL)
		return err_wrap(
		    err,
		    "the source cannot be reached; a Supabase project's direct address needs IPv6: take the address of "
		    "its session pooler (port 5432) instead");
	if (strcmp(a->port, "6543") == 0)
		return err_wrap(err, "port 6543 is a pooler that gives out a connection for one transaction only, "
				     "which a dump cannot use; "
				     "take the session pooler's (5432)");
	return err_wrap(err, "connect to the source");
}

static bool ask_source(struct import_source *s, const struct address *a, int *ret_major, struct err *err)
{
	struct pg_conn *conn = NULL;
	char version[32], size[32], text[300];
	if (!pg_conn_open(s->url, CONNECT_DEADLINE_MS, &conn, err)) return explain_connect(a, err);
	bool ok = pg_conn_text(conn, "select (current_setting('server_version_num')::int / 10000)::text", 0, NULL,
			       version, sizeof version, err) &&
		  pg_conn_text(conn, "select pg_size_pretty(pg_database_size(current_database()))", 0, NULL, size,
			       sizeof size, err);
	pg_conn_close(conn);
	if (!ok) return false;
	*ret_major = atoi(version);
	json_object_set_new(s->report, "source_postgres", json_integer(*ret_major));
	(void)snprintf(text, sizeof text, "the source is PostgreSQL %s with %s", version, size);
	say(s, text);
	return true;
}

/* The PostgreSQL of the new cluster: what was asked for, else what the source needs, else as the app has it. */
static bool choose_major(struct import_source *s, int needed, struct err *err)
{
	struct err why;
	int has = 0, major = s->wanted_major;
	if (file_exists(s->parts->data_dir) && !owndb_read_major(s->parts->data_dir, &has, err)) return false;
	if (has == 0) has = s->parts->owndb.major;
	if (major != 0 && major < needed)
		return err_set(err, ERR_INVALID, "the source needs PostgreSQL %d at least, and %d was asked for",
			       needed, major);
	if (major == 0) major = needed > has ? needed : has;
	for (int m = major; m <= OWNDB_MAJOR_MAX; m++)
		if (owndb_find_postgres_major(s->parts->majors_dir, m, s->bin_dir, sizeof s->bin_dir, &why)) {
			s->major = m;
			return true;
		}
	if (major > MAJOR_FETCHED)
		return err_set(err, ERR_UNAVAILABLE,
			       "the source needs PostgreSQL %d, which is not installed here and cannot be fetched",
			       major);
	say(s, "the source needs a newer PostgreSQL than this machine has; it is fetched");
	s->major = MAJOR_FETCHED;
	return major_install(s->parts->majors_dir, MAJOR_FETCHED, on_step, s, err) &&
	       owndb_find_postgres_major(s->parts->majors_dir, MAJOR_FETCHED, s->bin_dir, sizeof s->bin_dir, err);
}

/* What a project's owner may not read, or what Freehold has its like of, is not asked for. */
static const char *const left_out[] = {"--exclude-schema=extensions",
				       "--exclude-schema=graphql",
				       "--exclude-schema=graphql_public",
				       "--exclude-schema=net",
				       "--exclude-schema=pgbouncer",
				       "--exclude-schema=pgsodium*",
				       "--exclude-schema=_realtime",
				       "--exclude-schema=_analytics",
				       "--exclude-schema=_supavisor",
				       "--exclude-schema=supabase_functions",
				       "--exclude-schema=vault",
				       "--exclude-table-data=realtime.*",
				       "--exclude-table-data=storage.s3_multipart*"};

/* One that reads what is not ours: as the cluster's user, its output goes into the sink. */
static struct proc_spec spec_of(const struct import_source *s, const char *const *argv, const char *const *env,
				struct sink *k)
{
	const struct owndb *db = &s->parts->owndb;
	return (struct proc_spec){.argv = argv,
				  .env = env,
				  .cwd = "/",
				  .has_user = db->has_user,
				  .uid = db->uid,
				  .gid = db->gid,
				  .deadline_ms = FETCH_DEADLINE_MS,
				  .on_output = take,
				  .arg = k};
}

static bool run_dump(struct import_source *s, const struct address *a, struct sink *k, struct err *err)
{
	char program[FILE_PATH_SIZE], snapshot[96];
	const char *argv[32] = {program,     "--format=custom", "--no-password",
				"--verbose", "--no-sync",       "--no-subscriptions"};
	struct proc_result result;
	size_t n = 6;
	for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) argv[n++] = left_out[i];
	if (s->snapshot != NULL) {
		(void)snprintf(snapshot, sizeof snapshot, "--snapshot=%s", s->snapshot);
		argv[n++] = snapshot;
	}
	if (!file_path(program, err, "%s/pg_dump", s->bin_dir)) return false;
	struct proc_spec spec = spec_of(s, argv, a->env, k);
	if (!proc_run(&spec, NULL, &result, err)) return false;
	if (result.exit_status == 0) return true;
	struct str rest = buf_view(&k->said), line, why = STR("");
	while (str_next(&rest, '\n', &line))
		if (str_has_prefix(line, STR("pg_dump: error:"))) why = line;
	return err_set(err, ERR_FAILED, "the source broke off: %.*s", STR_FMT(str_sub(why, 0, 500)));
}

static bool fetch(struct import_source *s, struct err *err)
{
	struct address *a = calloc(1, sizeof *a);
	struct sink k;
	char part[FILE_PATH_SIZE];
	int major = 0;
	if (a == NULL) abort();
	bool ok = read_address(s->url, a, err) && ask_source(s, a, &major, err) && choose_major(s, major, err) &&
		  file_path(s->file, err, "%s/source.dump", s->dir) && file_path(part, err, "%s.part", s->file);
	if (ok && !file_exists(s->file)) {
		ok = sink_open(s, &k, part, err);
		if (ok) {
			bool is_whole = run_dump(s, a, &k, err);
			ok = sink_close(&k, part, s->file, is_whole, err);
		}
	}
	free(a);
	s->kind = DUMP_CUSTOM;
	return ok;
}

static bool read_head(const char *path, char ret_head[TOC_HEAD_BYTES], struct str *ret_view, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return err_set_errno(err, "%s", path);
	ssize_t got = pread(fd, ret_head, TOC_HEAD_BYTES, 0);
	(void)close(fd);
	if (got < 0) return err_set_errno(err, "%s", path);
	*ret_view = (struct str){ret_head, (size_t)got};
	return true;
}

static bool decompress(struct import_source *s, const char *program, const char *from, const char *to, struct err *err)
{
	char part[FILE_PATH_SIZE];
	struct sink k;
	struct proc_result result;
	if (!file_path(part, err, "%s.part", to) || !sink_open(s, &k, part, err)) return false;
	const char *const argv[] = {program, "-dc", from, NULL};
	struct proc_spec spec = spec_of(s, argv, tool_env(), &k);
	say(s, "decompressing");
	bool ok = proc_run(&spec, NULL, &result, err);
	if (ok && result.exit_status != 0)
		ok = err_set(err, ERR_INVALID, "the file is damaged or cut off: %.*s",
			     STR_FMT(str_trim(str_sub(buf_view(&k.said), 0, 300))));
	return sink_close(&k, part, to, ok, err);
}

static bool refuse(enum dump_kind kind, struct err *err)
{
	if (kind == DUMP_TAR || kind == DUMP_ZIP)
		return err_set(err, ERR_INVALID,
			       "an archive of files is not a dump; unpack it and give the dump or the folder of SQL "
			       "files in it (of "
			       "pg_dump's formats custom and plain are read)");
	return err_set(
	    err, ERR_INVALID,
	    "the file is neither a dump of pg_dump (custom or plain, also compressed with zstd or gzip) nor SQL");
}

static bool open_file(struct import_source *s, struct err *err)
{
	char head[TOC_HEAD_BYTES], plain[FILE_PATH_SIZE];
	struct str view;
	if (!file_path(s->file, err, "%s/source", s->dir) || !file_path(plain, err, "%s/source.plain", s->dir) ||
	    !read_head(s->file, head, &view, err))
		return false;
	enum dump_kind kind = dump_kind_of(view);
	if (kind == DUMP_ZSTD || kind == DUMP_GZIP) {
		if (!file_exists(plain) &&
		    !decompress(s, kind == DUMP_ZSTD ? "/usr/bin/zstd" : "/usr/bin/gzip", s->file, plain, err))
			return false;
		(void)snprintf(s->file, sizeof s->file, "%s", plain);
		if (!read_head(s->file, head, &view, err)) return false;
		kind = dump_kind_of(view);
	}
	if (kind != DUMP_CUSTOM && kind != DUMP_TEXT) return refuse(kind, err);
	s->kind = kind;
	return choose_major(s, kind == DUMP_CUSTOM ? dump_major(view) : 0, err);
}

bool import_receive(struct import_source *s, struct err *err)
{
	return s->url != NULL ? fetch(s, err) : open_file(s, err);
}

/* Encrypted anew with this cluster's key, under the id that the app may know it by. */
static bool put_secret(struct pg_conn *to, const PGresult *rows, int row, struct err *err)
{
	char made[64];
	const char *const one[] = {PQgetvalue(rows, row, 0),
				   PQgetisnull(rows, row, 1) ? NULL : PQgetvalue(rows, row, 1),
				   PQgetvalue(rows, row, 2)};
	if (!pg_conn_text(to, "select vault.create_secret($1, $2, $3)::text", 3, one, made, sizeof made, err))
		return false;
	const char *const ids[] = {made, PQgetvalue(rows, row, 3)};
	return pg_conn_exec(to, "update vault.secrets set id = $2::uuid where id = $1::uuid", 2, ids, NULL, NULL, err);
}

static bool carry_secrets(struct import_source *s, struct pg_conn *from, struct pg_conn *to, struct err *err)
{
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	json_t *names = json_array();
	json_object_set_new(s->report, "secrets", names);
	if (!pg_conn_exec(
		from,
		"select decrypted_secret, name, coalesce(description, ''), id::text from vault.decrypted_secrets where "
		"decrypted_secret is not null",
		0, NULL, &rows, NULL, err))
		return false;
	for (int i = 0; i < PQntuples(rows); i++) {
		if (!put_secret(to, rows, i, err)) return false;
		json_array_append_new(
		    names, json_string(PQgetisnull(rows, i, 1) ? "(without a name)" : PQgetvalue(rows, i, 1)));
	}
	return true;
}

bool import_vault(struct import_source *s, const struct owndb *to_db, struct err *err)
{
	struct pg_conn *from = NULL, *to = NULL;
	char is[16] = "false";
	if (s->url == NULL) return true;
	bool ok = pg_conn_open(s->url, CONNECT_DEADLINE_MS, &from, err) &&
		  pg_conn_text(from, "select (to_regclass('vault.decrypted_secrets') is not null)::text", 0, NULL, is,
			       sizeof is, err);
	if (ok && strcmp(is, "true") == 0)
		ok = owndb_connect(to_db, OWNDB_SUPERUSER, &to, err) &&
		     (carry_secrets(s, from, to, err) || err_wrap(err, "the secrets of the source's vault"));
	pg_conn_close(from);
	pg_conn_close(to);
	return ok;
}
