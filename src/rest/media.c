/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/media.h"

#include <stdlib.h>

static const struct {
	const char *name;
	enum media_kind kind;
} types[] = {
    {"application/json", MEDIA_JSON},
    {"application/geo+json", MEDIA_GEOJSON},
    {"text/csv", MEDIA_CSV},
    {"text/plain", MEDIA_TEXT},
    {"text/xml", MEDIA_XML},
    {"application/openapi+json", MEDIA_OPENAPI},
    {"application/x-www-form-urlencoded", MEDIA_FORM},
    {"application/octet-stream", MEDIA_OCTETS},
    {"application/vnd.pgrst.object+json", MEDIA_OBJECT},
    {"application/vnd.pgrst.object", MEDIA_OBJECT},
    {"application/vnd.pgrst.array+json", MEDIA_JSON},
    {"application/vnd.pgrst.array", MEDIA_JSON},
    {"*/*", MEDIA_ANY},
};

static bool strips_nulls(struct str params)
{
	struct str part;
	while (str_next(&params, ';', &part)) {
		struct str name, value;
		if (!str_cut(part, '=', &name, &value)) continue;
		value = str_trim(value);
		if (value.len >= 2 && value.ptr[0] == '"') value = str_sub(value, 1, value.len - 1);
		if (str_eq_nocase(str_trim(name), STR("nulls")) && str_eq(value, STR("stripped"))) return true;
	}
	return false;
}

struct media media_parse(struct str text)
{
	struct str name = str_trim(text), params = {"", 0};
	struct media m = {.kind = MEDIA_OTHER, .text = name};
	if (str_cut(name, ';', &name, &params)) name = str_trim(name);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (!str_eq_nocase(name, str_from(types[i].name))) continue;
		m.kind = types[i].kind;
		bool is_array = i >= 10 && i <= 11;
		if ((m.kind == MEDIA_OBJECT || is_array) && strips_nulls(params))
			m.kind = is_array ? MEDIA_ARRAY_STRIPPED : MEDIA_OBJECT_STRIPPED;
		break;
	}
	return m;
}

struct str media_text(struct media m)
{
	switch (m.kind) {
	case MEDIA_OBJECT_STRIPPED: return STR("application/vnd.pgrst.object+json;nulls=stripped");
	case MEDIA_ARRAY_STRIPPED: return STR("application/vnd.pgrst.array+json;nulls=stripped");
	case MEDIA_OTHER: return m.text;
	default: break;
	}
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (types[i].kind == m.kind) return str_from(types[i].name);
	return m.text;
}

const char *media_content_type(struct arena *a, struct media m)
{
	if (m.kind == MEDIA_JSON) return "application/json; charset=utf-8";
	struct str text = media_text(m);
	const char *charset = m.kind == MEDIA_OCTETS || m.kind == MEDIA_OTHER ? "" : "; charset=utf-8";
	return arena_printf(a, "%.*s%s", STR_FMT(text), charset);
}

struct wish {
	struct str text;
	double quality;
	int specificity, number;
};

static int compare_wishes(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;
	if (x->quality != y->quality) return x->quality > y->quality ? -1 : 1;
	if (x->specificity != y->specificity) return y->specificity - x->specificity;
	return x->number - y->number;
}

static struct wish read_wish(struct arena *a, struct str part, int number)
{
	struct wish w = {.quality = 1, .number = number};
	char *text = arena_alloc(a, part.len + 1);
	size_t len = 0;
	for (size_t i = 0; text != NULL && i < part.len; i++)
		if (part.ptr[i] != ' ') text[len++] = part.ptr[i];
	w.text = (struct str){text != NULL ? text : "", len};
	ptrdiff_t q = str_find(w.text, STR(";q="));
	if (q >= 0) {
		w.quality = strtod(w.text.ptr + q + 3, NULL);
		w.text.len = (size_t)q;
	}
	for (size_t i = 0; i < w.text.len; i++)
		w.specificity += w.text.ptr[i] == ';' ? 1 : w.text.ptr[i] == '*' ? -1 : 0;
	return w;
}

int media_accept(struct arena *a, struct str header, struct media ret[MEDIA_ACCEPT_MAX])
{
	struct wish wishes[MEDIA_ACCEPT_MAX];
	struct str part;
	int n = 0;
	if (header.len == 0 || str_eq(header, STR("*/*"))) {
		ret[0] = (struct media){MEDIA_ANY, STR("*/*")};
		return 1;
	}
	while (n < MEDIA_ACCEPT_MAX && str_next(&header, ',', &part)) {
		wishes[n] = read_wish(a, part, n);
		n++;
	}
	qsort(wishes, (size_t)n, sizeof wishes[0], compare_wishes);
	for (int i = 0; i < n; i++) ret[i] = media_parse(wishes[i].text);
	return n;
}
