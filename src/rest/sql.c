/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/sql.h"

#include <ctype.h>
#include <stdlib.h>

#include "rest/openapi.h"

void sql_begin(struct sql *s, struct arena *a, const struct plan *plan)
{
	*s = (struct sql){.arena = a, .plan = plan};
	buf_init(&s->text, SQL_TEXT_MAX);
}

bool sql_end(struct sql *s, struct pg_statement *ret_statement)
{
	char *text = arena_strndup(s->arena, buf_cstr(&s->text), s->text.len);
	bool ok = !s->is_over && buf_is_ok(&s->text) && text != NULL;
	buf_done(&s->text);
	if (ok)
		*ret_statement = (struct pg_statement){
		    .sql = text, .param_count = s->param_count, .params = s->params, .is_prepared = true};
	return ok;
}

void sql_ident(struct sql *s, struct str name)
{
	buf_putc(&s->text, '"');
	for (size_t i = 0; i < name.len && name.ptr[i] != '\0'; i++) {
		if (name.ptr[i] == '"') buf_putc(&s->text, '"');
		buf_putc(&s->text, name.ptr[i]);
	}
	buf_putc(&s->text, '"');
}

void sql_name(struct sql *s, struct catalogue_name name)
{
	if (name.schema.len > 0) {
		sql_ident(s, name.schema);
		buf_putc(&s->text, '.');
	}
	sql_ident(s, name.name);
}

void sql_column(struct sql *s, struct catalogue_name table, struct str column)
{
	sql_name(s, table);
	buf_putc(&s->text, '.');
	if (str_eq(column, STR("*")))
		buf_putc(&s->text, '*');
	else
		sql_ident(s, column);
}

void sql_param(struct sql *s, struct str value)
{
	int n = s->param_count;
	bool is_full = (n & (n - 1)) == 0; /* room is always the next power of two */
	if (n == SQL_PARAMS_MAX) {
		s->is_over = true;
		return;
	}
	if (n == 0 || (is_full && n >= 8)) {
		const char **grown = arena_array(s->arena, n == 0 ? 8 : (size_t)n * 2, sizeof *grown);
		if (grown == NULL) {
			s->is_over = true;
			return;
		}
		if (n > 0) memcpy(grown, s->params, (size_t)n * sizeof *grown);
		s->params = grown;
	}
	s->params[n] = arena_cstr(s->arena, value);
	if (s->params[n] == NULL) s->is_over = true;
	s->param_count = n + 1;
	char number[16];
	int at = sizeof number;
	for (int left = n + 1; left > 0; left /= 10) number[--at] = (char)('0' + left % 10);
	number[--at] = '$';
	buf_append(&s->text, number + at, sizeof number - (size_t)at);
}

void sql_literal(struct sql *s, struct str text)
{
	bool has_backslash = str_find_char(text, '\\') >= 0;
	buf_puts(&s->text, has_backslash ? "E'" : "'");
	for (size_t i = 0; i < text.len && text.ptr[i] != '\0'; i++) {
		if (text.ptr[i] == '\'' || text.ptr[i] == '\\') buf_putc(&s->text, text.ptr[i]);
		buf_putc(&s->text, text.ptr[i]);
	}
	buf_putc(&s->text, '\'');
}

static void set_config(struct sql *s, const char *name, struct str value)
{
	buf_printf(&s->text, "%sset_config('%s',", s->text.len > 7 ? "," : "", name);
	sql_param(s, value);
	buf_puts(&s->text, ",true) is null");
}

static void set_config_named(struct sql *s, struct str name, struct str value)
{
	buf_puts(&s->text, ",set_config(");
	sql_param(s, name);
	buf_putc(&s->text, ',');
	sql_param(s, value);
	buf_puts(&s->text, ",true) is null");
}

static void put_lower(struct sql *s, struct buf *b, struct str name)
{
	char *lower = arena_cstr(s->arena, name);
	for (char *p = lower; p != NULL && *p != '\0'; p++) *p = (char)tolower((unsigned char)*p);
	problem_json_string(b, str_from(lower));
}

/* The headers as one JSON object, cookies left out; of several with one name the last counts. */
static void headers_json(struct sql *s, const struct rest_request *r, struct buf *b)
{
	bool is_first = true;
	buf_putc(b, '{');
	for (int i = 0; i < r->header_count && i < REST_HEADER_MAX; i++) {
		bool comes_again = str_eq_nocase(r->headers[i].name, STR("cookie"));
		for (int k = i + 1; k < r->header_count && !comes_again; k++)
			comes_again = str_eq_nocase(r->headers[k].name, r->headers[i].name);
		if (comes_again) continue;
		if (!is_first) buf_putc(b, ',');
		is_first = false;
		put_lower(s, b, r->headers[i].name);
		buf_putc(b, ':');
		problem_json_string(b, r->headers[i].value);
	}
	buf_putc(b, '}');
}

static void cookies_json(const struct rest_request *r, struct buf *b)
{
	struct str rest = ask_header(r, STR("cookie")), part;
	bool is_first = true;
	buf_putc(b, '{');
	while (str_next(&rest, ';', &part)) {
		struct str name, value;
		if (!str_cut(str_trim(part), '=', &name, &value)) continue;
		if (!is_first) buf_putc(b, ',');
		is_first = false;
		problem_json_string(b, name);
		buf_putc(b, ':');
		problem_json_string(b, value);
	}
	buf_putc(b, '}');
}

static void search_path(const struct rest_settings *settings, struct str schema, struct sql *into)
{
	sql_ident(into, schema);
	for (int i = 0; i < settings->extra_search_path_count; i++) {
		if (settings->extra_search_path[i][0] == '\0') continue;
		buf_puts(&into->text, ", ");
		sql_ident(into, str_from(settings->extra_search_path[i]));
	}
}

/* What a function's own SET says about the transaction it runs in; PostgREST's db-hoisted-tx-settings. */
static void function_settings(struct sql *s, const struct rest_settings *settings, const struct catalogue_routine *f)
{
	static const char *const usual[] = {"statement_timeout", "plan_filter.statement_cost_limit",
					    "default_transaction_isolation"};
	const char *const *hoisted = settings->hoisted != NULL ? settings->hoisted : usual;
	int count = settings->hoisted != NULL ? settings->hoisted_count : (int)(sizeof usual / sizeof *usual);
	struct str rest = f->settings, line, name, value;
	while (str_next(&rest, '\n', &line)) {
		if (!str_cut(line, '=', &name, &value)) continue;
		for (int i = 0; i < count; i++)
			if (str_eq(name, str_from(hoisted[i]))) set_config_named(s, name, value);
	}
}

#define ISOLATION STR("default_transaction_isolation")

/* What ALTER ROLE says about the role that asks; else it would count for sessions of its own only. */
static void role_settings(struct sql *s, const struct rest_request *r)
{
	const struct catalogue *c = s->plan->catalogue;
	for (int i = 0; i < c->role_setting_count; i++) {
		const struct catalogue_role_setting *one = &c->role_settings[i];
		if (str_eq(one->role, r->role) && !str_eq(one->name, ISOLATION))
			set_config_named(s, one->name, one->value);
	}
}

/* The statement that sets the function's or else the role's isolation; NULL: the usual one. It must come before all
 * others. */
static const char *isolation_statement(const struct rest_request *r, const struct plan *plan)
{
	static const char *const statements[][2] = {
	    {"serializable", "set transaction isolation level serializable"},
	    {"repeatable read", "set transaction isolation level repeatable read"},
	};
	const struct catalogue *c = plan->catalogue;
	struct str wanted = {0}, line, name, value;
	for (int i = 0; i < c->role_setting_count; i++)
		if (str_eq(c->role_settings[i].role, r->role) && str_eq(c->role_settings[i].name, ISOLATION))
			wanted = c->role_settings[i].value;
	struct str rest = plan->routine != NULL ? plan->routine->settings : (struct str){0};
	while (str_next(&rest, '\n', &line))
		if (str_cut(line, '=', &name, &value) && str_eq(name, ISOLATION)) wanted = value;
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
		if (str_eq_nocase(wanted, str_from(statements[i][0]))) return statements[i][1];
	return NULL;
}

/* The first statement: who asks, and what. Its own, since permissions are checked before a statement runs. */
static bool make_setup(struct arena *a, const struct rest_settings *settings, const struct rest_request *r,
		       const struct plan *plan, struct pg_statement *ret)
{
	struct sql s, path;
	BUF_CLEANUP struct buf headers;
	BUF_CLEANUP struct buf cookies;
	buf_init(&headers, 1 << 18);
	buf_init(&cookies, 1 << 18);
	sql_begin(&path, a, plan);
	search_path(settings, plan->ask->schema, &path);
	sql_begin(&s, a, plan);
	headers_json(&s, r, &headers);
	cookies_json(r, &cookies);
	buf_puts(&s.text, "select ");
	set_config(&s, "search_path", buf_view(&path.text));
	set_config(&s, "role", r->role);
	if (plan->catalogue->role_setting_count > 0) role_settings(&s, r);
	set_config(&s, "request.jwt.claims", r->claims);
	set_config(&s, "request.method", r->method);
	set_config(&s, "request.path", r->full_path.len > 0 ? r->full_path : r->path);
	set_config(&s, "request.headers", buf_view(&headers));
	set_config(&s, "request.cookies", buf_view(&cookies));
	set_config(&s, "transaction_read_only", plan->is_read_only ? STR("on") : STR("off"));
	if (plan->ask->prefer.timezone.ptr != NULL) set_config(&s, "timezone", plan->ask->prefer.timezone);
	if (plan->routine != NULL && plan->routine->settings.len > 0) function_settings(&s, settings, plan->routine);
	for (int i = 0; i < settings->app_setting_count; i++)
		set_config_named(&s, str_from(settings->app_settings[2 * i]),
				 str_from(settings->app_settings[2 * i + 1]));
	buf_done(&path.text);
	return sql_end(&s, ret);
}

#define CURRENT_HEADERS "nullif(current_setting('response.headers',true),'')"
#define CURRENT_STATUS "nullif(current_setting('response.status',true),'')"

static void handler(struct sql *s)
{
	const struct plan *p = s->plan;
	const struct catalogue_routine *f = p->routine;
	bool strips = p->handler == HANDLER_JSON_STRIPPED || p->handler == HANDLER_OBJECT_STRIPPED;
	bool is_object = p->handler == HANDLER_OBJECT || p->handler == HANDLER_OBJECT_STRIPPED;
	bool is_value = f != NULL && !f->returns_composite && !(is_object && f->returns_set);
	bool is_one = is_object || (f != NULL && !f->returns_set);
	switch (p->handler) {
	case HANDLER_NONE: buf_puts(&s->text, "''::text"); return;
	case HANDLER_CSV:
		buf_puts(&s->text,
			 "(select coalesce(string_agg(a.k, ','), '') from (select json_object_keys(r)::text as k from "
			 "(select row_to_json(hh) as r from pgrst_source as hh limit 1) s) a) || E'\\n' || "
			 "coalesce(string_agg(substring(_postgrest_t::text, 2, length(_postgrest_t::text) - 2), "
			 "E'\\n'), '')");
		return;
	case HANDLER_GEOJSON:
		buf_puts(&s->text, "json_build_object('type', 'FeatureCollection', 'features', "
				   "coalesce(json_agg(ST_AsGeoJSON(_postgrest_t)::json), '[]'))");
		return;
	case HANDLER_CUSTOM:
		sql_name(s, p->custom->function);
		if (f != NULL && routine_is_scalar(f)) {
			buf_puts(&s->text, "(_postgrest_t.pgrst_scalar)");
		} else if (str_eq(p->custom->target.name, STR("anyelement"))) {
			buf_puts(&s->text, "(_postgrest_t)");
		} else {
			buf_puts(&s->text, "(_postgrest_t::");
			sql_name(s, p->custom->target);
			buf_putc(&s->text, ')');
		}
		return;
	default: break;
	}
	buf_printf(&s->text, "coalesce(%sjson_agg(_postgrest_t%s)%s%s, '%s')", strips ? "json_strip_nulls(" : "",
		   is_value ? ".pgrst_scalar" : "", is_one ? "->0" : "", strips ? ")" : "", is_one ? "null" : "[]");
}

static bool counts(const struct plan *p)
{
	enum prefer_count count = p->ask->prefer.count;
	return p->ask->action != ASK_INSERT && (count == COUNT_EXACT || count == COUNT_ESTIMATED) &&
	       (p->ask->action == ASK_READ || p->ask->action == ASK_CALL);
}

static void put_count(struct sql *s, const struct rest_settings *settings)
{
	if (!counts(s->plan)) return;
	buf_puts(&s->text, ", pgrst_source_count as (");
	sql_count(s, s->plan->root);
	if (s->plan->ask->prefer.count == COUNT_ESTIMATED && s->plan->ask->action == ASK_READ && settings->max_rows > 0)
		buf_printf(&s->text, " limit %lld", (long long)settings->max_rows + 1);
	buf_putc(&s->text, ')');
}

/* The count of rows, kept where the guard can see it. */
#define ROWS "pg_catalog.count(_postgrest_t)"
#define ROWS_KEPT "set_config('freehold.rows'," ROWS "::text,true)"

static bool is_guarded(const struct plan *p)
{
	const struct ask *ask = p->ask;
	bool is_one = p->media.kind == MEDIA_OBJECT || p->media.kind == MEDIA_OBJECT_STRIPPED;
	bool has_maximum = ask->prefer.has_max_affected && ask->prefer.handling == HANDLING_STRICT;
	return !p->is_read_only && (is_one || ask->action == ASK_UPSERT || has_maximum);
}

static void put_result(struct sql *s)
{
	const struct plan *p = s->plan;
	bool is_single_call = p->routine != NULL && !p->routine->returns_set;
	buf_puts(&s->text, counts(p) ? "(select pg_catalog.count(*)::text from pgrst_source_count)," : "null,");
	buf_puts(&s->text, is_single_call ? "'1'," : is_guarded(p) ? ROWS_KEPT "," : ROWS "::text,");
	handler(s);
	buf_puts(&s->text, "," CURRENT_HEADERS "," CURRENT_STATUS);
}

static bool make_read(struct sql *s, const struct rest_settings *settings)
{
	bool needs_source = s->plan->handler == HANDLER_CSV || counts(s->plan);
	if (needs_source) {
		buf_puts(&s->text, "with pgrst_source as (");
		sql_read(s, s->plan->root);
		buf_putc(&s->text, ')');
		put_count(s, settings);
		buf_putc(&s->text, ' ');
	}
	buf_puts(&s->text, "select ");
	put_result(s);
	buf_puts(&s->text, " from (");
	if (needs_source)
		buf_puts(&s->text, "select * from pgrst_source");
	else
		sql_read(s, s->plan->root);
	buf_puts(&s->text, ") _postgrest_t");
	return true;
}

static void put_location(struct sql *s)
{
	const struct plan *p = s->plan;
	if (p->ask->action != ASK_INSERT || p->ask->prefer.representation != RETURN_HEADERS ||
	    p->table->key_count == 0) {
		buf_puts(&s->text, ",null");
		return;
	}
	buf_puts(&s->text,
		 ",case when " ROWS " = 1 then (select json_agg(json_build_array(e.key, coalesce('eq.' || e.value, "
		 "'is.null'))) from (select row_to_json(r) as row from pgrst_source r limit 1) d, "
		 "json_each_text(d.row) e where e.key in (");
	for (int i = 0; i < p->table->key_count; i++) {
		if (i > 0) buf_putc(&s->text, ',');
		sql_literal(s, p->table->key[i]);
	}
	buf_puts(&s->text, ")) end");
}

static bool make_write(struct sql *s)
{
	const struct ask *ask = s->plan->ask;
	bool is_upsert =
	    ask->action == ASK_UPSERT || (ask->action == ASK_INSERT && ask->prefer.resolution == RESOLUTION_MERGE);
	buf_puts(&s->text, "with pgrst_source as (");
	sql_write(s);
	buf_puts(&s->text, ") select ");
	put_result(s);
	put_location(s);
	buf_puts(&s->text, is_upsert ? ",nullif(current_setting('pgrst.inserted',true),'')" : ",null");
	buf_puts(&s->text, " from (");
	if (s->plan->handler == HANDLER_NONE)
		buf_puts(&s->text, "select * from pgrst_source");
	else
		sql_read(s, s->plan->root);
	buf_puts(&s->text, ") _postgrest_t");
	return true;
}

static bool make_call(struct sql *s, const struct rest_settings *settings)
{
	buf_puts(&s->text, "with pgrst_source as (");
	sql_call(s);
	buf_putc(&s->text, ')');
	put_count(s, settings);
	buf_puts(&s->text, " select ");
	put_result(s);
	buf_puts(&s->text, " from (");
	sql_read(s, s->plan->root);
	buf_puts(&s->text, ") _postgrest_t");
	return true;
}

static bool make_main(struct arena *a, const struct rest_settings *settings, const struct plan *plan,
		      struct pg_statement *ret)
{
	struct sql s;
	sql_begin(&s, a, plan);
	bool ok = plan->ask->action == ASK_READ   ? make_read(&s, settings)
		  : plan->ask->action == ASK_CALL ? make_call(&s, settings)
						  : make_write(&s);
	ok = sql_end(&s, ret) && ok;
	ret->is_binary = plan->handler == HANDLER_CUSTOM;
	return ok;
}

static bool make_explain(struct arena *a, const struct plan *plan, struct pg_statement *ret)
{
	struct sql s;
	sql_begin(&s, a, plan);
	buf_puts(&s.text, "explain (format json) ");
	sql_count(&s, plan->root);
	bool ok = sql_end(&s, ret);
	ret->is_prepared = false;
	return ok;
}

/* Undoes everything when the number of rows is not what was asked for: reading a setting that does not exist fails. */
static bool make_guard(struct arena *a, const struct plan *plan, struct pg_statement *ret)
{
	struct sql s;
	bool has_maximum = plan->ask->prefer.has_max_affected && plan->ask->prefer.handling == HANDLING_STRICT;
	bool is_one = plan->media.kind == MEDIA_OBJECT || plan->media.kind == MEDIA_OBJECT_STRIPPED ||
		      plan->ask->action == ASK_UPSERT;
	sql_begin(&s, a, plan);
	buf_puts(&s.text, "select case when current_setting('freehold.rows')::bigint ");
	char limit[24];
	(void)snprintf(limit, sizeof limit, "%lld", (long long)plan->ask->prefer.max_affected);
	buf_puts(&s.text, is_one ? "= " : has_maximum ? "<= " : ">= ");
	sql_param(&s, is_one ? STR("1") : str_from(limit));
	buf_puts(&s.text, "::bigint then '' else current_setting('freehold.undo') end");
	return sql_end(&s, ret);
}

static bool rolls_back(const struct rest_settings *settings, const struct plan *plan)
{
	bool is_default = settings->tx_end == REST_TX_ROLLBACK || settings->tx_end == REST_TX_ROLLBACK_ALLOW_OVERRIDE;
	enum prefer_tx tx = plan->ask->prefer.tx;
	return !plan->is_read_only && (tx == TX_ROLLBACK || (is_default && tx != TX_COMMIT));
}

static void add_plain(struct sql_batch *b, const char *sql)
{
	b->statements[b->count++] = (struct pg_statement){.sql = sql, .is_prepared = true};
}

static bool make_pre_request(struct arena *a, const struct rest_settings *settings, struct pg_statement *ret)
{
	struct sql s;
	struct str schema = {"", 0}, name = str_from(settings->pre_request);
	(void)str_cut(name, '.', &schema, &name);
	sql_begin(&s, a, NULL);
	buf_puts(&s.text, "select ");
	sql_name(&s, (struct catalogue_name){schema, name});
	buf_puts(&s.text, "()");
	return sql_end(&s, ret);
}

bool sql_make(struct arena *a, const struct rest_settings *settings, const struct rest_request *request,
	      const struct plan *plan, struct sql_batch *ret_batch, struct problem *ret_problem)
{
	struct sql_batch b = {.main = -1, .explain = -1, .guard = -1};
	bool explains = plan->ask->action == ASK_READ &&
			(plan->ask->prefer.count == COUNT_PLANNED || plan->ask->prefer.count == COUNT_ESTIMATED);
	const char *isolation = isolation_statement(request, plan);
	if (isolation != NULL) add_plain(&b, isolation);
	bool ok = make_setup(a, settings, request, plan, &b.statements[b.count++]);
	if (settings->pre_request != NULL) ok = ok && make_pre_request(a, settings, &b.statements[b.count++]);
	b.main = b.count;
	ok = ok && make_main(a, settings, plan, &b.statements[b.count++]);
	if (explains) {
		b.explain = b.count;
		ok = ok && make_explain(a, plan, &b.statements[b.count++]);
	}
	if (is_guarded(plan)) {
		b.guard = b.count;
		ok = ok && make_guard(a, plan, &b.statements[b.count++]);
	}
	if (rolls_back(settings, plan)) {
		add_plain(&b, "set constraints all immediate");
		add_plain(&b, "rollback");
	}
	if (!ok)
		return problem_set(ret_problem, 400, "PGRST100", "The request is too large to be made a statement of",
				   NULL, NULL);
	*ret_batch = b;
	return true;
}

static bool make_facts(struct arena *a, const struct rest_settings *settings, const struct plan *plan,
		       struct pg_statement *ret)
{
	const char **params = arena_array(a, 2, sizeof *params);
	if (params == NULL) return false;
	params[0] = arena_cstr(a, plan->ask->schema);
	params[1] = settings->openapi_mode == REST_OPENAPI_IGNORE ? "true" : "false";
	*ret = (struct pg_statement){.sql = openapi_facts_sql, .param_count = 2, .params = params};
	return params[0] != NULL;
}

bool sql_make_root(struct arena *a, const struct rest_settings *settings, const struct rest_request *request,
		   const struct plan *plan, struct sql_batch *ret_batch, struct problem *ret_problem)
{
	struct sql_batch b = {.main = -1, .explain = -1, .guard = -1};
	bool ok = make_setup(a, settings, request, plan, &b.statements[b.count++]);
	if (settings->pre_request != NULL) ok = ok && make_pre_request(a, settings, &b.statements[b.count++]);
	b.main = b.count;
	ok = ok && make_facts(a, settings, plan, &b.statements[b.count++]);
	*ret_batch = b;
	return ok || problem_set(ret_problem, 400, "PGRST100", NULL, NULL, NULL);
}
