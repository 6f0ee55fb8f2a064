/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/queue.h"

#define TEXT_OF_(n) #n
#define TEXT_OF(n) TEXT_OF_(n)

const char mail_queue_sql[] = "select freehold_auth.queue_mail($1, $2, $3, $4, $5, $6, $7, $8::uuid)";

void mail_queue_params(const struct mail_message *message, const char *user_id,
		       const char *ret_params[MAIL_QUEUE_PARAMS])
{
	const char *const params[MAIL_QUEUE_PARAMS] = {mail_kind_name(message->kind),
						       message->to,
						       message->subject,
						       message->html,
						       message->text,
						       message->link,
						       message->token,
						       user_id};
	for (int i = 0; i < MAIL_QUEUE_PARAMS; i++) ret_params[i] = params[i];
}

const char mail_claim_sql[] =
    "update freehold_auth.mails m set state = 'sending', attempts = m.attempts + 1, "
    "claimed_until = now() + make_interval(secs => $2::float8) "
    "where m.id in (select d.id from freehold_auth.mails d where "
    "(d.state = 'waiting' and d.next_attempt_at <= now()) or (d.state = 'sending' and d.claimed_until < now()) "
    "order by d.next_attempt_at, d.id limit $1::bigint for update skip locked) "
    "returning m.id, m.message_id, m.recipient, m.subject, m.html, m.plain, m.attempts, "
    "extract(epoch from now() - m.queued_at)::bigint, extract(epoch from m.queued_at)::bigint";

/* Only of a mail that is still ours to settle: another sender may have claimed it meanwhile. */
const char mail_settle_sql[] =
    "with settled as (update freehold_auth.mails m set "
    "state = case $2 when 'again' then 'waiting' else $2 end, answer = $3, claimed_until = null, "
    "next_attempt_at = now() + make_interval(secs => $4::float8), "
    "ended_at = case $2 when 'again' then null else now() end, "
    "html = case $2 when 'sent' then '' else m.html end, plain = case $2 when 'sent' then '' else m.plain end, "
    "link = case $2 when 'sent' then null else m.link end, token = case $2 when 'sent' then null else m.token end "
    "where m.id = $1::bigint and m.state = 'sending' returning m.id) "
    "insert into freehold_auth.mail_attempts (mail_id, outcome, answer) select id, $2, $3 from settled";

const char mail_hurry_sql[] =
    "update freehold_auth.mails set next_attempt_at = now() where state = 'waiting' and next_attempt_at > now()";

const char mail_next_sql[] = "select greatest(ceil(1000 * extract(epoch from min(case state when 'sending' then "
			     "claimed_until else next_attempt_at end) "
			     "- now())), 0)::bigint from freehold_auth.mails where state in ('waiting', 'sending')";

const char mail_sweep_sql[] = "delete from freehold_auth.mails where id in (select id from freehold_auth.mails where "
			      "(state = 'sent' and ended_at < now() - interval '" TEXT_OF(
				  MAIL_KEEP_SENT_DAYS) " days') or "
						       "(state <> 'sending' and queued_at < now() - interval '" TEXT_OF(
							   MAIL_KEEP_DAYS) " days') limit 5000)";
