/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

void json_cleanup(json_t **value)
{
	json_decref(*value);
}

static bool parsed(json_t *value, const json_error_t *problem, json_t **ret_value, struct err *err)
{
	if (value == NULL)
		return err_set(err, ERR_INVALID, "not valid JSON at line %d, column %d: %s", problem->line,
			       problem->column, problem->text);
	*ret_value = value;
	return true;
}

bool json_parse(struct str text, json_t **ret_value, struct err *err)
{
	json_error_t problem;
	json_t *value =
	    json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
	return parsed(value, &problem, ret_value, err);
}

bool json_parse_file(const char *path, size_t max_bytes, json_t **ret_value, struct err *err)
{
	FILE *f = fopen(path, "re");
	if (f == NULL) return err_set_errno(err, "%s", path);
	struct stat st;
	bool ok = fstat(fileno(f), &st) == 0 && (size_t)st.st_size <= max_bytes;
	if (!ok) {
		(void)fclose(f);
		return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, max_bytes);
	}
	json_error_t problem;
	json_t *value = json_loadf(f, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &problem);
	(void)fclose(f);
	return parsed(value, &problem, ret_value, err) || err_wrap(err, "%s", path);
}

char *json_text(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text == NULL) abort();
	return text;
}

const char *json_str(const json_t *object, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : otherwise;
}

int64_t json_int(const json_t *object, const char *key, int64_t otherwise)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool json_bool(const json_t *object, const char *key, bool otherwise)
{
	const json_t *value = json_object_get(object, key);
	return json_is_boolean(value) ? json_boolean_value(value) : otherwise;
}

bool json_need_str(const json_t *object, const char *key, const char **ret_text, struct err *err)
{
	const char *text = json_string_value(json_object_get(object, key));
	if (text == NULL) return err_set(err, ERR_INVALID, "\"%s\" is missing or is not a text", key);
	*ret_text = text;
	return true;
}
