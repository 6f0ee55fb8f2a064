/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/stream.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "pg/error.h"
#include "pg/link.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 5000
#define STATUS_MS 5000 /* PostgreSQL ends a connection that says nothing for wal_sender_timeout, 60 s */
#define STEP_DEADLINE_MS 20000 /* for each answer before it streams; a slot waits for transactions that run */
#define AT_ONCE 512 /* messages, before the rest of the loop has its turn */
#define CONNINFO_MAX 2048
#define EPOCH_US (INT64_C(946684800) * 1000000)

/* How values are written: realtime/value.h reads them so. */
#define OPTIONS                                                                                                        \
	" replication=database options='-c datestyle=iso -c intervalstyle=postgres -c extra_float_digits=1 "           \
	"-c bytea_output=hex -c timezone=UTC'"

enum step { STEP_WAITING, STEP_CONNECTING, STEP_ASKING, STEP_SLOT, STEP_STARTING, STEP_STREAMING };

struct pg_stream {
	struct pg_stream_settings settings;
	struct pg_link link;
	uv_timer_t timer; /* the pause, the deadline of a step, or the next status */
	char *conninfo;
	char slot[48];
	enum step step;
	PGresult *answer; /* so far, to the question of the step */
	uint64_t retry_ms;
	bool has[PG_STREAM_PUBLICATIONS_MAX];
	bool is_paused;
	bool is_caught_up; /* all that was given has been done with */
	uint64_t seen_lsn, done_lsn;
};

static void begin(struct pg_stream *s);
static void on_timer(uv_timer_t *timer);

static void set_timer(struct pg_stream *s, uint64_t ms)
{
	(void)uv_timer_start(&s->timer, on_timer, ms, 0);
}

static void lose(struct pg_stream *s, const char *why)
{
	char words[256];
	(void)snprintf(words, sizeof words, "%s", why); /* it may be libpq's, and go with the connection */
	s->step = STEP_WAITING;
	s->is_paused = false;
	PQclear(s->answer);
	s->answer = NULL;
	pg_link_close(&s->link);
	set_timer(s, s->retry_ms);
	s->retry_ms = s->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : s->retry_ms * 2;
	s->settings.on_lost(s->settings.arg, words);
}

static void lose_link(struct pg_stream *s)
{
	struct pg_error e;
	pg_error_from_conn(&e, s->link.raw);
	lose(s, e.message[0] != '\0' ? e.message : "the connection broke");
}

static void put_u64(unsigned char *to, uint64_t value)
{
	for (int i = 0; i < 8; i++) to[i] = (unsigned char)(value >> (56 - 8 * i));
}

/* "Standby status update": written, flushed and applied are one for us. */
static bool say_status(struct pg_stream *s)
{
	unsigned char message[34] = {'r'};
	put_u64(message + 1, s->done_lsn);
	put_u64(message + 9, s->done_lsn);
	put_u64(message + 17, s->done_lsn);
	put_u64(message + 25, (uint64_t)(clock_wall_ms() * 1000 - EPOCH_US));
	if (PQputCopyData(s->link.raw, (const char *)message, sizeof message) != 1 || PQflush(s->link.raw) < 0) {
		lose_link(s);
		return false;
	}
	return true;
}

static void on_timer(uv_timer_t *timer)
{
	struct pg_stream *s = timer->data;
	if (s->step == STEP_WAITING) {
		begin(s);
	} else if (s->step == STEP_STREAMING) {
		if (say_status(s)) set_timer(s, STATUS_MS);
	} else {
		lose(s, "PostgreSQL did not answer in time");
	}
}

static void ask(struct pg_stream *s, enum step step, const char *sql)
{
	s->step = step;
	set_timer(s, STEP_DEADLINE_MS);
	if (PQsendQuery(s->link.raw, sql) != 1)
		lose_link(s);
	else
		(void)PQflush(s->link.raw); /* a few bytes into an empty socket */
}

static void on_open(struct pg_link *link, const struct err *err)
{
	struct pg_stream *s = link->owner;
	if (err != NULL)
		lose(s, err->msg);
	else
		ask(s, STEP_ASKING, "select pubname from pg_catalog.pg_publication");
}

static void step_asked(struct pg_stream *s, const PGresult *result)
{
	char sql[256];
	bool has_any = false;
	for (int i = 0; i < s->settings.publication_count; i++) {
		s->has[i] = false;
		for (int row = 0; row < PQntuples(result); row++)
			if (strcmp(PQgetvalue(result, row, 0), s->settings.publications[i]) == 0) s->has[i] = true;
		has_any = has_any || s->has[i];
	}
	if (!has_any) {
		lose(s, "there is no publication to read");
		return;
	}
	(void)snprintf(sql, sizeof sql, "CREATE_REPLICATION_SLOT %s TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT",
		       s->slot);
	ask(s, STEP_SLOT, sql);
}

/* The names are ours, and quoted as what they are: identifiers in a string. */
static void step_slot_made(struct pg_stream *s)
{
	char sql[512];
	size_t at = (size_t)snprintf(
	    sql, sizeof sql, "START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '1', publication_names '", s->slot);
	const char *comma = "";
	for (int i = 0; i < s->settings.publication_count && at < sizeof sql; i++) {
		if (!s->has[i]) continue;
		at += (size_t)snprintf(sql + at, sizeof sql - at, "%s\"%s\"", comma, s->settings.publications[i]);
		comma = ",";
	}
	if (at < sizeof sql) (void)snprintf(sql + at, sizeof sql - at, "')");
	ask(s, STEP_STARTING, sql);
}

static void step_started(struct pg_stream *s)
{
	s->step = STEP_STREAMING;
	s->retry_ms = RETRY_FIRST_MS;
	s->seen_lsn = s->done_lsn = 0;
	s->is_caught_up = true;
	set_timer(s, STATUS_MS);
	s->settings.on_begin(s->settings.arg);
}

/* An answer is taken up when nothing more belongs to it: only then may the next question be asked. */
static void step_answered(struct pg_stream *s)
{
	PGresult *answer = s->answer;
	s->answer = NULL;
	if (answer != NULL && s->step == STEP_ASKING)
		step_asked(s, answer);
	else if (answer != NULL)
		step_slot_made(s);
	PQclear(answer);
}

/* Before it streams: one answer to each question. */
static void read_answer(struct pg_stream *s)
{
	while (s->step > STEP_CONNECTING && s->step < STEP_STREAMING && !PQisBusy(s->link.raw)) {
		PGresult *result = PQgetResult(s->link.raw);
		ExecStatusType status = PQresultStatus(result);
		struct pg_error e;
		if (result == NULL) {
			bool is_answered = s->answer != NULL;
			step_answered(s);
			if (!is_answered) return;
		} else if (status == PGRES_TUPLES_OK && s->answer == NULL) {
			s->answer = result;
		} else {
			if (status == PGRES_COPY_BOTH && s->step == STEP_STARTING) {
				step_started(s);
			} else if (status != PGRES_COMMAND_OK) {
				pg_error_from_result(&e, result, s->link.raw);
				lose(s, e.message);
			}
			PQclear(result);
		}
	}
}

static uint64_t u64_at(const char *bytes)
{
	uint64_t value = 0;
	for (int i = 0; i < 8; i++) value = value << 8 | (unsigned char)bytes[i];
	return value;
}

/* 'w': a message of the log; 'k': only where the log ends now. */
static void take_message(struct pg_stream *s, const char *bytes, size_t len)
{
	if (len >= 25 && bytes[0] == 'w') {
		s->is_caught_up = false;
		if (!s->settings.on_data(s->settings.arg, (struct str){bytes + 25, len - 25})) s->is_paused = true;
	} else if (len >= 18 && bytes[0] == 'k') {
		s->seen_lsn = u64_at(bytes + 1);
		if (s->is_caught_up && s->seen_lsn > s->done_lsn) s->done_lsn = s->seen_lsn;
		if (bytes[17] != 0) (void)say_status(s);
	}
}

static void read_stream(struct pg_stream *s)
{
	for (int i = 0; i < AT_ONCE && s->step == STEP_STREAMING && !s->is_paused; i++) {
		char *bytes = NULL;
		int len = PQgetCopyData(s->link.raw, &bytes, 1);
		if (len == 0) return;
		if (len < 0) {
			PGresult *result = len == -1 ? PQgetResult(s->link.raw) : NULL;
			struct pg_error e;
			pg_error_from_result(&e, result, s->link.raw);
			PQclear(result);
			lose(s, e.message[0] != '\0' ? e.message : "PostgreSQL ended the log of changes");
			return;
		}
		take_message(s, bytes, (size_t)len);
		PQfreemem(bytes);
	}
	/* libpq may hold more than its socket shows. */
	if (s->step == STEP_STREAMING && !s->is_paused) pg_link_want_write(&s->link, true);
	if (s->step == STEP_STREAMING && s->is_paused) pg_link_pause(&s->link);
}

static void on_ready(struct pg_link *link)
{
	struct pg_stream *s = link->owner;
	if (!PQconsumeInput(link->raw)) {
		lose_link(s);
		return;
	}
	int left = PQflush(link->raw);
	if (left < 0) {
		lose_link(s);
		return;
	}
	pg_link_want_write(link, left > 0);
	read_answer(s);
	if (s->step == STEP_STREAMING) read_stream(s);
}

static const struct pg_link_events events = {on_open, on_ready};

static void begin(struct pg_stream *s)
{
	struct err err;
	s->step = STEP_CONNECTING;
	set_timer(s, STEP_DEADLINE_MS);
	if (!pg_link_open(&s->link, s->timer.loop, s->conninfo, &events, s, &err)) lose(s, err.msg);
}

struct pg_stream *pg_stream_new(uv_loop_t *loop, const struct pg_stream_settings *settings)
{
	struct pg_stream *s = calloc(1, sizeof *s);
	char conninfo[CONNINFO_MAX];
	static unsigned number;
	if (s == NULL || uv_timer_init(loop, &s->timer) != 0) abort();
	s->timer.data = s;
	s->settings = *settings;
	(void)snprintf(conninfo, sizeof conninfo, "%s" OPTIONS, settings->conninfo);
	s->conninfo = strdup(conninfo);
	if (s->conninfo == NULL) abort();
	/* Of this process and of this moment: a predecessor may still have its own. */
	(void)snprintf(s->slot, sizeof s->slot, "freehold_%ld_%u_%llx", (long)getpid(), number++,
		       (unsigned long long)clock_wall_ms());
	s->retry_ms = RETRY_FIRST_MS;
	s->step = STEP_WAITING;
	set_timer(s, 0);
	return s;
}

static void on_closed(uv_handle_t *handle)
{
	struct pg_stream *s = handle->data;
	free(s->conninfo);
	free(s);
}

void pg_stream_stop(struct pg_stream *s)
{
	if (s == NULL) return;
	PQclear(s->answer);
	pg_link_close(&s->link);
	uv_close((uv_handle_t *)&s->timer, on_closed);
}

bool pg_stream_is_streaming(const struct pg_stream *s)
{
	return s->step == STEP_STREAMING;
}

bool pg_stream_has(const struct pg_stream *s, int publication)
{
	return s->has[publication];
}

void pg_stream_restart(struct pg_stream *s)
{
	s->retry_ms = 1;
	lose(s, "a publication was made");
	s->retry_ms = RETRY_FIRST_MS;
}

void pg_stream_resume(struct pg_stream *s)
{
	if (!s->is_paused || s->step != STEP_STREAMING) return;
	s->is_paused = false;
	/* What libpq holds already comes when the socket is writable, which it is. */
	pg_link_want_write(&s->link, true);
}

void pg_stream_done_to(struct pg_stream *s, uint64_t lsn)
{
	if (lsn > s->done_lsn) s->done_lsn = lsn;
	s->is_caught_up = true;
}
