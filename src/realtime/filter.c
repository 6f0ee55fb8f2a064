/* SPDX-License-Identifier: Apache-2.0 */
#include "realtime/filter.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"

#define TOO_LONG "the subscription is longer than this server takes"
#define DESCRIPTION_MAX_BYTES 4096

static const char *const op_names[] = {"eq",   "neq",   "lt", "lte",   "gt",     "gte",       "in",
				       "like", "ilike", "is", "match", "imatch", "isdistinct"};

const char *filter_op_name(enum filter_op op)
{
	return op_names[op];
}

const char *filter_event_name(int events)
{
	return events == FILTER_INSERT   ? "INSERT"
	       : events == FILTER_UPDATE ? "UPDATE"
	       : events == FILTER_DELETE ? "DELETE"
					 : "*";
}

static int read_event(const json_t *element)
{
	const char *event = json_string_value(json_object_get(element, "event"));
	if (event == NULL) return FILTER_ALL;
	if (strcasecmp(event, "INSERT") == 0) return FILTER_INSERT;
	if (strcasecmp(event, "UPDATE") == 0) return FILTER_UPDATE;
	return strcasecmp(event, "DELETE") == 0 ? FILTER_DELETE : FILTER_ALL;
}

static bool problem(const char **ret, const char *text)
{
	*ret = text != NULL ? text : TOO_LONG;
	return false;
}

/* Up to the next comma outside quotes and parentheses. A quote begins behind a dot, a parenthesis or a comma. */
static bool next_segment(struct str *rest, struct str *ret)
{
	int depth = 0;
	bool is_quoted = false;
	if (rest->ptr == NULL) return false;
	size_t i;
	for (i = 0; i < rest->len; i++) {
		char c = rest->ptr[i], before = i > 0 ? rest->ptr[i - 1] : '\0';
		if (is_quoted && c == '\\')
			i++;
		else if (is_quoted)
			is_quoted = c != '"';
		else if (c == '"' && (before == '.' || before == '(' || before == ','))
			is_quoted = true;
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth -= depth > 0;
		else if (c == ',' && depth == 0)
			break;
	}
	if (i < rest->len) {
		*ret = str_sub(*rest, 0, i);
		*rest = str_sub(*rest, i + 1, rest->len);
	} else {
		*ret = *rest;
		*rest = (struct str){NULL, 0};
	}
	return true;
}

/* "a \"quoted\" text" without its quotes; anything else as it is. */
static const char *unquote(struct arena *a, struct str value)
{
	char *text = arena_cstr(a, value);
	if (text == NULL || value.len < 2 || value.ptr[0] != '"') return text;
	char *plain = arena_alloc(a, value.len), *to = plain;
	if (plain == NULL) return NULL;
	for (size_t i = 1; i < value.len; i++) {
		char c = value.ptr[i];
		if (c == '"') return i + 1 == value.len ? plain : text;
		if (c == '\\' && ++i == value.len) return text;
		*to++ = value.ptr[i];
	}
	return text;
}

static int find_op(struct str name)
{
	for (size_t i = 0; i < sizeof op_names / sizeof *op_names; i++)
		if (str_eq(name, str_from(op_names[i]))) return (int)i;
	return -1;
}

static bool read_value(struct arena *a, struct str value, struct filter *f, const char **ret_problem)
{
	if (f->op != FILTER_IN) {
		f->value = unquote(a, value);
		return f->value != NULL || problem(ret_problem, NULL);
	}
	if (value.len < 2 || value.ptr[0] != '(' || value.ptr[value.len - 1] != ')')
		return problem(ret_problem,
			       "Error parsing `filter` params: `in` filter value must be wrapped by parentheses");
	struct str list = str_sub(value, 1, value.len - 1);
	f->value = arena_printf(a, "{%.*s}", STR_FMT(list));
	return f->value != NULL || problem(ret_problem, NULL);
}

static bool read_filter(struct arena *a, struct str segment, struct filter *f, const char **ret_problem)
{
	struct str column, rest, op, value;
	segment = str_trim(segment);
	if (segment.len == 0)
		return problem(ret_problem, "Error parsing `filter` params: filter must not contain empty segments "
					    "(check for extra commas)");
	if (!str_cut(segment, '=', &column, &rest))
		return problem(ret_problem,
			       arena_printf(a, "Error parsing `filter` params: [\"%.*s\"]", STR_FMT(segment)));
	f->is_negated = str_has_prefix(rest, STR("not."));
	if (f->is_negated) rest = str_sub(rest, 4, rest.len);
	if (!str_cut(rest, '.', &op, &value))
		return problem(ret_problem,
			       arena_printf(a, "Error parsing `filter` params: [\"%.*s\"]", STR_FMT(rest)));
	int found = find_op(op);
	if (found < 0)
		return problem(ret_problem, arena_printf(a, "Error parsing `filter` params: [\"%.*s\", \"%.*s\"]",
							 STR_FMT(op), STR_FMT(value)));
	f->op = (enum filter_op)found;
	f->column = arena_cstr(a, column);
	return f->column != NULL ? read_value(a, value, f, ret_problem) : problem(ret_problem, NULL);
}

static bool read_filters(struct arena *a, const json_t *member, struct filter_wish *w, const char **ret_problem)
{
	struct str rest = {json_string_value(member), json_string_length(member)}, segment;
	if (str_trim(rest).len == 0) return true;
	while (next_segment(&rest, &segment)) {
		if (w->filter_count == FILTERS_MAX)
			return problem(ret_problem, "Error parsing `filter` params: too many filters");
		if (!read_filter(a, segment, &w->filters[w->filter_count], ret_problem)) return false;
		w->filter_count++;
	}
	return true;
}

static bool read_columns(struct arena *a, const json_t *select, struct filter_wish *w, const char **ret_problem)
{
	if (json_is_string(select))
		return problem(ret_problem, "Error parsing `select` params: expected a list of column name strings, "
					    "e.g. select: [\"col1\", \"col2\"]");
	for (size_t i = 0; i < json_array_size(select); i++) {
		const char *name = json_string_value(json_array_get(select, i));
		if (name == NULL) continue;
		if (w->column_count == FILTER_COLUMNS_MAX) return problem(ret_problem, NULL);
		w->columns[w->column_count] = arena_strdup(a, name);
		if (w->columns[w->column_count++] == NULL) return problem(ret_problem, NULL);
	}
	return true;
}

static bool nothing_given(struct arena *a, const json_t *element, const char **ret_problem)
{
	char *text = json_dumps(element, JSON_COMPACT | JSON_ENCODE_ANY);
	bool is_secret =
	    json_object_get(element, "user_token") != NULL || json_object_get(element, "auth_token") != NULL;
	const char *words = arena_printf(a,
					 "No subscription params provided. Please provide at least a `schema` or "
					 "`table` to subscribe to: %.200s",
					 is_secret || text == NULL ? "<redacted>" : text);
	free(text);
	return problem(ret_problem, words);
}

bool filter_read(struct arena *a, const json_t *element, struct filter_wish *ret, const char **ret_problem)
{
	struct filter_wish *w = ret;
	const json_t *schema = json_object_get(element, "schema"), *table = json_object_get(element, "table");
	const json_t *filter = json_object_get(element, "filter");
	*w = (struct filter_wish){.events = read_event(element)};
	bool is_sound = json_is_string(schema) || (schema == NULL && json_is_string(table));
	if (table != NULL && !json_is_string(table)) is_sound = false;
	if (filter != NULL && !(json_is_string(schema) && json_is_string(table) && json_is_string(filter)))
		is_sound = false;
	if (!read_columns(a, json_object_get(element, "select"), w, ret_problem)) return false;
	if (!is_sound) return nothing_given(a, element, ret_problem);
	w->schema = arena_strdup(a, schema != NULL ? json_string_value(schema) : "public");
	w->table = arena_strdup(a, table != NULL ? json_string_value(table) : "*");
	if (w->schema == NULL || w->table == NULL) return problem(ret_problem, NULL);
	if (filter != NULL && !read_filters(a, filter, w, ret_problem)) return false;
	if (w->column_count > 0 && (strcmp(w->schema, "*") == 0 || strcmp(w->table, "*") == 0))
		return problem(ret_problem, "Column selection is not supported for wildcard subscriptions. Provide an "
					    "explicit schema and table name.");
	return true;
}

const char *filter_describe(struct arena *a, const struct filter_wish *w)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, DESCRIPTION_MAX_BYTES);
	buf_printf(&b, "[event: %s, schema: %s, table: %s, filters: [", filter_event_name(w->events), w->schema,
		   w->table);
	for (int i = 0; i < w->filter_count; i++)
		buf_printf(&b, "%s{\"%s\", \"%s\", \"%s\", %s}", i > 0 ? ", " : "", w->filters[i].column,
			   filter_op_name(w->filters[i].op), w->filters[i].value,
			   w->filters[i].is_negated ? "true" : "false");
	buf_puts(&b, "], select: ");
	if (w->column_count == 0) buf_puts(&b, "nil");
	for (int i = 0; i < w->column_count; i++)
		buf_printf(&b, "%s\"%s\"%s", i > 0 ? ", " : "[", w->columns[i], i + 1 == w->column_count ? "]" : "");
	buf_putc(&b, ']');
	const char *text = arena_strdup(a, buf_cstr(&b));
	return text != NULL ? text : "";
}
