/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "auth/settings_member.h"
#include "codec/json.h"

#define DURATION_MAX_MS ((int64_t)AUTH_SETTING_DURATION_MAX_S * 1000)

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define SYMBOLS "!@#$%^&*()_+-=[]{};'\\:\"|<>?,./`~"

/* Upstream's words and the sets they stand for. */
static const struct {
	const char *word;
	const char *sets[4];
	size_t count;
} requirements[] = {
    {"", {NULL}, 0},
    {"letters_digits", {LETTERS CAPITALS, DIGITS}, 2},
    {"lower_upper_letters_digits", {LETTERS, CAPITALS, DIGITS}, 3},
    {"lower_upper_letters_digits_symbols", {LETTERS, CAPITALS, DIGITS, SYMBOLS}, 4},
};
#define REQUIREMENTS (sizeof requirements / sizeof *requirements)

static bool unit_of(struct str text, size_t *ret_len, double *ret_ms)
{
	static const struct {
		const char *word;
		double ms;
	} units[] = {{"ns", 1e-6}, {"us", 1e-3}, {"\xC2\xB5s", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 36e5}};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (!str_has_prefix(text, str_from(units[i].word))) continue;
		*ret_len = strlen(units[i].word);
		*ret_ms = units[i].ms;
		return true;
	}
	return false;
}

/* Digits, with a fraction or not. */
static size_t number_len(struct str text)
{
	size_t len = 0, dots = 0, digits = 0;
	for (; len < text.len; len++) {
		char c = text.ptr[len];
		if (c >= '0' && c <= '9')
			digits++;
		else if (c != '.' || dots++ > 0)
			break;
	}
	return digits > 0 && len < 24 ? len : 0;
}

bool auth_duration_parse(struct str text, int64_t *ret_ms)
{
	double total = 0, unit;
	int64_t seconds;
	size_t unit_len;
	char digits[24];
	if (text.len == 0) return false;
	if (str_to_int(text, &seconds)) {
		if (seconds < 0 || seconds > DURATION_MAX_MS / 1000) return false;
		*ret_ms = seconds * 1000;
		return true;
	}
	while (text.len > 0) {
		size_t len = number_len(text);
		if (len == 0 || !unit_of(str_sub(text, len, text.len), &unit_len, &unit)) return false;
		(void)snprintf(digits, sizeof digits, "%.*s", (int)len, text.ptr);
		total += strtod(digits, NULL) * unit;
		text = str_sub(text, len + unit_len, text.len);
	}
	if (total > (double)DURATION_MAX_MS) return false;
	*ret_ms = (int64_t)(total + 0.5);
	return true;
}

static bool put_text(const char *name, const char *text, size_t max, const char **ret, struct arena *a, struct err *err)
{
	size_t len = strlen(text);
	if (len > max) return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", name, max);
	*ret = arena_strndup(a, text, len);
	return *ret != NULL ||
	       err_set(err, ERR_LIMIT, "the settings are larger than %u bytes", AUTH_SETTINGS_MAX_BYTES);
}

static bool is_http(const char *text)
{
	struct str s = str_from(text);
	bool is_plain = str_has_prefix(s, STR("http://")), is_secure = str_has_prefix(s, STR("https://"));
	size_t host = is_secure ? 8 : 7;
	if ((!is_plain && !is_secure) || s.len <= host || s.ptr[host] == '/') return false;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == '"' || s.ptr[i] == '<' || s.ptr[i] == 127)
			return false;
	return true;
}

static bool put_url(const char *name, const char *text, const char **ret, struct arena *a, struct err *err)
{
	if (text[0] != '\0' && !is_http(text))
		return err_set(err, ERR_INVALID,
			       "%s must be an address that begins with https:// or http://, not \"%.100s\"", name,
			       text);
	const char *copy = NULL;
	if (!put_text(name, text, AUTH_SETTING_TEXT_MAX, &copy, a, err)) return false;
	size_t len = strlen(copy);
	while (len > 0 && copy[len - 1] == '/') len--;
	*ret = arena_strndup(a, copy, len);
	return *ret != NULL ||
	       err_set(err, ERR_LIMIT, "the settings are larger than %u bytes", AUTH_SETTINGS_MAX_BYTES);
}

static bool add_item(const char *name, struct str item, const char **items, size_t *count, struct arena *a,
		     struct err *err)
{
	if (item.len == 0) return true;
	if (item.len > AUTH_SETTING_TEXT_MAX)
		return err_set(err, ERR_LIMIT, "%s: an entry is longer than %d bytes", name, AUTH_SETTING_TEXT_MAX);
	if (*count == AUTH_SETTING_LIST_MAX)
		return err_set(err, ERR_LIMIT, "%s has more than %d entries", name, AUTH_SETTING_LIST_MAX);
	items[*count] = arena_cstr(a, item);
	if (items[(*count)++] != NULL) return true;
	return err_set(err, ERR_LIMIT, "the settings are larger than %u bytes", AUTH_SETTINGS_MAX_BYTES);
}

/* Client ids and scopes hold neither commas nor spaces; hook secrets hold commas, and are parted by "|" upstream. */
static bool add_split(const struct auth_setting *row, const char *name, struct str text, const char **items,
		      size_t *count, struct arena *a, struct err *err)
{
	size_t from = 0;
	for (size_t i = 0; i <= text.len; i++) {
		bool is_end =
		    i == text.len || (row->is_secret ? text.ptr[i] == '|' : strchr(", \t\n", text.ptr[i]) != NULL);
		if (!is_end) continue;
		if (!add_item(name, str_sub(text, from, i), items, count, a, err)) return false;
		from = i + 1;
	}
	return true;
}

static bool put_list(const struct auth_setting *row, const char *name, const json_t *value, struct auth_texts *ret,
		     struct arena *a, struct err *err)
{
	const char **items = arena_array(a, AUTH_SETTING_LIST_MAX, sizeof *items);
	size_t count = 0, i;
	const json_t *entry;
	if (items == NULL)
		return err_set(err, ERR_LIMIT, "the settings are larger than %u bytes", AUTH_SETTINGS_MAX_BYTES);
	if (json_is_string(value)) {
		if (!add_split(row, name, str_from(json_string_value(value)), items, &count, a, err)) return false;
	} else if (!json_is_array(value)) {
		return err_set(err, ERR_INVALID, "%s must be a list of texts", name);
	}
	json_array_foreach(value, i, entry)
	{
		if (!json_is_string(entry)) return err_set(err, ERR_INVALID, "%s must be a list of texts", name);
		if (!add_item(name, str_trim(str_from(json_string_value(entry))), items, &count, a, err)) return false;
	}
	*ret = (struct auth_texts){items, count};
	return true;
}

static bool put_word(const struct auth_setting *row, const char *name, const char *text, unsigned *ret, struct err *err)
{
	char list[128] = "";
	for (unsigned i = 0; row->words[i] != NULL; i++) {
		if (strcmp(row->words[i], text) == 0) {
			*ret = i;
			return true;
		}
		size_t used = strlen(list);
		(void)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", row->words[i]);
	}
	return err_set(err, ERR_INVALID, "%s must be one of %s, not \"%.60s\"", name, list, text);
}

static bool put_characters(const char *name, const char *text, struct auth_texts *ret, struct err *err)
{
	for (size_t i = 0; i < REQUIREMENTS; i++) {
		if (strcmp(requirements[i].word, text) != 0) continue;
		*ret = (struct auth_texts){requirements[i].sets, requirements[i].count};
		return true;
	}
	return err_set(err, ERR_INVALID,
		       "%s must be empty or one of letters_digits, lower_upper_letters_digits, "
		       "lower_upper_letters_digits_symbols, not \"%.60s\"",
		       name, text);
}

static bool put_int(const struct auth_setting *row, const char *name, int64_t value, int64_t *ret, struct err *err)
{
	if (value < row->min || value > row->max)
		return err_set(err, ERR_INVALID, "%s must be %lld to %lld, not %lld", name, (long long)row->min,
			       (long long)row->max, (long long)value);
	*ret = value;
	return true;
}

static bool put_duration(const struct auth_setting *row, const char *name, const json_t *value, int64_t *ret,
			 struct err *err)
{
	int64_t ms = 0;
	bool is_seconds = row->kind == AUTH_SETTING_SECONDS;
	if (json_is_integer(value)) {
		json_int_t seconds = json_integer_value(value);
		if (seconds < 0 || seconds > DURATION_MAX_MS / 1000)
			return err_set(err, ERR_INVALID, "%s: a time of %lld seconds is out of range", name,
				       (long long)seconds);
		ms = seconds * 1000;
	} else if (!json_is_string(value) || !auth_duration_parse(str_from(json_string_value(value)), &ms)) {
		return err_set(err, ERR_INVALID, "%s must be a time, as 90, \"90s\" or \"1h30m\"", name);
	}
	return put_int(row, name, is_seconds ? (ms + 999) / 1000 : ms, ret, err);
}

bool auth_setting_put(const struct auth_setting *row, const char *name, const json_t *value, void *base,
		      struct arena *a, struct err *err)
{
	void *to = (char *)base + row->offset;
	const char *text = json_string_value(value);
	switch (row->kind) {
	case AUTH_SETTING_BOOL:
		if (!json_is_boolean(value)) return err_set(err, ERR_INVALID, "%s must be true or false", name);
		*(bool *)to = json_is_true(value);
		return true;
	case AUTH_SETTING_INT:
		if (!json_is_integer(value)) return err_set(err, ERR_INVALID, "%s must be a whole number", name);
		return put_int(row, name, json_integer_value(value), to, err);
	case AUTH_SETTING_DURATION:
	case AUTH_SETTING_SECONDS: return put_duration(row, name, value, to, err);
	case AUTH_SETTING_LIST: return put_list(row, name, value, to, a, err);
	default: break;
	}
	if (text == NULL) return err_set(err, ERR_INVALID, "%s must be a text", name);
	if (row->kind == AUTH_SETTING_URL) return put_url(name, text, to, a, err);
	if (row->kind == AUTH_SETTING_WORD) return put_word(row, name, text, to, err);
	if (row->kind == AUTH_SETTING_CHARACTERS) return put_characters(name, text, to, err);
	return put_text(name, text, (size_t)row->max, to, a, err);
}

static json_t *show_list(const struct auth_texts *texts)
{
	json_t *list = json_array();
	for (size_t i = 0; i < texts->count; i++) (void)json_array_append_new(list, json_string(texts->at[i]));
	return list;
}

static json_t *show_characters(const struct auth_texts *sets)
{
	for (size_t i = 0; i < REQUIREMENTS; i++)
		if (requirements[i].count == sets->count) return json_string(requirements[i].word);
	return json_string("");
}

static json_t *show_duration(int64_t ms)
{
	char text[32];
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}};
	if (ms == 0) return json_string("0s");
	for (size_t i = 0; i < 3; i++) {
		if (ms % units[i].ms != 0) continue;
		(void)snprintf(text, sizeof text, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
		return json_string(text);
	}
	(void)snprintf(text, sizeof text, "%lldms", (long long)ms);
	return json_string(text);
}

json_t *auth_setting_show(const struct auth_setting *row, const void *base)
{
	const void *at = (const char *)base + row->offset;
	switch (row->kind) {
	case AUTH_SETTING_BOOL: return json_boolean(*(const bool *)at);
	case AUTH_SETTING_INT:
	case AUTH_SETTING_SECONDS: return json_integer(*(const int64_t *)at);
	case AUTH_SETTING_DURATION: return show_duration(*(const int64_t *)at);
	case AUTH_SETTING_LIST: return show_list(at);
	case AUTH_SETTING_CHARACTERS: return show_characters(at);
	case AUTH_SETTING_WORD: return json_string(row->words[*(const unsigned *)at]);
	default: return *(const char *const *)at != NULL ? json_string(*(const char *const *)at) : NULL;
	}
}

static bool typed_int(struct str name, struct str text, json_t **ret, struct err *err)
{
	int64_t n;
	if (!str_to_int(text, &n))
		return err_set(err, ERR_INVALID, "%.*s must be a whole number, not \"%.60s\"", STR_FMT(name), text.ptr);
	*ret = json_integer(n);
	return true;
}

static bool typed_bool(struct str name, const char *text, json_t **ret, struct err *err)
{
	bool is_true = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0;
	bool is_false = strcmp(text, "false") == 0 || strcmp(text, "no") == 0 || strcmp(text, "off") == 0;
	if (!is_true && !is_false)
		return err_set(err, ERR_INVALID, "%.*s must be true or false, not \"%.60s\"", STR_FMT(name), text);
	*ret = json_boolean(is_true);
	return true;
}

bool auth_setting_value(struct str name, const char *text, json_t **ret_value, struct err *err)
{
	const struct auth_setting *row;
	enum auth_setting_group_id group;
	struct str wildcard;
	json_t *value = NULL;
	if (!auth_setting_find(name, &row, &wildcard, &group, err)) return false;
	if (!str_is_utf8(str_from(text))) return err_set(err, ERR_INVALID, "%.*s is not UTF-8", STR_FMT(name));
	if (row->kind == AUTH_SETTING_BOOL) {
		if (!typed_bool(name, text, &value, err)) return false;
	} else if (row->kind == AUTH_SETTING_INT) {
		if (!typed_int(name, str_from(text), &value, err)) return false;
	} else {
		value = json_string(text);
	}
	*ret_value = value;
	return true;
}
