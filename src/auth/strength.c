/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/strength.h"

#include <string.h>

#include "auth/password.h"

bool strength_check(const char *password, struct auth_problem *problem)
{
	if (strlen(password) > AUTH_PASSWORD_MAX_BYTES)
		return auth_problem_set(problem, 400, "validation_failed",
					"Password cannot be longer than %d characters", AUTH_PASSWORD_MAX_BYTES);
	if (strlen(password) >= AUTH_PASSWORD_MIN_BYTES) return true;
	(void)auth_problem_set(problem, 422, "weak_password", "Password should be at least %d characters.",
			       AUTH_PASSWORD_MIN_BYTES);
	problem->is_weak_password = true;
	return false;
}
