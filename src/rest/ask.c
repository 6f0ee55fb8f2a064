/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/ask.h"

#include <stdlib.h>

#define is_mutation(action) ((action) >= ASK_INSERT && (action) <= ASK_DELETE)

struct asking {
	struct arena *arena;
	const struct rest_settings *settings;
	const struct catalogue *catalogue;
	const struct rest_request *request;
	struct ask *ask;
	struct problem *problem;
};

struct str ask_header(const struct rest_request *request, struct str name)
{
	for (int i = 0; i < request->header_count; i++)
		if (str_eq_nocase(request->headers[i].name, name)) return request->headers[i].value;
	return (struct str){0};
}

static const char *text(struct asking *r, const char *before, struct str s, const char *after)
{
	return arena_printf(r->arena, "%s%.*s%s", before, STR_FMT(s), after);
}

/* db-root-spec: / is this function, of the schema that is asked for. */
static void take_root_spec(struct asking *r, bool *ret_is_call, bool *ret_is_root, struct str *ret_name)
{
	struct str schema;
	*ret_name = str_from(r->settings->root_spec);
	(void)str_cut(*ret_name, '.', &schema, ret_name);
	*ret_is_call = true;
	*ret_is_root = false;
	r->ask->is_root_spec = true;
}

/* "/name", "/rpc/name", "/" */
static bool read_resource(struct asking *r, bool *ret_is_call, bool *ret_is_root)
{
	struct str path = r->request->path, head, name;
	if (str_has_prefix(path, STR("/"))) path = str_sub(path, 1, path.len);
	*ret_is_root = path.len == 0;
	*ret_is_call = str_cut(path, '/', &head, &name) && str_eq(head, STR("rpc"));
	if (!*ret_is_call) name = path;
	if (*ret_is_root && r->settings->openapi_mode == REST_OPENAPI_DISABLED)
		return problem_set(r->problem, 404, "PGRST126", "Root endpoint metadata is disabled", NULL, NULL);
	if (*ret_is_root && r->settings->root_spec != NULL) take_root_spec(r, ret_is_call, ret_is_root, &name);
	if (str_find_char(name, '/') >= 0)
		return problem_set(r->problem, 404, "PGRST125", "Invalid path specified in request URL", NULL, NULL);
	r->ask->name = r->ask->is_root_spec ? name : target_decode(r->arena, name, false);
	return true;
}

static bool read_schema(struct asking *r)
{
	struct str m = r->request->method;
	bool writes =
	    str_eq(m, STR("POST")) || str_eq(m, STR("PATCH")) || str_eq(m, STR("PUT")) || str_eq(m, STR("DELETE"));
	struct str profile = ask_header(r->request, writes ? STR("content-profile") : STR("accept-profile"));
	r->ask->schema = str_from(r->settings->schemas[0]);
	r->ask->is_profiled = r->settings->schema_count > 1;
	if (profile.ptr == NULL) return true;
	r->ask->is_profiled = true;
	r->ask->schema = profile;
	for (int i = 0; i < r->settings->schema_count; i++)
		if (str_eq(profile, str_from(r->settings->schemas[i]))) return true;
	struct buf hint;
	buf_init(&hint, 4096);
	for (int i = 0; i < r->settings->schema_count; i++)
		buf_printf(&hint, "%s%s",
			   i > 0 ? ", " : "Only the following schemas are exposed: ", r->settings->schemas[i]);
	problem_set(r->problem, 406, "PGRST106", text(r, "Invalid schema: ", profile, ""), NULL,
		    arena_strdup(r->arena, buf_cstr(&hint)));
	buf_done(&hint);
	return false;
}

static bool read_action(struct asking *r, bool is_call, bool is_root)
{
	static const struct {
		const char *method;
		int call, table, root;
	} rows[] = {{"GET", ASK_CALL, ASK_READ, ASK_ROOT},
		    {"HEAD", ASK_CALL, ASK_READ, ASK_ROOT},
		    {"POST", ASK_CALL, ASK_INSERT, -1},
		    {"PUT", -1, ASK_UPSERT, -1},
		    {"PATCH", -1, ASK_UPDATE, -1},
		    {"DELETE", -1, ASK_DELETE, -1},
		    {"OPTIONS", ASK_ROUTINE_INFO, ASK_TABLE_INFO, ASK_ROOT_INFO}};
	struct str m = r->request->method;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (!str_eq(m, str_from(rows[i].method))) continue;
		int action = is_root ? rows[i].root : is_call ? rows[i].call : rows[i].table;
		if (action < 0) break;
		r->ask->action = (enum ask_action)action;
		r->ask->is_head = str_eq(m, STR("HEAD"));
		r->ask->is_post = str_eq(m, STR("POST"));
		return true;
	}
	if (is_call)
		return problem_set(r->problem, 405, "PGRST101", text(r, "Cannot use the ", m, " method on RPC"), NULL,
				   NULL);
	return problem_set(r->problem, 405, "PGRST117", text(r, "Unsupported HTTP method: ", m, ""), NULL, NULL);
}

static bool read_query(struct asking *r)
{
	struct parse_error e;
	bool is_call = (r->ask->action == ASK_CALL && !r->ask->is_post) || r->ask->action == ASK_ROUTINE_INFO;
	if (target_parse(r->arena, r->request->query, is_call, &r->ask->target, &e)) return true;
	return problem_set(r->problem, 400, "PGRST100", e.message, e.details, NULL);
}

/* "5-9", "5-" */
static struct range header_range(struct str h)
{
	struct range range = RANGE_ALL;
	struct str lower, upper;
	int64_t from, to;
	if (h.ptr == NULL || !str_cut(h, '-', &lower, &upper) || !str_to_int(lower, &from) || from < 0) return range;
	if (upper.len > 0 && (!str_to_int(upper, &to) || to < 0)) return range;
	return (struct range){from, upper.len > 0 ? to : 0, upper.len > 0};
}

static bool read_ranges(struct asking *r)
{
	struct ask *ask = r->ask;
	bool is_get = str_eq(r->request->method, STR("GET"));
	struct range header = is_get ? header_range(ask_header(r->request, STR("range"))) : RANGE_ALL;
	ask->top = range_intersect(header, ask->target.top.range);
	ask->top_is_zero = ask->target.top.is_zero;
	if (ask->top_is_zero) ask->top = (struct range){0, -1, true};
	if (range_is_empty(ask->top) && !ask->top_is_zero)
		return problem_set(
		    r->problem, 416, "PGRST103", "Requested range not satisfiable",
		    range_is_empty(header)
			? "The lower boundary must be lower than or equal to the upper boundary in the Range header."
			: "Limit should be greater than or equal to zero.",
		    NULL);
	if (ask->action == ASK_UPSERT && !range_is_all(ask->top))
		return problem_set(r->problem, 400, "PGRST114",
				   "limit/offset querystring parameters are not allowed for PUT", NULL, NULL);
	return true;
}

static bool bad_body(struct asking *r, const char *message)
{
	return problem_set(r->problem, 400, "PGRST102", message, NULL, NULL);
}

static int compare_names(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
	return order != 0 ? order : x->len < y->len ? -1 : x->len > y->len;
}

static void take_columns(struct ask *ask, struct str *names, int count)
{
	int kept = 0;
	qsort(names, (size_t)count, sizeof *names, compare_names);
	for (int i = 0; i < count; i++)
		if (kept == 0 || !str_eq(names[kept - 1], names[i])) names[kept++] = names[i];
	ask->columns = names;
	ask->column_count = kept;
}

static bool take_json(struct asking *r, struct str json)
{
	struct body_keys keys;
	struct ask *ask = r->ask;
	if (json.len == 0 && ask->action == ASK_CALL) json = STR("{}");
	if (!body_scan_json(r->arena, json, &keys)) return bad_body(r, "Empty or invalid json");
	if (!keys.is_uniform) return bad_body(r, "All object keys must match");
	bool is_rows = keys.shape == BODY_OBJECT || (keys.shape == BODY_ARRAY && !keys.is_empty);
	ask->payload = is_rows ? json : STR("[]");
	if (is_rows) {
		ask->columns = keys.names;
		ask->column_count = keys.count;
	}
	return true;
}

static bool take_form(struct asking *r)
{
	struct ask *ask = r->ask;
	if (!body_form(r->arena, r->request->body, &ask->form, &ask->form_count))
		return bad_body(r, "The form is too large");
	struct str *names = arena_array(r->arena, (size_t)ask->form_count + 1, sizeof *names);
	if (names == NULL) return bad_body(r, "The form is too large");
	for (int i = 0; i < ask->form_count; i++) names[i] = ask->form[i].name;
	take_columns(ask, names, ask->form_count);
	ask->is_form = ask->action == ASK_CALL;
	if (ask->is_form) return true;
	return body_pairs_to_json(r->arena, ask->form, ask->form_count, &ask->payload) ||
	       bad_body(r, "The form is too large");
}

static bool take_csv(struct asking *r)
{
	const char *message;
	struct str json;
	if (!body_csv_to_json(r->arena, r->request->body, &json, &message)) return bad_body(r, message);
	return take_json(r, json);
}

static bool read_payload(struct asking *r)
{
	struct ask *ask = r->ask;
	bool is_call = ask->action == ASK_CALL;
	bool takes_columns = ask->action == ASK_INSERT || ask->action == ASK_UPDATE || is_call;
	if (ask->action == ASK_DELETE || !(is_mutation(ask->action) || (is_call && ask->is_post))) return true;
	ask->has_payload = true;
	switch (ask->content.kind) {
	case MEDIA_JSON:
		if (!takes_columns || !ask->target.has_columns) return take_json(r, r->request->body);
		ask->payload = r->request->body;
		take_columns(ask, ask->target.columns, ask->target.column_count);
		return true;
	case MEDIA_CSV: return take_csv(r);
	case MEDIA_FORM: return take_form(r);
	case MEDIA_TEXT:
	case MEDIA_XML:
	case MEDIA_OCTETS:
		if (!is_call) break;
		ask->payload = r->request->body;
		return true;
	default: break;
	}
	return bad_body(r, text(r, "Content-Type not acceptable: ", ask->content.text, ""));
}

static bool is_timezone(void *arg, struct str name)
{
	return catalogue_has_timezone(arg, name);
}

bool ask_read(struct arena *a, const struct rest_settings *settings, const struct catalogue *c,
	      const struct rest_request *request, struct ask *ret_ask, struct problem *ret_problem)
{
	struct asking r = {a, settings, c, request, ret_ask, ret_problem};
	struct str content = ask_header(request, STR("content-type"));
	bool is_call, is_root;
	bool is_tx_allowed =
	    settings->tx_end == REST_TX_COMMIT_ALLOW_OVERRIDE || settings->tx_end == REST_TX_ROLLBACK_ALLOW_OVERRIDE;
	*ret_ask = (struct ask){0};
	prefer_parse(request->headers, request->header_count, is_tx_allowed, is_timezone, (void *)(uintptr_t)c,
		     &ret_ask->prefer);
	ret_ask->content = content.ptr != NULL ? media_parse(a, content) : media_of(MEDIA_JSON);
	ret_ask->accept_count = media_accept(a, ask_header(request, STR("accept")), ret_ask->accept);
	return read_resource(&r, &is_call, &is_root) && read_schema(&r) && read_action(&r, is_call, is_root) &&
	       read_query(&r) && read_ranges(&r) && read_payload(&r);
}
