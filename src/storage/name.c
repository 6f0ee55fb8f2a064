/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static bool is_of(struct str text, const char *others)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (isalnum((unsigned char)c) && (unsigned char)c < 0x80) continue;
		if (c == '\0' || strchr(others, c) == NULL) return false;
	}
	return true;
}

#define SAFE "_!.*'() &$=@;:+,?-"

bool storage_is_bucket(struct str name)
{
	return name.len > 0 && name.len <= STORAGE_BUCKET_MAX && is_of(name, SAFE);
}

bool storage_is_key(struct str name)
{
	return name.len > 0 && name.len <= STORAGE_KEY_MAX && is_of(name, SAFE "/");
}

bool storage_is_uuid(struct str text)
{
	if (text.len != STORAGE_VERSION_SIZE - 1) return false;
	for (size_t i = 0; i < text.len; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		char c = text.ptr[i];
		if (is_dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
	}
	return true;
}

bool storage_is_empty_folder(struct str key)
{
	return str_has_suffix(key, STR(".emptyFolderPlaceholder"));
}

void storage_version(char ret_version[STORAGE_VERSION_SIZE])
{
	unsigned char b[16];
	if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) abort();
	b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
	char *at = ret_version;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
		(void)snprintf(at, 3, "%02x", b[i]);
		at += 2;
	}
}

static bool is_mime_word(struct str word)
{
	return word.len > 0 && is_of(word, "-+.");
}

bool storage_is_mime_rule(struct str rule)
{
	struct str type, subtype, parameters = STR("");
	if (rule.len == 0 || rule.len > 1000) return false;
	if (rule.ptr[rule.len - 1] == '*') return true;
	if (!str_cut(rule, '/', &type, &subtype)) return false;
	(void)str_cut(subtype, ';', &subtype, &parameters);
	return is_mime_word(type) && is_mime_word(subtype);
}

/* As upstream: what stands before and behind the slash, to the letter. */
bool storage_mime_matches(struct str type, struct str rule)
{
	struct str a, b, rule_a, rule_b, ignored;
	if (!str_cut(type, '/', &a, &b) || !str_cut(rule, '/', &rule_a, &rule_b)) return false;
	(void)str_cut(b, '/', &b, &ignored);
	return str_eq(a, rule_a) && (str_eq(rule_b, STR("*")) || str_eq(rule_b, b));
}

bool storage_is_mime(struct str type)
{
	struct str a, b;
	if (type.len > 255 || !str_cut(type, '/', &a, &b) || !is_mime_word(a) || b.len == 0) return false;
	for (size_t i = 0; i < b.len; i++)
		if (b.ptr[i] < ' ' || b.ptr[i] > '~') return false;
	return true;
}

bool storage_read_size(struct str text, int64_t *ret_bytes)
{
	static const struct {
		struct str unit;
		double factor;
	} units[] = {{{"gb", 2}, 1e9}, {{"mb", 2}, 1e6}, {{"kb", 2}, 1e3}, {{"b", 1}, 1}};
	char digits[32];
	for (size_t i = 0; i < 4; i++) {
		struct str unit = units[i].unit;
		if (text.len <= unit.len || !str_eq_nocase(str_sub(text, text.len - unit.len, text.len), unit))
			continue;
		struct str number = str_sub(text, 0, text.len - unit.len);
		char *end = NULL;
		if (number.len >= sizeof digits || !isdigit((unsigned char)number.ptr[0])) return false;
		(void)snprintf(digits, sizeof digits, "%.*s", STR_FMT(number));
		if (strspn(digits, "0123456789.") != number.len) return false;
		double value = strtod(digits, &end);
		if (*end != '\0' || value * units[i].factor > 9e15) return false;
		*ret_bytes = (int64_t)(value * units[i].factor);
		return true;
	}
	return false;
}

bool storage_is_active(struct str type)
{
	static const char *const words[] = {"html", "xml", "svg", "mathml"};
	char low[256];
	size_t len = type.len < sizeof low ? type.len : sizeof low - 1;
	for (size_t i = 0; i < len; i++) low[i] = (char)tolower((unsigned char)type.ptr[i]);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_find((struct str){low, len}, str_from(words[i])) >= 0) return true;
	return false;
}
