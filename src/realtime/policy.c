/* SPDX-License-Identifier: Apache-2.0
 *
 * What the policies on realtime.messages allow. The question is a function of the prelude (050_realtime.sql): as
 * upstream does, it puts rows in, looks whether they can be seen, tries to put in more, each as the caller's role with
 * their claims and realtime.topic set, and takes everything back. */
#include <stdlib.h>

#include "base/log.h"
#include "pg/pool.h"
#include "realtime/private.h"

#define ARENA_BYTES 262144

static const char sql[] = "select broadcast_read, broadcast_write, presence_read, presence_write"
			  " from realtime.freehold_allowed($1, $2::jsonb, $3, $4)";

struct question {
	struct arena *arena;
	struct pg_call call;
	struct pg_statement statement;
	const char *params[4];
	struct realtime *realtime;
	struct channel *channel; /* or: */
	policy_fn done;
	policy_write_fn write_done;
	void *arg;
};

static enum allowed column(const PGresult *row, int number)
{
	return PQgetvalue(row, 0, number)[0] == 't' ? ALLOWED_YES : ALLOWED_NO;
}

/* A policy that fails allows nothing; only where nobody could be asked is that a problem of its own. */
static const char *read_answer(struct pg_call *call, struct policies *ret)
{
	*ret = (struct policies){ALLOWED_NO, ALLOWED_NO, ALLOWED_NO, ALLOWED_NO};
	const PGresult *row = call->results[0];
	if (call->err.code == ERR_NONE && call->failed < 0 && row != NULL && PQntuples(row) == 1) {
		*ret = (struct policies){column(row, 0), column(row, 1), column(row, 2), column(row, 3)};
		return NULL;
	}
	if (call->failed == 0) {
		struct pg_error e;
		pg_error_from_result(&e, call->results[call->failed], NULL);
		log_info("realtime: RlsPolicyError: %s", e.message);
		return NULL;
	}
	log_error("realtime: cannot ask what the policies allow: %s", call->err.msg);
	return "unavailable";
}

static void on_answer(void *arg, struct pg_call *call)
{
	struct question *q = arg;
	struct policies policies;
	const char *problem = read_answer(call, &policies);
	pg_call_clear(call);
	if (q->channel == NULL)
		q->write_done(q->arg, policies.broadcast_write == ALLOWED_YES, problem);
	else if (q->channel->state != CHANNEL_CLOSED)
		q->done(q->channel, &policies, problem);
	if (q->channel != NULL) channel_unref(q->channel);
	arena_free(q->arena);
}

static struct question *question_new(struct realtime *r, const struct identity *identity, struct str topic, bool reads)
{
	struct arena *a = arena_new(ARENA_BYTES);
	struct question *q = arena_alloc(a, sizeof *q);
	if (q == NULL) abort();
	*q = (struct question){.arena = a, .realtime = r};
	q->params[0] = arena_strdup(a, identity->role);
	q->params[1] = arena_strdup(a, identity->claims);
	q->params[2] = arena_cstr(a, topic);
	q->params[3] = reads ? "true" : "false";
	q->statement = (struct pg_statement){.sql = sql, .param_count = 4, .params = q->params, .is_prepared = true};
	q->call = (struct pg_call){
	    .statements = &q->statement, .count = 1, .affinity = identity->affinity, .done = on_answer, .arg = q};
	return q;
}

static bool question_send(struct question *q)
{
	struct err err;
	bool fits = q->params[0] != NULL && q->params[1] != NULL && q->params[2] != NULL;
	if (fits && pg_pool_run(q->realtime->spec.pool, &q->call, &err)) return true;
	log_error("realtime: cannot ask what the policies allow: %s", fits ? err.msg : "the claims are too long");
	return false;
}

void policy_ask(struct channel *c, policy_fn done)
{
	static const struct policies nothing = {ALLOWED_NO, ALLOWED_NO, ALLOWED_NO, ALLOWED_NO};
	struct question *q = question_new(c->realtime, c->identity, topic_name(c), true);
	q->channel = c;
	q->done = done;
	c->references++;
	if (question_send(q)) return;
	done(c, &nothing, "unavailable");
	channel_unref(c);
	arena_free(q->arena);
}

void policy_ask_write(struct realtime *r, const struct identity *identity, struct str topic, policy_write_fn done,
		      void *arg)
{
	struct question *q = question_new(r, identity, topic, false);
	q->write_done = done;
	q->arg = arg;
	if (question_send(q)) return;
	done(arg, false, "unavailable");
	arena_free(q->arena);
}
