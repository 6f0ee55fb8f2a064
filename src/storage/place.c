/* SPDX-License-Identifier: Apache-2.0
 *
 * A round, away from here:  for each of the 256 folders: list ─▶ ask which are rows' ─▶ (each: sum ─▶ put ─▶ head ─▶
 * unlink) and back:                 rows, by 500: look which are missing here ─▶ (each: bring ─▶ remove there) */
#include "storage/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "os/file.h"
#include "storage/bring.h"
#include "storage/place_private.h"

#define SOON_MS 200 /* several uploads are one round */
#define RETRY_MIN_MS 2000
#define RETRY_MAX_MS 300000
#define BATCH_MAX 500
#define BATCH_MAX_TEXT "500"
#define RUN_MS 60000
#define PROBE ".freehold"
#define FIRST_ID "00000000-0000-0000-0000-000000000000"

static void round_step(struct place *p);

static void tell(struct place *p, bool is_over)
{
	char path[FILES_PATH_SIZE], beside[FILES_PATH_SIZE], at[CLOCK_ISO8601_SIZE];
	struct err ignored;
	clock_iso8601(clock_wall_ms(), at);
	json_t *o JSON_CLEANUP =
	    json_pack("{s:s, s:b, s:I, s:I, s:s, s:s}", "place", p->is_away ? "s3" : "local", "done", (int)is_over,
		      "moved", (json_int_t)p->moved, "failed", (json_int_t)p->failed, "error",
		      str_is_utf8(str_from(p->error)) ? p->error : "", "at", at);
	char *text = json_text(o);
	/* Not synced: a round that is told wrongly is told again by the next. */
	if (file_path(path, &ignored, "%s/place.json", p->files->folder) &&
	    file_path(beside, &ignored, "%s/incoming/place.json", p->files->folder)) {
		int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
		bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
		if (fd >= 0) (void)close(fd);
		if (ok) (void)rename(beside, path);
	}
	free(text);
}

static void free_place(uv_handle_t *timer)
{
	struct place *p = timer->data;
	buf_done(&p->versions);
	files_free(p->files);
	free(p);
}

static bool is_idle(const struct place *p)
{
	for (int i = 0; i < PLACE_AT_ONCE; i++)
		if (p->slots[i].is_busy) return false;
	return !p->is_waiting_sql && !p->is_waiting_job && !p->is_trying;
}

static void try_close(struct place *p)
{
	if (p->is_stopped && is_idle(p) && !uv_is_closing((uv_handle_t *)&p->timer))
		uv_close((uv_handle_t *)&p->timer, free_place);
}

static void begin_round(uv_timer_t *timer);

/* A failure is tried again, later and later. */
static void end_round(struct place *p)
{
	p->is_round = false;
	if (p->lock_fd >= 0) (void)close(p->lock_fd);
	p->lock_fd = -1;
	if (p->is_stopped) {
		try_close(p);
		return;
	}
	tell(p, p->failed == 0);
	if (p->moved > 0)
		log_info("storage: %llu files were taken %s", (unsigned long long)p->moved,
			 p->is_away ? "to their place in S3" : "back from S3");
	if (p->failed > 0) {
		p->retry_ms = p->retry_ms == 0 ? RETRY_MIN_MS : p->retry_ms * 2;
		if (p->retry_ms > RETRY_MAX_MS) p->retry_ms = RETRY_MAX_MS;
		log_warn("storage: %llu files could not be taken %s; again in %llu s: %s",
			 (unsigned long long)p->failed, p->is_away ? "to S3" : "back from S3",
			 (unsigned long long)p->retry_ms / 1000, p->error);
		(void)uv_timer_start(&p->timer, begin_round, p->is_again ? SOON_MS : p->retry_ms, 0);
	} else {
		p->retry_ms = 0;
		if (p->is_again) (void)uv_timer_start(&p->timer, begin_round, SOON_MS, 0);
	}
	p->is_again = false;
}

static void fail_round(struct place *p, const char *words)
{
	p->failed++;
	(void)snprintf(p->error, sizeof p->error, "%s", words);
	end_round(p);
}

/* One file is done with. */
void place_ended(struct slot *s, const struct err *err)
{
	struct place *p = s->place;
	if (s->fd >= 0) (void)close(s->fd);
	s->fd = -1;
	s->is_busy = false;
	if (err == NULL) {
		p->moved++;
	} else if (err->code != ERR_NOT_FOUND) { /* removed meanwhile */
		p->failed++;
		(void)snprintf(p->error, sizeof p->error, "%s", err->msg);
	}
	round_step(p);
}

/* Which. */

#define AS_SERVICE "select where set_config('role', 'service_role', true) is null"

static void ask(struct place *p, const char *sql, const char *value, void (*done)(void *, struct pg_call *))
{
	struct err err;
	p->batch.count = 0;
	(void)pg_batch_add(&p->batch, AS_SERVICE, 0, NULL);
	(void)PG_ADD(&p->batch, sql, value);
	p->pg = (struct pg_call){.statements = p->batch.statements,
				 .count = p->batch.count,
				 .is_repeatable = true,
				 .run_ms = RUN_MS,
				 .done = done,
				 .arg = p};
	p->is_waiting_sql = true;
	if (pg_pool_run(p->pool, &p->pg, &err)) return;
	p->is_waiting_sql = false;
	fail_round(p, err.msg);
}

/* The column's versions, for the slots. False: the round has ended. */
static bool take_rows(struct place *p, struct pg_call *pg, int column)
{
	p->is_waiting_sql = false;
	if (pg->err.code != ERR_NONE || pg->failed >= 0) {
		fail_round(p, pg->err.code != ERR_NONE ? pg->err.msg : PQresultErrorMessage(pg->results[pg->failed]));
		return false;
	}
	const PGresult *rows = pg->results[1];
	buf_clear(&p->versions);
	for (int i = 0; i < PQntuples(rows); i++) {
		if (i > 0) buf_putc(&p->versions, ',');
		buf_puts(&p->versions, PQgetvalue(rows, i, column));
	}
	return true;
}

static void on_named(void *arg, struct pg_call *pg)
{
	struct place *p = arg;
	bool ok = take_rows(p, pg, 0);
	pg_call_clear(pg);
	if (!ok) return;
	p->rest = p->versions.len > 0 ? buf_view(&p->versions) : (struct str){NULL, 0};
	round_step(p);
}

static void list_job(uv_work_t *work)
{
	struct place *p = work->data;
	char path[FILES_PATH_SIZE];
	struct err ignored;
	buf_clear(&p->versions);
	if (!file_path(path, &ignored, "%s/objects/%02x", p->files->folder, p->folder)) return;
	DIR *dir = opendir(path);
	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		if (!storage_is_uuid(str_from(e->d_name))) continue;
		buf_putc(&p->versions, p->versions.len == 0 ? '{' : ',');
		buf_puts(&p->versions, e->d_name);
	}
	if (dir != NULL) (void)closedir(dir);
	if (p->versions.len > 0) buf_putc(&p->versions, '}');
}

static void after_list(uv_work_t *work, int status)
{
	struct place *p = work->data;
	(void)status;
	p->is_waiting_job = false;
	if (p->is_stopped || p->versions.len == 0)
		round_step(p);
	else
		ask(p, "select o.version from storage.objects o where o.version = any ($1::text[])",
		    buf_cstr(&p->versions), on_named);
}

/* Of the rows those whose file is not here. */
static void look_job(uv_work_t *work)
{
	struct place *p = work->data;
	struct str rest = buf_view(&p->versions), version;
	struct buf missing;
	buf_init(&missing, p->versions.max);
	while (str_next(&rest, ',', &version)) {
		char path[FILES_PATH_SIZE];
		struct err ignored;
		if (!files_path(p->files, version, path, &ignored) || access(path, F_OK) == 0) continue;
		if (missing.len > 0) buf_putc(&missing, ',');
		buf_str(&missing, version);
	}
	buf_done(&p->versions);
	p->versions = missing;
}

static void after_look(uv_work_t *work, int status)
{
	struct place *p = work->data;
	(void)status;
	p->is_waiting_job = false;
	p->rest = p->versions.len > 0 ? buf_view(&p->versions) : (struct str){NULL, 0};
	round_step(p);
}

static void run_job(struct place *p, void (*job)(uv_work_t *), void (*after)(uv_work_t *, int))
{
	p->is_waiting_job = true;
	p->work.data = p;
	(void)uv_queue_work(p->loop, &p->work, job, after);
}

static void on_rows(void *arg, struct pg_call *pg)
{
	struct place *p = arg;
	bool ok = take_rows(p, pg, 1);
	int count = ok ? PQntuples(pg->results[1]) : 0;
	if (count > 0) (void)snprintf(p->after, sizeof p->after, "%s", PQgetvalue(pg->results[1], count - 1, 0));
	pg_call_clear(pg);
	if (!ok) return;
	p->is_last = count < BATCH_MAX;
	run_job(p, look_job, after_look);
}

/* The next of this round: to every slot a file while there are some, then the next folder or rows, then its end. */
static void round_step(struct place *p)
{
	struct str version;
	if (p->is_stopped || p->failed >= BATCH_MAX || p->remote == NULL) p->rest = (struct str){NULL, 0};
	for (int i = 0; i < PLACE_AT_ONCE; i++) {
		if (p->slots[i].is_busy || !str_next(&p->rest, ',', &version)) continue;
		carry_begin(&p->slots[i], version);
	}
	if (!is_idle(p)) return;
	if (p->is_stopped || p->remote == NULL || (p->failed > 0 && p->moved == 0))
		end_round(p);
	else if (p->is_away && ++p->folder < 256)
		run_job(p, list_job, after_list);
	else if (!p->is_away && !p->is_last)
		ask(p,
		    "select id, coalesce(version, '') from storage.objects where id > $1::uuid order by id "
		    "limit " BATCH_MAX_TEXT,
		    p->after, on_rows);
	else
		end_round(p);
}

/* Whether it takes what is sent at all: told before the first upload, not after it. */
static void on_tried(void *arg, const struct remote_result *result, const struct err *err)
{
	struct place *p = arg;
	(void)result;
	p->is_trying = false;
	if (err != NULL || p->remote == NULL) {
		fail_round(p, err != NULL ? err->msg : "it was stopped");
		return;
	}
	p->is_tried = true;
	carry_remove(p, PROBE);
	round_step(p);
}

static bool lock(struct place *p)
{
	char path[FILES_PATH_SIZE];
	struct err ignored;
	if (!file_path(path, &ignored, "%s/place.lock", p->files->folder)) return false;
	p->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (p->lock_fd >= 0 && flock(p->lock_fd, LOCK_EX | LOCK_NB) == 0) return true;
	if (p->lock_fd >= 0) (void)close(p->lock_fd);
	p->lock_fd = -1;
	return false;
}

static void begin_round(uv_timer_t *timer)
{
	struct place *p = timer->data;
	if (p->is_round || p->is_stopped || p->remote == NULL) return;
	if (!lock(p)) {
		(void)uv_timer_start(&p->timer, begin_round, RETRY_MIN_MS, 0);
		return;
	}
	p->is_round = true;
	p->is_again = p->is_last = false;
	p->moved = p->failed = 0;
	p->error[0] = '\0';
	p->folder = -1;
	p->rest = (struct str){NULL, 0};
	(void)snprintf(p->after, sizeof p->after, FIRST_ID);
	tell(p, false);
	if (p->is_tried) {
		round_step(p);
		return;
	}
	p->is_trying = true;
	(void)remote_start(p->remote,
			   &(struct remote_ask){.method = "PUT", .name = PROBE, .fd = -1, .done = on_tried, .arg = p});
}

/* From outside. */

struct place *place_new(uv_loop_t *loop, struct pg_pool *pool, struct files *files, struct http_multi *multi)
{
	struct place *p = calloc(1, sizeof *p);
	if (p == NULL) abort();
	p->loop = loop;
	p->pool = pool;
	p->files = files;
	p->multi = multi;
	p->lock_fd = -1;
	files_hold(files);
	buf_init(&p->versions, 64u << 20);
	(void)uv_timer_init(loop, &p->timer);
	p->timer.data = p;
	for (int i = 0; i < PLACE_AT_ONCE; i++) p->slots[i].place = p, p->slots[i].fd = -1;
	files->place = p;
	return p;
}

/* What was under way with the former place is given up; the next round finds it again. */
static void let_go(struct place *p)
{
	struct remote *remote = p->remote;
	p->remote = NULL;
	remote_free(remote);
}

void place_stop(struct place *p)
{
	if (p == NULL) return;
	p->is_stopped = true;
	p->files->place = NULL;
	let_go(p);
	try_close(p);
}

bool place_set(struct place *p, const json_t *settings, struct err *err)
{
	struct remote *remote = NULL;
	if (settings != NULL) {
		struct remote_spec spec = {.endpoint = json_str(settings, "endpoint", NULL),
					   .region = json_str(settings, "region", NULL),
					   .bucket = json_str(settings, "bucket", NULL),
					   .prefix = json_str(settings, "prefix", ""),
					   .id = json_str(settings, "id", NULL),
					   .secret = json_str(settings, "secret", NULL)};
		if (!remote_new(p->multi, &spec, &remote, err)) return err_wrap(err, "the place of files");
	}
	let_go(p);
	p->remote = remote;
	p->is_away = settings != NULL && strcmp(json_str(settings, "kind", ""), "s3") == 0;
	p->retry_ms = 0;
	p->is_tried = false;
	place_kick(p);
	return true;
}

/* Here it is looked for by the one who asks; a wait for the disk is not to be feared for a name alone. */
void place_bring(struct place *p, const char *version, void (*done)(void *arg, const struct err *err), void *arg)
{
	char path[FILES_PATH_SIZE];
	struct err err;
	bool is_here = p == NULL || p->remote == NULL || !files_path(p->files, str_from(version), path, &err) ||
		       access(path, F_OK) == 0;
	if (is_here)
		done(arg, NULL);
	else
		bring_start(p->files, p->remote, version, done, arg);
}

void place_kick(struct place *p)
{
	if (p == NULL || p->remote == NULL || p->is_stopped) return;
	if (p->is_round)
		p->is_again = true;
	else if (!uv_is_active((uv_handle_t *)&p->timer) || p->retry_ms == 0)
		(void)uv_timer_start(&p->timer, begin_round, SOON_MS, 0);
}

struct remote *place_remote(const struct place *p)
{
	return p != NULL ? p->remote : NULL;
}

void place_remove(struct place *p, const char *version)
{
	char path[FILES_PATH_SIZE];
	struct err ignored;
	if (p == NULL || p->remote == NULL || !files_path(p->files, str_from(version), path, &ignored)) return;
	for (int i = 0; i < PLACE_AT_ONCE; i++)
		if (p->slots[i].is_busy && strcmp(p->slots[i].version, version) == 0) p->slots[i].is_removed = true;
	if (access(path, F_OK) == 0) return; /* it has not been taken there */
	carry_remove(p, version);
}
