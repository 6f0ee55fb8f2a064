/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/pipeline.h"

#include <stdio.h>
#include <string.h>

static void add_step(struct pipeline *p, int kind, int statement)
{
	p->steps[p->step_count++] = (struct pipeline_step){.kind = kind, .statement = statement};
}

static bool send_deallocate(struct pipeline *p, const char *what)
{
	char sql[40];
	(void)snprintf(sql, sizeof sql, "DEALLOCATE %s", what);
	add_step(p, STEP_DEALLOCATE, -1);
	return PQsendQueryParams(p->link->raw, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool send_unprepared(struct pipeline *p, const struct pg_statement *s)
{
	return PQsendQueryParams(p->link->raw, s->sql, s->param_count, NULL, s->params, s->lengths, s->formats,
				 s->is_binary) == 1;
}

static bool send_statement(struct pipeline *p, int index, uint64_t mark)
{
	const struct pg_statement *s = &p->call->statements[index];
	struct pg_prepared *entry =
	    s->is_prepared ? pg_statements_find(p->statements, s->sql, s->hash, p->call->affinity) : NULL;
	if (s->is_prepared && entry == NULL) {
		char evicted[PG_STATEMENT_NAME_SIZE];
		entry = pg_statements_add(p->statements, s->sql, p->call->affinity, mark, evicted);
		if (evicted[0] != '\0' && !send_deallocate(p, evicted)) return false;
		if (entry != NULL) {
			add_step(p, STEP_PREPARE, index);
			if (!PQsendPrepare(p->link->raw, entry->name, s->sql, 0, NULL)) return false;
		}
	}
	add_step(p, STEP_EXECUTE, index);
	if (entry == NULL) return send_unprepared(p, s);
	return PQsendQueryPrepared(p->link->raw, entry->name, s->param_count, s->params, s->lengths, s->formats,
				   s->is_binary) == 1;
}

/* Must be said when the statement is the next to be answered, and before anything of its answer was read. */
static bool begin_step(struct pipeline *p)
{
	if (p->step >= p->step_count || p->steps[p->step].kind != STEP_EXECUTE) return true;
	if (!p->call->statements[p->steps[p->step].statement].is_streamed) return true;
	return PQsetSingleRowMode(p->link->raw) == 1 || p->call->failed >= 0; /* after a failure there is no answer */
}

bool pipeline_send(struct pipeline *p, struct pg_call *call, bool is_fresh)
{
	p->call = call;
	p->step_count = p->step = 0;
	p->is_written = p->is_paused = p->drops_rows = false;
	call->failed = -1;
	call->err.code = ERR_NONE;
	if (is_fresh) {
		pg_statements_clear(p->statements);
		if (!send_deallocate(p, "ALL")) return false;
	}
	uint64_t mark = pg_statements_mark(p->statements);
	for (int i = 0; i < call->count; i++)
		if (!send_statement(p, i, mark)) return false;
	return begin_step(p) && PQpipelineSync(p->link->raw) == 1;
}

static void note_prepared(struct pipeline *p, const struct pipeline_step *step)
{
	const struct pg_statement *s = &p->call->statements[step->statement];
	struct pg_prepared *entry = pg_statements_find(p->statements, s->sql, s->hash, p->call->affinity);
	if (entry != NULL) entry->is_ready = true;
}

static void note_failure(struct pipeline *p, int statement, PGresult *result)
{
	struct pg_call *call = p->call;
	struct pg_error e;
	if (call->failed >= 0) {
		PQclear(result);
		return;
	}
	int at = statement >= 0 ? statement : call->count;
	pg_error_from_result(&e, result, p->link->raw);
	(void)pg_error_set(&call->err, &e);
	call->failed = at;
	PQclear(call->results[at]);
	call->results[at] = result;
}

/* One answer; the step it belongs to is over when libpq gives the NULL behind it. */
static void take(struct pipeline *p, PGresult *result)
{
	const struct pipeline_step *step = p->step < p->step_count ? &p->steps[p->step] : NULL;
	ExecStatusType status = PQresultStatus(result);
	if (status == PGRES_SINGLE_TUPLE) {
		p->call->is_retried = true; /* what was shown cannot be taken back */
		bool is_enough = !p->drops_rows && !p->call->on_row(p->call->arg, p->call, result);
		p->is_paused = is_enough && !p->drops_rows; /* it may have cancelled */
		PQclear(result);
	} else if (status == PGRES_PIPELINE_ABORTED) {
		PQclear(result);
	} else if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
		note_failure(p, step != NULL ? step->statement : -1, result);
	} else if (step != NULL && step->kind == STEP_EXECUTE) {
		PQclear(p->call->results[step->statement]);
		p->call->results[step->statement] = result;
	} else {
		if (step != NULL && step->kind == STEP_PREPARE) note_prepared(p, step);
		PQclear(result);
	}
}

static enum pipeline_state settle(struct pipeline *p)
{
	pg_statements_drop_unready(p->statements);
	return PQtransactionStatus(p->link->raw) == PQTRANS_IDLE ? PIPELINE_DONE : PIPELINE_BROKEN;
}

bool pipeline_flush(struct pipeline *p)
{
	if (p->is_written) return true;
	int left = PQflush(p->link->raw);
	if (left < 0) return false;
	p->is_written = left == 0;
	pg_link_want_write(p->link, left > 0);
	return true;
}

enum pipeline_state pipeline_receive(struct pipeline *p)
{
	PGconn *raw = p->link->raw;
	if (p->is_paused) return PIPELINE_RUNNING;
	if (!pipeline_flush(p)) return PIPELINE_BROKEN;
	if (!PQconsumeInput(raw)) return PIPELINE_BROKEN;
	while (!p->is_paused && !PQisBusy(raw)) {
		PGresult *result = PQgetResult(raw);
		if (result == NULL) {
			if (PQstatus(raw) != CONNECTION_OK) return PIPELINE_BROKEN;
			p->step++;
			if (!begin_step(p)) return PIPELINE_BROKEN;
			continue;
		}
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
			PQclear(result);
			return settle(p);
		}
		take(p, result);
	}
	if (p->is_paused) pg_link_pause(p->link);
	return PQstatus(raw) == CONNECTION_OK ? PIPELINE_RUNNING : PIPELINE_BROKEN;
}

void pipeline_resume(struct pipeline *p)
{
	if (!p->is_paused) return;
	p->is_paused = p->is_written = false;
	pg_link_want_write(p->link, true); /* which it is at once: so the loop comes by */
}

bool pipeline_is_outdated(const struct pg_call *call)
{
	if (call->failed < 0) return false;
	const PGresult *result = call->results[call->failed];
	const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *message = result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	if (state == NULL || message == NULL) return false;
	if (strcmp(state, "26000") == 0) return true;
	return strcmp(state, "0A000") == 0 && strstr(message, "cached plan must not change result type") != NULL;
}
