/* SPDX-License-Identifier: Apache-2.0
 *
 * The mails of an app's sign-in: freehold_auth.mails of its database (mail/queue.h). */
#include <stdio.h>
#include <string.h>

#include "api/app_query.h"
#include "api/routes.h"
#include "app/signin.h"
#include "codec/json.h"
#include "mail/compose.h"

#define MAILS_MAX 1000

#define FIELDS                                                                                                         \
	"m.id, m.queued_at, m.kind, m.recipient, m.subject, m.state, m.attempts, m.answer, m.link, m.token, "          \
	"m.next_attempt_at, m.ended_at"

static const char list_sql[] =
    "select json_build_object('counts', (select coalesce(json_object_agg(state, n), '{}') from (select state, count(*) "
    "n "
    "from freehold_auth.mails group by state) s), 'mails', coalesce(json_agg(m), '[]'::json))::text from "
    "(select " FIELDS
    " from freehold_auth.mails m where $2::text is null or m.state = $2 order by m.id desc limit $1::bigint) m";

static const char one_sql[] =
    "select to_json(o)::text from (select " FIELDS
    ", m.html, m.plain, (select coalesce(json_agg(json_build_object('at', a.at, 'outcome', a.outcome, 'answer', "
    "a.answer) order by a.at), '[]') from freehold_auth.mail_attempts a where a.mail_id = m.id) as tries "
    "from freehold_auth.mails m where m.id = $1::bigint) o";

/* What was sent has no text any more. */
static const char retry_sql[] =
    "with again as (update freehold_auth.mails set state = 'waiting', next_attempt_at = now(), ended_at = null, "
    "claimed_until = null where state in ('waiting', 'dead') and ($1::bigint is null or id = $1) returning id), "
    "woken as (select count(pg_notify('freehold_mail', '')) from again) "
    "select json_build_object('retried', (select count(*) from again))::text from woken";

static const char purge_sql[] =
    "with gone as (delete from freehold_auth.mails where state <> 'sending' and ($1::text = 'all' or state = $1) "
    "returning id) select json_build_object('removed', count(*))::text from gone";

static const char test_sql[] =
    "select json_build_object('id', freehold_auth.queue_mail('test', $1, $2, $3, $4, null, null, null))::text";

static json_t *sends_mail(struct route_call *c)
{
	bool yes = false;
	struct err ignored;
	(void)signin_sends_mail(&c->d->flow, c->app, &yes, &ignored);
	return json_pack("{s:b}", "sends_mail", yes);
}

static bool is_state(const char *word)
{
	static const char *const states[] = {"waiting", "sending", "sent", "dead"};
	for (int i = 0; i < 4; i++)
		if (strcmp(word, states[i]) == 0) return true;
	return false;
}

void route_mail(struct route_call *c)
{
	const char *limit = query_param(c->req, "limit"), *state = query_param(c->req, "state");
	int64_t n = 50;
	struct err err;
	bool ok = limit == NULL || (str_to_int(str_from(limit), &n) && n >= 1 && n <= MAILS_MAX);
	if (!ok) (void)err_set(&err, ERR_INVALID, "limit is 1 to %d", MAILS_MAX);
	if (ok && state != NULL && !is_state(state))
		ok = err_set(&err, ERR_INVALID, "a mail is waiting, sending, sent or dead, not \"%.20s\"", state);
	if (!ok) {
		reply_error(c->req, &err);
		return;
	}
	const char *params[] = {arena_printf(http_arena(c->req), "%lld", (long long)n), state};
	app_query(c, list_sql, params, 2, "mail", sends_mail(c));
}

static bool read_number(struct route_call *c, const char **ret_text)
{
	int64_t n;
	struct err err;
	if (str_to_int(str_from(c->arg[0]), &n) && n > 0) {
		*ret_text = arena_strdup(http_arena(c->req), c->arg[0]);
		return true;
	}
	(void)err_set(&err, ERR_NOT_FOUND, "there is no mail %.40s", c->arg[0]);
	reply_error(c->req, &err);
	return false;
}

static const char *no_such_mail(struct route_call *c, const char *number)
{
	return arena_printf(http_arena(c->req), "mail %.20s in %s; freehold mail %s lists those there are", number,
			    c->app, c->app);
}

void route_mail_one(struct route_call *c)
{
	const char *number;
	if (read_number(c, &number)) app_query(c, one_sql, &number, 1, no_such_mail(c, number), sends_mail(c));
}

void route_mail_retry(struct route_call *c)
{
	const char *number = NULL;
	if (c->arg[0][0] == '\0' || read_number(c, &number)) app_query(c, retry_sql, &number, 1, "mail", sends_mail(c));
}

void route_mail_purge(struct route_call *c)
{
	const char *state = query_param(c->req, "state");
	struct err err;
	if (state == NULL || (strcmp(state, "all") != 0 && !is_state(state))) {
		(void)err_set(&err, ERR_INVALID,
			      "say which mails: sent, dead, waiting or all (freehold mail %s purge sent)", c->app);
		reply_error(c->req, &err);
		return;
	}
	app_query(c, purge_sql, &state, 1, "mail", NULL);
}

void route_mail_test(struct route_call *c)
{
	struct err err;
	bool yes = false;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	const char *to = arena_strdup(http_arena(c->req), json_str(body, "to", ""));
	json_decref(body);
	bool ok = signin_sends_mail(&c->d->flow, c->app, &yes, &err);
	if (ok && !yes)
		ok = err_set(&err, ERR_CONFLICT, "%s has no mail server; set one: freehold auth %s smtp", c->app,
			     c->app);
	if (ok && !mail_address_is_sound(to))
		ok = err_set(&err, ERR_INVALID, "\"%.100s\" is no address that mail can be sent to", to);
	if (!ok) {
		reply_error(c->req, &err);
		return;
	}
	struct arena *a = http_arena(c->req);
	const char *subject = arena_printf(a, "Test from Freehold: %s can send mail", c->app);
	const char *plain =
	    arena_printf(a,
			 "This mail came through the mail server that is set for %s. Sign-up, password and "
			 "other mails of the app will come the same way.\n",
			 c->app);
	const char *html = arena_printf(a, "<p>%s</p>", plain);
	const char *params[] = {to, subject, html, plain};
	app_query(c, test_sql, params, 4, "mail", NULL);
}
