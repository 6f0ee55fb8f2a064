/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass over the text, nothing built: PostgreSQL parses it again anyway. */
#include <stdlib.h>

#include "rest/body.h"

struct scanner {
	struct arena *arena;
	const char *at, *end;
	int depth;
};

struct key_set {
	struct str names[BODY_KEYS_MAX];
	int count;
};

static void skip_blanks(struct scanner *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')) s->at++;
}

static bool take(struct scanner *s, char c)
{
	skip_blanks(s);
	if (s->at >= s->end || *s->at != c) return false;
	s->at++;
	return true;
}

static int hex4(const char *p)
{
	int n = 0;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int d = c >= '0' && c <= '9'   ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;
		if (d < 0) return -1;
		n = n * 16 + d;
	}
	return n;
}

/* Behind the opening quote; raw: between the quotes, still escaped. */
static bool scan_string(struct scanner *s, struct str *ret_raw, bool *ret_has_escapes)
{
	const char *from = s->at;
	*ret_has_escapes = false;
	while (s->at < s->end && *s->at != '"') {
		if ((unsigned char)*s->at < 0x20) return false;
		if (*s->at++ != '\\') continue;
		*ret_has_escapes = true;
		if (s->at >= s->end || strchr("\"\\/bfnrtu", *s->at) == NULL || *s->at == '\0') return false;
		if (*s->at++ != 'u') continue;
		if (s->end - s->at < 4 || hex4(s->at) < 0) return false;
		s->at += 4;
	}
	if (s->at >= s->end) return false;
	*ret_raw = (struct str){from, (size_t)(s->at - from)};
	s->at++;
	return true;
}

static size_t put_utf8(char *out, unsigned code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xC0 | code >> 6);
		out[1] = (char)(0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xE0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 63));
		out[2] = (char)(0x80 | (code & 63));
		return 3;
	}
	out[0] = (char)(0xF0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 63));
	out[2] = (char)(0x80 | (code >> 6 & 63));
	out[3] = (char)(0x80 | (code & 63));
	return 4;
}

static unsigned read_unicode(const char **p, const char *end)
{
	unsigned code = (unsigned)hex4(*p);
	*p += 4;
	bool is_high = code >= 0xD800 && code < 0xDC00;
	if (!is_high || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return code;
	unsigned low = (unsigned)hex4(*p + 2);
	if (low < 0xDC00 || low >= 0xE000) return code;
	*p += 6;
	return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}

static bool decode(struct scanner *s, struct str raw, struct str *ret)
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
	char *out = arena_alloc(s->arena, raw.len + 4);
	size_t len = 0;
	if (out == NULL) return false;
	for (const char *p = raw.ptr, *end = raw.ptr + raw.len; p < end;) {
		if (*p != '\\') {
			out[len++] = *p++;
			continue;
		}
		char c = p[1];
		p += 2;
		const char *named = strchr(names, c);
		if (c == 'u')
			len += put_utf8(out + len, read_unicode(&p, end));
		else
			out[len++] = named != NULL ? values[named - names] : c;
	}
	*ret = (struct str){out, len};
	return true;
}

static bool scan_digits(struct scanner *s)
{
	const char *from = s->at;
	while (s->at < s->end && *s->at >= '0' && *s->at <= '9') s->at++;
	return s->at > from;
}

static bool scan_number(struct scanner *s)
{
	if (s->at < s->end && *s->at == '-') s->at++;
	bool is_zero = s->at < s->end && *s->at == '0';
	if (is_zero)
		s->at++;
	else if (!scan_digits(s))
		return false;
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (!scan_digits(s)) return false;
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-')) s->at++;
		return scan_digits(s);
	}
	return true;
}

static bool scan_word(struct scanner *s, struct str word)
{
	if ((size_t)(s->end - s->at) < word.len || memcmp(s->at, word.ptr, word.len) != 0) return false;
	s->at += word.len;
	return true;
}

static bool scan_value(struct scanner *s);

/* keys NULL: nobody wants them. */
static bool scan_object(struct scanner *s, struct key_set *keys)
{
	struct str raw;
	bool has_escapes;
	if (take(s, '}')) return true;
	do {
		if (!take(s, '"') || !scan_string(s, &raw, &has_escapes) || !take(s, ':')) return false;
		if (keys != NULL) {
			if (keys->count == BODY_KEYS_MAX || (has_escapes && !decode(s, raw, &raw))) return false;
			keys->names[keys->count++] = raw;
		}
		if (!scan_value(s)) return false;
	} while (take(s, ','));
	return take(s, '}');
}

static bool scan_array(struct scanner *s)
{
	if (take(s, ']')) return true;
	do {
		if (!scan_value(s)) return false;
	} while (take(s, ','));
	return take(s, ']');
}

static bool scan_value(struct scanner *s)
{
	struct str raw;
	bool has_escapes, ok;
	skip_blanks(s);
	if (s->at >= s->end || ++s->depth > BODY_DEPTH_MAX) return false;
	switch (*s->at) {
	case '{':
		s->at++;
		ok = scan_object(s, NULL);
		break;
	case '[':
		s->at++;
		ok = scan_array(s);
		break;
	case '"':
		s->at++;
		ok = scan_string(s, &raw, &has_escapes);
		break;
	case 't': ok = scan_word(s, STR("true")); break;
	case 'f': ok = scan_word(s, STR("false")); break;
	case 'n': ok = scan_word(s, STR("null")); break;
	default: ok = scan_number(s);
	}
	s->depth--;
	return ok;
}

static int compare_names(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
	return order != 0 ? order : x->len < y->len ? -1 : x->len > y->len;
}

static void sort_once(struct key_set *k)
{
	int kept = 0;
	qsort(k->names, (size_t)k->count, sizeof k->names[0], compare_names);
	for (int i = 0; i < k->count; i++)
		if (kept == 0 || !str_eq(k->names[kept - 1], k->names[i])) k->names[kept++] = k->names[i];
	k->count = kept;
}

static bool same_keys(const struct key_set *a, const struct body_keys *b)
{
	if (a->count != b->count) return false;
	for (int i = 0; i < a->count; i++)
		if (!str_eq(a->names[i], b->names[i])) return false;
	return true;
}

static bool keep(struct scanner *s, const struct key_set *k, struct body_keys *ret)
{
	ret->count = k->count;
	ret->names = arena_array(s->arena, (size_t)k->count + 1, sizeof *ret->names);
	if (ret->names == NULL) return false;
	if (k->count > 0) memcpy(ret->names, k->names, (size_t)k->count * sizeof *ret->names);
	return true;
}

/* One element of the outermost array: usually the same keys in the same order as the first had. */
static bool scan_element(struct scanner *s, struct key_set *k, bool is_first, struct body_keys *ret)
{
	k->count = 0;
	if (!take(s, '{')) {
		ret->is_uniform = false;
		return scan_value(s);
	}
	if (!scan_object(s, k)) return false;
	sort_once(k);
	if (is_first) return keep(s, k, ret);
	ret->is_uniform = ret->is_uniform && same_keys(k, ret);
	return true;
}

static bool scan_rows(struct scanner *s, struct key_set *k, struct body_keys *ret)
{
	bool is_first = true;
	ret->shape = BODY_ARRAY;
	ret->is_uniform = true;
	if (take(s, ']')) {
		ret->is_empty = true;
		return true;
	}
	do {
		if (!scan_element(s, k, is_first, ret)) return false;
		is_first = false;
	} while (take(s, ','));
	return take(s, ']');
}

bool body_scan_json(struct arena *a, struct str json, struct body_keys *ret_keys)
{
	struct scanner s = {.arena = a, .at = json.ptr, .end = json.ptr + json.len};
	struct body_keys keys = {.shape = BODY_OTHER, .is_uniform = true};
	struct key_set *set = malloc(sizeof *set);
	bool ok;
	if (set == NULL) abort();
	set->count = 0;
	if (take(&s, '{')) {
		keys.shape = BODY_OBJECT;
		ok = scan_object(&s, set);
		sort_once(set);
		ok = ok && keep(&s, set, &keys);
	} else if (take(&s, '[')) {
		ok = scan_rows(&s, set, &keys);
	} else {
		ok = json.len > 0 && scan_value(&s);
	}
	skip_blanks(&s);
	free(set);
	if (!ok || s.at != s.end || !str_is_utf8(json)) return false;
	*ret_keys = keys;
	return true;
}
