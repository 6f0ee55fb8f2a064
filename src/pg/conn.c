/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pg/way.h"

#define DEFAULT_DEADLINE_MS 60000
#define CANCEL_GRACE_MS 2000

struct pg_conn {
	PGconn *raw;
	int64_t deadline_ms;
	bool is_broken;
};

void pg_result_cleanup(PGresult **result)
{
	PQclear(*result);
}

static void ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

/* Waits until the socket is ready for what `events` names. until_ms 0: without end. */
static bool wait_socket(PGconn *raw, short events, int64_t until_ms)
{
	for (;;) {
		int64_t left = until_ms > 0 ? until_ms - clock_now_ms() : -1;
		if (until_ms > 0 && left <= 0) return false;
		struct pollfd p = {.fd = PQsocket(raw), .events = events};
		int n = poll(&p, 1, (int)(left > 1000000 ? 1000000 : left));
		if (n > 0) return true;
		if (n < 0 && errno != EINTR) return false;
	}
}

/* The server's first refusal has no SQLSTATE in libpq 15's API, so its words decide. */
static bool open_refused(const PGconn *raw, struct err *err)
{
	struct pg_error e;
	pg_error_from_conn(&e, raw);
	enum err_code code = ERR_UNAVAILABLE;
	if (strstr(e.message, "authentication failed") != NULL || strstr(e.message, "no pg_hba.conf entry") != NULL)
		code = ERR_DENIED;
	if (strstr(e.message, "role \"") != NULL && strstr(e.message, "does not exist") != NULL) code = ERR_DENIED;
	if (strstr(e.message, "database \"") != NULL && strstr(e.message, "does not exist") != NULL)
		code = ERR_NOT_FOUND;
	return err_set(err, code, "cannot connect to PostgreSQL: %s", e.message);
}

/* Of one address. until_ms counts for all of it, dial_until_ms for connecting the socket. */
struct opening {
	int64_t dial_until_ms, until_ms;
	bool is_reached;
};

static bool drive_open(PGconn *raw, struct opening *o, struct err *err)
{
	PostgresPollingStatusType state = PGRES_POLLING_WRITING; /* after PQconnectStart */
	for (;;) {
		o->is_reached = !pg_way_is_dialling(raw);
		if (!wait_socket(raw, state == PGRES_POLLING_READING ? POLLIN : POLLOUT,
				 o->is_reached ? o->until_ms : o->dial_until_ms))
			return err_set(err, ERR_TIMEOUT, "PostgreSQL did not answer in time; is it running?");
		state = PQconnectPoll(raw);
		if (state == PGRES_POLLING_OK) return true;
		if (state == PGRES_POLLING_FAILED) return open_refused(raw, err);
	}
}

static bool open_raw(const char *conninfo, struct opening *o, PGconn **ret_raw, struct err *err)
{
	PGconn *raw = PQconnectStart(conninfo);
	if (raw == NULL) abort();
	bool ok = PQstatus(raw) == CONNECTION_BAD ? open_refused(raw, err) : drive_open(raw, o, err);
	if (ok)
		*ret_raw = raw;
	else
		PQfinish(raw);
	return ok;
}

/* A server that was reached has the last word. */
static bool open_named(const char *conninfo, const char *name, const char *port, int64_t until_ms, PGconn **ret_raw,
		       struct err *err)
{
	const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	struct opening o = {.until_ms = until_ms};
	bool ok = false;
	int code = getaddrinfo(name, port, &wanted, &list);
	if (code != 0) return pg_way_err(err, name, code);
	for (const struct addrinfo *a = list; a != NULL && !ok && !o.is_reached; a = a->ai_next) {
		int64_t dial_until_ms = clock_now_ms() + PG_WAY_TCP_MS;
		bool has_less = until_ms > 0 && until_ms < dial_until_ms;
		o.dial_until_ms = a->ai_next == NULL || has_less ? until_ms : dial_until_ms;
		char *words = pg_way_conninfo(conninfo, a);
		ok = words != NULL ? open_raw(words, &o, ret_raw, err)
				   : err_set(err, ERR_INTERNAL, "a connection string that libpq cannot read");
		free(words);
	}
	freeaddrinfo(list);
	return ok;
}

bool pg_conn_open(const char *conninfo, int64_t deadline_ms, struct pg_conn **ret_conn, struct err *err)
{
	int64_t until_ms = deadline_ms > 0 ? clock_now_ms() + deadline_ms : 0;
	char name[PG_WAY_NAME_SIZE], port[PG_WAY_PORT_SIZE];
	PGconn *raw = NULL;
	struct opening direct = {.dial_until_ms = until_ms, .until_ms = until_ms};
	bool ok = pg_way_name(conninfo, name, port) ? open_named(conninfo, name, port, until_ms, &raw, err)
						    : open_raw(conninfo, &direct, &raw, err);
	if (!ok) return false;
	(void)PQsetNoticeReceiver(raw, ignore_notice, NULL);
	struct pg_conn *conn = calloc(1, sizeof *conn);
	if (conn == NULL) abort();
	*conn = (struct pg_conn){.raw = raw, .deadline_ms = DEFAULT_DEADLINE_MS};
	*ret_conn = conn;
	return true;
}

void pg_conn_close(struct pg_conn *conn)
{
	if (conn == NULL) return;
	PQfinish(conn->raw);
	free(conn);
}

PGconn *pg_conn_raw(struct pg_conn *conn)
{
	return conn->raw;
}

void pg_conn_set_deadline(struct pg_conn *conn, int64_t deadline_ms)
{
	conn->deadline_ms = deadline_ms;
}

bool pg_conn_is_ok(const struct pg_conn *conn)
{
	return !conn->is_broken && PQstatus(conn->raw) == CONNECTION_OK;
}

/* Reads until a result is complete. False: the deadline passed or the socket failed. */
static bool wait_result(struct pg_conn *conn, int64_t until_ms)
{
	while (PQisBusy(conn->raw)) {
		if (!wait_socket(conn->raw, POLLIN, until_ms)) return false;
		if (!PQconsumeInput(conn->raw)) return false;
	}
	return true;
}

static void cancel(struct pg_conn *conn)
{
	char why[256];
	PGcancel *handle = PQgetCancel(conn->raw);
	if (handle == NULL) return;
	(void)PQcancel(handle, why, sizeof why);
	PQfreeCancel(handle);
}

/* After a failed wait: asks for the end of the statement, and gives the connection up when even that does not come. */
static bool overrun(struct pg_conn *conn, struct err *err)
{
	if (PQstatus(conn->raw) == CONNECTION_OK) {
		cancel(conn);
		int64_t until_ms = clock_now_ms() + CANCEL_GRACE_MS;
		for (;;) {
			if (!wait_result(conn, until_ms)) break;
			PGresult *result = PQgetResult(conn->raw);
			if (result == NULL)
				return err_set(err, ERR_TIMEOUT, "PostgreSQL took longer than %lld ms; cancelled",
					       (long long)conn->deadline_ms);
			PQclear(result);
		}
	}
	conn->is_broken = true;
	return err_set(err, ERR_UNAVAILABLE, "lost the connection to PostgreSQL");
}

/* Collects everything a statement or script answers; keeps the last result, or the first that failed. */
static bool collect(struct pg_conn *conn, PGresult **ret_result, struct err *err)
{
	int64_t until_ms = conn->deadline_ms > 0 ? clock_now_ms() + conn->deadline_ms : 0;
	PGresult *kept = NULL;
	for (;;) {
		if (!wait_result(conn, until_ms)) {
			PQclear(kept);
			return overrun(conn, err);
		}
		PGresult *result = PQgetResult(conn->raw);
		if (result == NULL) break;
		if (kept != NULL && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
			PQclear(result);
			continue;
		}
		PQclear(kept);
		kept = result;
		ExecStatusType status = PQresultStatus(kept);
		if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) break;
	}
	*ret_result = kept;
	return true;
}

static bool judge(struct pg_conn *conn, bool is_sent, PGresult **ret_result, struct pg_error *ret_error,
		  struct err *err)
{
	struct pg_error e;
	PGresult *result = NULL;
	if (ret_error != NULL) *ret_error = (struct pg_error){0};
	if (is_sent && !collect(conn, &result, err)) return false;
	ExecStatusType status = PQresultStatus(result);
	if (!is_sent || status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
		pg_error_from_result(&e, result, conn->raw);
		if (ret_error != NULL) *ret_error = e;
		if (PQstatus(conn->raw) != CONNECTION_OK) conn->is_broken = true;
		PQclear(result);
		return pg_error_set(err, &e);
	}
	if (ret_result != NULL)
		*ret_result = result;
	else
		PQclear(result);
	return true;
}

bool pg_conn_exec(struct pg_conn *conn, const char *sql, int param_count, const char *const *params,
		  PGresult **ret_result, struct pg_error *ret_error, struct err *err)
{
	bool is_sent = PQsendQueryParams(conn->raw, sql, param_count, NULL, params, NULL, NULL, 0) == 1;
	return judge(conn, is_sent, ret_result, ret_error, err);
}

bool pg_conn_script(struct pg_conn *conn, const char *sql, struct pg_error *ret_error, struct err *err)
{
	return judge(conn, PQsendQuery(conn->raw, sql) == 1, NULL, ret_error, err);
}

bool pg_conn_command(struct pg_conn *conn, const char *command, PGresult **ret_result, struct err *err)
{
	return judge(conn, PQsendQuery(conn->raw, command) == 1, ret_result, NULL, err);
}

bool pg_conn_text(struct pg_conn *conn, const char *sql, int param_count, const char *const *params, char *ret_text,
		  size_t size, struct err *err)
{
	PG_RESULT_CLEANUP PGresult *result = NULL;
	if (!pg_conn_exec(conn, sql, param_count, params, &result, NULL, err)) return false;
	if (PQntuples(result) < 1 || PQnfields(result) < 1) return err_set(err, ERR_NOT_FOUND, "no row for: %s", sql);
	const char *text = PQgetvalue(result, 0, 0);
	if (strlen(text) >= size) return err_set(err, ERR_LIMIT, "an answer of %zu bytes does not fit", strlen(text));
	(void)snprintf(ret_text, size, "%s", text);
	return true;
}

bool pg_conninfo_add(char *conninfo, size_t size, const char *key, const char *value, struct err *err)
{
	size_t at = strlen(conninfo);
	size_t need = at + strlen(key) + 2 * strlen(value) + 5;
	if (need > size) return err_set(err, ERR_LIMIT, "a connection string of more than %zu bytes", size);
	at += (size_t)snprintf(conninfo + at, size - at, "%s%s='", at > 0 ? " " : "", key);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '\'' || *p == '\\') conninfo[at++] = '\\';
		conninfo[at++] = *p;
	}
	(void)snprintf(conninfo + at, size - at, "'");
	return true;
}
