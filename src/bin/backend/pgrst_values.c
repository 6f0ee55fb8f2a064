/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/pgrst_values.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "codec/json.h"
#include "os/file.h"

#define FILE_MAX_BYTES (1u << 20)
#define VALUE_MAX_BYTES (64u << 10)
#define ENV_PREFIX "PGRST_"

/* The first name is the present one; older names are still understood. */
static const char *const aliases[][2] = {
    {"db-max-rows", "max-rows"},
    {"db-pool-max-idletime", "db-pool-timeout"},
    {"db-pre-request", "pre-request"},
    {"db-root-spec", "root-spec"},
    {"db-schemas", "db-schema"},
    {"jwt-role-claim-key", "role-claim-key"},
    {"jwt-secret-is-base64", "secret-is-base64"},
};

void pgrst_put_value(json_t *values, const char *name, struct str value)
{
	/* Unchecked: a secret may be any bytes. */
	(void)json_object_set_new(values, name, json_stringn_nocheck(value.ptr, value.len));
}

const char *pgrst_text_or_empty(const json_t *values, const char *name)
{
	const char *value = json_str(values, name, NULL);
	for (size_t i = 0; value == NULL && i < sizeof aliases / sizeof *aliases; i++)
		if (strcmp(aliases[i][0], name) == 0) value = json_str(values, aliases[i][1], NULL);
	return value;
}

const char *pgrst_text(const json_t *values, const char *name, const char *otherwise)
{
	const char *value = pgrst_text_or_empty(values, name);
	return value != NULL && value[0] != '\0' ? value : otherwise;
}

/* As PostgREST: the letters of it say true or false, whatever stands around them; else a number that is above 0. */
bool pgrst_flag(const json_t *values, const char *name, bool otherwise)
{
	static const char *const words[] = {"false", "true", "off", "on", "no", "yes"};
	const char *value = pgrst_text(values, name, "");
	char letters[16];
	size_t n = 0;
	int64_t number;
	for (const char *p = value; *p != '\0' && n < sizeof letters - 1; p++)
		if (isalpha((unsigned char)*p)) letters[n++] = *p;
	letters[n] = '\0';
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(letters, words[i]) == 0) return i % 2 == 1;
	return str_to_int(str_from(value), &number) ? number > 0 : otherwise;
}

int64_t pgrst_number(const json_t *values, const char *name, int64_t otherwise)
{
	int64_t n;
	return str_to_int(str_from(pgrst_text(values, name, "")), &n) ? n : otherwise;
}

int pgrst_list(json_t *values, const char *name, const char *otherwise, const char **ret, int max)
{
	const char *value = pgrst_text_or_empty(values, name);
	struct str rest = str_from(value != NULL ? value : otherwise), part;
	json_t *kept = json_array();
	int n = 0;
	while (n < max && str_next(&rest, ',', &part)) {
		part = str_trim(part);
		if (part.len == 0) continue;
		json_t *copy = json_stringn(part.ptr, part.len);
		(void)json_array_append_new(kept, copy);
		ret[n++] = json_string_value(copy);
	}
	char key[80];
	(void)snprintf(key, sizeof key, "%s (list)", name);
	(void)json_object_set_new(values, key, kept);
	return n;
}

bool pgrst_line(struct str line, struct str *ret_name, struct buf *ret_value)
{
	struct str name, value;
	*ret_name = (struct str){NULL, 0};
	line = str_trim(line);
	if (line.len == 0 || line.ptr[0] == '#') return true;
	if (!str_cut(line, '=', &name, &value)) return false;
	name = str_trim(name);
	value = str_trim(value);
	size_t i = 1;
	if (name.len == 0 || value.len == 0) return false;
	if (value.ptr[0] != '"') {
		ptrdiff_t comment = str_find_char(value, '#');
		buf_str(ret_value, str_trim(comment >= 0 ? str_sub(value, 0, (size_t)comment) : value));
		*ret_name = name;
		return true;
	}
	for (; i < value.len && value.ptr[i] != '"'; i++) {
		char c = value.ptr[i];
		if (c == '\\' && i + 1 < value.len) {
			c = value.ptr[++i];
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
		}
		buf_putc(ret_value, c);
	}
	struct str behind = i < value.len ? str_trim(str_sub(value, i + 1, value.len)) : STR("");
	if (i >= value.len || (behind.len > 0 && behind.ptr[0] != '#')) return false;
	*ret_name = name;
	return buf_is_ok(ret_value);
}

bool pgrst_read_file(const char *path, json_t *values, struct err *err)
{
	BUF_CLEANUP struct buf file;
	buf_init(&file, FILE_MAX_BYTES);
	if (!file_read(path, &file, err)) return false;
	struct str rest = buf_view(&file), line;
	for (int number_of = 1; str_next(&rest, '\n', &line); number_of++) {
		BUF_CLEANUP struct buf value;
		struct str name;
		char key[128];
		buf_init(&value, VALUE_MAX_BYTES);
		if (!pgrst_line(line, &name, &value) || name.len >= sizeof key)
			return err_set(err, ERR_INVALID, "%s: line %d is not name = \"value\"", path, number_of);
		if (name.ptr == NULL) continue;
		(void)snprintf(key, sizeof key, "%.*s", STR_FMT(name));
		pgrst_put_value(values, key, buf_view(&value));
	}
	return true;
}

/* PGRST_DB_ANON_ROLE is db-anon-role; PGRST_APP_SETTINGS_name is app.settings.name, whose case stays. */
void pgrst_read_environment(const char *const *environment, json_t *values)
{
	static const char app[] = "APP_SETTINGS_";
	for (; environment != NULL && *environment != NULL; environment++) {
		struct str name, value;
		char key[128];
		size_t n = 0;
		if (!str_cut(str_from(*environment), '=', &name, &value) || !str_has_prefix(name, STR("PGRST_")))
			continue;
		name = str_sub(name, sizeof ENV_PREFIX - 1, name.len);
		if (name.len + 16 >= sizeof key) continue;
		if (str_has_prefix(name, STR("APP_SETTINGS_"))) {
			name = str_sub(name, sizeof app - 1, name.len);
			(void)snprintf(key, sizeof key, "app.settings.%.*s", STR_FMT(name));
		} else {
			for (; n < name.len; n++) key[n] = name.ptr[n] == '_' ? '-' : (char)tolower(name.ptr[n]);
			key[n] = '\0';
		}
		pgrst_put_value(values, key, value);
	}
}

/* A pipe gives its bytes once, and settings are read more than once. */
static bool read_once(const char *path, struct buf *ret, struct err *err)
{
	static struct buf standard_input;
	if (strcmp(path, "/dev/stdin") != 0) return file_read(path, ret, err);
	if (standard_input.len == 0) {
		buf_init(&standard_input, VALUE_MAX_BYTES);
		if (!file_read(path, &standard_input, err)) return false;
	}
	buf_str(ret, buf_view(&standard_input));
	return true;
}

bool pgrst_read_at_file(json_t *values, const char *name, struct err *err)
{
	const char *value = pgrst_text(values, name, NULL);
	BUF_CLEANUP struct buf file;
	buf_init(&file, VALUE_MAX_BYTES);
	if (value == NULL || value[0] != '@') return true;
	if (!read_once(value + 1, &file, err)) return err_wrap(err, "%s", name);
	struct str inside = buf_view(&file);
	if (inside.len > 0 && inside.ptr[inside.len - 1] == '\n') inside.len--;
	if (inside.len > 0 && inside.ptr[inside.len - 1] == '\r') inside.len--;
	pgrst_put_value(values, name, inside);
	return true;
}
