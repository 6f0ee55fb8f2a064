/* SPDX-License-Identifier: Apache-2.0
 *
 * One step after the other, each a job on the pool or a statement; a step at a time, so that it never weighs:
 *
 *     dead ─▶ uploads in parts that nobody ended ─▶ (for each of the 256 folders: list ─▶ ask ─▶ set aside) ─▶ (rows,
 * by 500: ask ─▶ look) ─▶ done */
#include "storage/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "codec/json.h"
#include "os/file.h"
#include "storage/files_private.h"
#include "storage/place.h"
#include "storage/sweep_private.h"

#define ROWS_AT_ONCE_TEXT "500"
#define AGAIN_MS ((uint64_t)(SWEEP_AGE_S + 60) * 1000)
#define DAILY_MS ((uint64_t)24 * 3600 * 1000)
#define REPORT_MAX_BYTES (64u << 10)
#define RUN_MS 60000

static void free_sweep(uv_handle_t *timer)
{
	struct sweep *s = timer->data;
	json_decref(s->missing_names);
	buf_done(&s->versions);
	files_free(s->files);
	free(s);
}

static void rest(struct sweep *s, void (*on_timer)(uv_timer_t *), uint64_t ms)
{
	s->is_busy = false;
	if (s->is_stopped)
		uv_close((uv_handle_t *)&s->timer, free_sweep);
	else
		(void)uv_timer_start(&s->timer, on_timer, ms, 0);
}

static void begin(uv_timer_t *timer);

/* The next in its time, or at once where one was asked for meanwhile. */
static void rest_until(struct sweep *s, uint64_t ms)
{
	rest(s, begin, s->asked != s->serving ? 0 : ms);
}

/* Every step comes by here, so that a stop is heard between any two. */
static bool is_over(struct sweep *s)
{
	if (s->is_stopped) rest(s, begin, 0);
	return s->is_stopped;
}

static void run_job(struct sweep *s, void (*job)(uv_work_t *), void (*after)(uv_work_t *, int))
{
	s->work.data = s;
	(void)uv_queue_work(s->loop, &s->work, job, after);
}

#define AS_SERVICE "select where set_config('role', 'service_role', true) is null"

static void ask(struct sweep *s, const char *sql, const char *value, void (*done)(void *, struct pg_call *))
{
	struct err err;
	s->batch.count = 0;
	(void)pg_batch_add(&s->batch, AS_SERVICE, 0, NULL);
	(void)PG_ADD(&s->batch, sql, value);
	s->pg = (struct pg_call){.statements = s->batch.statements,
				 .count = s->batch.count,
				 .is_repeatable = true,
				 .run_ms = RUN_MS,
				 .done = done,
				 .arg = s};
	if (pg_pool_run(s->pool, &s->pg, &err)) return;
	log_warn("storage: files and rows were not compared: %s", err.msg);
	rest(s, begin, AGAIN_MS);
}

static bool has_answer(struct sweep *s, struct pg_call *pg)
{
	if (pg->err.code == ERR_NONE && pg->failed < 0) return !is_over(s);
	if (!s->is_stopped)
		log_warn("storage: files and rows were not compared: %s",
			 pg->err.code != ERR_NONE ? pg->err.msg : PQresultErrorMessage(pg->results[pg->failed]));
	rest(s, begin, AGAIN_MS);
	return false;
}

static void step_folder(struct sweep *s);
static void step_rows(struct sweep *s);

static void next_folder(struct sweep *s)
{
	if (is_over(s)) return;
	if (++s->folder < 256)
		step_folder(s);
	else
		step_rows(s);
}

static void after_aside(uv_work_t *work, int status)
{
	(void)status;
	next_folder(work->data);
}

static void on_unnamed(void *arg, struct pg_call *pg)
{
	struct sweep *s = arg;
	if (has_answer(s, pg)) {
		const PGresult *rows = pg->results[1];
		buf_clear(&s->versions);
		for (int i = 0; i < PQntuples(rows); i++) {
			if (i > 0) buf_putc(&s->versions, ',');
			buf_puts(&s->versions, PQgetvalue(rows, i, 0));
		}
		if (PQntuples(rows) > 0)
			run_job(s, sweep_aside_job, after_aside);
		else
			next_folder(s);
	}
	pg_call_clear(pg);
}

static void after_list(uv_work_t *work, int status)
{
	struct sweep *s = work->data;
	(void)status;
	if (is_over(s)) return;
	if (s->versions.len == 0)
		next_folder(s);
	else
		ask(s,
		    "select v from unnest($1::text[]) v where not exists (select from storage.objects o where "
		    "o.version = v) and not exists (select from storage.s3_multipart_uploads_parts p where p.version = "
		    "v)",
		    buf_cstr(&s->versions), on_unnamed);
}

static void step_folder(struct sweep *s)
{
	run_job(s, sweep_list_job, after_list);
}

static void tell(struct sweep *s)
{
	if (s->dead > 0)
		log_info("storage: removed what %llu processes that died had not finished",
			 (unsigned long long)s->dead);
	if (s->over > 0)
		log_info("storage: removed %llu resumable uploads that were never finished",
			 (unsigned long long)s->over);
	if (s->lost > 0)
		log_warn("storage: %llu files that no object names were set aside in %s/lost for %d days",
			 (unsigned long long)s->lost, s->files->folder, SWEEP_LOST_DAYS);
	if (s->found > 0)
		log_info("storage: %llu files that objects name again were put back", (unsigned long long)s->found);
	if (s->missing > 0) log_warn("storage: %llu objects have no file", (unsigned long long)s->missing);
}

static void after_report(uv_work_t *work, int status)
{
	struct sweep *s = work->data;
	(void)status;
	if (is_over(s)) return;
	rest_until(s, s->was_told ? DAILY_MS : AGAIN_MS);
	s->was_told = true;
}

static void after_look(uv_work_t *work, int status)
{
	struct sweep *s = work->data;
	(void)status;
	if (is_over(s)) return;
	if (s->row_count == SWEEP_ROWS_AT_ONCE) {
		step_rows(s);
		return;
	}
	tell(s);
	run_job(s, sweep_report_job, after_report);
}

static void on_rows(void *arg, struct pg_call *pg)
{
	struct sweep *s = arg;
	if (has_answer(s, pg)) {
		const PGresult *rows = pg->results[1];
		s->row_count = PQntuples(rows) < SWEEP_ROWS_AT_ONCE ? PQntuples(rows) : SWEEP_ROWS_AT_ONCE;
		for (int i = 0; i < s->row_count; i++) {
			struct sweep_row *r = &s->rows[i];
			(void)snprintf(r->id, sizeof r->id, "%s", PQgetvalue(rows, i, 0));
			(void)snprintf(r->version, sizeof r->version, "%s", PQgetvalue(rows, i, 1));
			(void)snprintf(r->name, sizeof r->name, "%s", PQgetvalue(rows, i, 2));
		}
		if (s->row_count > 0) memcpy(s->after, s->rows[s->row_count - 1].id, sizeof s->after);
		run_job(s, sweep_look_job, after_look);
	}
	pg_call_clear(pg);
}

static void step_rows(struct sweep *s)
{
	ask(s,
	    "select id, coalesce(version, ''), bucket_id || '/' || name from storage.objects where id > $1::uuid "
	    "order by id limit " ROWS_AT_ONCE_TEXT,
	    s->after, on_rows);
}

/* Their parts' files go with them. */
static void on_abandoned(void *arg, struct pg_call *pg)
{
	struct sweep *s = arg;
	if (has_answer(s, pg)) {
		const PGresult *rows = pg->results[1];
		for (int i = 0; i < PQntuples(rows); i++) {
			const char *version = PQgetvalue(rows, i, 0);
			files_remove(s->files, &version, 1);
		}
		next_folder(s);
	}
	pg_call_clear(pg);
}

static void after_dead(uv_work_t *work, int status)
{
	struct sweep *s = work->data;
	(void)status;
	if (is_over(s)) return;
	ask(s,
	    "with old as (select id from storage.s3_multipart_uploads where created_at < now() - make_interval(days => "
	    "$1::int)), parts as (delete from storage.s3_multipart_uploads_parts where upload_id in (select id from "
	    "old) "
	    "returning version), uploads as (delete from storage.s3_multipart_uploads where id in (select id from "
	    "old)) "
	    "select version from parts",
	    SWEEP_UPLOAD_DAYS_TEXT, on_abandoned);
}

static void begin(uv_timer_t *timer)
{
	struct sweep *s = timer->data;
	s->is_busy = true;
	s->folder = -1;
	s->serving = s->asked;
	s->is_fixing = s->asked != 0 && s->fix_s >= 0;
	s->older_than_s = s->fix_s;
	s->fix_s = -1; /* once */
	json_decref(s->missing_names);
	s->missing_names = json_array();
	s->is_elsewhere = place_remote(s->files->place) != NULL;
	s->dead = s->lost = s->found = s->missing = s->over = 0;
	(void)snprintf(s->after, sizeof s->after, "00000000-0000-0000-0000-000000000000");
	run_job(s, sweep_dead_job, after_dead);
}

struct sweep *sweep_start(uv_loop_t *loop, struct pg_pool *pool, struct files *files)
{
	struct sweep *s = calloc(1, sizeof *s);
	if (s == NULL) abort();
	s->loop = loop;
	s->pool = pool;
	s->files = files;
	files_hold(files);
	buf_init(&s->versions, 64u << 20);
	(void)uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	(void)uv_timer_start(&s->timer, begin, 1000, 0);
	uv_unref((uv_handle_t *)&s->timer);
	return s;
}

static int64_t reported(const struct sweep *s)
{
	json_t *o JSON_CLEANUP = NULL;
	char path[FILES_PATH_SIZE];
	struct err ignored;
	if (!file_path(path, &ignored, "%s/sweep.json", s->files->folder) ||
	    !json_parse_file(path, REPORT_MAX_BYTES, &o, &ignored))
		return 0;
	return json_int(o, "asked", 0);
}

void sweep_ask(struct sweep *s, int64_t asked, int64_t fix_s)
{
	if (asked == s->asked || asked <= reported(s)) return;
	s->asked = asked;
	s->fix_s = fix_s;
	if (!s->is_busy && !s->is_stopped) (void)uv_timer_start(&s->timer, begin, 0, 0);
}

void sweep_stop(struct sweep *s)
{
	if (s == NULL || s->is_stopped) return;
	s->is_stopped = true;
	if (!s->is_busy) uv_close((uv_handle_t *)&s->timer, free_sweep);
}
