/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/reply.h"

#include <stdlib.h>
#include <strings.h>

#include "codec/json.h"
#include "rest/openapi.h"

/* A longer Content-Location is left out: few clients and no proxy take such headers. */
#define LOCATION_MAX_BYTES 4096

struct replying {
	struct arena *arena;
	const struct rest_settings *settings;
	const struct plan *plan;
	const struct ask *ask;
	const PGresult *row;
	struct reply *reply;
	struct problem *problem;
	int64_t total; /* of all rows; -1: not counted */
	int64_t rows;
};

static void add_header(struct reply *r, const char *name, struct str value)
{
	if (r->http.header_count == REPLY_HEADERS_MAX || value.ptr == NULL) return;
	r->headers[r->http.header_count++] = (struct rest_header){str_from(name), value};
}

static void add_text(struct reply *r, const char *name, const char *value)
{
	if (value != NULL) add_header(r, name, str_from(value));
}

static struct str value_at(const PGresult *row, int column)
{
	if (column >= PQnfields(row) || PQntuples(row) == 0 || PQgetisnull(row, 0, column)) return (struct str){0};
	return (struct str){PQgetvalue(row, 0, column), (size_t)PQgetlength(row, 0, column)};
}

static int64_t number_at(const PGresult *row, int column, int64_t otherwise)
{
	int64_t n;
	struct str s = value_at(row, column);
	return s.ptr != NULL && str_to_int(s, &n) ? n : otherwise;
}

static void content_range(struct replying *r, int64_t lower, int64_t upper, int64_t total)
{
	char range[48] = "*", all[24] = "*";
	if (total != 0 && lower <= upper)
		(void)snprintf(range, sizeof range, "%lld-%lld", (long long)lower, (long long)upper);
	if (total >= 0) (void)snprintf(all, sizeof all, "%lld", (long long)total);
	add_text(r->reply, "Content-Range", arena_printf(r->arena, "%s/%s", range, all));
}

static void content_type(struct replying *r)
{
	add_text(r->reply, "Content-Type", media_content_type(r->arena, r->plan->media));
	if (r->ask->is_profiled) add_header(r->reply, "Content-Profile", r->ask->schema);
}

/* Only what this kind of request heeds is said to be applied. */
static void preference_applied(struct replying *r)
{
	struct prefer p = r->ask->prefer;
	enum ask_action action = r->ask->action;
	bool is_write = action >= ASK_INSERT && action <= ASK_DELETE;
	bool has_key = action == ASK_INSERT && (r->plan->table->key_count > 0 || r->ask->target.has_on_conflict);
	if (!has_key) p.resolution = RESOLUTION_NONE;
	if (!is_write) p.representation = RETURN_NONE;
	if (action != ASK_INSERT && action != ASK_UPDATE) p.missing = MISSING_NONE;
	if (action != ASK_UPDATE && action != ASK_DELETE && action != ASK_CALL) p.has_max_affected = false;
	BUF_CLEANUP struct buf b;
	buf_init(&b, 4096);
	prefer_applied(&p, &b);
	if (b.len > 0) add_text(r->reply, "Preference-Applied", arena_strdup(r->arena, buf_cstr(&b)));
}

static bool out_of_bounds(struct replying *r)
{
	return problem_set(r->problem, 416, "PGRST103", "Requested range not satisfiable",
			   arena_printf(r->arena, "An offset of %lld was requested, but there are only %lld rows.",
					(long long)r->ask->top.lower, (long long)r->total),
			   NULL);
}

static bool range_status(struct replying *r)
{
	int64_t lower = r->ask->top.lower;
	r->reply->http.status = r->total >= 0 && r->rows < r->total ? 206 : 200;
	if (r->total < 0 || lower <= r->total) return true;
	out_of_bounds(r);
	r->reply->http.status = 416;
	return false;
}

/* Out of bounds: the body is the error's, the headers stay. */
static void error_body(struct replying *r)
{
	BUF_CLEANUP struct buf b;
	buf_init(&b, 65536);
	problem_write(r->problem, &b);
	r->reply->http.body = arena_str(r->arena, buf_view(&b));
}

static void reply_read(struct replying *r)
{
	bool ok = range_status(r);
	content_range(r, r->ask->top.lower, r->ask->top.lower + r->rows - 1, r->total);
	struct str query = r->plan->canonical;
	if (query.len <= LOCATION_MAX_BYTES)
		add_text(r->reply, "Content-Location",
			 arena_printf(r->arena, "/%.*s%s%.*s", STR_FMT(r->ask->name), query.len > 0 ? "?" : "",
				      STR_FMT(query)));
	content_type(r);
	preference_applied(r);
	if (!ok) error_body(r);
}

static void reply_call(struct replying *r)
{
	bool ok = range_status(r);
	content_range(r, r->ask->top.lower, r->ask->top.lower + r->rows - 1, r->total);
	preference_applied(r);
	if (routine_is_void(r->plan->routine)) {
		r->reply->http.status = 204;
		r->reply->http.body = STR("");
		return;
	}
	content_type(r);
	if (!ok) error_body(r);
}

static void encode(struct buf *b, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		bool is_plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
				strchr("-_.~", *p) != NULL;
		if (is_plain)
			buf_putc(b, (char)*p);
		else
			buf_printf(b, "%%%02X", *p);
	}
}

/* "/table?id=eq.5" */
static void location(struct replying *r)
{
	JSON_CLEANUP json_t *pairs = NULL;
	struct err err;
	struct str text = value_at(r->row, SQL_LOCATION);
	BUF_CLEANUP struct buf b;
	buf_init(&b, 65536);
	if (text.ptr == NULL || !json_parse(text, &pairs, &err) || json_array_size(pairs) == 0) return;
	buf_printf(&b, "/%.*s", STR_FMT(r->ask->name));
	for (size_t i = 0; i < json_array_size(pairs); i++) {
		const json_t *pair = json_array_get(pairs, i);
		const char *key = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));
		if (key == NULL || value == NULL) return;
		buf_putc(&b, i == 0 ? '?' : '&');
		encode(&b, key);
		buf_putc(&b, '=');
		encode(&b, value);
	}
	add_text(r->reply, "Location", arena_strdup(r->arena, buf_cstr(&b)));
}

static void reply_write(struct replying *r)
{
	enum prefer_return representation = r->ask->prefer.representation;
	bool counts = r->ask->prefer.count == COUNT_EXACT || r->ask->prefer.count == COUNT_ESTIMATED;
	int64_t counted = counts ? r->rows : -1, inserted = number_at(r->row, SQL_INSERTED, -1);
	int status = representation == RETURN_FULL ? 200 : 204;
	switch (r->ask->action) {
	case ASK_INSERT:
		/* Nothing was new, or there was nothing at all. */
		status = inserted <= 0 && r->ask->prefer.resolution == RESOLUTION_MERGE ? 200 : 201;
		location(r);
		content_range(r, 1, 0, counted);
		break;
	case ASK_UPSERT:
		if (representation == RETURN_FULL) status = inserted > 0 ? 201 : 200;
		break;
	case ASK_UPDATE: content_range(r, 0, r->rows - 1, counted); break;
	default: content_range(r, 1, 0, counted);
	}
	r->reply->http.status = status;
	preference_applied(r);
	if (representation == RETURN_FULL)
		content_type(r);
	else
		r->reply->http.body = STR("");
}

/* [{"X-Name": "value"}, …] of response.headers; what the app sets takes the place of ours. */
static bool apply_headers(struct replying *r)
{
	static const char message[] =
	    "response.headers guc must be a JSON array composed of objects with a single key and a string value";
	JSON_CLEANUP json_t *list = NULL;
	struct err err;
	struct reply *reply = r->reply;
	struct str text = value_at(r->row, SQL_HEADERS);
	if (text.ptr == NULL) return true;
	if (!json_parse(text, &list, &err) || !json_is_array(list))
		return problem_set(r->problem, 500, "PGRST111", message, NULL, NULL);
	int own = reply->http.header_count;
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *object = json_array_get(list, i);
		void *member = json_object_size(object) == 1 ? json_object_iter(object) : NULL;
		const char *value = member != NULL ? json_string_value(json_object_iter_value(member)) : NULL;
		if (value == NULL) return problem_set(r->problem, 500, "PGRST111", message, NULL, NULL);
		const char *name = arena_strdup(r->arena, json_object_iter_key(member));
		int kept = 0;
		for (int k = 0; k < reply->http.header_count; k++) {
			bool is_replaced =
			    k < own && name != NULL && str_eq_nocase(reply->headers[k].name, str_from(name));
			if (!is_replaced) reply->headers[kept++] = reply->headers[k];
		}
		own -= reply->http.header_count - kept;
		reply->http.header_count = kept;
		add_text(reply, name, arena_strdup(r->arena, value));
	}
	return true;
}

static bool refuse_status(struct replying *r)
{
	return problem_set(r->problem, 500, "PGRST112", "response.status guc must be a valid status code", NULL, NULL);
}

/* What response.status says, then what response.headers says: what is no number at all is told of before their faults.
 */
static bool apply_settings(struct replying *r)
{
	struct str text = value_at(r->row, SQL_STATUS);
	int64_t status = r->reply->http.status;
	size_t digits = 0; /* what follows them is passed over */
	while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') digits++;
	if (text.ptr != NULL && !str_to_int(str_sub(text, 0, digits), &status)) return refuse_status(r);
	if (!apply_headers(r)) return false;
	if (status < 100 || status > 999) return refuse_status(r);
	r->reply->http.status = (int)status;
	return true;
}

static bool is_one_wanted(const struct plan *p)
{
	return p->media.kind == MEDIA_OBJECT || p->media.kind == MEDIA_OBJECT_STRIPPED;
}

static bool not_one(struct arena *a, int64_t rows, struct problem *problem)
{
	return problem_set(problem, 406, "PGRST116", "Cannot coerce the result to a single JSON object",
			   arena_printf(a, "The result contains %lld rows", (long long)rows), NULL);
}

bool reply_guard_problem(struct arena *a, const struct plan *plan, const PGresult *row, struct problem *ret_problem)
{
	int64_t rows = number_at(row, SQL_ROWS, 0);
	if (plan->ask->action == ASK_UPSERT)
		return problem_set(ret_problem, 400, "PGRST115",
				   "Payload values do not match URL in primary key column(s)", NULL, NULL);
	if (is_one_wanted(plan) && rows != 1) return not_one(a, rows, ret_problem);
	return problem_set(ret_problem, 400, "PGRST124", "Query result exceeds max-affected preference constraint",
			   arena_printf(a, "The query affects %lld rows", (long long)rows), NULL);
}

static void set_total(struct replying *r, int64_t estimate)
{
	enum prefer_count count = r->ask->prefer.count;
	r->total = number_at(r->row, SQL_TOTAL, -1);
	if (r->ask->action != ASK_READ) return;
	if (count == COUNT_PLANNED) r->total = estimate;
	if (count == COUNT_ESTIMATED && r->settings->max_rows > 0 && r->total > r->settings->max_rows &&
	    estimate > r->total)
		r->total = estimate;
	if (count == COUNT_ESTIMATED && r->settings->max_rows == 0 && estimate > r->total) r->total = estimate;
}

/* One line a row. */
static bool reply_plan(struct replying *r)
{
	BUF_CLEANUP struct buf b;
	buf_init(&b, 64u << 20);
	for (int i = 0; i < PQntuples(r->row); i++) buf_printf(&b, "%s\n", PQgetvalue(r->row, i, 0));
	r->reply->http.status = 200;
	r->reply->http.body = arena_str(r->arena, buf_view(&b));
	if (!buf_is_ok(&b) || r->reply->http.body.ptr == NULL)
		return problem_set(r->problem, 500, "PGRSTX00", "The plan is larger than a request's memory", NULL,
				   NULL);
	content_type(r);
	r->reply->http.headers = r->reply->headers;
	return true;
}

bool reply_make(struct arena *a, const struct rest_settings *settings, const struct plan *plan, const PGresult *row,
		int64_t estimate, struct reply *ret_reply, struct problem *ret_problem)
{
	struct replying r = {.arena = a,
			     .settings = settings,
			     .plan = plan,
			     .ask = plan->ask,
			     .row = row,
			     .reply = ret_reply,
			     .problem = ret_problem};
	*ret_reply = (struct reply){0};
	if (plan->explains) return reply_plan(&r);
	r.rows = number_at(row, SQL_ROWS, 0);
	set_total(&r, estimate);
	ret_reply->http.body = value_at(row, SQL_BODY);
	if (ret_reply->http.body.ptr == NULL) ret_reply->http.body = STR("");
	if (is_one_wanted(plan) && r.rows != 1) return not_one(a, r.rows, ret_problem);
	if (plan->ask->action == ASK_READ)
		reply_read(&r);
	else if (plan->ask->action == ASK_CALL)
		reply_call(&r);
	else
		reply_write(&r);
	if (!apply_settings(&r)) return false;
	ret_reply->http.headers = ret_reply->headers;
	return true;
}

bool reply_root(struct arena *a, const struct rest_settings *settings, const struct plan *plan, const PGresult *row,
		struct reply *ret_reply, struct problem *ret_problem)
{
	struct str body;
	*ret_reply = (struct reply){.http = {.status = 200}};
	if (!openapi_write(a, settings, plan->catalogue, plan->ask->schema, value_at(row, 0), &body))
		return problem_set(ret_problem, 500, "PGRST100", NULL, NULL, NULL);
	ret_reply->http.body = body;
	add_text(ret_reply, "Content-Type", media_content_type(a, plan->media));
	if (plan->ask->is_profiled) add_header(ret_reply, "Content-Profile", plan->ask->schema);
	ret_reply->http.headers = ret_reply->headers;
	return true;
}

void reply_info(struct arena *a, const struct plan *plan, struct reply *ret_reply)
{
	*ret_reply = (struct reply){.http = {.status = 200, .body = STR("")}};
	const char *allow = "OPTIONS,GET,HEAD";
	const struct catalogue_table *t = plan->table;
	if (plan->ask->action == ASK_ROUTINE_INFO)
		allow = plan->routine->volatility == 'v' ? "OPTIONS,POST" : "OPTIONS,GET,HEAD,POST";
	else if (plan->ask->action == ASK_TABLE_INFO)
		allow = arena_printf(a, "OPTIONS,GET,HEAD%s%s%s%s", t->is_insertable ? ",POST" : "",
				     t->is_insertable && t->is_updatable && t->key_count > 0 ? ",PUT" : "",
				     t->is_updatable ? ",PATCH" : "", t->is_deletable ? ",DELETE" : "");
	add_text(ret_reply, "Access-Control-Allow-Origin", "*");
	add_text(ret_reply, "Allow", allow);
	ret_reply->http.headers = ret_reply->headers;
}

void reply_problem(struct arena *a, const struct problem *problem, struct reply *ret_reply)
{
	BUF_CLEANUP struct buf b;
	buf_init(&b, 4u << 20);
	*ret_reply = (struct reply){.http = {.status = problem->status, .reason = problem->reason}};
	problem_write(problem, &b);
	ret_reply->http.body = arena_str(a, buf_view(&b));
	if (ret_reply->http.body.ptr == NULL) ret_reply->http.body = STR("{}");
	add_text(ret_reply, "Content-Type", "application/json; charset=utf-8");
	add_text(ret_reply, "Proxy-Status", arena_printf(a, "PostgREST; error=%s", problem->code));
	for (int i = 0; i < problem->header_count; i++)
		add_text(ret_reply, problem->headers[i][0], problem->headers[i][1]);
	ret_reply->http.headers = ret_reply->headers;
}
