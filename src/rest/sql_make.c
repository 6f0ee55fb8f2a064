/* SPDX-License-Identifier: Apache-2.0
 *
 * All statements of a request, in their order: isolation, setup, pre-request, the main one, its estimate, the guard,
 * the rollback. */
#include <stdlib.h>

#include "rest/openapi.h"
#include "rest/rows.h"
#include "rest/sql.h"

#define CURRENT_HEADERS "nullif(current_setting('response.headers',true),'')"
#define CURRENT_STATUS "nullif(current_setting('response.status',true),'')"

#define CSV_HEAD                                                                                                       \
	"(select coalesce(string_agg(a.k, ','), '') from (select json_object_keys(r)::text as k from "                 \
	"(select row_to_json(hh) as r from pgrst_source as hh limit 1) s) a)"
#define CSV_ROW "substring(_postgrest_t::text, 2, length(_postgrest_t::text) - 2)"
#define CSV_ROWS "string_agg(" CSV_ROW ", E'\\n')"

/* The aggregate is PostgreSQL's to compute once, however often it is written. */
static void unless_large(struct sql *s, const char *aggregate)
{
	if (s->plan->form != FORM_BOUNDED) return;
	buf_puts(&s->text, "case when octet_length(");
	buf_puts(&s->text, aggregate);
	buf_puts(&s->text, "::text) > ");
	sql_number(s, ROWS_BOUND_BYTES);
	buf_puts(&s->text, " then null else ");
}

/* The body, or what the first row has of it. */
static void put_body(struct sql *s)
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
		unless_large(s, CSV_ROWS);
		buf_puts(&s->text, CSV_HEAD);
		if (p->form != FORM_ROWS) buf_puts(&s->text, " || E'\\n' || coalesce(" CSV_ROWS ", '')");
		if (p->form == FORM_BOUNDED) buf_puts(&s->text, " end");
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
	if (p->form == FORM_ROWS) {
		buf_puts(&s->text, "null");
		return;
	}
	unless_large(s, "json_agg(_postgrest_t)");
	buf_puts(&s->text,
		 strips ? "coalesce(json_strip_nulls(json_agg(_postgrest_t" : "coalesce(json_agg(_postgrest_t");
	if (is_value) buf_puts(&s->text, ".pgrst_scalar");
	buf_puts(&s->text, is_one ? ")->0" : ")");
	buf_puts(&s->text, strips ? ")" : "");
	buf_puts(&s->text, is_one ? ", 'null')" : ", '[]')");
	if (p->form == FORM_BOUNDED) buf_puts(&s->text, " end");
}

/* Behind the first row: a row for each of the answer's. */
static void put_rows(struct sql *s, const char *from)
{
	if (s->plan->form != FORM_ROWS) return;
	buf_puts(&s->text, " union all select null,null,");
	buf_puts(&s->text, s->plan->handler == HANDLER_CSV ? CSV_ROW
			   : s->plan->handler == HANDLER_JSON_STRIPPED
			       ? "json_strip_nulls(row_to_json(_postgrest_t))::text"
			       : "row_to_json(_postgrest_t)::text");
	buf_puts(&s->text, s->plan->ask->action == ASK_READ || s->plan->ask->action == ASK_CALL
			       ? ",null,null from "
			       : ",null,null,null,null from ");
	buf_puts(&s->text, from);
	buf_puts(&s->text, " _postgrest_t");
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
#define ROWS "pg_catalog.count(*)"
#define ROWS_KEPT "set_config('freehold.rows'," ROWS "::text,true)"

static bool is_single_call(const struct plan *p)
{
	return p->routine != NULL && !p->routine->returns_set;
}

static bool is_guarded(const struct plan *p)
{
	const struct ask *ask = p->ask;
	bool is_one = p->media.kind == MEDIA_OBJECT || p->media.kind == MEDIA_OBJECT_STRIPPED;
	bool has_maximum = ask->prefer.has_max_affected && ask->prefer.handling == HANDLING_STRICT;
	return !p->explains && !p->is_read_only && !is_single_call(p) &&
	       (is_one || ask->action == ASK_UPSERT || has_maximum);
}

static void put_result(struct sql *s)
{
	const struct plan *p = s->plan;
	const char *as_text = p->handler == HANDLER_CUSTOM ? "::text" : ""; /* whose answer comes in binary form */
	if (counts(p))
		buf_printf(&s->text, "(select pg_catalog.count(*)%s from pgrst_source_count),", as_text);
	else
		buf_puts(&s->text, "null,");
	if (is_single_call(p))
		buf_puts(&s->text, "'1',");
	else if (is_guarded(p))
		buf_puts(&s->text, ROWS_KEPT ",");
	else
		buf_puts(&s->text, p->handler == HANDLER_CUSTOM ? ROWS "::text," : ROWS ",");
	put_body(s);
	buf_puts(&s->text, "," CURRENT_HEADERS "," CURRENT_STATUS);
}

static bool make_read(struct sql *s, const struct rest_settings *settings)
{
	bool needs_source = s->plan->handler == HANDLER_CSV || s->plan->form == FORM_ROWS || counts(s->plan);
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
	put_rows(s, "pgrst_source");
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

/* What is counted first and shown after must be the same rows. */
static void put_rows_source(struct sql *s)
{
	if (s->plan->form != FORM_ROWS) return;
	buf_puts(&s->text, ", pgrst_rows as (");
	sql_read(s, s->plan->root);
	buf_putc(&s->text, ')');
}

static void put_answer(struct sql *s)
{
	if (s->plan->form == FORM_ROWS)
		buf_puts(&s->text, "select * from pgrst_rows");
	else
		sql_read(s, s->plan->root);
}

static bool make_write(struct sql *s)
{
	const struct ask *ask = s->plan->ask;
	bool is_upsert =
	    ask->action == ASK_UPSERT || (ask->action == ASK_INSERT && ask->prefer.resolution == RESOLUTION_MERGE);
	buf_puts(&s->text, "with pgrst_source as (");
	sql_write(s);
	buf_puts(&s->text, ")");
	put_rows_source(s);
	buf_puts(&s->text, " select ");
	put_result(s);
	put_location(s);
	buf_puts(&s->text, is_upsert ? ",nullif(current_setting('pgrst.inserted',true),'')" : ",null");
	buf_puts(&s->text, " from (");
	if (s->plan->handler == HANDLER_NONE)
		buf_puts(&s->text, "select * from pgrst_source");
	else
		put_answer(s);
	buf_puts(&s->text, ") _postgrest_t");
	put_rows(s, "pgrst_rows");
	return true;
}

static bool make_call(struct sql *s, const struct rest_settings *settings)
{
	buf_puts(&s->text, "with pgrst_source as (");
	sql_call(s);
	buf_putc(&s->text, ')');
	put_count(s, settings);
	put_rows_source(s);
	buf_puts(&s->text, " select ");
	put_result(s);
	buf_puts(&s->text, " from (");
	put_answer(s);
	buf_puts(&s->text, ") _postgrest_t");
	put_rows(s, "pgrst_rows");
	return true;
}

static void put_explain(struct sql *s)
{
	static const char *const options[] = {"analyze", "verbose", "settings", "buffers", "wal"};
	const struct media *m = &s->plan->media;
	buf_printf(&s->text, "explain (format %s", m->plan_is_json ? "json" : "text");
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (m->plan_options & 1u << i) buf_printf(&s->text, ", %s", options[i]);
	buf_puts(&s->text, ") ");
}

bool sql_make_main(struct arena *a, const struct rest_settings *settings, const struct plan *plan,
		   struct pg_statement *ret)
{
	struct sql s;
	sql_begin(&s, a, plan);
	if (plan->explains) put_explain(&s);
	bool ok = plan->ask->action == ASK_READ   ? make_read(&s, settings)
		  : plan->ask->action == ASK_CALL ? make_call(&s, settings)
						  : make_write(&s);
	ok = sql_end(&s, ret) && ok;
	ret->is_binary = plan->handler == HANDLER_CUSTOM && !plan->explains;
	if (plan->explains) ret->is_prepared = false;
	ret->is_streamed = plan->form == FORM_ROWS;
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

bool sql_make(struct arena *a, const struct rest_settings *settings, const struct rest_request *request,
	      const struct plan *plan, const struct pg_statement *main, struct sql_batch *ret_batch,
	      struct problem *ret_problem)
{
	struct sql_batch b = {.main = -1, .explain = -1, .guard = -1};
	bool estimates = plan->ask->action == ASK_READ && !plan->explains &&
			 (plan->ask->prefer.count == COUNT_PLANNED || plan->ask->prefer.count == COUNT_ESTIMATED);
	const char *isolation = sql_isolation(request, plan);
	if (isolation != NULL) add_plain(&b, isolation);
	bool ok = sql_setup(a, settings, request, plan, &b.statements[b.count++]);
	if (settings->pre_request != NULL) ok = ok && sql_pre_request(a, settings, &b.statements[b.count++]);
	if (estimates) { /* first, since the headers need it before the first row */
		b.explain = b.count;
		ok = ok && make_explain(a, plan, &b.statements[b.count++]);
	}
	b.main = b.count++;
	if (main != NULL)
		b.statements[b.main] = *main;
	else
		ok = ok && sql_make_main(a, settings, plan, &b.statements[b.main]);
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
	bool ok = sql_setup(a, settings, request, plan, &b.statements[b.count++]);
	if (settings->pre_request != NULL) ok = ok && sql_pre_request(a, settings, &b.statements[b.count++]);
	b.main = b.count;
	ok = ok && make_facts(a, settings, plan, &b.statements[b.count++]);
	*ret_batch = b;
	return ok || problem_set(ret_problem, 400, "PGRST100", NULL, NULL, NULL);
}
