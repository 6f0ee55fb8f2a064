/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/email_change.h"

#include "auth/post.h"

void email_change_run(struct auth_call *call, const struct auth_user *user, const char *new_email,
		      const struct pkce *pkce, void (*on_rows)(struct auth_call *call, const PGresult *rows))
{
	const struct auth_settings *s = call->settings;
	struct pg_batch *sql = &call->sql;
	bool is_double = s->email.double_confirm_changes && user->email[0] != '\0';
	struct once to_new, to_current;
	if (!post_is_due(call, user->email_change_new.age_ms, s->email.max_frequency_ms)) return;
	if (!once_make(call->arena, new_email, s->email.otp_length, pkce, &to_new) ||
	    (is_double && !once_make(call->arena, user->email, s->email.otp_length, pkce, &to_current))) {
		call_full(call);
		return;
	}
	if (pkce_is_on(pkce)) pkce_sql_begin(sql, pkce, "email_change", "email_change", user->id);
	once_sql(sql, call->arena, ONCE_EMAIL_CHANGE_NEW, user->id, new_email, to_new.hash, s->email.max_frequency_ms);
	if (is_double) once_sql(sql, call->arena, ONCE_EMAIL_CHANGE_CURRENT, user->id, user->email, to_current.hash, 0);
	PG_ADD(sql, "update auth.users set email_change = $2, email_change_confirm_status = 0 where id = $1::uuid",
	       user->id, new_email);
	const struct post posts[] = {
	    {.kind = MAIL_EMAIL_CHANGE,
	     .to = new_email,
	     .once = &to_new,
	     .type = "email_change",
	     .new_email = new_email},
	    {.kind = MAIL_EMAIL_CHANGE,
	     .to = user->email,
	     .once = &to_current,
	     .type = "email_change",
	     .new_email = new_email},
	};
	post_run(call, user, posts, is_double ? 2 : 1, "Error sending email change email", on_rows);
}
