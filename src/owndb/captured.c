/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/captured.h"

#include <stdio.h>
#include <string.h>

#include "os/file.h"
#include "owndb/server_role.h"

#define WHO STR(" " OWNDB_SERVER_ROLE "@" OWNDB_DATABASE " ")

/* Of a clone that stands for a database elsewhere: what is there belongs to another role than in a cluster of ours. */
static bool act_as_migrator(const struct clone *c, struct pg_conn *conn, struct err *err)
{
	char sql[600];
	if (c->db.migrator == NULL) return true;
	(void)snprintf(sql, sizeof sql,
		       "create role " OWNDB_SERVER_ROLE "; grant %s to " OWNDB_SERVER_ROLE
		       "; alter role " OWNDB_SERVER_ROLE " set role = %s; alter role " OWNDB_SERVER_ROLE
		       " set search_path = public, extensions",
		       c->db.migrator, c->db.migrator);
	return pg_conn_script(conn, sql, NULL, err);
}

bool captured_begin(const struct clone *c, const char *password, struct err *err)
{
	struct pg_conn *conn = NULL;
	if (!owndb_connect(&c->db, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = act_as_migrator(c, conn, err) && owndb_server_role(&c->db, password, err) &&
		  pg_conn_exec(conn, "alter role " OWNDB_SERVER_ROLE " set log_statement = 'mod'", 0, NULL, NULL, NULL,
			       err) &&
		  pg_conn_exec(conn, "alter role " OWNDB_SERVER_ROLE " set log_min_duration_statement = -1", 0, NULL,
			       NULL, NULL, err);
	pg_conn_close(conn);
	return ok;
}

/* One message of the log: its first line, behind who and severity, then lines that begin with a tab. That tab is
 * PostgreSQL's, so no statement can look like the beginning of another message. */
struct message {
	struct str severity; /* "LOG", "ERROR", "STATEMENT", "DETAIL" */
	struct str first, rest;
};

static bool is_continued(struct str log)
{
	return log.ptr != NULL && log.len > 0 && log.ptr[0] == '\t';
}

/* Takes the next message of the server's role. */
static bool next_message(struct str *log, struct message *ret_message)
{
	struct str line;
	while (str_next(log, '\n', &line)) {
		struct str behind, severity;
		const char *from = log->ptr;
		size_t len = 0;
		while (is_continued(*log)) {
			struct str more;
			(void)str_next(log, '\n', &more);
			len = (size_t)(more.ptr + more.len - from);
		}
		ptrdiff_t who = line.len > 0 && line.ptr[0] != '\t' ? str_find(line, WHO) : -1;
		if (who < 0) continue;
		behind = str_sub(line, (size_t)who + WHO.len, line.len);
		if (!str_cut(behind, ':', &severity, &behind)) continue;
		*ret_message = (struct message){severity, str_trim(behind), {from, len}};
		return true;
	}
	return false;
}

/* "statement: …", "execute <unnamed>: …" (the extended protocol; a name has no colon that a tool would choose). */
static bool is_statement(struct str first, struct str *ret_text)
{
	struct str head, tail;
	if (!str_cut(first, ':', &head, &tail)) return false;
	*ret_text = str_trim(tail);
	return str_eq(head, STR("statement")) || str_has_prefix(head, STR("execute "));
}

static void append_text(struct buf *out, struct str first, struct str rest)
{
	struct str line;
	buf_str(out, first);
	if (rest.len == 0) return;
	while (str_next(&rest, '\n', &line)) {
		buf_putc(out, '\n');
		buf_str(out, str_sub(line, line.len > 0 && line.ptr[0] == '\t', line.len));
	}
}

static bool ends_in_comment(struct str text)
{
	const char *line = memrchr(text.ptr, '\n', text.len);
	size_t from = line != NULL ? (size_t)(line - text.ptr) : 0;
	return str_find(str_sub(text, from, text.len), STR("--")) >= 0;
}

static void append_statement(struct buf *out, struct str text)
{
	text = str_trim(text);
	while (text.len > 0 && text.ptr[text.len - 1] == ';') text = str_trim(str_sub(text, 0, text.len - 1));
	buf_str(out, text);
	buf_puts(out, ends_in_comment(text) ? "\n;\n\n" : ";\n\n");
}

static bool is_same(const struct message *m, const struct buf *statement)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, CAPTURED_LOG_MAX_BYTES);
	append_text(&text, m->first, m->rest);
	return str_eq(str_trim(buf_view(&text)), str_trim(buf_view(statement)));
}

bool captured_read(struct str log, struct buf *ret_sql, size_t *ret_count, struct err *err)
{
	struct message m;
	struct buf pending BUF_CLEANUP;
	size_t count = 0;
	bool has_pending = false;
	buf_init(&pending, CAPTURED_LOG_MAX_BYTES);
	while (next_message(&log, &m)) {
		struct str text;
		if (str_eq(m.severity, STR("STATEMENT"))) {
			/* Follows an error: this one was refused, and has not happened. */
			if (has_pending && is_same(&m, &pending)) has_pending = false;
		} else if (str_eq(m.severity, STR("DETAIL")) && has_pending &&
			   str_eq_nocase(str_sub(m.first, 0, 11), STR("parameters:"))) {
			return err_set(err, ERR_FAILED,
				       "it sent values beside a statement, which cannot be shown and repeated: %.300s",
				       buf_cstr(&pending));
		} else if (str_eq(m.severity, STR("LOG")) && is_statement(m.first, &text)) {
			if (has_pending) append_statement(ret_sql, buf_view(&pending)), count++;
			buf_clear(&pending);
			append_text(&pending, text, m.rest);
			has_pending = true;
		}
	}
	if (has_pending) append_statement(ret_sql, buf_view(&pending)), count++;
	*ret_count = count;
	return buf_is_ok(ret_sql) || err_set(err, ERR_LIMIT, "what it did to the database is too large to be shown");
}

bool captured_end(const struct clone *c, struct buf *ret_sql, size_t *ret_count, struct err *err)
{
	struct buf log BUF_CLEANUP;
	buf_init(&log, CAPTURED_LOG_MAX_BYTES);
	return file_read(c->log_path, &log, err) && captured_read(buf_view(&log), ret_sql, ret_count, err);
}
