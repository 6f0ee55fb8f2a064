/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "codec/url.h"

struct pair {
	struct str key, value;
	bool has_value; /* an '=' stood there */
	int number;
};

struct reading {
	struct arena *arena;
	struct target *target;
	struct parse_error *error;
	bool is_call;
	struct pair *pairs;
	int count;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	if (c >= 'A' && c <= 'F') return c - 'A' + 10;
	return -1;
}

struct str target_decode(struct arena *a, struct str text, bool is_plus_space)
{
	char *out = arena_alloc(a, text.len + 1);
	size_t len = 0;
	if (out == NULL) return (struct str){0};
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '+' && is_plus_space) c = ' ';
		if (c == '%' && i + 2 < text.len) {
			int high = hex_digit(text.ptr[i + 1]), low = hex_digit(text.ptr[i + 2]);
			if (high >= 0 && low >= 0) {
				c = (char)(high * 16 + low);
				i += 2;
			}
		}
		if (c == '\0') break;
		out[len++] = c;
	}
	return (struct str){out, len};
}

bool range_is_empty(struct range r)
{
	return r.has_upper && r.upper < r.lower;
}

bool range_is_all(struct range r)
{
	return r.lower == 0 && !r.has_upper;
}

struct range range_intersect(struct range a, struct range b)
{
	struct range r = {.lower = a.lower > b.lower ? a.lower : b.lower, .has_upper = a.has_upper || b.has_upper};
	r.upper = !a.has_upper ? b.upper : !b.has_upper ? a.upper : a.upper < b.upper ? a.upper : b.upper;
	return r;
}

static bool fail(struct reading *r, const char *message, const char *details)
{
	*r->error = (struct parse_error){message, details};
	return false;
}

static bool too_large(struct reading *r)
{
	return fail(r, "\"the query string is too large\" (line 1, column 1)", "unexpected size");
}

static bool is_separator(char c)
{
	return c == '&' || c == ';';
}

static bool split(struct reading *r, struct str query)
{
	int room = 1;
	for (size_t i = 0; i < query.len; i++) room += is_separator(query.ptr[i]);
	if (room > TARGET_PARAMS_MAX) return too_large(r);
	r->pairs = arena_array(r->arena, (size_t)room, sizeof *r->pairs);
	if (r->pairs == NULL) return too_large(r);
	for (size_t at = 0; at < query.len;) {
		size_t end = at;
		while (end < query.len && !is_separator(query.ptr[end])) end++;
		struct str part = str_sub(query, at, end), key = part, value = {"", 0};
		at = end + 1;
		if (part.len == 0) continue;
		struct pair *pair = &r->pairs[r->count];
		pair->has_value = str_cut(part, '=', &key, &value);
		pair->key = target_decode(r->arena, key, true);
		pair->value = target_decode(r->arena, value, true);
		pair->number = r->count++;
		if (pair->key.ptr == NULL || pair->value.ptr == NULL) return too_large(r);
	}
	return true;
}

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	size_t n = x->key.len < y->key.len ? x->key.len : y->key.len;
	int order = memcmp(x->key.ptr, y->key.ptr, n);
	if (order == 0) order = x->key.len < y->key.len ? -1 : x->key.len > y->key.len;
	return order != 0 ? order : x->number - y->number;
}

static void encode(char *out, size_t *len, struct str text)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				c == '-' || c == '_' || c == '.' || c == '~';
		if (is_plain) {
			out[(*len)++] = (char)c;
			continue;
		}
		out[(*len)++] = '%';
		out[(*len)++] = digits[c >> 4];
		out[(*len)++] = digits[c & 15];
	}
}

static bool make_canonical(struct reading *r)
{
	size_t room = 1, len = 0;
	for (int i = 0; i < r->count; i++) room += 3 * (r->pairs[i].key.len + r->pairs[i].value.len) + 2;
	struct pair *sorted = arena_array(r->arena, (size_t)r->count + 1, sizeof *sorted);
	char *out = arena_alloc(r->arena, room);
	if (sorted == NULL || out == NULL) return too_large(r);
	if (r->count > 0) memcpy(sorted, r->pairs, (size_t)r->count * sizeof *sorted);
	if (r->count > 1) qsort(sorted, (size_t)r->count, sizeof *sorted, compare_pairs);
	for (int i = 0; i < r->count; i++) {
		if (i > 0) out[len++] = '&';
		encode(out, &len, sorted[i].key);
		out[len++] = '=';
		encode(out, &len, sorted[i].value);
	}
	r->target->canonical = (struct str){out, len};
	return true;
}

static struct str last_word(struct str key)
{
	size_t at = key.len;
	while (at > 0 && key.ptr[at - 1] != '.') at--;
	return str_sub(key, at, key.len);
}

static const struct pair *find(const struct reading *r, struct str key)
{
	for (int i = 0; i < r->count; i++)
		if (str_eq(r->pairs[i].key, key)) return r->pairs[i].has_value ? &r->pairs[i] : NULL;
	return NULL;
}

static bool fail_parse(struct reading *r, const struct parser *p, const char *what, struct str shown)
{
	parser_error(p, what, shown, r->error);
	return false;
}

static bool read_select(struct reading *r)
{
	const struct pair *pair = find(r, STR("select"));
	struct str text = pair != NULL ? pair->value : STR("*");
	struct parser p;
	parser_init(&p, r->arena, text);
	/* What cannot be read behind a complete list is passed over, as PostgREST does. */
	if (parse_select(&p, &r->target->select) && !p.is_over_limit) return true;
	return fail_parse(r, &p, "failed to parse select parameter", text);
}

static bool read_names(struct reading *r, struct str key, const char *what, struct str **ret, int *ret_count,
		       bool *ret_has)
{
	const struct pair *pair = find(r, key);
	struct parser p;
	if (pair == NULL) return true;
	parser_init(&p, r->arena, pair->value);
	if (!parse_columns(&p, ret, ret_count)) return fail_parse(r, &p, what, pair->value);
	*ret_has = true;
	return true;
}

static bool read_path(struct reading *r, struct str key, struct embed_path *ret_path, struct field *ret_field)
{
	struct parser p;
	parser_init(&p, r->arena, key);
	return parse_tree_path(&p, ret_path, ret_field) || fail_parse(r, &p, "failed to parse tree path", key);
}

static bool read_order(struct reading *r, const struct pair *pair)
{
	struct target_order *order = &r->target->orders[r->target->order_count++];
	struct field last;
	struct parser p;
	if (!read_path(r, pair->key, &order->path, &last)) return false;
	parser_init(&p, r->arena, pair->value);
	return parse_order(&p, &order->terms, &order->term_count) ||
	       fail_parse(r, &p, "failed to parse order", pair->value);
}

static bool read_logic(struct reading *r, const struct pair *pair)
{
	struct target_logic *logic = &r->target->logics[r->target->logic_count++];
	bool is_negated;
	struct str op;
	struct parser p;
	parser_init(&p, r->arena, pair->key);
	if (!parse_logic_path(&p, &logic->path, &is_negated, &op))
		return fail_parse(r, &p, "failed to parse logic path", pair->key);
	const char *text =
	    arena_printf(r->arena, "%s%.*s%.*s", is_negated ? "not." : "", STR_FMT(op), STR_FMT(pair->value));
	if (text == NULL) return too_large(r);
	parser_init(&p, r->arena, str_from(text));
	return parse_logic(&p, &logic->logic) || fail_parse(r, &p, "failed to parse logic tree", pair->value);
}

static bool read_filter(struct reading *r, const struct pair *pair)
{
	struct target_filter f = {.key = pair->key};
	struct field field;
	struct parser p;
	if (!read_path(r, pair->key, &f.path, &field)) return false;
	parser_init(&p, r->arena, pair->value);
	if (!parse_operation(&p, r->is_call, &f.filter))
		return fail_parse(r, &p, "failed to parse filter", pair->value);
	f.filter.field = field;
	if (f.filter.op == OP_NONE)
		r->target->arguments[r->target->argument_count++] =
		    (struct target_argument){field.name, f.filter.value};
	else
		r->target->filters[r->target->filter_count++] = f;
	return true;
}

/* The range of an embed, found or made. */
static struct target_range *range_of(struct reading *r, const struct embed_path *path)
{
	struct target *t = r->target;
	if (path->count == 0) return &t->top;
	for (int i = 0; i < t->range_count; i++) {
		bool same = t->ranges[i].path.count == path->count;
		for (int k = 0; same && k < path->count; k++) same = str_eq(t->ranges[i].path.names[k], path->names[k]);
		if (same) return &t->ranges[i];
	}
	t->ranges[t->range_count] = (struct target_range){.path = *path, .range = RANGE_ALL};
	return &t->ranges[t->range_count++];
}

#define ROWS_MAX (INT64_MAX / 4)

static bool read_limits(struct reading *r, struct str word, bool is_limit)
{
	for (int i = 0; i < r->count; i++) {
		const struct pair *pair = &r->pairs[i];
		struct embed_path path;
		struct field last;
		int64_t n;
		if (!pair->has_value || !str_eq(last_word(pair->key), word)) continue;
		if (!read_path(r, pair->key, &path, &last)) return false;
		struct target_range *range = range_of(r, &path);
		if (!str_to_int(pair->value, &n)) continue;
		if (n > ROWS_MAX) n = ROWS_MAX;
		if (n < -ROWS_MAX) n = -ROWS_MAX;
		if (path.count == 0) r->target->has_limit = true;
		if (is_limit) {
			range->range = (struct range){0, n - 1, true};
			range->is_zero = n == 0;
		} else {
			range->range.lower = n;
			range->range.upper += n;
		}
	}
	return true;
}

static bool read_params(struct reading *r)
{
	for (int i = 0; i < r->count; i++) {
		const struct pair *pair = &r->pairs[i];
		struct str word = last_word(pair->key);
		bool ok = true;
		if (!pair->has_value) continue;
		if (str_eq(word, STR("order")))
			ok = read_order(r, pair);
		else if (str_eq(word, STR("and")) || str_eq(word, STR("or")))
			ok = read_logic(r, pair);
		else if (str_eq(word, STR("limit")) || str_eq(word, STR("offset")) ||
			 str_eq(pair->key, STR("select")) || str_eq(pair->key, STR("columns")) ||
			 str_eq(pair->key, STR("on_conflict")))
			continue;
		else
			ok = read_filter(r, pair);
		if (!ok) return false;
	}
	return true;
}

static bool make_room(struct reading *r)
{
	struct target *t = r->target;
	size_t n = (size_t)r->count + 1;
	t->filters = arena_array(r->arena, n, sizeof *t->filters);
	t->logics = arena_array(r->arena, n, sizeof *t->logics);
	t->orders = arena_array(r->arena, n, sizeof *t->orders);
	t->ranges = arena_array(r->arena, n, sizeof *t->ranges);
	t->arguments = arena_array(r->arena, n, sizeof *t->arguments);
	return t->filters != NULL && t->logics != NULL && t->orders != NULL && t->ranges != NULL &&
	       t->arguments != NULL;
}

bool target_parse(struct arena *a, struct str query, bool is_call, struct target *ret_target,
		  struct parse_error *ret_error)
{
	struct target target = {.top.range = RANGE_ALL};
	struct reading r = {.arena = a, .target = &target, .error = ret_error, .is_call = is_call};
	if (!split(&r, query) || !make_canonical(&r)) return false;
	if (!make_room(&r)) return too_large(&r);
	bool ok = read_params(&r) &&
		  read_names(&r, STR("columns"), "failed to parse columns parameter", &target.columns,
			     &target.column_count, &target.has_columns) &&
		  read_select(&r) &&
		  read_names(&r, STR("on_conflict"), "failed to parse on_conflict parameter", &target.on_conflict,
			     &target.on_conflict_count, &target.has_on_conflict) &&
		  read_limits(&r, STR("limit"), true) && read_limits(&r, STR("offset"), false);
	if (ok) *ret_target = target;
	return ok;
}
