/* SPDX-License-Identifier: Apache-2.0
 *
 * find (account_find.c) ─▶ decide ─▶ write_*: the statements ─▶ next
 *                                └─▶ mail: the address must be confirmed first; the rows stay, the sign-in is refused
 */
#include "auth/account.h"

#include <stdlib.h>
#include <string.h>

#include "auth/audit.h"
#include "auth/new_user.h"
#include "auth/post.h"
#include "auth/token.h"
#include "auth/user_columns.h"
#include "codec/json.h"

static const char *text_of(struct auth_call *call, const json_t *value)
{
	char *text = json_text(value);
	const char *copy = arena_strdup(call->arena, text);
	free(text);
	return copy;
}

static void fail_with_provider(struct auth_call *call, const char *form)
{
	const struct account *a = call->account;
	char *words = arena_printf(call->arena, "Unverified email with %s. %s %s %s", a->provider, form, a->provider,
				   strcmp(form, "Verify the email with") == 0 ? "in order to sign in" : "email");
	call_fail(call, 422, "provider_email_needs_verification", words != NULL ? words : form);
}

static bool is_confirmed_by_this(const struct auth_call *call)
{
	const struct account *a = call->account;
	return a->person.is_email_verified || !call->settings->email.enable_confirmations;
}

/* Of two first sign-ins at once one is told that the row is there: it looks again and finds it. */
bool account_on_refused(struct auth_call *call, const struct pg_error *why)
{
	struct account *a = call->account;
	bool is_race = strcmp(why->constraint, "identities_provider_id_provider_unique") == 0 ||
		       strcmp(why->constraint, "users_email_partial_key") == 0;
	if (a->target_id != NULL && strcmp(why->constraint, "users_email_partial_key") == 0) {
		call_fail(call, 400, "email_exists", "A user with this email address has already been registered");
		return true;
	}
	if (!is_race || a->is_retried) return false;
	a->is_retried = true;
	account_run(call, a);
	return true;
}

static void go_on(struct auth_call *call)
{
	struct account *a = call->account;
	call->on_refused = account_on_refused;
	a->next(call);
}

static void add_identity(struct auth_call *call, const struct account *a)
{
	PG_ADD(&call->sql,
	       "insert into auth.identities (id, provider_id, user_id, identity_data, provider, last_sign_in_at, "
	       "created_at, updated_at) values ($5::uuid, $1, $2::uuid, $3::jsonb, $4, now(), now(), now())",
	       a->person.subject, a->user_id, a->data, a->provider, a->identity_id);
}

static void audit_link(struct auth_call *call, const struct account *a)
{
	audit_add(call, "identity_linked", &call->user,
		  json_pack("{s:s, s:s, s:s}", "identity_id", a->identity_id, "provider", a->provider, "provider_id",
			    a->person.subject));
}

/* Nobody proved to own what was there before. */
static void drop_unconfirmed(struct auth_call *call, const struct account *a)
{
	PG_ADD(&call->sql,
	       "update auth.users set encrypted_password = null, raw_user_meta_data = $2::jsonb, phone = null, "
	       "phone_confirmed_at = null, updated_at = now() where id = $1::uuid",
	       a->user_id, a->data);
	PG_ADD(&call->sql, "delete from auth.identities where user_id = $1::uuid and id <> $2::uuid", a->user_id,
	       a->identity_id);
	PG_ADD(&call->sql, "delete from auth.sessions where user_id = $1::uuid", a->user_id);
	user_sql_providers(&call->sql, a->user_id);
}

static void on_mailed(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	fail_with_provider(call, "A confirmation email has been sent to your");
}

/* Confirmed by a mail; what was written stays, so that the mail's link finds it. */
static void step_mail(struct auth_call *call)
{
	const struct account *a = call->account;
	struct once *once = arena_alloc(call->arena, sizeof *once);
	if (once == NULL || !once_make(call->arena, call->user.email, call->settings->email.otp_length, NULL, once)) {
		call_full(call);
		return;
	}
	once_sql(&call->sql, call->arena, ONCE_CONFIRMATION, a->user_id, call->user.email, once->hash,
		 call->settings->email.max_frequency_ms);
	call->on_refused = post_on_refused;
	post_run(call, &call->user,
		 &(struct post){.kind = MAIL_CONFIRMATION, .to = call->user.email, .once = once, .type = "signup"}, 1,
		 "Error sending confirmation email", on_mailed);
}

/* Behind the rows of the user and the identity. */
static void settle(struct auth_call *call)
{
	struct account *a = call->account;
	bool has_email = call->user.email != NULL && call->user.email[0] != '\0';
	if (!has_email || call->user.is_email_confirmed) {
		audit_add(call, "login", &call->user, json_pack("{s:s}", "provider", a->provider));
		go_on(call);
		return;
	}
	if (!a->is_new) drop_unconfirmed(call, a);
	if (!is_confirmed_by_this(call) || strcmp(call->user.email, a->person.email) != 0) {
		step_mail(call);
		return;
	}
	user_sql_confirm_email(&call->sql, a->user_id);
	audit_add(call, "user_signedup", &call->user, json_pack("{s:s}", "provider", a->provider));
	go_on(call);
}

static bool take_user(struct auth_call *call, const PGresult *rows)
{
	struct account *a = call->account;
	auth_user_read(rows, 0, &call->user);
	a->user_id = call->user.id;
	if (!call->user.is_banned) return true;
	call_fail(call, 403, "user_banned", "User is banned");
	return false;
}

static void write_known(struct auth_call *call, const PGresult *rows)
{
	struct account *a = call->account;
	if (!take_user(call, rows)) return;
	a->identity_id = PQgetvalue(rows, 0, AUTH_USER_COLUMN_COUNT + ACCOUNT_IDENTITY_ID);
	PG_ADD(call_sql(call),
	       "update auth.identities set identity_data = $2::jsonb, last_sign_in_at = now(), updated_at = now() "
	       "where id = $1::uuid",
	       a->identity_id, a->data);
	user_sql_merge_user_metadata(&call->sql, a->user_id, a->data);
	user_sql_providers(&call->sql, a->user_id);
	settle(call);
}

static void write_linked(struct auth_call *call, const PGresult *rows)
{
	struct account *a = call->account;
	if (!take_user(call, rows)) return;
	(void)call_sql(call);
	add_identity(call, a);
	user_sql_merge_user_metadata(&call->sql, a->user_id, a->data);
	user_sql_providers(&call->sql, a->user_id);
	audit_link(call, a);
	settle(call);
}

/* As they will be, for what is said of them before their row is there. */
static void sketch_user(struct auth_call *call, const struct account *a)
{
	json_t *fields JSON_CLEANUP =
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "id", a->user_id, "aud", "authenticated", "role",
		      "authenticated", "email", a->person.email, "phone", "", "is_anonymous", 0);
	json_t *app JSON_CLEANUP = json_pack("{s:s, s:[s]}", "provider", a->provider, "providers", a->provider);
	char *fields_text = json_text(fields), *app_text = json_text(app);
	const char *app_copy = arena_strdup(call->arena, app_text);
	call->user = (struct auth_user){.id = a->user_id,
					.fields = arena_strdup(call->arena, fields_text),
					.app_metadata = app_copy != NULL ? app_copy : "{}",
					.user_metadata = a->data,
					.factors = "",
					.identities = "[]",
					.email = a->person.email,
					.phone = ""};
	free(fields_text);
	free(app_text);
}

/* The owner's hook had its say. */
static void write_new(struct auth_call *call)
{
	struct account *a = call->account;
	const char *email = a->person.email[0] != '\0' ? a->person.email : NULL;
	PG_ADD(call_sql(call),
	       "insert into auth.users (instance_id, id, aud, role, email, encrypted_password, raw_app_meta_data, "
	       "raw_user_meta_data, created_at, updated_at, confirmation_token, recovery_token, email_change, "
	       "email_change_token_new) values (" SQL_NOBODY ", $1::uuid, 'authenticated', 'authenticated', $2, '', "
	       "jsonb_build_object('provider', $3::text, 'providers', jsonb_build_array($3::text)), $4::jsonb, "
	       "now(), now(), '', '', '', '')",
	       a->user_id, email, a->provider, a->data);
	add_identity(call, a);
	sketch_user(call, a);
	settle(call);
}

static void step_new(struct auth_call *call, const PGresult *same_email)
{
	struct account *a = call->account;
	bool has_email = a->person.email[0] != '\0';
	if (!call->settings->enable_signup) {
		call_fail(call, 422, "signup_disabled", "Signups not allowed for this instance");
	} else if (!has_email && !a->is_email_optional) {
		call_fail(call, 500, "unexpected_failure", "Error getting user email from external provider");
	} else if (has_email && PQntuples(same_email) > 0) {
		fail_with_provider(call, "Verify the email with");
	} else if ((a->user_id = auth_new_uuid(call->arena)) == NULL) {
		call_full(call);
	} else {
		a->is_new = true;
		new_user_before(call,
				&(struct new_user_facts){.id = a->user_id,
							 .email = has_email ? a->person.email : NULL,
							 .provider = a->provider,
							 .user_metadata = a->data},
				write_new);
	}
}

/* By hand, from within the account: a user without an address takes the identity's. */
static void write_target(struct auth_call *call, const PGresult *rows)
{
	struct account *a = call->account;
	if (!take_user(call, rows)) return;
	(void)call_sql(call);
	add_identity(call, a);
	audit_link(call, a);
	user_sql_providers(&call->sql, a->user_id);
	bool takes_email = call->user.email[0] == '\0' && a->person.is_email_verified && a->person.email[0] != '\0';
	if (takes_email)
		PG_ADD(&call->sql,
		       "update auth.users set email = $2, email_confirmed_at = now(), is_anonymous = false, "
		       "updated_at = now() where id = $1::uuid",
		       a->user_id, a->person.email);
	else if (call->user.is_anonymous && a->person.email[0] == '\0')
		PG_ADD(&call->sql, "update auth.users set is_anonymous = false, updated_at = now() where id = $1::uuid",
		       a->user_id);
	if (call->user.email[0] != '\0')
		post_notify(
		    call, &call->user,
		    &(struct post){.kind = MAIL_IDENTITY_LINKED, .to = call->user.email, .provider = a->provider});
	go_on(call);
}

static void step_target(struct auth_call *call)
{
	struct account *a = call->account;
	const PGresult *known = call_rows(call, ACCOUNT_BY_IDENTITY), *target = call_rows(call, ACCOUNT_TARGET);
	if (PQntuples(target) == 0) {
		call_fail(call, 422, "user_not_found", "Linking target user not found");
	} else if (PQgetvalue(target, 0, AUTH_USER_COLUMN_COUNT + ACCOUNT_HAS_SESSION)[0] != 't') {
		call_fail(call, 403, "session_not_found", "Session from session_id claim in JWT does not exist");
	} else if (PQntuples(known) > 0) {
		bool is_own = strcmp(PQgetvalue(known, 0, 0), a->target_id) == 0;
		call_fail(call, 422, "identity_already_exists",
			  is_own ? "Identity is already linked" : "Identity is already linked to another user");
	} else {
		write_target(call, target);
	}
}

/* Who follows an invitation with a provider must be who was invited. */
static void step_invited(struct auth_call *call)
{
	struct account *a = call->account;
	const PGresult *target = call_rows(call, ACCOUNT_TARGET);
	if (PQntuples(target) == 0) {
		call_fail(call, 404, "invite_not_found", "Invite not found");
		return;
	}
	if (!take_user(call, target)) return;
	if (!a->person.is_email_verified || strcmp(call->user.email, a->person.email) != 0) {
		call_fail(call, 400, "validation_failed", "Invited email does not match emails from external provider");
		return;
	}
	(void)call_sql(call);
	add_identity(call, a);
	drop_unconfirmed(call, a);
	user_sql_confirm_email(&call->sql, a->user_id);
	audit_add(call, "invite_accepted", &call->user, json_pack("{s:s}", "provider", a->provider));
	go_on(call);
}

static void decide(struct auth_call *call, const PGresult *rows)
{
	struct account *a = call->account;
	const PGresult *known = call_rows(call, ACCOUNT_BY_IDENTITY), *similar = call_rows(call, ACCOUNT_BY_EMAIL);
	(void)rows;
	if (a->target_id != NULL)
		step_target(call);
	else if (a->invite_token != NULL)
		step_invited(call);
	else if (PQntuples(known) > 0)
		write_known(call, known);
	else if (PQntuples(similar) == 1)
		write_linked(call, similar);
	else if (PQntuples(similar) > 1)
		call_fail(call, 500, "unexpected_failure",
			  "Multiple accounts with the same email address in the same linking domain detected: default");
	else
		step_new(call, call_rows(call, ACCOUNT_SAME_EMAIL));
}

void account_run(struct auth_call *call, struct account *a)
{
	call->account = a;
	a->is_new = false;
	a->data = text_of(call, a->person.data);
	a->verified = text_of(call, a->person.verified);
	a->identity_id = auth_new_uuid(call->arena);
	if (a->data == NULL || a->verified == NULL || a->identity_id == NULL)
		call_full(call);
	else
		account_find(call, a, decide);
}
