/* SPDX-License-Identifier: Apache-2.0
 *
 * list (POST /object/list/BUCKET) and listV2. The functions that do it are storage.search and storage.search_v2, as the
 * caller: row security says what is seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/base64.h"
#include "codec/json.h"
#include "storage/call.h"
#include "storage/flows.h"

#define PAGE_MAX 1000
#define ENTRY                                                                                                          \
	"'id', id, 'updated_at', " SQL_TIME("updated_at") ", 'created_at', " SQL_TIME(                                 \
	    "created_at") ", 'last_accessed_at', " SQL_TIME("last_accessed_at") ", 'metadata', metadata"

static bool read_count(const json_t *body, const char *name, int64_t least, int64_t otherwise, int64_t *ret,
		       struct storage_problem *problem)
{
	const json_t *value = json_object_get(body, name);
	*ret = otherwise;
	if (value == NULL || json_is_null(value)) return true;
	if (!json_is_integer(value))
		return storage_problem_set(problem, FAULT_INVALID, "body/%s must be integer", name);
	*ret = (int64_t)json_integer_value(value);
	return *ret >= least || storage_problem_set(problem, FAULT_INVALID, "body/%s must be >= %d", name, (int)least);
}

/* What is given and none of the words is refused. */
static bool read_word(const json_t *object, const char *name, const char *const *words, const char *otherwise,
		      const char **ret, struct storage_problem *problem)
{
	const json_t *value = json_object_get(object, name);
	*ret = otherwise;
	if (value == NULL || json_is_null(value)) return true;
	for (int i = 0; json_is_string(value) && words[i] != NULL; i++)
		if (strcmp(words[i], json_string_value(value)) == 0) return *ret = words[i], true;
	return storage_problem_set(problem, FAULT_INVALID, "body/sortBy/%s must be equal to one of the allowed values",
				   name);
}

static const char *const orders[] = {"asc", "desc", NULL};

static void on_listed(struct storage_call *call)
{
	storage_answer(call, 200, storage_value(storage_rows(call, 1), 0, 0));
}

/* A folder, whether or not the slash at its end was given. */
static const char *folder_of(struct storage_call *call, const char *prefix)
{
	size_t len = strlen(prefix);
	return len == 0 || prefix[len - 1] == '/' ? prefix : arena_printf(call->arena, "%s/", prefix);
}

void flow_list(struct storage_call *call)
{
	static const char *const columns[] = {"name", "updated_at", "created_at", "last_accessed_at", NULL};
	const json_t *sort = json_object_get(call->body, "sortBy");
	struct storage_problem problem;
	int64_t limit, offset;
	const char *column, *order, *prefix = json_str(call->body, "prefix", NULL);
	if (prefix == NULL) {
		(void)storage_problem_set(&problem, FAULT_INVALID, "body must have required property 'prefix'");
	} else if (read_count(call->body, "limit", 1, 100, &limit, &problem) &&
		   read_count(call->body, "offset", 0, 0, &offset, &problem) &&
		   read_word(sort, "column", columns, "name", &column, &problem) &&
		   read_word(sort, "order", orders, "asc", &order, &problem)) {
		(void)storage_batch(call);
		storage_as_caller(call);
		(void)PG_ADD(&call->batch,
			     "select coalesce(json_agg(json_build_object('name', name, " ENTRY
			     ") order by at), '[]') from "
			     "storage.search($1, $2, $3::int, 1, $4::int, $5, $6, $7) with ordinality as "
			     "t (name, id, updated_at, created_at, last_accessed_at, metadata, at)",
			     folder_of(call, prefix), call->bucket,
			     arena_printf(call->arena, "%lld", (long long)(limit < 1500 ? limit : 1500)),
			     arena_printf(call->arena, "%lld", (long long)(offset < INT32_MAX ? offset : INT32_MAX)),
			     json_str(call->body, "search", ""), column, order);
		storage_run(call, on_listed);
		return;
	}
	storage_end(call, &problem, NULL);
}

/* listV2. A cursor is upstream's: lines "l:name", "o:order", "c:column", "a:time", in base64. */
struct page {
	const char *prefix, *after, *order, *column, *after_time;
	bool has_delimiter;
	int64_t limit;
};

static bool read_cursor(struct storage_call *call, struct page *page, struct storage_problem *problem)
{
	struct buf bytes BUF_CLEANUP = {0};
	const char *cursor = json_str(call->body, "cursor", NULL);
	struct str rest, line;
	if (cursor == NULL) return true;
	buf_init(&bytes, 8192);
	base64_decode_any(str_from(cursor), &bytes);
	rest = buf_view(&bytes);
	while (str_next(&rest, '\n', &line)) {
		struct str value = str_sub(line, 2, line.len);
		char kind = line.len >= 2 && line.ptr[1] == ':' ? line.ptr[0] : '?';
		const char *copy = arena_cstr(call->arena, value);
		if (kind == 'l')
			page->after = copy;
		else if (kind == 'o')
			page->order = str_eq(value, STR("desc")) ? "desc" : "asc";
		else if (kind == 'c')
			page->column = str_eq(value, STR("created_at"))   ? "created_at"
				       : str_eq(value, STR("updated_at")) ? "updated_at"
									  : "name";
		else if (kind == 'a')
			page->after_time = copy;
		else
			return storage_problem_set(problem, FAULT_INVALID, "Invalid Parameter continuation token");
	}
	return page->after != NULL || storage_problem_set(problem, FAULT_FULL, "%s", "");
}

static char *cursor_after(const struct page *page, const json_t *last)
{
	struct buf text BUF_CLEANUP, encoded BUF_CLEANUP;
	buf_init(&text, 8192);
	buf_init(&encoded, 16384);
	const char *time = json_str(last, page->column, NULL);
	buf_printf(&text, "l:%s\no:%s\nc:%s", json_str(last, "at", ""), page->order, page->column);
	if (strcmp(page->column, "name") != 0 && time != NULL) buf_printf(&text, "\na:%s", time);
	base64_encode(buf_view(&text), &encoded);
	return strdup(buf_cstr(&encoded));
}

static void add_entry(json_t *answer, json_t *entry)
{
	bool is_file = !json_is_null(json_object_get(entry, "id"));
	(void)json_object_del(entry, "at");
	if (!is_file) {
		char *name = NULL;
		const char *given = json_str(entry, "name", "");
		size_t len = strlen(given);
		if (asprintf(&name, "%s%s", given, len > 0 && given[len - 1] == '/' ? "" : "/") < 0) abort();
		(void)json_object_set_new(entry, "name", json_string(name));
		free(name);
	}
	(void)json_array_append(json_object_get(answer, is_file ? "objects" : "folders"), entry);
}

static void on_page(struct storage_call *call)
{
	const struct page *page = call->flow;
	json_t *entries JSON_CLEANUP = NULL, *answer JSON_CLEANUP = NULL;
	struct err err;
	if (!json_parse(str_from(storage_value(storage_rows(call, 1), 0, 0)), &entries, &err)) {
		storage_fail_inside(call, &err);
		return;
	}
	bool has_next = json_array_size(entries) > (size_t)page->limit;
	answer = json_pack("{s:b, s:[], s:[]}", "hasNext", has_next, "folders", "objects");
	if (has_next) {
		const json_t *last = json_array_get(entries, (size_t)page->limit - 1);
		char *cursor = cursor_after(page, last);
		(void)json_object_set_new(answer, "nextCursor", json_string(cursor));
		(void)json_object_set_new(answer, "nextCursorKey", json_string(json_str(last, "at", "")));
		free(cursor);
	}
	size_t i;
	json_t *entry;
	json_array_foreach(entries, i, entry) if (i < (size_t)page->limit) add_entry(answer, entry);
	storage_answer_json(call, 200, answer);
}

static bool read_page(struct storage_call *call, struct page *page, struct storage_problem *problem)
{
	static const char *const columns[] = {"name", "updated_at", "created_at", NULL};
	const json_t *sort = json_object_get(call->body, "sortBy");
	*page = (struct page){.prefix = json_str(call->body, "prefix", ""),
			      .has_delimiter = json_bool(call->body, "with_delimiter", false),
			      .after = "",
			      .after_time = ""};
	if (!read_count(call->body, "limit", 1, PAGE_MAX, &page->limit, problem) ||
	    !read_word(sort, "column", columns, "name", &page->column, problem) ||
	    !read_word(sort, "order", orders, "asc", &page->order, problem))
		return false;
	if (page->limit > PAGE_MAX) page->limit = PAGE_MAX;
	return read_cursor(call, page, problem);
}

static int depth_of(const char *prefix)
{
	int depth = 1;
	for (const char *c = prefix; *c != '\0'; c++) depth += *c == '/';
	return depth;
}

#define V2_ENTRY "'name', name, 'at', name, " ENTRY

void flow_list_v2(struct storage_call *call)
{
	struct storage_problem problem;
	struct page *page = arena_alloc(call->arena, sizeof *page);
	if (page == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	if (!read_page(call, page, &problem)) {
		storage_end(call, &problem, NULL);
		return;
	}
	call->flow = page;
	(void)storage_batch(call);
	storage_as_caller(call);
	const char *limit = arena_printf(call->arena, "%lld", (long long)page->limit + 1);
	if (page->has_delimiter)
		(void)PG_ADD(&call->batch,
			     "select coalesce(json_agg(json_build_object('key', key, " V2_ENTRY
			     ") order by n), '[]') from "
			     "storage.search_v2($1, $2, $3::int, $4::int, $5, $6, $7, $8) with ordinality as "
			     "t (key, name, id, updated_at, created_at, last_accessed_at, metadata, n)",
			     page->prefix, call->bucket, limit, arena_printf(call->arena, "%d", depth_of(page->prefix)),
			     page->after, page->order, page->column, page->after_time);
	else
		(void)PG_ADD(
		    &call->batch,
		    "select coalesce(json_agg(json_build_object(" V2_ENTRY ") order by n), '[]') from "
		    "(select o.*, row_number() over () as n from (select * from (select *, date_trunc('milliseconds', "
		    "case $6 when 'updated_at' then updated_at when 'created_at' then created_at end) as moment "
		    "from storage.objects where bucket_id = $2 and starts_with(name, $1)) f "
		    "where $4 = '' or ($5 = 'asc' and (coalesce(moment, 'epoch'), name collate \"C\") > "
		    "(case when moment is null then 'epoch' else coalesce(nullif($7, '')::timestamptz, 'epoch') end, "
		    "$4)) "
		    "or ($5 = 'desc' and (coalesce(moment, 'epoch'), name collate \"C\") < "
		    "(case when moment is null then 'epoch' else coalesce(nullif($7, '')::timestamptz, 'epoch') end, "
		    "$4)) "
		    "order by case when $5 = 'asc' then moment end, case when $5 = 'asc' then name collate \"C\" end, "
		    "moment desc, name collate \"C\" desc limit $3::int) o) p",
		    page->prefix, call->bucket, limit, page->after, page->order, page->column, page->after_time);
	storage_run(call, on_page);
}
