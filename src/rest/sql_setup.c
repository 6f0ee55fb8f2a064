/* SPDX-License-Identifier: Apache-2.0
 *
 * The statements before the main one: who asks and what, with which settings; the isolation; db-pre-request. */
#include <ctype.h>

#include "codec/json.h"
#include "pg/statements.h"
#include "rest/sql.h"

/* The settings stand in one condition, "set_config(…) is null or set_config(…) is null or …": PostgreSQL goes through
 * it from left to right, to its end, since none is ever null; and there is no row to write, send and read. */
static void set_config(struct sql *s, const char *name, struct str value)
{
	if (s->is_written) {
		sql_value(s, value);
		return;
	}
	buf_puts(&s->text, s->param_count > 0 ? " or set_config('" : "set_config('");
	buf_puts(&s->text, name);
	buf_puts(&s->text, "',");
	sql_param(s, value);
	buf_puts(&s->text, ",true) is null");
}

static void set_config_named(struct sql *s, struct str name, struct str value)
{
	if (s->is_written) {
		sql_value(s, name);
		sql_value(s, value);
		return;
	}
	buf_puts(&s->text, " or set_config(");
	sql_param(s, name);
	buf_putc(&s->text, ',');
	sql_param(s, value);
	buf_puts(&s->text, ",true) is null");
}

static void put_lower(struct sql *s, struct buf *b, struct str name)
{
	char *lower = arena_cstr(s->arena, name);
	for (char *p = lower; p != NULL && *p != '\0'; p++) *p = (char)tolower((unsigned char)*p);
	json_put_string(b, str_from(lower));
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
		json_put_string(b, r->headers[i].value);
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
		json_put_string(b, name);
		buf_putc(b, ':');
		json_put_string(b, value);
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
const char *sql_isolation(const struct rest_request *r, const struct plan *plan)
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

/* What sql_setup writes for nearly every request. */
static const char usual[] =
    "select where set_config('search_path',$1,true) is null or set_config('role',$2,true) is null"
    " or set_config('request.jwt.claims',$3,true) is null or set_config('request.method',$4,true) is null"
    " or set_config('request.path',$5,true) is null or set_config('request.headers',$6,true) is null"
    " or set_config('request.cookies',$7,true) is null or set_config('transaction_read_only',$8,true) is null";

static bool is_usual(const struct rest_settings *settings, const struct plan *plan)
{
	return plan->catalogue->role_setting_count == 0 && settings->app_setting_count == 0 &&
	       plan->ask->prefer.timezone.ptr == NULL && (plan->routine == NULL || plan->routine->settings.len == 0);
}

static bool end_usual(struct sql *s, struct pg_statement *ret)
{
	static uint64_t hash;
	if (hash == 0) hash = pg_text_hash(usual);
	*ret = (struct pg_statement){
	    .sql = usual, .hash = hash, .param_count = s->param_count, .params = s->params, .is_prepared = true};
	return !s->is_over;
}

/* The first statement: who asks, and what. Its own, since permissions are checked before a statement runs. */
bool sql_setup(struct arena *a, const struct rest_settings *settings, const struct rest_request *r,
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
	s.is_written = is_usual(settings, plan);
	headers_json(&s, r, &headers);
	cookies_json(r, &cookies);
	if (!s.is_written) buf_puts(&s.text, "select where ");
	set_config(&s, "search_path", buf_view(&path.text));
	/* Before the role, since it is who we are now that may set what GRANT SET ON PARAMETER allows. */
	if (plan->catalogue->role_setting_count > 0) role_settings(&s, r);
	set_config(&s, "role", r->role);
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
	return s.is_written ? end_usual(&s, ret) : sql_end(&s, ret);
}

bool sql_pre_request(struct arena *a, const struct rest_settings *settings, struct pg_statement *ret)
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
