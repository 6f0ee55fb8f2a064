/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /signup:
 *
 *     read ─▶ is there somebody? ─▶ hash ─▶ hook ─▶ write ─┬─▶ confirmed at once: a session
 *                                                          └─▶ a mail: the user, without a session
 *
 * Who is there and confirmed gets, where addresses are confirmed by mail, an answer that looks like a new user's, and
 * takes as long: nobody learns from it who is known. */
#include <stdlib.h>

#include "auth/audit.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/new_user.h"
#include "auth/phone.h"
#include "auth/post.h"
#include "auth/session.h"
#include "auth/signup.h"
#include "auth/strength.h"
#include "auth/token.h"
#include "codec/json.h"

#define HOLD_MS 150 /* of the answer: longer than a hash and the writes on an idle machine */

static const char *provider_of(const struct signup *s)
{
	return s->email != NULL ? "email" : "phone";
}

static bool is_confirmed_at_once(const struct auth_call *call, const struct signup *s)
{
	return s->email != NULL ? !call->settings->email.enable_confirmations
				: !call->settings->sms.enable_confirmations;
}

static bool on_taken(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->constraint, "users_email_partial_key") != 0 && strcmp(why->constraint, "users_phone_key") != 0)
		return post_on_refused(call, why);
	call_fail(call, 422, "user_already_exists", "User already registered");
	return true;
}

/* The user as they will be, for what is made before their row is there. */
static bool sketch_user(struct auth_call *call, struct signup *s)
{
	json_t *fields JSON_CLEANUP = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "id", s->id, "aud", "authenticated",
						"role", "authenticated", "email", s->email != NULL ? s->email : "",
						"phone", s->phone != NULL ? s->phone : "", "is_anonymous", 0);
	char *text = json_text(fields);
	s->user =
	    (struct auth_user){.id = s->id,
			       .fields = arena_strdup(call->arena, text),
			       .app_metadata = arena_printf(call->arena, "{\"provider\":\"%s\",\"providers\":[\"%s\"]}",
							    provider_of(s), provider_of(s)),
			       .user_metadata = s->data,
			       .factors = "",
			       .identities = "[]",
			       .email = s->email != NULL ? s->email : "",
			       .phone = s->phone != NULL ? s->phone : "",
			       .confirmation = {.token = "", .age_ms = -1}};
	free(text);
	return s->user.fields != NULL && s->user.app_metadata != NULL;
}

/* Mailed: the user, without a session. */
static void reply_user(struct auth_call *call)
{
	struct signup *s = call->flow;
	if (s->user.is_invited) {
		s->user.user_metadata = "{}";
		s->user.identities = "[]";
	}
	call_reply(call, 200, auth_user_json(call->arena, &s->user));
}

static void on_loaded(struct auth_call *call, const PGresult *rows)
{
	struct signup *s = call->flow;
	void (*next)(struct auth_call *) = s->on_mailed != NULL ? s->on_mailed : reply_user;
	if (PQntuples(rows) == 0) {
		call_fail(call, 500, "unexpected_failure", "Database error loading user after sign-up");
		return;
	}
	auth_user_read(rows, 0, &s->user);
	if (s->is_new)
		new_user_after(call, &s->user, next);
	else
		next(call);
}

static void on_mailed(struct auth_call *call, const PGresult *rows)
{
	const struct signup *s = call->flow;
	(void)rows;
	user_sql_by_id(call_sql(call), s->id);
	call_run(call, "Database error loading user after sign-up", on_loaded);
}

static void step_mail(struct auth_call *call, struct signup *s)
{
	struct once once;
	audit_add(call, "user_confirmation_requested", &s->user, json_pack("{s:s}", "provider", provider_of(s)));
	if (s->phone != NULL) {
		phone_run(call, &s->user, ONCE_CONFIRMATION, s->phone, s->user.confirmation.age_ms,
			  "Error sending confirmation sms", on_mailed);
		return;
	}
	if (!s->has_turn && !post_turn(call, s->email, POST_CONFIRMATION)) return;
	if (!once_make(call->arena, s->user.email, call->settings->email.otp_length, &s->pkce, &once)) {
		call_full(call);
		return;
	}
	if (pkce_is_on(&s->pkce)) pkce_sql_begin(&call->sql, &s->pkce, "email", "email/signup", s->id);
	once_sql(&call->sql, call->arena, ONCE_CONFIRMATION, s->id, s->user.email, once.hash,
		 call->settings->email.max_frequency_ms);
	struct post post = {.kind = MAIL_CONFIRMATION, .to = s->user.email, .once = &once, .type = "signup"};
	post_run(call, &s->user, &post, 1, "Error sending confirmation email", on_mailed);
}

/* Confirmed at once. */
static void on_confirmed(struct auth_call *call, const PGresult *rows)
{
	const struct signup *s = call->flow;
	(void)rows;
	s->on_confirmed(call);
}

static void step_confirm(struct auth_call *call, const struct signup *s)
{
	audit_add(call, "user_signedup", &s->user, json_pack("{s:s}", "provider", provider_of(s)));
	if (s->email != NULL)
		user_sql_confirm_email(&call->sql, s->id);
	else
		user_sql_confirm_phone(&call->sql, s->id);
	if (s->on_confirmed != NULL) {
		call_run(call, "Database error saving new user", on_confirmed);
		return;
	}
	audit_add(call, "login", &s->user, json_pack("{s:s}", "provider", provider_of(s)));
	session_begin(call, &(struct session_start){.user_id = s->id, .method = "password"},
		      "Database error saving new user", session_reply);
}

static void step_write(struct auth_call *call)
{
	struct signup *s = call->flow;
	(void)call_sql(call);
	call->on_refused = on_taken;
	if (s->is_new)
		user_sql_create(&call->sql, &(struct user_new){.id = s->id,
							       .email = s->email,
							       .phone = s->phone,
							       .password_hash = s->hash,
							       .user_metadata = s->data,
							       .identity_data = s->data});
	if (is_confirmed_at_once(call, s))
		step_confirm(call, s);
	else
		step_mail(call, s);
}

/* As of a user that was made just now, with a name that nobody has; and as upstream, without role and identities. */
static void reply_obfuscated(struct auth_call *call)
{
	struct signup *s = call->flow;
	json_t *metadata = NULL;
	struct err err;
	char now[40];
	time_t now_s = (time_t)call_now_s(call);
	struct tm tm;
	(void)gmtime_r(&now_s, &tm);
	(void)strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%S.000000Z", &tm);
	if (!json_parse(str_from(s->data), &metadata, &err)) metadata = json_object();
	json_t *user JSON_CLEANUP = json_pack(
	    "{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:[s]}, s:o, s:[], s:s, s:s, s:b}", "id",
	    auth_new_uuid(call->arena), "aud", "authenticated", "role", "", "email", s->email != NULL ? s->email : "",
	    "phone", s->phone != NULL ? s->phone : "", "confirmation_sent_at", now, "app_metadata", "provider",
	    provider_of(s), "providers", provider_of(s), "user_metadata", metadata, "identities", "created_at", now,
	    "updated_at", now, "is_anonymous", 0);
	char *text = json_text(user);
	call_reply(call, 200, arena_strdup(call->arena, text));
	free(text);
}

static void on_repeated(struct auth_call *call, const PGresult *rows)
{
	const struct signup *s = call->flow;
	(void)rows;
	if (is_confirmed_at_once(call, s))
		call_fail(call, 422, "user_already_exists", "User already registered");
	else if (s->on_mailed != NULL)
		s->on_mailed(call);
	else
		reply_obfuscated(call);
}

static void step_repeated(struct auth_call *call, const struct signup *s)
{
	bool would_mail = s->email != NULL && !s->has_turn && !is_confirmed_at_once(call, s);
	if (would_mail && !post_turn_of_nobody(call, s->email, POST_CONFIRMATION)) return;
	(void)call_sql(call);
	audit_add(call, "user_repeated_signup", &s->user, json_pack("{s:s}", "provider", provider_of(s)));
	if (call->sql.count > 0)
		call_run(call, "Database error finding user", on_repeated);
	else
		on_repeated(call, NULL);
}

static void on_hash(struct auth_call *call, const char *hash)
{
	struct signup *s = call->flow;
	bool is_confirmed = s->email != NULL ? s->user.is_email_confirmed : s->user.is_phone_confirmed;
	s->hash = hash;
	if (!s->is_new && is_confirmed) {
		step_repeated(call, s);
	} else if (!s->is_new) {
		step_write(call);
	} else if (!sketch_user(call, s)) {
		call_full(call);
	} else {
		struct new_user_facts facts = {.id = s->id,
					       .email = s->email,
					       .phone = s->phone,
					       .provider = provider_of(s),
					       .user_metadata = s->data};
		new_user_before(call, &facts, step_write);
	}
}

/* Hashed for whoever is there already, too: it must take as long. */
static void on_found(struct auth_call *call, const PGresult *rows)
{
	struct signup *s = call->flow;
	s->is_new = PQntuples(rows) == 0;
	if (!s->is_new) auth_user_read(rows, 0, &s->user);
	s->id = s->is_new ? auth_new_uuid(call->arena) : s->user.id;
	if (s->id == NULL)
		call_full(call);
	else
		call_hash(call, s->password, on_hash);
}

void signup_run(struct auth_call *call, struct signup *s)
{
	call->flow = s;
	if (!is_confirmed_at_once(call, s)) call_hold(call, HOLD_MS);
	if (s->data == NULL) s->data = "{}";
	if (s->email != NULL)
		user_sql_duplicate(call_sql(call), s->email, NULL);
	else
		user_sql_by_phone(call_sql(call), s->phone);
	call_run(call, "Database error finding user", on_found);
}

/* Anonymous. */
static void write_anonymous(struct auth_call *call)
{
	const struct signup *s = call->flow;
	user_sql_create(call_sql(call), &(struct user_new){.id = s->id, .user_metadata = s->data});
	session_begin(call, &(struct session_start){.user_id = s->id, .method = "anonymous"},
		      "Database error creating anonymous user", session_reply);
}

static void step_anonymous(struct auth_call *call, struct signup *s)
{
	if (!call->settings->enable_anonymous_sign_ins) {
		call_fail(call, 422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled");
		return;
	}
	if (!call_limit(call, LIMIT_ANONYMOUS)) return;
	s->id = auth_new_uuid(call->arena);
	if (!call->settings->enable_signup)
		call_fail(call, 422, "signup_disabled", "Signups not allowed for this instance");
	else if (s->id == NULL)
		call_full(call);
	else
		new_user_before(call, &(struct new_user_facts){.id = s->id, .user_metadata = s->data}, write_anonymous);
}

/* By address or telephone number. */
static void step_signup(struct auth_call *call)
{
	signup_run(call, call->flow);
}

static bool parse(struct auth_call *call, const char *email, const char *phone, struct signup *s,
		  struct auth_problem *problem)
{
	const struct auth_settings *settings = call->settings;
	const char *channel = "";
	if (!body_text(call->arena, call->body, "channel", &channel, problem)) return false;
	if (s->password == NULL || s->password[0] == '\0')
		return auth_invalid(problem, "Signup requires a valid password");
	if (!strength_check(settings, s->password, problem)) return false;
	if (email[0] != '\0' && phone[0] != '\0')
		return auth_invalid(problem, "Only an email address or phone number should be provided on signup.");
	if (phone[0] != '\0' && !phone_channel_check(channel, problem)) return false;
	if (!pkce_read(call->arena, call->body, &s->pkce, problem)) return false;
	if (phone[0] != '\0' && pkce_is_on(&s->pkce))
		return auth_invalid(problem, "PKCE not supported for phone signups");
	if (email[0] != '\0') {
		if (!settings->email.enable_signup)
			return auth_problem_set(problem, 400, "email_provider_disabled", "Email signups are disabled");
		return auth_email_check(call->arena, email, &s->email, problem);
	}
	if (!settings->sms.enable_signup)
		return auth_problem_set(problem, 400, "phone_provider_disabled", "Phone signups are disabled");
	return phone_check(call->arena, phone, &s->phone, problem);
}

void flow_signup(struct auth_call *call)
{
	struct auth_problem problem;
	const char *email = "", *phone = "";
	struct signup *s = call_flow(call, sizeof *s);
	struct arena *a = call->arena;
	if (s == NULL) return;
	if (!body_text(a, call->body, "email", &email, &problem) ||
	    !body_text(a, call->body, "phone", &phone, &problem) ||
	    !body_text(a, call->body, "password", &s->password, &problem) ||
	    !body_object(a, call->body, "data", &s->data, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (email[0] == '\0' && phone[0] == '\0') {
		step_anonymous(call, s);
		return;
	}
	if (!call_limit(call, LIMIT_SIGN_IN)) return;
	if (!call->settings->enable_signup)
		call_fail(call, 422, "signup_disabled", "Signups not allowed for this instance");
	else if (!parse(call, email, phone, s, &problem))
		call_problem(call, &problem, NULL);
	else
		strength_run(call, s->password, step_signup);
}
