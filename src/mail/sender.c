/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/sender.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "mail/queue.h"
#include "pg/listen.h"

#define CHANNEL "freehold_mail"
#define RETRY_S 10.0
#define RETRY_MAX_S 900.0
#define SLEEP_MAX_MS (10 * 60 * 1000)
#define DATABASE_PAUSE_MS 2000
#define SWEEP_MS (6 * 60 * 60 * 1000)

struct smtp_copy {
	struct mail_smtp smtp;
	char *texts[6];
};

/* A mail under way: free, delivering, then settling. */
struct job {
	struct mail_sender *sender;
	enum { JOB_FREE, JOB_DELIVERING, JOB_SETTLING } state;
	struct mail_delivery *delivery;
	char *html, *plain;
	int attempts;
	uv_timer_t timer; /* settle again: the database was away */

	struct pg_call pg;
	struct pg_statement statement;
	const char *params[4];
	char id[24], outcome[8], answer[MAIL_ANSWER_SIZE], pause[32];
};

/* One of the sender's own statements at a time. */
struct question {
	struct pg_call pg;
	struct pg_statement statement;
	const char *params[2];
	char limit[8], claim[8];
	bool is_running;
};

struct mail_sender {
	uv_loop_t *loop;
	struct pg_pool *pool;
	struct pg_listener *listener;
	uv_timer_t timer, sweep_timer;
	struct smtp_copy *smtp; /* NULL: none */
	struct job jobs[MAIL_SENDER_CONCURRENT];
	struct question claim, next, sweep, hurry;
	bool is_woken; /* while a claim was running */
	bool is_stopping;
	bool is_failure_told; /* one line in the log, not one a mail */
	int open_handles, open_calls; /* calls: of the pool, and deliveries */
};

static void wake(struct mail_sender *s);

static char *copy(const char *text)
{
	char *made = text != NULL ? strdup(text) : NULL;
	if (text != NULL && made == NULL) abort();
	return made;
}

static void smtp_free(struct smtp_copy *c)
{
	if (c == NULL) return;
	for (size_t i = 0; i < sizeof c->texts / sizeof *c->texts; i++) free(c->texts[i]);
	free(c);
}

static struct smtp_copy *smtp_new(const struct mail_smtp *smtp)
{
	struct smtp_copy *c = calloc(1, sizeof *c);
	if (c == NULL) abort();
	c->smtp = *smtp;
	c->smtp.host = c->texts[0] = copy(smtp->host);
	c->smtp.user = c->texts[1] = copy(smtp->user);
	c->smtp.password = c->texts[2] = copy(smtp->password);
	c->smtp.from_address = c->texts[3] = copy(smtp->from_address);
	c->smtp.from_name = c->texts[4] = copy(smtp->from_name);
	c->smtp.ca_file = c->texts[5] = copy(smtp->ca_file);
	return c;
}

static void maybe_gone(struct mail_sender *s)
{
	if (!s->is_stopping || s->open_handles > 0 || s->open_calls > 0) return;
	for (int i = 0; i < MAIL_SENDER_CONCURRENT; i++) free(s->jobs[i].html), free(s->jobs[i].plain);
	smtp_free(s->smtp);
	free(s);
}

static void sleep_for(struct mail_sender *s, int64_t ms);

static void on_timer(uv_timer_t *timer)
{
	wake(timer->data);
}

static void sleep_for(struct mail_sender *s, int64_t ms)
{
	if (s->is_stopping) return;
	(void)uv_timer_start(&s->timer, on_timer, (uint64_t)(ms < SLEEP_MAX_MS ? ms : SLEEP_MAX_MS), 0);
}

/* Settling. */
static void settle(struct job *job);

static void on_settle_again(uv_timer_t *timer)
{
	settle(timer->data);
}

static void settle_later(struct job *job)
{
	if (job->sender->is_stopping) return;
	(void)uv_timer_start(&job->timer, on_settle_again, DATABASE_PAUSE_MS, 0);
}

static void on_settled(void *arg, struct pg_call *pg)
{
	struct job *job = arg;
	struct mail_sender *s = job->sender;
	bool ok = pg->err.code == ERR_NONE;
	pg_call_clear(pg);
	s->open_calls--;
	if (ok) {
		job->state = JOB_FREE;
		wake(s);
	} else {
		settle_later(job);
	}
	maybe_gone(s);
}

static void settle(struct job *job)
{
	struct err err;
	job->params[0] = job->id;
	job->params[1] = job->outcome;
	job->params[2] = job->answer;
	job->params[3] = job->pause;
	job->statement =
	    (struct pg_statement){.sql = mail_settle_sql, .param_count = 4, .params = job->params, .is_prepared = true};
	job->pg = (struct pg_call){.statements = &job->statement, .count = 1, .done = on_settled, .arg = job};
	job->state = JOB_SETTLING;
	if (pg_pool_run(job->sender->pool, &job->pg, &err))
		job->sender->open_calls++;
	else
		settle_later(job);
}

/* Doubling, and somewhere within a quarter of it, so that mails that failed together do not come back together. */
static double pause_of(const struct mail_sender *s, int attempts)
{
	double pause = s->smtp != NULL && s->smtp->smtp.retry_s > 0 ? s->smtp->smtp.retry_s : RETRY_S;
	for (int i = 1; i < attempts && pause < RETRY_MAX_S; i++) pause *= 2;
	if (pause > RETRY_MAX_S) pause = RETRY_MAX_S;
	return pause * (0.75 + 0.5 * (double)(random() % 1000) / 1000);
}

static void tell(struct mail_sender *s, const struct job *job, enum mail_outcome outcome, double pause)
{
	if (outcome == MAIL_DEAD) {
		log_warn("mail %s: given up after attempt %d: %s", job->id, job->attempts, job->answer);
	} else if (outcome == MAIL_AGAIN && !s->is_failure_told) {
		log_warn("mail %s: attempt %d failed, again in %.0f s: %s", job->id, job->attempts, pause, job->answer);
	} else if (outcome == MAIL_SENT && s->is_failure_told) {
		log_info("mail %s: sent; the mail server answers again", job->id);
	}
	s->is_failure_told = outcome == MAIL_AGAIN;
}

static void end_job(struct job *job, enum mail_outcome outcome, const char *answer)
{
	static const char *const words[] = {"sent", "again", "dead"};
	double pause = outcome == MAIL_AGAIN ? pause_of(job->sender, job->attempts) : 0;
	(void)snprintf(job->answer, sizeof job->answer, "%s", answer);
	if (!str_is_utf8(str_from(job->answer)))
		(void)snprintf(job->answer, sizeof job->answer, "an answer that is not UTF-8 text");
	(void)snprintf(job->outcome, sizeof job->outcome, "%s", words[outcome]);
	(void)snprintf(job->pause, sizeof job->pause, "%.3f", pause);
	tell(job->sender, job, outcome, pause);
	free(job->html);
	free(job->plain);
	job->html = job->plain = NULL;
	settle(job);
}

static void on_delivered(void *arg, enum mail_outcome outcome, const char *answer)
{
	struct job *job = arg;
	struct mail_sender *s = job->sender;
	job->delivery = NULL;
	s->open_calls--;
	if (!s->is_stopping) end_job(job, outcome, answer);
	maybe_gone(s);
}

static struct job *free_job(struct mail_sender *s)
{
	for (int i = 0; i < MAIL_SENDER_CONCURRENT; i++)
		if (s->jobs[i].state == JOB_FREE) return &s->jobs[i];
	return NULL;
}

static int64_t number_at(const PGresult *rows, int row, int column)
{
	int64_t n = 0;
	(void)str_to_int(str_from(PQgetvalue(rows, row, column)), &n);
	return n;
}

static void begin_job(struct mail_sender *s, const PGresult *rows, int row)
{
	struct job *job = free_job(s);
	struct err err;
	assert(job != NULL);
	job->state = JOB_DELIVERING;
	job->attempts = (int)number_at(rows, row, MAIL_COL_ATTEMPTS);
	job->html = copy(PQgetvalue(rows, row, MAIL_COL_HTML));
	job->plain = copy(PQgetvalue(rows, row, MAIL_COL_PLAIN));
	(void)snprintf(job->id, sizeof job->id, "%s", PQgetvalue(rows, row, MAIL_COL_ID));
	struct mail_letter letter = {.message_id = PQgetvalue(rows, row, MAIL_COL_MESSAGE_ID),
				     .to = PQgetvalue(rows, row, MAIL_COL_TO),
				     .subject = PQgetvalue(rows, row, MAIL_COL_SUBJECT),
				     .html = job->html,
				     .plain = job->plain,
				     .date_s = number_at(rows, row, MAIL_COL_QUEUED_AT_S)};
	if (number_at(rows, row, MAIL_COL_AGE_S) > MAIL_AGE_MAX_S)
		end_job(job, MAIL_DEAD, "older than a day: its link would not be good any more");
	else if (s->smtp == NULL)
		end_job(job, MAIL_AGAIN, "no mail server is set");
	else if (!mail_deliver(s->loop, &s->smtp->smtp, &letter, on_delivered, job, &job->delivery, &err))
		end_job(job, MAIL_DEAD, err.msg);
	else
		s->open_calls++;
}

/* The sender's own questions. */
static bool ask(struct mail_sender *s, struct question *q, const char *sql, int param_count,
		void (*done)(void *arg, struct pg_call *pg))
{
	struct err err;
	if (q->is_running) return true;
	q->statement =
	    (struct pg_statement){.sql = sql, .param_count = param_count, .params = q->params, .is_prepared = true};
	q->pg = (struct pg_call){.statements = &q->statement, .count = 1, .done = done, .arg = s};
	if (!pg_pool_run(s->pool, &q->pg, &err)) return false;
	q->is_running = true;
	s->open_calls++;
	return true;
}

static void answered(struct mail_sender *s, struct question *q)
{
	pg_call_clear(&q->pg);
	q->is_running = false;
	s->open_calls--;
	maybe_gone(s);
}

static void on_next(void *arg, struct pg_call *pg)
{
	struct mail_sender *s = arg;
	bool ok = pg->err.code == ERR_NONE && !PQgetisnull(pg->results[0], 0, 0);
	int64_t ms = ok ? number_at(pg->results[0], 0, 0) : SLEEP_MAX_MS;
	sleep_for(s, pg->err.code == ERR_NONE ? ms + 5 : DATABASE_PAUSE_MS);
	answered(s, &s->next);
}

static void on_claimed(void *arg, struct pg_call *pg)
{
	struct mail_sender *s = arg;
	bool ok = pg->err.code == ERR_NONE, is_woken = s->is_woken;
	int count = ok ? PQntuples(pg->results[0]) : 0;
	s->is_woken = false;
	if (!s->is_stopping) {
		for (int i = 0; i < count; i++) begin_job(s, pg->results[0], i);
		if (!ok || (count == 0 && !is_woken && !ask(s, &s->next, mail_next_sql, 0, on_next)))
			sleep_for(s, DATABASE_PAUSE_MS);
	}
	pg_call_clear(pg);
	s->claim.is_running = false; /* from here on the next claim may use the same call */
	if (ok && (count > 0 || is_woken)) wake(s);
	s->open_calls--;
	maybe_gone(s);
}

static void wake(struct mail_sender *s)
{
	int slots = 0;
	if (s->is_stopping || s->smtp == NULL) return;
	if (s->claim.is_running) {
		s->is_woken = true;
		return;
	}
	for (int i = 0; i < MAIL_SENDER_CONCURRENT; i++) slots += s->jobs[i].state == JOB_FREE;
	if (slots == 0) return; /* whichever ends next wakes again */
	(void)snprintf(s->claim.limit, sizeof s->claim.limit, "%d", slots);
	(void)snprintf(s->claim.claim, sizeof s->claim.claim, "%d", MAIL_CLAIM_S);
	s->claim.params[0] = s->claim.limit;
	s->claim.params[1] = s->claim.claim;
	if (!ask(s, &s->claim, mail_claim_sql, 2, on_claimed)) sleep_for(s, DATABASE_PAUSE_MS);
}

static void on_swept(void *arg, struct pg_call *pg)
{
	struct mail_sender *s = arg;
	(void)pg;
	answered(s, &s->sweep);
}

static void on_sweep(uv_timer_t *timer)
{
	struct mail_sender *s = timer->data;
	(void)ask(s, &s->sweep, mail_sweep_sql, 0, on_swept);
}

static void on_notify(void *arg, const char *payload)
{
	(void)payload;
	wake(arg);
}

struct mail_sender *mail_sender_new(uv_loop_t *loop, struct pg_pool *pool, const char *conninfo)
{
	struct mail_sender *s = calloc(1, sizeof *s);
	if (s == NULL) abort();
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) abort(); /* before there are threads */
	s->loop = loop;
	s->pool = pool;
	for (int i = 0; i < MAIL_SENDER_CONCURRENT; i++) {
		s->jobs[i].sender = s;
		(void)uv_timer_init(loop, &s->jobs[i].timer);
		s->jobs[i].timer.data = &s->jobs[i];
	}
	(void)uv_timer_init(loop, &s->timer);
	(void)uv_timer_init(loop, &s->sweep_timer);
	s->timer.data = s->sweep_timer.data = s;
	s->open_handles = MAIL_SENDER_CONCURRENT + 2;
	(void)uv_timer_start(&s->sweep_timer, on_sweep, 1000, SWEEP_MS);
	s->listener = pg_listener_new(loop, conninfo, CHANNEL, on_notify, s);
	return s;
}

static void on_hurried(void *arg, struct pg_call *pg)
{
	struct mail_sender *s = arg;
	(void)pg;
	wake(s);
	answered(s, &s->hurry);
}

bool mail_sender_set(struct mail_sender *sender, const struct mail_smtp *smtp, struct err *err)
{
	if (smtp != NULL && !mail_smtp_check(smtp, err)) return false;
	smtp_free(sender->smtp);
	sender->smtp = smtp != NULL ? smtp_new(smtp) : NULL;
	if (!sender->is_stopping && smtp != NULL && !ask(sender, &sender->hurry, mail_hurry_sql, 0, on_hurried))
		sleep_for(sender, DATABASE_PAUSE_MS);
	return true;
}

static void on_closed(uv_handle_t *handle)
{
	struct mail_sender *s = handle->data;
	s->open_handles--;
	maybe_gone(s);
}

static void on_job_closed(uv_handle_t *handle)
{
	struct job *job = handle->data;
	job->sender->open_handles--;
	maybe_gone(job->sender);
}

void mail_sender_stop(struct mail_sender *sender)
{
	if (sender == NULL) return;
	sender->is_stopping = true;
	pg_listener_stop(sender->listener);
	for (int i = 0; i < MAIL_SENDER_CONCURRENT; i++) {
		struct job *job = &sender->jobs[i];
		if (job->delivery != NULL) mail_delivery_cancel(job->delivery);
		uv_close((uv_handle_t *)&job->timer, on_job_closed);
	}
	uv_close((uv_handle_t *)&sender->timer, on_closed);
	uv_close((uv_handle_t *)&sender->sweep_timer, on_closed);
}
