/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db import FILE.csv --table NAME: rows into a table that is there, all or none. PostgreSQL's own psql and
 * COPY read them, as the owner of the table; which column of the file is which of the table, the first line says. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/csv_head.h"
#include "cli/db_import.h"
#include "cli/progress.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "codec/json.h"
#include "os/file.h"
#include "os/proc.h"

#define SAID_MAX_BYTES (256u << 10)
#define SQL_MAX_BYTES (512u << 10)
#define TICK_MS 200

struct csv {
	const struct db_words *w;
	const char *file;
	json_t *where, *table;
	struct csv_head head;
	const json_t *columns[CSV_COLUMNS_MAX]; /* of the table, for each of the file's */
	struct str bytes; /* the file, mapped */
	size_t sent;
	int64_t began_ms;
	unsigned frame;
	struct buf said;
};

bool db_csv_is(const char *file)
{
	struct str name = str_from(file);
	return name.len > 4 && str_eq_nocase(str_sub(name, name.len - 4, name.len), STR(".csv")) && !file_is_dir(file);
}

static bool on_tick(void *arg)
{
	struct csv *c = arg;
	struct look look = c->w->cli->look;
	struct buf live BUF_CLEANUP;
	buf_init(&live, 4096);
	if (!look.is_terminal || c->w->cli->is_json) return true;
	progress_upload(&look, c->sent, c->bytes.len, clock_now_ms() - c->began_ms, c->frame++, &live);
	screen_draw(STR(""), buf_view(&live));
	return true;
}

static bool run_psql(struct csv *c, const char *const *more, struct str input, bool is_shown, int *ret_status,
		     struct err *err)
{
	char program[FILE_PATH_SIZE];
	struct proc_result result;
	const char *argv[40] = {program, "-XAtq", "-v", "ON_ERROR_STOP=1"};
	size_t n = 4;
	n += db_where_words(c->where, true, argv + n);
	(void)setenv("LC_ALL", "C.UTF-8", 1);
	(void)setenv("PGAPPNAME", "freehold db import", 1);
	(void)setenv("PGCLIENTENCODING", "UTF8", 1);
	for (; *more != NULL; more++) argv[n++] = *more;
	if (!file_path(program, err, "%s/psql", json_str(c->where, "bin_dir", ""))) return false;
	buf_clear(&c->said);
	struct proc_spec spec = {.argv = argv,
				 .cwd = "/",
				 .input = input,
				 .input_sent = is_shown ? &c->sent : NULL,
				 .tick_ms = is_shown ? TICK_MS : 0,
				 .on_tick = on_tick,
				 .arg = c};
	c->began_ms = clock_now_ms();
	(void)signal(SIGPIPE, SIG_IGN); /* it stops reading at the first row that does not fit */
	bool ok = proc_run(&spec, &c->said, &result, err);
	(void)signal(SIGPIPE, SIG_DFL);
	if (is_shown && c->w->cli->look.is_terminal && !c->w->cli->is_json) screen_draw(STR(""), STR(""));
	*ret_status = result.exit_status;
	return ok;
}

static const char table_sql[] =
    "select json_build_object('table', c.oid::regclass::text, 'kind', c.relkind, 'columns', (select json_agg("
    "json_build_object('name', a.attname, 'quoted', quote_ident(a.attname), 'generated', a.attgenerated <> '', 'text',"
    " t.typcategory = 'S', 'next', format('select setval(%L, greatest((select max(%I) from %s), (select last_value from"
    " %s)))', s.seq, a.attname, c.oid::regclass, s.seq)) order by a.attnum) from pg_attribute a join pg_type t on t.oid"
    " = a.atttypid, lateral (select pg_get_serial_sequence(c.oid::regclass::text, a.attname) seq) s where a.attrelid ="
    " c.oid and a.attnum > 0 and not a.attisdropped)) from pg_class c where c.oid = to_regclass(:'name')";

static bool find_table(struct csv *c, const char *name, struct err *err)
{
	char set[300];
	const char *const more[] = {"-v", set, "-f", "-", NULL};
	int status = 0;
	const char *kind;
	if (strlen(name) > 250) return err_set(err, ERR_INVALID, "the name of the table is too long");
	(void)snprintf(set, sizeof set, "name=%s", name);
	if (!run_psql(c, more, str_from(table_sql), false, &status, err)) return false;
	if (status != 0)
		return err_set(err, ERR_FAILED, "%.*s", STR_FMT(str_sub(str_trim(buf_view(&c->said)), 0, 500)));
	if (str_trim(buf_view(&c->said)).len == 0)
		return err_set(
		    err, ERR_NOT_FOUND,
		    "%s has no table %s; make it first, in a migration, since a CSV file says nothing of types "
		    "(a name with capitals is quoted: --table 'public.\"Order Lines\"')",
		    c->w->app, name);
	if (!json_parse(buf_view(&c->said), &c->table, err)) return false;
	kind = json_str(c->table, "kind", "");
	return strcmp(kind, "r") == 0 || strcmp(kind, "p") == 0 ||
	       err_set(err, ERR_INVALID, "%s is not a table", json_str(c->table, "table", ""));
}

static bool is_same(const char *a, const char *b, bool is_exact)
{
	return is_exact ? strcmp(a, b) == 0 : str_eq_nocase(str_from(a), str_from(b));
}

static const json_t *find_column(const struct csv *c, const char *name)
{
	const json_t *list = json_object_get(c->table, "columns");
	for (int exact = 1; exact >= 0; exact--)
		for (size_t i = 0; i < json_array_size(list); i++)
			if (is_same(json_str(json_array_get(list, i), "name", ""), name, exact != 0))
				return json_array_get(list, i);
	return NULL;
}

static bool unknown(const struct csv *c, const char *name, struct err *err)
{
	struct buf names BUF_CLEANUP;
	const json_t *list = json_object_get(c->table, "columns");
	buf_init(&names, 400);
	for (size_t i = 0; i < json_array_size(list); i++)
		buf_printf(&names, "%s%s", i > 0 ? ", " : "", json_str(json_array_get(list, i), "name", ""));
	return err_set(
	    err, ERR_INVALID,
	    "%s, line 1: %s has no column \"%.100s\" (it has: %s); rename it there, or take it out of the file",
	    c->file, json_str(c->table, "table", ""), name, buf_cstr(&names));
}

static bool match_columns(struct csv *c, struct err *err)
{
	for (size_t i = 0; i < c->head.count; i++) {
		const char *name = c->head.names[i];
		const json_t *column = find_column(c, name);
		if (column == NULL) return unknown(c, name, err);
		if (json_bool(column, "generated", false))
			return err_set(err, ERR_INVALID,
				       "%s, line 1: %s computes its column \"%s\" itself; take it out of the file",
				       c->file, json_str(c->table, "table", ""), name);
		for (size_t k = 0; k < i; k++)
			if (c->columns[k] == column)
				return err_set(err, ERR_INVALID, "%s, line 1: the column \"%s\" is there twice",
					       c->file, name);
		c->columns[i] = column;
	}
	return true;
}

/* Names come from PostgreSQL, quoted by it. What is empty is null, also in quotes where text would not be a value. */
static void copy_sql(const struct csv *c, struct buf *sql)
{
	bool has_other = false;
	buf_printf(sql, "copy %s (", json_str(c->table, "table", ""));
	for (size_t i = 0; i < c->head.count; i++)
		buf_printf(sql, "%s%s", i > 0 ? ", " : "", json_str(c->columns[i], "quoted", ""));
	buf_printf(sql, ") from stdin with (format csv, header true, encoding 'UTF8', delimiter %s",
		   c->head.delimiter == '\t'  ? "E'\\t'"
		   : c->head.delimiter == ';' ? "';'"
					      : "','");
	for (size_t i = 0; i < c->head.count; i++) {
		if (json_bool(c->columns[i], "text", false)) continue;
		buf_printf(sql, "%s%s", has_other ? ", " : ", force_null (", json_str(c->columns[i], "quoted", ""));
		has_other = true;
	}
	buf_puts(sql, has_other ? "))" : ")");
}

/* Numbers that the table gives out go on behind those that came. */
static void next_sql(const struct csv *c, struct buf *sql)
{
	for (size_t i = 0; i < c->head.count; i++) {
		const char *next = json_str(c->columns[i], "next", NULL);
		if (next != NULL && strstr(next, "setval(NULL") == NULL) buf_printf(sql, "%s;", next);
	}
}

static struct str line_with(struct str text, const char *prefix)
{
	struct str line;
	while (str_next(&text, '\n', &line))
		if (str_has_prefix(line, str_from(prefix)))
			return str_trim(str_sub(line, strlen(prefix), strlen(prefix) + 400));
	return (struct str){"", 0};
}

/* PostgreSQL says where: "CONTEXT:  COPY items, line 3, column qty: "abc"". */
static bool say_failed(const struct csv *c, struct err *err)
{
	struct str said = buf_view(&c->said), error = line_with(said, "ERROR:"), detail = line_with(said, "DETAIL:"),
		   context = line_with(said, "CONTEXT:");
	ptrdiff_t at = str_find(context, STR(", line "));
	struct str place = at >= 0 ? str_sub(context, (size_t)at + 2, context.len) : STR("");
	if (error.len == 0) error = str_sub(str_trim(said), 0, 500);
	bool is_encoding = str_find(error, STR("invalid byte sequence")) >= 0;
	return err_set(err, ERR_INVALID, "%s%s%.*s: %.*s%s%.*s%s. Nothing was imported", c->file,
		       place.len > 0 ? ", " : "", STR_FMT(place), STR_FMT(error), detail.len > 0 ? ": " : "",
		       STR_FMT(detail), is_encoding ? "; save the file as UTF-8" : "");
}

static bool put_rows(struct csv *c, struct err *err)
{
	struct buf copy BUF_CLEANUP, next BUF_CLEANUP;
	bool is_trial = cli_has(c->w->cli, "check");
	int status = 0;
	buf_init(&copy, SQL_MAX_BYTES), buf_init(&next, SQL_MAX_BYTES);
	copy_sql(c, &copy);
	if (!is_trial) next_sql(c, &next);
	buf_puts(&next, "select 1;"); /* a word is needed */
	if (!buf_is_ok(&copy) || !buf_is_ok(&next)) return err_set(err, ERR_LIMIT, "the table has too many columns");
	/* psql is quiet but for errors, and for the count that is asked for here. */
	const char *const more[] = {"-c", "begin",
				    "-v", "QUIET=off",
				    "-c", buf_cstr(&copy),
				    "-c", buf_cstr(&next),
				    "-c", is_trial ? "rollback" : "commit",
				    NULL};
	if (!run_psql(c, more, str_sub(c->bytes, c->head.mark_bytes, c->bytes.len), true, &status, err)) return false;
	return status == 0 || say_failed(c, err);
}

static void say_done(const struct csv *c)
{
	struct buf out BUF_CLEANUP;
	bool is_trial = cli_has(c->w->cli, "check");
	const char *table = json_str(c->table, "table", "");
	int64_t rows = 0;
	buf_init(&out, 4096);
	(void)str_to_int(line_with(buf_view(&c->said), "COPY "), &rows);
	if (c->w->cli->is_json) {
		json_t *answer JSON_CLEANUP =
		    json_pack("{s:s, s:s, s:I, s:b}", "state", is_trial ? "checked" : "done", "table", table, "rows",
			      (json_int_t)rows, "imported", !is_trial);
		cli_put_json(c->w->cli, answer);
		return;
	}
	if (is_trial)
		buf_printf(&out, "It would work: %lld rows for %s. Nothing was changed.\n", (long long)rows, table);
	else
		buf_printf(&out, "%lld rows are in %s.\n", (long long)rows, table);
	screen_write(buf_view(&out));
}

static bool map_file(struct csv *c, struct err *err)
{
	struct stat st;
	int fd = open(c->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", c->file);
	bool ok = fstat(fd, &st) == 0 || err_set_errno(err, "%s", c->file);
	if (ok && (!S_ISREG(st.st_mode) || st.st_size == 0))
		ok = err_set(err, ERR_INVALID, "%s is empty, or is no file", c->file);
	void *bytes = ok ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	if (ok && bytes == MAP_FAILED) ok = err_set_errno(err, "%s", c->file);
	(void)close(fd);
	if (ok) c->bytes = (struct str){bytes, (size_t)st.st_size};
	return ok;
}

static bool import(struct csv *c, const char *table, struct err *err)
{
	if (!map_file(c, err)) return false;
	if (!csv_head_read(str_sub(c->bytes, 0, CSV_HEAD_MAX_BYTES), &c->head, err))
		return err_wrap(err, "%s", c->file);
	return db_where(c->w, &c->where, err) && find_table(c, table, err) && match_columns(c, err) && put_rows(c, err);
}

bool db_csv(const struct db_words *w, int *ret_status, struct err *err)
{
	const char *table = cli_value(w->cli, "table");
	(void)ret_status;
	if (table == NULL)
		return err_set(err, ERR_INVALID,
			       "say which table the rows go into: freehold db %s import %s --table public.NAME", w->app,
			       w->words[0]);
	struct csv *c = calloc(1, sizeof *c);
	if (c == NULL) abort();
	c->w = w;
	c->file = w->words[0];
	buf_init(&c->said, SAID_MAX_BYTES);
	bool ok = import(c, table, err);
	if (ok) say_done(c);
	if (c->bytes.ptr != NULL) (void)munmap((void *)(uintptr_t)c->bytes.ptr, c->bytes.len);
	csv_head_done(&c->head);
	buf_done(&c->said);
	json_decref(c->where);
	json_decref(c->table);
	free(c);
	return ok;
}
