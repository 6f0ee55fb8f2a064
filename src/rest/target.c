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
	bool explains; /* rest/reader.h */
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

/* A byte beyond ASCII is taken for a character of Latin 1 and encoded once more, as PostgREST does. */
void target_encode(char *out, size_t *len, struct str text)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i], bytes[2] = {c, 0};
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				c == '-' || c == '_' || c == '.' || c == '~';
		int count = c >= 0x80 ? 2 : 1;
		if (is_plain) {
			out[(*len)++] = (char)c;
			continue;
		}
		if (count == 2)
			bytes[0] = (unsigned char)(0xC0 | c >> 6), bytes[1] = (unsigned char)(0x80 | (c & 0x3F));
		for (int k = 0; k < count; k++) {
			out[(*len)++] = '%';
			out[(*len)++] = digits[bytes[k] >> 4];
			out[(*len)++] = digits[bytes[k] & 15];
		}
	}
}

/* Sorted by name; values of one name stand together, with commas between. */
static bool make_canonical(struct reading *r)
{
	size_t room = 1, len = 0;
	for (int i = 0; i < r->count; i++)
		room += TARGET_ENCODED_MAX * (r->pairs[i].key.len + r->pairs[i].value.len) + 2;
	struct pair *sorted = arena_array(r->arena, (size_t)r->count + 1, sizeof *sorted);
	char *out = arena_alloc(r->arena, room);
	if (sorted == NULL || out == NULL) return too_large(r);
	if (r->count > 0) memcpy(sorted, r->pairs, (size_t)r->count * sizeof *sorted);
	if (r->count > 1) qsort(sorted, (size_t)r->count, sizeof *sorted, compare_pairs);
	for (int i = 0; i < r->count; i++) {
		if (i > 0 && str_eq(sorted[i].key, sorted[i - 1].key)) {
			out[len++] = ',';
		} else {
			if (i > 0) out[len++] = '&';
			target_encode(out, &len, sorted[i].key);
			out[len++] = '=';
		}
		target_encode(out, &len, sorted[i].value);
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

static void begin(const struct reading *r, struct reader *p, struct str text)
{
	reader_init(p, r->arena, text);
	p->explains = r->explains;
}

static bool fail_parse(struct reading *r, const struct reader *p, const char *what, struct str shown)
{
	if (r->explains) reader_error(p, what, shown, r->error);
	return false;
}

static bool read_select(struct reading *r)
{
	const struct pair *pair = find(r, STR("select"));
	struct str text = pair != NULL ? pair->value : STR("*");
	struct reader p;
	begin(r, &p, text);
	/* What cannot be read behind a complete list is passed over, as PostgREST does. */
	if (parse_select(&p, &r->target->select) && !p.is_over_limit) return true;
	return fail_parse(r, &p, "failed to parse select parameter", text);
}

static bool read_names(struct reading *r, struct str key, const char *what, struct str **ret, int *ret_count,
		       bool *ret_has)
{
	const struct pair *pair = find(r, key);
	struct reader p;
	if (pair == NULL) return true;
	begin(r, &p, pair->value);
	if (!parse_columns(&p, ret, ret_count)) return fail_parse(r, &p, what, pair->value);
	*ret_has = true;
	return true;
}

static bool read_path(struct reading *r, struct str key, struct embed_path *ret_path, struct field *ret_field)
{
	struct reader p;
	begin(r, &p, key);
	return parse_tree_path(&p, ret_path, ret_field) || fail_parse(r, &p, "failed to parse tree path", key);
}

static bool read_order(struct reading *r, const struct pair *pair)
{
	struct target_order *order = &r->target->orders[r->target->order_count++];
	struct field last;
	struct reader p;
	if (!read_path(r, pair->key, &order->path, &last)) return false;
	begin(r, &p, pair->value);
	return parse_order(&p, &order->terms, &order->term_count) ||
	       fail_parse(r, &p, "failed to parse order", pair->value);
}

static bool read_logic(struct reading *r, const struct pair *pair)
{
	struct target_logic *logic = &r->target->logics[r->target->logic_count++];
	bool is_negated;
	struct str op;
	struct reader p;
	begin(r, &p, pair->key);
	if (!parse_logic_path(&p, &logic->path, &is_negated, &op))
		return fail_parse(r, &p, "failed to parse logic path", pair->key);
	const char *text =
	    arena_printf(r->arena, "%s%.*s%.*s", is_negated ? "not." : "", STR_FMT(op), STR_FMT(pair->value));
	if (text == NULL) return too_large(r);
	begin(r, &p, str_from(text));
	return parse_logic(&p, &logic->logic) || fail_parse(r, &p, "failed to parse logic tree", pair->value);
}

static bool read_filter(struct reading *r, const struct pair *pair)
{
	struct target_filter f = {.key = pair->key};
	struct field field;
	struct reader p;
	if (!read_path(r, pair->key, &f.path, &field)) return false;
	begin(r, &p, pair->value);
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

#define ROWS_MAX (INT64_MAX / 4)

static bool read_rows(const struct pair *pair, int64_t *ret)
{
	if (!str_to_int(str_trim(pair->value), ret)) return false;
	if (*ret > ROWS_MAX) *ret = ROWS_MAX;
	if (*ret < -ROWS_MAX) *ret = -ROWS_MAX;
	return true;
}

/* The last limit or offset (word) of the embed whose name stands before it. */
static const struct pair *last_of(const struct reading *r, struct str prefix, struct str word)
{
	for (int i = r->count - 1; i >= 0; i--) {
		struct str key = r->pairs[i].key;
		if (r->pairs[i].has_value && key.len == prefix.len + word.len && str_has_prefix(key, prefix) &&
		    str_has_suffix(key, word))
			return &r->pairs[i];
	}
	return NULL;
}

/* limit and offset of one embed. An upper end of -1 means no rows at all, and nothing else does. */
static void set_range(const struct reading *r, struct str prefix, struct target_range *range)
{
	const struct pair *limit = last_of(r, prefix, STR("limit")), *offset = last_of(r, prefix, STR("offset"));
	int64_t rows, from = 0;
	if (offset != NULL && !read_rows(offset, &from)) from = 0;
	range->range = (struct range){.lower = from};
	if (limit != NULL && read_rows(limit, &rows)) {
		range->range = (struct range){from, from + rows - 1, true};
	} else if (limit != NULL && offset != NULL) {
		/* PostgREST takes a limit that is no number for none at all, but not beside an offset. */
		range->range = (struct range){from, from - 1, true};
	}
	range->is_zero = range->range.has_upper && range->range.upper == -1;
}

/* Each embed's range once; those of the outermost stand in top. Paths that cannot be read are told when they are
 * needed: a statement that writes heeds no ranges. */
static bool read_limits(struct reading *r)
{
	struct target *t = r->target;
	set_range(r, STR(""), &t->top);
	for (int i = 0; i < r->count; i++) {
		const struct pair *pair = &r->pairs[i];
		struct str word = last_word(pair->key);
		struct field last;
		bool is_limit = str_eq(word, STR("limit")), is_offset = str_eq(word, STR("offset"));
		if (!pair->has_value || (!is_limit && !is_offset)) continue;
		if (word.len == pair->key.len) {
			t->has_limit = true;
			continue;
		}
		struct str prefix = str_sub(pair->key, 0, pair->key.len - word.len);
		bool is_done =
		    last_of(r, prefix, word) != pair || (is_offset && last_of(r, prefix, STR("limit")) != NULL);
		if (is_done) continue;
		struct parse_error error, *of_request = r->error;
		struct target_range *range = &t->ranges[t->range_count];
		r->error = &error;
		bool ok = read_path(r, pair->key, &range->path, &last);
		r->error = of_request;
		if (!ok && !r->explains) return false;
		if (!ok && t->range_error.message == NULL) t->range_error = error;
		if (!ok) continue;
		set_range(r, prefix, range);
		t->range_count++;
	}
	return true;
}

/* What a parameter is, by the last word of its name. */
enum param_kind { PARAM_ORDER, PARAM_LOGIC, PARAM_FILTER, PARAM_OTHER };

static enum param_kind kind_of(const struct pair *pair)
{
	static const char *const others[] = {"select", "columns", "on_conflict"};
	struct str word = last_word(pair->key);
	if (!pair->has_value || str_eq(word, STR("limit")) || str_eq(word, STR("offset"))) return PARAM_OTHER;
	if (str_eq(word, STR("order"))) return PARAM_ORDER;
	if (str_eq(word, STR("and")) || str_eq(word, STR("or"))) return PARAM_LOGIC;
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (str_eq(pair->key, str_from(others[i]))) return PARAM_OTHER;
	return PARAM_FILTER;
}

static bool read_each(struct reading *r, enum param_kind kind, bool (*read)(struct reading *r, const struct pair *pair))
{
	for (int i = 0; i < r->count; i++)
		if (kind_of(&r->pairs[i]) == kind && !read(r, &r->pairs[i])) return false;
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

/* In PostgREST's order, since only the first failure is told. */
static bool read_all(struct reading *r)
{
	struct target *t = r->target;
	if (!make_room(r)) return too_large(r);
	return read_each(r, PARAM_ORDER, read_order) && read_each(r, PARAM_LOGIC, read_logic) &&
	       read_names(r, STR("columns"), "failed to parse columns parameter", &t->columns, &t->column_count,
			  &t->has_columns) &&
	       read_select(r) && read_each(r, PARAM_FILTER, read_filter) &&
	       read_names(r, STR("on_conflict"), "failed to parse on_conflict parameter", &t->on_conflict,
			  &t->on_conflict_count, &t->has_on_conflict) &&
	       read_limits(r);
}

bool target_parse(struct arena *a, struct str query, bool is_call, struct target *ret_target,
		  struct parse_error *ret_error)
{
	struct target target = {.top.range = RANGE_ALL};
	struct reading r = {.arena = a, .target = &target, .error = ret_error, .is_call = is_call};
	if (!split(&r, query) || !make_canonical(&r)) return false;
	bool ok = read_all(&r);
	if (!ok) { /* once more, to say why; a range that cannot be read is no failure then */
		target = (struct target){.top.range = RANGE_ALL, .canonical = target.canonical};
		r.explains = true;
		ok = read_all(&r);
	}
	if (ok) *ret_target = target;
	return ok;
}
