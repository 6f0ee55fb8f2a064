/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "owndb/tool.h"

#define RECOVER_DEADLINE_MS ((int64_t)24 * 3600 * 1000)
#define SETTINGS_MAX 12
#define LOG_MAX_BYTES (64u << 20)

struct settings {
	char time[64], name[128], timeline[64];
	const char *list[SETTINGS_MAX];
};

static void spell(struct settings *s, const struct recover_target *t)
{
	size_t n = 0;
	s->list[n++] = "restore_command=../archive/pgbackrest-archive get %f %p";
	s->list[n++] = "recovery_target_action=promote";
	s->list[n++] = "hot_standby=off"; /* nobody looks at it before it is where it should be */
	(void)snprintf(s->timeline, sizeof s->timeline, "recovery_target_timeline=%lld", (long long)t->timeline);
	s->list[n++] = s->timeline;
	if (t->point != NULL) {
		(void)snprintf(s->name, sizeof s->name, "recovery_target_name=%.64s", t->point);
		s->list[n++] = s->name;
	} else if (t->is_end_of_backup) {
		s->list[n++] = "recovery_target=immediate";
	} else if (t->at_ms != 0) {
		char iso[CLOCK_ISO8601_SIZE];
		clock_iso8601(t->at_ms, iso);
		(void)snprintf(s->time, sizeof s->time, "recovery_target_time=%.10s %.12s+00", iso, iso + 11);
		s->list[n++] = s->time;
	}
	s->list[n] = NULL;
}

/* What this run wrote; earlier ones are before `from`. */
static bool log_says(const struct clone *c, size_t from, const char *words)
{
	struct err ignored;
	struct buf text BUF_CLEANUP;
	buf_init(&text, LOG_MAX_BYTES);
	if (!file_read(c->log_path, &text, &ignored) || text.len < from) return false;
	return str_find(str_sub(buf_view(&text), from, text.len), str_from(words)) >= 0;
}

static size_t log_size(const struct clone *c)
{
	struct err ignored;
	struct buf text BUF_CLEANUP;
	buf_init(&text, LOG_MAX_BYTES);
	return file_read(c->log_path, &text, &ignored) ? text.len : 0;
}

static bool run_once(struct clone *c, const struct recover_target *target, struct err *err)
{
	struct settings s;
	char signal[FILE_PATH_SIZE];
	spell(&s, target);
	if (!file_path(signal, err, "%s/recovery.signal", c->data_dir) || !file_write(signal, STR(""), 0600, err) ||
	    !tool_give(&c->db, signal, err))
		return false;
	c->settings = s.list;
	c->has_network = true;
	c->ready_deadline_ms = RECOVER_DEADLINE_MS;
	bool ok = clone_start(c, err);
	if (!ok) clone_stop(c);
	ok = ok && clone_stop_clean(c, err);
	c->settings = NULL;
	c->has_network = false;
	c->ready_deadline_ms = 0;
	return ok;
}

bool owndb_recover(struct clone *c, const struct recover_target *target, bool *ret_was_short, struct err *err)
{
	size_t from = log_size(c);
	if (ret_was_short != NULL) *ret_was_short = false;
	if (run_once(c, target, err)) return tool_sync(c->data_dir, err);
	/* PostgreSQL refuses to end where no later change proves that the moment was reached. All that was committed by
	 * then is there all the same. */
	bool is_short = target->at_ms != 0 && log_says(c, from, "recovery ended before configured recovery target");
	if (!is_short) return err_wrap(err, "bring the copy to that moment");
	struct recover_target all = {.timeline = target->timeline};
	if (ret_was_short != NULL) *ret_was_short = true;
	return run_once(c, &all, err) && tool_sync(c->data_dir, err);
}

bool owndb_timeline(const struct owndb *db, int64_t *ret_timeline, struct err *err)
{
	struct pg_conn *conn = NULL;
	char text[24];
	if (!owndb_connect(db, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = pg_conn_text(
	    conn, "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int::text", 0, NULL,
	    text, sizeof text, err);
	pg_conn_close(conn);
	if (ok) *ret_timeline = strtoll(text, NULL, 10);
	return ok;
}

static bool wait_handed_over(struct pg_conn *conn, const char *segment, int64_t until_ms, struct err *err)
{
	char archived[8] = "f";
	while (strcmp(archived, "t") != 0) {
		if (clock_now_ms() >= until_ms)
			return err_set(err, ERR_TIMEOUT, "PostgreSQL has not handed on its log of changes (%s)",
				       segment);
		if (!pg_conn_text(conn,
				  "select coalesce(last_archived_wal >= $1 and last_archived_wal !~ 'history', false)"
				  "::text from pg_stat_archiver, pg_sleep(0.05)",
				  1, &segment, archived, sizeof archived, err))
			return false;
		archived[1] = '\0'; /* "true" */
	}
	return true;
}

bool owndb_hand_over(const struct owndb *db, int64_t deadline_ms, struct err *err)
{
	struct pg_conn *conn = NULL;
	char segment[64];
	int64_t until_ms = clock_now_ms() + deadline_ms;
	if (!owndb_connect(db, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok =
	    pg_conn_exec(conn, "select pg_current_xact_id()", 0, NULL, NULL, NULL, err) &&
	    pg_conn_text(conn, "select pg_walfile_name(pg_switch_wal())", 0, NULL, segment, sizeof segment, err) &&
	    wait_handed_over(conn, segment, until_ms, err);
	pg_conn_close(conn);
	return ok;
}
