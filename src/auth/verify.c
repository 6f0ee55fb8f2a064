/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/verify.h"

#include <assert.h>

#include "auth/body.h"
#include "auth/phone.h"
#include "auth/user_columns.h"
#include "base/clock.h"
#include "codec/url.h"

#define TAKEN "token is taken"

static const struct {
	const char *word;
	enum verify_type type;
} words[] = {
    {"signup", VERIFY_SIGNUP},     {"invite", VERIFY_INVITE},
    {"recovery", VERIFY_RECOVERY}, {"magiclink", VERIFY_MAGICLINK},
    {"email", VERIFY_EMAIL},       {"email_change", VERIFY_EMAIL_CHANGE},
    {"sms", VERIFY_SMS},           {"phone_change", VERIFY_PHONE_CHANGE},
};

static bool find_type(const char *word, enum verify_type *ret_type, struct auth_problem *problem)
{
	if (word[0] == '\0') return auth_invalid(problem, "Verify requires a verification type");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(words[i].word, word) != 0) continue;
		*ret_type = words[i].type;
		return true;
	}
	return auth_invalid(problem, "Invalid email verification type");
}

static const char *query_text(struct auth_call *call, struct str name)
{
	struct str value = STR("");
	(void)query_get(call->arena, call->request.query, name, &value);
	const char *text = arena_cstr(call->arena, value);
	return text != NULL ? text : "";
}

static bool read_link(struct auth_call *call, struct verify *v, struct auth_problem *problem)
{
	v->type_word = query_text(call, STR("type"));
	v->hash = query_text(call, STR("token"));
	v->is_link = true;
	v->is_pkce = strncmp(v->hash, PKCE_PREFIX, sizeof PKCE_PREFIX - 1) == 0;
	if (v->type_word[0] == '\0') return auth_invalid(problem, "Verify requires a verification type");
	return v->hash[0] != '\0' || auth_invalid(problem, "Verify requires a token or a token hash");
}

/* A code is known by the address it went to: what is stored is the hash of both. */
static bool read_code(struct auth_call *call, const char *email, const char *phone, struct verify *v,
		      struct auth_problem *problem)
{
	if ((email[0] == '\0') == (phone[0] == '\0'))
		return auth_invalid(problem, "Only an email address or phone number should be provided on verify");
	if (phone[0] != '\0') {
		if (!phone_check(call->arena, phone, &v->phone, problem)) return false;
	} else if (!auth_email_check(call->arena, email, &v->email, problem)) {
		return auth_problem_set(problem, 422, "validation_failed", "Invalid email format");
	}
	v->hash = once_hash(call->arena, v->phone != NULL ? v->phone : v->email, v->code);
	return v->hash != NULL || auth_full(problem);
}

static bool read_body(struct auth_call *call, struct verify *v, struct auth_problem *problem)
{
	struct arena *a = call->arena;
	const char *email = "", *phone = "", *redirect_to = "";
	v->type_word = v->hash = v->code = "";
	if (!body_text(a, call->body, "type", &v->type_word, problem) ||
	    !body_text(a, call->body, "token", &v->code, problem) ||
	    !body_text(a, call->body, "token_hash", &v->hash, problem) ||
	    !body_text(a, call->body, "email", &email, problem) ||
	    !body_text(a, call->body, "phone", &phone, problem) ||
	    !body_text(a, call->body, "redirect_to", &redirect_to, problem))
		return false;
	if (v->type_word[0] == '\0') return auth_invalid(problem, "Verify requires a verification type");
	if ((v->code[0] == '\0') == (v->hash[0] == '\0'))
		return auth_invalid(problem, "Verify requires either a token or a token hash");
	if (v->code[0] != '\0') return read_code(call, email, phone, v, problem);
	if (email[0] != '\0' || phone[0] != '\0' || redirect_to[0] != '\0')
		return auth_invalid(problem, "Only the token_hash and type should be provided");
	return true;
}

bool verify_read(struct auth_call *call, struct verify *v, struct auth_problem *problem)
{
	*v = (struct verify){.code = ""};
	return call->body != NULL ? read_body(call, v, problem) : read_link(call, v, problem);
}

/* Finding. */
static void refuse(struct auth_call *call, const struct verify *v)
{
	bool is_code = v->email != NULL || v->phone != NULL;
	call_fail(call, 403, "otp_expired",
		  is_code ? "Token has expired or is invalid" : "Email link is invalid or has expired");
}

/* Whether this token of the user is the one that was brought. */
static bool is_it(struct verify *v, enum once_kind once, const char *stored, int64_t age_ms, int64_t expiry_s)
{
	size_t prefix = sizeof PKCE_PREFIX - 1;
	bool is_same =
	    strcmp(stored, v->hash) == 0 ||
	    (v->code[0] != '\0' && strncmp(stored, PKCE_PREFIX, prefix) == 0 && strcmp(stored + prefix, v->hash) == 0);
	if (stored[0] == '\0' || age_ms < 0 || age_ms > expiry_s * 1000 || !is_same) return false;
	v->once = once;
	v->stored = stored;
	return true;
}

static bool is_confirmation(struct verify *v, const struct auth_user *u, int64_t expiry_s)
{
	return is_it(v, ONCE_CONFIRMATION, u->confirmation.token, u->confirmation.age_ms, expiry_s);
}

static bool is_recovery(struct verify *v, const struct auth_user *u, int64_t expiry_s)
{
	return is_it(v, ONCE_RECOVERY, u->recovery.token, u->recovery.age_ms, expiry_s);
}

static bool is_change(struct verify *v, const struct auth_user *u, int64_t expiry_s)
{
	int64_t age_ms = u->email_change_new.age_ms;
	return is_it(v, ONCE_EMAIL_CHANGE_CURRENT, u->email_change_current, age_ms, expiry_s) ||
	       is_it(v, ONCE_EMAIL_CHANGE_NEW, u->email_change_new.token, age_ms, expiry_s);
}

static bool is_code_of_phone(struct auth_call *call, struct verify *v)
{
	const struct auth_user *u = &call->user;
	const char *test = phone_test_code(call->settings, v->phone);
	int64_t expiry_s = call->settings->sms.otp_expiry_s;
	v->once = v->type == VERIFY_SMS ? ONCE_CONFIRMATION : ONCE_PHONE_CHANGE;
	v->stored = "";
	if (test != NULL && strcmp(test, v->code) == 0) return true;
	if (v->type == VERIFY_SMS) return is_confirmation(v, u, expiry_s);
	return is_it(v, ONCE_PHONE_CHANGE, u->phone_change_pending.token, u->phone_change_pending.age_ms, expiry_s);
}

static bool check(struct auth_call *call, struct verify *v)
{
	const struct auth_user *u = &call->user;
	int64_t expiry_s = call->settings->email.otp_expiry_s;
	switch (v->type) {
	case VERIFY_SIGNUP:
	case VERIFY_INVITE: return is_confirmation(v, u, expiry_s);
	case VERIFY_RECOVERY:
	case VERIFY_MAGICLINK: return is_recovery(v, u, expiry_s);
	case VERIFY_EMAIL:
		v->type = is_confirmation(v, u, expiry_s) ? VERIFY_SIGNUP : VERIFY_MAGICLINK;
		return v->type == VERIFY_SIGNUP || is_recovery(v, u, expiry_s);
	case VERIFY_EMAIL_CHANGE: return is_change(v, u, expiry_s);
	case VERIFY_SMS:
	case VERIFY_PHONE_CHANGE: return v->phone != NULL && is_code_of_phone(call, v);
	}
	return false;
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	struct verify *v = call->flow;
	if (PQntuples(rows) == 0) {
		refuse(call, v);
		return;
	}
	auth_user_read(rows, 0, &call->user);
	if (!check(call, v))
		refuse(call, v);
	else if (call->user.is_banned)
		call_fail(call, 403, "user_banned", "User is banned");
	else
		v->next(call);
}

/* A code of six digits is guessed by trying: however many addresses try, one person's codes are tried as rarely as by
 * one of them. */
static bool is_within_limit(struct auth_call *call, const struct verify *v)
{
	const char *whose = v->email != NULL ? v->email : v->phone;
	struct auth_limit_rule rule = {(double)call->settings->rate_limit.token_verifications, 5 * 60 * 1000, 0};
	if (whose == NULL || auth_limit_take(call->auth->limit, LIMIT_GUESS, str_from(whose), rule, clock_now_ms()))
		return true;
	call_fail(call, 429, "over_request_rate_limit", "Request rate limit reached");
	return false;
}

static void find_by_hash(struct auth_call *call, const struct verify *v)
{
	PG_ADD(call_sql(call),
	       "select " AUTH_USER_COLUMNS " from auth.users u where u.id in (select o.user_id from "
	       "auth.one_time_tokens o where o.token_hash = $1 or ($2::boolean and o.token_hash = '" PKCE_PREFIX
	       "' || $1)) limit 1",
	       v->hash, v->code[0] != '\0' ? "t" : "f");
}

void verify_find(struct auth_call *call, struct verify *v, void (*next)(struct auth_call *call))
{
	struct auth_problem problem;
	v->next = next;
	if (!find_type(v->type_word, &v->type, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (!is_within_limit(call, v)) return;
	if (v->phone != NULL && v->type == VERIFY_PHONE_CHANGE)
		PG_ADD(call_sql(call),
		       "select " AUTH_USER_COLUMNS " from auth.users u where u.phone_change = $1 and u.phone_change "
		       "<> '' and not u.is_sso_user order by u.phone_change_sent_at desc nulls last limit 1",
		       v->phone);
	else if (v->phone != NULL)
		user_sql_by_phone(call_sql(call), v->phone);
	else if (v->email != NULL && v->type != VERIFY_EMAIL_CHANGE)
		user_sql_by_email(call_sql(call), v->email);
	else
		find_by_hash(call, v);
	call_run(call, "Database error finding user from email link", on_found);
}

/* Taking. */
#define TAKE(column)                                                                                                   \
	"with row as (update auth.users set " column " = '' where id = $1::uuid and " column " = $2 returning 1), "    \
	"once as (delete from auth.one_time_tokens where user_id = $1::uuid and token_hash = $2 returning 1) "         \
	"select freehold_auth.refuse('" TAKEN                                                                          \
	"') where not exists (select from row) and not exists (select from once)"

static const char *const takes[] = {
    [ONCE_CONFIRMATION] = TAKE("confirmation_token"),
    [ONCE_RECOVERY] = TAKE("recovery_token"),
    [ONCE_EMAIL_CHANGE_NEW] = TAKE("email_change_token_new"),
    [ONCE_EMAIL_CHANGE_CURRENT] = TAKE("email_change_token_current"),
    [ONCE_PHONE_CHANGE] = TAKE("phone_change_token"),
};

void verify_sql_take(struct auth_call *call, const struct verify *v)
{
	call->on_refused = verify_on_refused;
	if (v->stored[0] == '\0') return;
	assert(takes[v->once] != NULL);
	PG_ADD(&call->sql, takes[v->once], call->user.id, v->stored);
}

bool verify_on_refused(struct auth_call *call, const struct pg_error *why)
{
	const struct verify *v = call->flow;
	if (strcmp(why->message, TAKEN) == 0)
		refuse(call, v);
	else if (strcmp(why->constraint, "users_email_partial_key") == 0)
		call_fail(call, 422, "email_exists", "A user with this email address has already been registered");
	else if (strcmp(why->constraint, "users_phone_key") == 0)
		call_fail(call, 422, "phone_exists", "A user with this phone number has already been registered");
	else
		return false;
	return true;
}
