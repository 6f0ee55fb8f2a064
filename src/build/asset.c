/* SPDX-License-Identifier: Apache-2.0 */
#include "build/asset.h"

#include <ctype.h>

#define BASE64_LEN 8
#define HEX_MIN 8
#define HEX_MAX 64

static bool is_base64_hash(struct str s)
{
	bool has_letter = false, has_mark = false;
	if (s.len != BASE64_LEN) return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (!isalnum(c) && c != '-' && c != '_') return false;
		if (isalpha(c)) has_letter = true;
		if (isupper(c) || isdigit(c) || c == '_') has_mark = true;
	}
	return has_letter && has_mark;
}

static bool is_hex_hash(struct str s)
{
	bool has_letter = false, has_digit = false;
	if (s.len < HEX_MIN || s.len > HEX_MAX) return false;
	for (size_t i = 0; i < s.len; i++) {
		if (isdigit((unsigned char)s.ptr[i]))
			has_digit = true;
		else if (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')
			has_letter = true;
		else
			return false;
	}
	return has_letter && has_digit;
}

static bool is_ending(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.ptr[i]) && s.ptr[i] != '.') return false;
	return s.len > 0;
}

/* Which folders of Next's hold only such files; its others are named by the build. */
static bool is_of_next(struct str path, struct str name)
{
	static const char *const folders[] = {"_next/static/chunks/", "_next/static/css/", "_next/static/media/"};
	size_t from = 0;
	bool is_there = false;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		is_there = is_there || str_has_prefix(path, str_from(folders[i]));
	for (size_t i = 0; is_there && i < name.len; i++) {
		if (name.ptr[i] != '-' && name.ptr[i] != '.') continue;
		if (is_hex_hash(str_sub(name, from, i))) return true;
		from = i + 1;
	}
	return false;
}

bool asset_is_fingerprinted(struct str path)
{
	size_t at = path.len;
	while (at > 0 && path.ptr[at - 1] != '/') at--;
	struct str name = str_sub(path, at, path.len);
	if (is_of_next(path, name)) return true;
	for (size_t dot = 1; dot < name.len; dot++) {
		if (name.ptr[dot] != '.' || !is_ending(str_sub(name, dot + 1, name.len))) continue;
		/* There is something before the dash. */
		if (dot > BASE64_LEN + 1 && name.ptr[dot - BASE64_LEN - 1] == '-' &&
		    is_base64_hash(str_sub(name, dot - BASE64_LEN, dot)))
			return true;
		size_t from = dot;
		while (from > 0 && name.ptr[from - 1] != '.') from--;
		if (from > 1 && is_hex_hash(str_sub(name, from, dot))) return true;
	}
	return false;
}
