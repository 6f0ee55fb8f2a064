/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/media.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

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
    {"application/vnd.pgrst.array+json", MEDIA_ARRAY_STRIPPED},
    {"application/vnd.pgrst.array", MEDIA_ARRAY_STRIPPED},
    {"application/vnd.pgrst.plan+json", MEDIA_PLAN},
    {"application/vnd.pgrst.plan+text", MEDIA_PLAN},
    {"application/vnd.pgrst.plan", MEDIA_PLAN},
    {"*/*", MEDIA_ANY},
};

/* In the order in which they are written. */
static const struct {
	const char *name;
	enum media_plan_option option;
} plan_options[] = {{"analyze", PLAN_ANALYZE},
		    {"verbose", PLAN_VERBOSE},
		    {"settings", PLAN_SETTINGS},
		    {"buffers", PLAN_BUFFERS},
		    {"wal", PLAN_WAL}};

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* Letters, digits and these signs; at least one. */
static bool take_run(struct str *rest, const char *signs, struct str *ret)
{
	size_t n = 0;
	while (n < rest->len &&
	       (is_alnum(rest->ptr[n]) || (rest->ptr[n] != '\0' && strchr(signs, rest->ptr[n]) != NULL)))
		n++;
	*ret = str_sub(*rest, 0, n);
	*rest = str_sub(*rest, n, rest->len);
	return n > 0;
}

static bool take_char(struct str *rest, char c)
{
	if (rest->len == 0 || rest->ptr[0] != c) return false;
	*rest = str_sub(*rest, 1, rest->len);
	return true;
}

static void skip_blanks(struct str *rest)
{
	while (rest->len > 0 && strchr(" \t\r\n\v\f", rest->ptr[0]) != NULL && rest->ptr[0] != '\0')
		*rest = str_sub(*rest, 1, rest->len);
}

/* ; name = value, where the value may be quoted. What cannot be read ends the parameters. */
static bool take_param(struct str *rest, struct str *ret_name, struct str *ret_value)
{
	skip_blanks(rest);
	if (!take_char(rest, ';')) return false;
	skip_blanks(rest);
	if (!take_run(rest, "-", ret_name)) return false;
	skip_blanks(rest);
	if (!take_char(rest, '=')) return false;
	skip_blanks(rest);
	if (!take_char(rest, '"')) return take_run(rest, "|-", ret_value);
	return str_cut(*rest, '"', ret_value, rest);
}

/* Of several with one name the last counts. */
static struct str param(struct str params, struct str wanted)
{
	struct str name, value, found = {0};
	while (take_param(&params, &name, &value))
		if (str_eq_nocase(name, wanted)) found = value;
	return found;
}

struct media media_of(enum media_kind kind)
{
	struct media m = {.kind = kind, .text = STR("*/*")};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (types[i].kind == kind) {
			m.text = str_from(types[i].name);
			break;
		}
	if (kind == MEDIA_OBJECT_STRIPPED) m.text = STR("application/vnd.pgrst.object+json;nulls=stripped");
	if (kind == MEDIA_ARRAY_STRIPPED) m.text = STR("application/vnd.pgrst.array+json;nulls=stripped");
	return m;
}

static struct media plan_of(struct arena *a, bool is_json, struct str params)
{
	struct media m = {.kind = MEDIA_PLAN, .plan_is_json = is_json};
	struct str wanted = param(params, STR("for")), options = param(params, STR("options")), option;
	struct media inner = wanted.ptr != NULL ? media_parse(a, wanted) : media_of(MEDIA_JSON);
	BUF_CLEANUP struct buf text;
	buf_init(&text, 4096);
	m.plan_for = inner.kind;
	m.plan_for_text = inner.text;
	while (str_next(&options, '|', &option))
		for (size_t i = 0; i < sizeof plan_options / sizeof plan_options[0]; i++)
			if (str_eq(option, str_from(plan_options[i].name))) m.plan_options |= plan_options[i].option;
	buf_printf(&text, "application/vnd.pgrst.plan+%s; for=\"%.*s\"", is_json ? "json" : "text",
		   STR_FMT(inner.text));
	bool is_first = true;
	for (size_t i = 0; i < sizeof plan_options / sizeof plan_options[0]; i++) {
		if ((m.plan_options & plan_options[i].option) == 0) continue;
		buf_printf(&text, "%s%s", is_first ? "; options=" : "|", plan_options[i].name);
		is_first = false;
	}
	m.text = arena_str(a, buf_view(&text));
	if (m.text.ptr == NULL) m.text = STR("application/vnd.pgrst.plan");
	return m;
}

struct media media_parse(struct arena *a, struct str text)
{
	struct str rest = text, kind, subtype;
	struct media other = {.kind = MEDIA_OTHER, .text = text};
	if (!take_run(&rest, ".*", &kind) || !take_char(&rest, '/') || !take_run(&rest, ".*+-", &subtype)) return other;
	struct str name = {kind.ptr, (size_t)(subtype.ptr + subtype.len - kind.ptr)};
	bool is_stripped = str_eq(param(rest, STR("nulls")), STR("stripped"));
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (!str_eq_nocase(name, str_from(types[i].name))) continue;
		switch (types[i].kind) {
		case MEDIA_PLAN: return plan_of(a, str_has_suffix(str_from(types[i].name), STR("+json")), rest);
		case MEDIA_OBJECT: return media_of(is_stripped ? MEDIA_OBJECT_STRIPPED : MEDIA_OBJECT);
		case MEDIA_ARRAY_STRIPPED: return media_of(is_stripped ? MEDIA_ARRAY_STRIPPED : MEDIA_JSON);
		default: return media_of(types[i].kind);
		}
	}
	return other;
}

const char *media_content_type(struct arena *a, struct media m)
{
	if (m.kind == MEDIA_JSON) return "application/json; charset=utf-8";
	const char *charset = m.kind == MEDIA_OCTETS || m.kind == MEDIA_OTHER ? "" : "; charset=utf-8";
	return arena_printf(a, "%.*s%s", STR_FMT(m.text), charset);
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
	if (header.ptr == NULL || str_eq(header, STR("*/*"))) {
		ret[0] = media_of(MEDIA_ANY);
		return 1;
	}
	while (n < MEDIA_ACCEPT_MAX && str_next(&header, ',', &part)) {
		wishes[n] = read_wish(a, part, n);
		n++;
	}
	qsort(wishes, (size_t)n, sizeof wishes[0], compare_wishes);
	for (int i = 0; i < n; i++) ret[i] = media_parse(a, wishes[i].text);
	return n;
}
