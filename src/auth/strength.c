/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/strength.h"

#include <stdio.h>
#include <string.h>

#include "auth/breach.h"
#include "auth/call.h"
#include "auth/password.h"

static bool has_all(const struct auth_texts *sets, const char *password)
{
	for (size_t i = 0; i < sets->count; i++)
		if (sets->at[i][0] != '\0' && strpbrk(password, sets->at[i]) == NULL) return false;
	return true;
}

static void put_sets(const struct auth_texts *sets, struct buf *b)
{
	buf_puts(b, "Password should contain at least one character of each: ");
	for (size_t i = 0; i < sets->count; i++) buf_printf(b, "%s%s", i > 0 ? ", " : "", sets->at[i]);
	buf_putc(b, '.');
}

bool strength_check(const struct auth_settings *settings, const char *password, struct auth_problem *problem)
{
	size_t len = strlen(password);
	unsigned reasons = 0;
	struct buf words BUF_CLEANUP;
	buf_init(&words, 4096);
	if (len > AUTH_PASSWORD_MAX_BYTES)
		return auth_problem_set(problem, 400, "validation_failed",
					"Password cannot be longer than %d characters", AUTH_PASSWORD_MAX_BYTES);
	if (len < (size_t)settings->minimum_password_length) {
		reasons |= WEAK_LENGTH;
		buf_printf(&words, "Password should be at least %lld characters.",
			   (long long)settings->minimum_password_length);
	}
	if (!has_all(&settings->password_required, password)) {
		if (reasons != 0) buf_putc(&words, ' ');
		reasons |= WEAK_CHARACTERS;
		put_sets(&settings->password_required, &words);
	}
	if (reasons == 0) return true;
	(void)auth_problem_set(problem, 422, "weak_password", "%s", buf_cstr(&words));
	problem->weak_reasons = reasons;
	return false;
}

struct running {
	void (*next)(struct auth_call *call);
};

static void on_breach(struct auth_call *call, bool is_leaked)
{
	const struct running *r = call->strength;
	struct auth_problem problem;
	if (!is_leaked) {
		r->next(call);
		return;
	}
	(void)auth_problem_set(&problem, 422, "weak_password",
			       "Password is known to be weak and easy to guess, please choose a different one.");
	problem.weak_reasons = WEAK_PWNED;
	call_problem(call, &problem, NULL);
}

void strength_run(struct auth_call *call, const char *password, void (*next)(struct auth_call *call))
{
	struct auth_problem problem;
	struct running *r;
	if (!strength_check(call->settings, password, &problem)) {
		call_problem(call, &problem, NULL);
	} else if ((r = arena_alloc(call->arena, sizeof *r)) == NULL) {
		call_full(call);
	} else {
		r->next = next;
		call->strength = r;
		breach_run(call, password, on_breach);
	}
}
