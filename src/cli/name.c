/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/name.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 31
#define VARIABLE_MAX 128

static bool is_app_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool name_check_app(const char *name, struct err *err)
{
	size_t len = strlen(name);
	bool is_good = len >= 1 && len < NAME_APP_SIZE && name[0] >= 'a' && name[0] <= 'z' && name[len - 1] != '-';
	for (size_t i = 0; is_good && i < len; i++) is_good = is_app_char(name[i]);
	if (is_good) return true;
	char near[NAME_APP_SIZE] = "";
	struct err ignored;
	bool has_near = strchr(name, '/') == NULL && name_from_source(name, near, &ignored);
	return err_set(err, ERR_INVALID,
		       "\"%.64s\" cannot be an app's name: 1 to 32 characters, a to z, 0 to 9 and -, beginning with a "
		       "letter and not ending with -%s%s%s",
		       name, has_near ? "; did you mean " : "", near, has_near ? "?" : "");
}

static bool cut_end(struct str *s, struct str end)
{
	if (s->len <= end.len || !str_eq_nocase(str_sub(*s, s->len - end.len, s->len), end)) return false;
	s->len -= end.len;
	return true;
}

/* "shop (1)": the second download of shop. */
static void cut_copy_number(struct str *s)
{
	size_t at = s->len;
	if (at == 0 || s->ptr[at - 1] != ')') return;
	for (at--; at > 0 && isdigit((unsigned char)s->ptr[at - 1]); at--) {
	}
	if (at > 1 && at < s->len - 1 && s->ptr[at - 1] == '(') *s = str_trim(str_sub(*s, 0, at - 1));
}

static struct str last_part(struct str s)
{
	while (s.len > 1 && s.ptr[s.len - 1] == '/') s.len--;
	for (size_t at = s.len; at > 0; at--)
		if (s.ptr[at - 1] == '/' || s.ptr[at - 1] == ':') return str_sub(s, at, s.len);
	return s;
}

bool name_from_source(const char *source, char ret_name[NAME_APP_SIZE], struct err *err)
{
	static const struct str archives[] = {{".zip", 4}, {".tar", 4},     {".tar.gz", 7},
					      {".tgz", 4}, {".tar.zst", 8}, {".git", 4}};
	struct str s = last_part(str_from(source));
	bool is_archive = false;
	for (size_t i = 0; i < sizeof archives / sizeof archives[0]; i++) is_archive |= cut_end(&s, archives[i]);
	if (is_archive) {
		cut_copy_number(&s);
		if (!cut_end(&s, STR("-main"))) (void)cut_end(&s, STR("-master"));
	}
	char name[NAME_APP_SIZE];
	size_t len = 0;
	for (size_t i = 0; i < s.len && len + 1 < sizeof name; i++) {
		char c = (char)tolower((unsigned char)s.ptr[i]);
		if (!is_app_char(c)) c = '-';
		if (len == 0 && !(c >= 'a' && c <= 'z')) continue;
		if (c == '-' && name[len - 1] == '-') continue;
		name[len++] = c;
	}
	while (len > 0 && name[len - 1] == '-') len--;
	if (len == 0)
		return err_set(err, ERR_INVALID,
			       "no name for the app can be made of \"%.200s\"; give it one with --app NAME", source);
	name[len] = '\0';
	memcpy(ret_name, name, len + 1);
	return true;
}

/* Edits between two words, neighbours that changed places counted as one. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1], la = strlen(a), lb = strlen(b);
	if (la > WORD_MAX || lb > WORD_MAX) return WORD_MAX;
	for (size_t j = 0; j <= lb; j++) rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = before[j - 1] + (a[i - 1] != b[j - 1]);
			if (before[j] + 1 < best) best = before[j] + 1;
			if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
			bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
			if (is_swap && two_before[j - 2] + 1 < best) best = two_before[j - 2] + 1;
			now[j] = best;
		}
	}
	return rows[la % 3][lb];
}

const char *name_nearest(const char *typed, const char *const *words)
{
	const char *best = NULL;
	size_t len = strlen(typed), best_distance = len <= 3 ? 2 : len <= 6 ? 3 : 4; /* one more than is allowed */
	for (size_t i = 0; words[i] != NULL; i++) {
		size_t d = distance(typed, words[i]);
		bool begins =
		    len >= 2 && (strncmp(typed, words[i], len) == 0 || strncmp(typed, words[i], strlen(words[i])) == 0);
		if (begins && d > 1) d = 1;
		if (d < best_distance) {
			best_distance = d;
			best = words[i];
		}
	}
	return best;
}

bool name_check_variable(struct str name, struct err *err)
{
	bool is_good = name.len > 0 && name.len <= VARIABLE_MAX && !isdigit((unsigned char)name.ptr[0]);
	for (size_t i = 0; is_good && i < name.len; i++)
		is_good = isalnum((unsigned char)name.ptr[i]) || name.ptr[i] == '_';
	if (is_good) return true;
	return err_set(err, ERR_INVALID,
		       "\"%.*s\" cannot be a variable's name: letters, digits and _, not beginning with a digit",
		       name.len > 64 ? 64 : (int)name.len, name.ptr);
}
