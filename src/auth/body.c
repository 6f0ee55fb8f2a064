/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/body.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"

bool auth_is_uuid(const char *text)
{
	for (int i = 0; i < AUTH_UUID_SIZE - 1; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (is_dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) return false;
	}
	return text[AUTH_UUID_SIZE - 1] == '\0';
}

bool auth_invalid(struct auth_problem *problem, const char *words)
{
	return auth_problem_set(problem, 400, "validation_failed", "%s", words);
}

bool auth_full(struct auth_problem *problem)
{
	return auth_problem_set(problem, 413, "request_entity_too_large",
				"The request needs more memory than is set aside");
}

bool body_read(struct str text, json_t **ret_object, struct auth_problem *problem)
{
	json_error_t ignored;
	json_t *object = json_loadb(text.ptr != NULL ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &ignored);
	if (json_is_object(object)) {
		*ret_object = object;
		return true;
	}
	json_decref(object);
	return auth_problem_set(problem, 400, "bad_json", "Could not parse request body as JSON");
}

static bool wrong_type(struct auth_problem *problem, const char *key, const char *type)
{
	return auth_problem_set(problem, 400, "bad_json", "Could not parse request body as JSON: %s must be %s", key,
				type);
}

bool body_text(struct arena *a, const json_t *body, const char *key, const char **ret_text,
	       struct auth_problem *problem)
{
	const json_t *value = json_object_get(body, key);
	if (value == NULL || json_is_null(value)) return true;
	if (!json_is_string(value)) return wrong_type(problem, key, "a text");
	const char *copy = arena_strdup(a, json_string_value(value));
	if (copy == NULL) return auth_full(problem);
	*ret_text = copy;
	return true;
}

bool body_bool(const json_t *body, const char *key, bool *ret_value, struct auth_problem *problem)
{
	const json_t *value = json_object_get(body, key);
	if (value == NULL || json_is_null(value)) return true;
	if (!json_is_boolean(value)) return wrong_type(problem, key, "true or false");
	*ret_value = json_is_true(value);
	return true;
}

bool body_object(struct arena *a, const json_t *body, const char *key, const char **ret_text,
		 struct auth_problem *problem)
{
	const json_t *value = json_object_get(body, key);
	if (value == NULL || json_is_null(value)) return true;
	if (!json_is_object(value)) return wrong_type(problem, key, "an object");
	char *text = json_text(value);
	const char *copy = arena_strdup(a, text);
	free(text);
	if (copy == NULL) return auth_full(problem);
	*ret_text = copy;
	return true;
}

static bool is_atom(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || strchr("!#$%&'*+/=?^_`{|}~.-", c) != NULL;
}

/* local@domain with a dot-separated domain of letters, digits and dashes. Whether it exists only a mail can tell. */
static bool is_email(struct str email)
{
	struct str local, domain, label;
	if (!str_cut(email, '@', &local, &domain) || local.len == 0 || local.len > 64 || domain.len > 253) return false;
	for (size_t i = 0; i < local.len; i++)
		if (local.ptr[i] == '\0' || !is_atom(local.ptr[i])) return false;
	if (local.ptr[0] == '.' || local.ptr[local.len - 1] == '.' || str_find(local, STR("..")) >= 0) return false;
	while (str_next(&domain, '.', &label)) {
		if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!isalnum((unsigned char)label.ptr[i]) && label.ptr[i] != '-') return false;
	}
	return true;
}

static bool lower(struct arena *a, const char *text, const char **ret_text, struct auth_problem *problem)
{
	char *copy = arena_strdup(a, text);
	if (copy == NULL) return auth_full(problem);
	for (char *c = copy; *c != '\0'; c++) *c = (char)tolower((unsigned char)*c);
	*ret_text = copy;
	return true;
}

bool auth_email_check(struct arena *a, const char *email, const char **ret_email, struct auth_problem *problem)
{
	if (strlen(email) > AUTH_EMAIL_MAX_BYTES) return auth_invalid(problem, "An email address is too long");
	if (!is_email(str_from(email)))
		return auth_invalid(problem, "Unable to validate email address: invalid format");
	return lower(a, email, ret_email, problem);
}

bool body_email(struct arena *a, const json_t *body, const char *key, const char **ret_email,
		struct auth_problem *problem)
{
	const char *email = "";
	if (!body_text(a, body, key, &email, problem)) return false;
	return email[0] == '\0' || auth_email_check(a, email, ret_email, problem);
}

bool body_lower(struct arena *a, const json_t *body, const char *key, const char **ret_text,
		struct auth_problem *problem)
{
	const char *text = NULL;
	if (!body_text(a, body, key, &text, problem)) return false;
	return text == NULL || lower(a, text, ret_text, problem);
}
