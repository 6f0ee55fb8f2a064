/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"

bool auth_problem_set(struct auth_problem *problem, int status, const char *code, const char *fmt, ...)
{
	*problem = (struct auth_problem){.status = status, .code = code};
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(problem->message, sizeof problem->message, fmt, args);
	va_end(args);
	return false;
}

bool auth_is_version_2024(struct str version)
{
	if (version.len != 10 || version.ptr[4] != '-' || version.ptr[7] != '-') return false;
	int64_t year, month, day;
	if (!str_to_int(str_sub(version, 0, 4), &year) || !str_to_int(str_sub(version, 5, 7), &month) ||
	    !str_to_int(str_sub(version, 8, 10), &day))
		return false;
	return year >= 2024 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static json_t *text_of(const char *text)
{
	json_t *value = json_string(text);
	return value != NULL ? value : json_string("the message cannot be shown"); /* it was cut in a character */
}

json_t *auth_weak_reasons(unsigned reasons)
{
	json_t *list = json_array();
	if (reasons & WEAK_LENGTH) (void)json_array_append_new(list, json_string("length"));
	if (reasons & WEAK_CHARACTERS) (void)json_array_append_new(list, json_string("characters"));
	if (reasons & WEAK_PWNED) (void)json_array_append_new(list, json_string("pwned"));
	return list;
}

char *auth_problem_body(struct arena *a, const struct auth_problem *problem, bool is_version_2024)
{
	json_t *o JSON_CLEANUP = json_object();
	if (problem->oauth_error != NULL) {
		(void)json_object_set_new(o, "error", json_string(problem->oauth_error));
		(void)json_object_set_new(o, "error_description", text_of(problem->message));
	} else if (is_version_2024) {
		(void)json_object_set_new(o, "code", json_string(problem->code));
		(void)json_object_set_new(o, "message", text_of(problem->message));
	} else {
		(void)json_object_set_new(o, "code", json_integer(problem->status));
		(void)json_object_set_new(o, "error_code", json_string(problem->code));
		(void)json_object_set_new(o, "msg", text_of(problem->message));
	}
	if (problem->weak_reasons != 0)
		(void)json_object_set_new(o, "weak_password",
					  json_pack("{s:o}", "reasons", auth_weak_reasons(problem->weak_reasons)));
	char *text = json_text(o);
	char *copy = arena_strdup(a, text);
	free(text);
	return copy;
}
