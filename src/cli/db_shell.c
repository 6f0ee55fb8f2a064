/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db psql and dump: PostgreSQL's own programs, of the version that the app's cluster has, on this machine.
 * db_where.c says how they come in. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/db.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "codec/json.h"
#include "os/file.h"
#include "os/proc.h"

#define SAID_MAX_BYTES (16 * 1024)
#define DRAW_MS 100

bool db_psql_at(const struct db_words *w, const json_t *where, const char *const *words, size_t count, struct err *err)
{
	char program[FILE_PATH_SIZE];
	const char *argv[CLI_WORDS_MAX + 12] = {"psql"}, *command = cli_value(w->cli, "command");
	size_t n = 1;
	if (!file_path(program, err, "%s/psql", json_str(where, "bin_dir", ""))) return false;
	n += db_where_words(where, true, argv + n);
	if (command != NULL) argv[n++] = "-c", argv[n++] = command;
	for (size_t i = 0; i < count; i++) argv[n++] = words[i];
	if (cli_has(w->cli, "read-only")) db_where_option("-c default_transaction_read_only=on");
	(void)setenv("PGAPPNAME", "freehold db psql", 1);
	(void)execv(program, (char *const *)(uintptr_t)argv);
	return err_set_errno(err, "run %s", program);
}

bool db_psql(const struct db_words *w, int *ret_status, struct err *err)
{
	json_t *where JSON_CLEANUP = NULL;
	(void)ret_status;
	return db_where(w, &where, err) && db_psql_at(w, where, w->words, w->count, err);
}

/* A dump that runs. pg_dump prints the dump on its standard output, and on the other, one line each, what it is at. */
struct dumping {
	const struct db_words *w;
	bool is_plain, is_schema_only;
	int fd;
	int error; /* errno of the first write that failed */
	uint64_t bytes;
	int64_t began_ms, drawn_ms, tables, tables_begun;
	char table[200];
	unsigned frame;
	struct buf said;
};

static void draw(struct dumping *d)
{
	char bytes[TEXT_SHORT_SIZE], rate[TEXT_SHORT_SIZE];
	struct buf line BUF_CLEANUP, shown BUF_CLEANUP;
	int64_t now = clock_now_ms(), took = now - d->began_ms;
	buf_init(&line, 1024), buf_init(&shown, 1024);
	if (!d->w->cli->look.is_terminal || now - d->drawn_ms < DRAW_MS) return;
	d->drawn_ms = now;
	text_size(bytes, d->bytes);
	text_size(rate, took > 0 ? d->bytes * 1000 / (uint64_t)took : 0);
	buf_printf(&line, "  table %lld of %lld, %s, %s/s  %s", (long long)d->tables_begun, (long long)d->tables, bytes,
		   rate, d->table);
	text_clip(&shown, buf_view(&line), d->w->cli->look.columns > 1 ? d->w->cli->look.columns - 1 : 79);
	screen_draw(STR(""), buf_view(&shown));
}

static void on_said(struct dumping *d, struct str bytes)
{
	struct str line;
	buf_str(&d->said, bytes);
	while (str_next(&bytes, '\n', &line)) {
		ptrdiff_t at = str_find(line, STR("dumping contents of table "));
		if (at < 0) continue;
		d->tables_begun++;
		d->table[0] = '\0';
		struct buf name BUF_CLEANUP;
		buf_init(&name, sizeof d->table - 1);
		text_clean(&name, str_sub(line, (size_t)at + 26, line.len), TEXT_LINE);
		(void)snprintf(d->table, sizeof d->table, "%s", buf_cstr(&name));
	}
}

static void on_output(void *arg, int stream, struct str bytes)
{
	struct dumping *d = arg;
	if (stream == 2) {
		if (d->said.len > SAID_MAX_BYTES / 2) buf_consume(&d->said, d->said.len / 2);
		on_said(d, bytes);
	}
	while (stream == 1 && bytes.len > 0 && d->error == 0) {
		ssize_t put = write(d->fd, bytes.ptr, bytes.len);
		if (put < 0 && errno != EINTR) d->error = errno;
		if (put <= 0) continue;
		d->bytes += (uint64_t)put;
		bytes = str_sub(bytes, (size_t)put, bytes.len);
	}
	draw(d);
}

static bool on_tick(void *arg)
{
	struct dumping *d = arg;
	return d->error == 0;
}

/* The last line that begins with pg_dump: error. */
static bool say_failed(const struct dumping *d, struct err *err)
{
	struct str rest = buf_view(&d->said), line, last = str_trim(rest);
	while (str_next(&rest, '\n', &line))
		if (str_has_prefix(line, STR("pg_dump: error:"))) last = line;
	return err_set(err, ERR_FAILED, "%.*s", STR_FMT(str_sub(last, 0, 600)));
}

static bool run_dump(struct dumping *d, const json_t *where, struct err *err)
{
	char program[FILE_PATH_SIZE];
	struct proc_result result;
	if (!file_path(program, err, "%s/pg_dump", json_str(where, "bin_dir", ""))) return false;
	const char *argv[20] = {program, "--no-password", "--verbose",
				d->is_plain ? "--format=plain" : "--format=custom"};
	size_t n = 4;
	n += db_where_words(where, false, argv + n);
	if (d->is_schema_only) argv[n++] = "--schema-only";
	struct proc_spec spec = {.argv = argv, .on_output = on_output, .tick_ms = 200, .on_tick = on_tick, .arg = d};
	bool ok = proc_run(&spec, NULL, &result, err);
	if (d->w->cli->look.is_terminal) screen_draw(STR(""), STR(""));
	errno = d->error;
	if (ok && d->error != 0) return err_set_errno(err, "write the dump");
	return ok && (result.exit_status == 0 || say_failed(d, err));
}

static void name_file(const struct db_words *w, char ret_path[FILE_PATH_SIZE])
{
	char day[32];
	time_t now = time(NULL);
	struct tm t;
	gmtime_r(&now, &t);
	(void)strftime(day, sizeof day, "%Y-%m-%d-%H%M%S", &t);
	if (w->count > 0)
		(void)snprintf(ret_path, FILE_PATH_SIZE, "%s", w->words[0]);
	else
		(void)snprintf(ret_path, FILE_PATH_SIZE, "%s-%s.%s", w->app, day,
			       cli_has(w->cli, "plain") ? "sql" : "dump");
}

static void say_done(const struct dumping *d, const char *path)
{
	struct cli *cli = d->w->cli;
	char size[TEXT_SHORT_SIZE], took[TEXT_SHORT_SIZE];
	struct buf out BUF_CLEANUP;
	int64_t ms = clock_now_ms() - d->began_ms;
	buf_init(&out, 16 * 1024);
	if (cli->is_json) {
		json_t *answer JSON_CLEANUP =
		    json_pack("{s:s, s:I, s:I, s:I}", "file", path, "bytes", (json_int_t)d->bytes, "tables",
			      (json_int_t)d->tables_begun, "duration_ms", (json_int_t)ms);
		cli_put_json(cli, answer);
		return;
	}
	text_size(size, d->bytes);
	text_duration(took, ms);
	buf_printf(&out, "%s: %s, %lld tables, in %s.\n", path, size, (long long)d->tables_begun, took);
	if (!cli_has(cli, "plain"))
		buf_printf(&out, "Plain pg_restore reads it; so does: freehold db %s import %s\n", d->w->app, path);
	screen_write(buf_view(&out));
}

/* The file has its name only when it is whole. */
static bool dump_to(struct dumping *d, const json_t *where, const char *path, struct err *err)
{
	char part[FILE_PATH_SIZE];
	if (!file_path(part, err, "%s.part", path)) return false;
	d->began_ms = clock_now_ms();
	d->tables = json_int(where, "tables", 0);
	d->fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (d->fd < 0) return err_set_errno(err, "the folder of %s must be there, and yours to write into", path);
	buf_init(&d->said, SAID_MAX_BYTES);
	bool ok = run_dump(d, where, err) && (fsync(d->fd) == 0 || err_set_errno(err, "write %s", part));
	(void)close(d->fd);
	buf_done(&d->said);
	if (ok && rename(part, path) != 0) ok = err_set_errno(err, "write %s", path);
	if (ok) return true;
	(void)unlink(part);
	return err_wrap(err, "dump the database of %s", d->w->app);
}

bool db_dump_to(const struct db_words *w, const json_t *where, bool is_plain, const char *path, struct err *err)
{
	struct dumping d = {.w = w, .is_plain = is_plain};
	return dump_to(&d, where, path, err);
}

bool db_dump(const struct db_words *w, int *ret_status, struct err *err)
{
	json_t *where JSON_CLEANUP = NULL;
	char path[FILE_PATH_SIZE];
	struct dumping d = {
	    .w = w, .is_plain = cli_has(w->cli, "plain"), .is_schema_only = cli_has(w->cli, "schema-only")};
	(void)ret_status;
	if (!db_where(w, &where, err)) return false;
	name_file(w, path);
	if (!dump_to(&d, where, path, err)) return false;
	say_done(&d, path);
	return true;
}
