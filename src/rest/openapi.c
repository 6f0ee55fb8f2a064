/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/openapi.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json.h"
#include "rest/openapi_schema.h"

#define JSON_TYPES                                                                                                     \
	"application/json", "application/vnd.pgrst.object+json;nulls=stripped", "application/vnd.pgrst.object+json"

const char openapi_facts_sql[] =
    "select pg_catalog.json_build_object("
    "'comment', pg_catalog.obj_description(n.oid, 'pg_namespace'),"
    "'tables', (select pg_catalog.json_object_agg(c.oid::text, true) from pg_catalog.pg_class c"
    "  where c.relnamespace = n.oid and c.relkind in ('r','v','m','f','p') and ($2::boolean"
    "  or pg_catalog.pg_has_role(c.relowner, 'USAGE')"
    "  or pg_catalog.has_table_privilege(c.oid, 'SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER')"
    "  or pg_catalog.has_any_column_privilege(c.oid, 'SELECT,INSERT,UPDATE,REFERENCES'))),"
    "'routines', (select pg_catalog.json_object_agg(p.oid::text, true) from pg_catalog.pg_proc p"
    "  where p.pronamespace = n.oid and ($2::boolean or pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))),"
    "'columns', (select pg_catalog.json_object_agg(k.place, pg_catalog.json_build_object('max', k.max, 'enum',"
    "  (select pg_catalog.json_agg(e.enumlabel order by e.enumsortorder) from pg_catalog.pg_enum e"
    "   where e.enumtypid = k.enum))) from (select a.attrelid::text || '.' || a.attnum::text as place,"
    "   information_schema._pg_char_max_length(information_schema._pg_truetypid(a, t),"
    "    information_schema._pg_truetypmod(a, t))::int as max,"
    "   case when t.typtype = 'e' then t.oid when b.typtype = 'e' then b.oid end as enum"
    "   from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid"
    "   join pg_catalog.pg_type t on t.oid = a.atttypid left join pg_catalog.pg_type b on b.oid = t.typbasetype"
    "   where c.relnamespace = n.oid and a.attnum > 0) k where k.max is not null or k.enum is not null))"
    " from pg_catalog.pg_namespace n where n.nspname = $1";

static json_t *reference(const char *kind, const char *before, struct str a, const char *between, struct str b)
{
	BUF_CLEANUP struct buf path;
	buf_init(&path, 4096);
	buf_printf(&path, "#/%s/%s%.*s%s%.*s", kind, before, STR_FMT(a), between, STR_FMT(b));
	return json_pack("{s:o}", "$ref", openapi_text(buf_view(&path)));
}

static json_t *common(const char *name)
{
	return reference("parameters", name, STR(""), "", STR(""));
}

static void add_filters(json_t *parameters, const struct catalogue_table *t)
{
	for (int i = 0; i < t->column_count; i++)
		(void)json_array_append_new(
		    parameters, reference("parameters", "rowFilter.", t->name.name, ".", t->columns[i].name));
}

static json_t *answer(const char *status, const char *words)
{
	return json_pack("{s:{s:s}}", status, "description", words);
}

/* The first line of a comment sums up, the rest describes. */
static void set_summary(json_t *o, struct str comment)
{
	struct str head = comment, rest = {"", 0};
	(void)str_cut(comment, '\n', &head, &rest);
	while (rest.len > 0 && rest.ptr[0] == '\n') rest = str_sub(rest, 1, rest.len);
	openapi_set_text(o, "summary", head);
	openapi_set_text(o, "description", rest);
}

static json_t *table_operation(const struct catalogue_table *t, json_t *parameters, json_t *answers)
{
	json_t *o = json_object();
	set_summary(o, t->comment);
	(void)json_object_set_new(o, "tags", json_pack("[o]", openapi_text(t->name.name)));
	(void)json_object_set_new(o, "parameters", parameters);
	(void)json_object_set_new(o, "responses", answers);
	return o;
}

static json_t *table_path(const struct catalogue_table *t)
{
	static const char *const reading[] = {"select", "order", "range",      "rangeUnit",
					      "offset", "limit", "preferCount"};
	json_t *path = json_object(), *p = json_array();
	struct str name = t->name.name;
	add_filters(p, t);
	for (size_t i = 0; i < sizeof reading / sizeof *reading; i++)
		(void)json_array_append_new(p, common(reading[i]));
	json_t *answers = json_pack("{s:{s:s, s:{s:s, s:o}}, s:{s:s}}", "200", "description", "OK", "schema", "type",
				    "array", "items", reference("definitions", "", name, "", STR("")), "206",
				    "description", "Partial Content");
	(void)json_object_set_new(path, "get", table_operation(t, p, answers));
	if (!t->is_insertable && !t->is_updatable && !t->is_deletable) return path;
	p = json_pack("[o, o, o]", reference("parameters", "body.", name, "", STR("")), common("select"),
		      common("preferPost"));
	(void)json_object_set_new(path, "post", table_operation(t, p, answer("201", "Created")));
	p = json_array();
	add_filters(p, t);
	(void)json_array_append_new(p, common("preferReturn"));
	(void)json_object_set_new(path, "delete", table_operation(t, p, answer("204", "No Content")));
	p = json_array();
	add_filters(p, t);
	(void)json_array_append_new(p, reference("parameters", "body.", name, "", STR("")));
	(void)json_array_append_new(p, common("preferReturn"));
	(void)json_object_set_new(path, "patch", table_operation(t, p, answer("204", "No Content")));
	return path;
}

static bool is_in(struct str type, struct str schema)
{
	return schema.len > 0 && type.len > schema.len && str_has_prefix(type, schema) && type.ptr[schema.len] == '.';
}

/* Without its schema where that is in the search path, which counts where privileges are asked for. */
static struct str short_type(const struct openapi_writing *w, struct str type)
{
	struct str schema = w->schema;
	if (w->settings->openapi_mode == REST_OPENAPI_IGNORE) return type;
	for (int i = 0; !is_in(type, schema) && i < w->settings->extra_search_path_count; i++)
		schema = str_from(w->settings->extra_search_path[i]);
	return is_in(type, schema) ? str_sub(type, schema.len + 1, type.len) : type;
}

static json_t *query_parameter(const struct openapi_writing *w, const struct catalogue_param *param)
{
	struct str type = short_type(w, param->type);
	const char *name = openapi_type(type);
	bool is_array = name != NULL && strcmp(name, "array") == 0;
	json_t *o = json_pack("{s:o, s:b, s:s}", "name", openapi_text(param->name), "required", param->is_required,
			      "in", "query");
	if (!param->is_variadic) {
		openapi_set_text(o, "format", openapi_format(type));
		(void)json_object_set_new(o, "type", json_string(is_array || name == NULL ? "string" : name));
		return o;
	}
	(void)json_object_set_new(o, "type", json_string(name != NULL ? name : "string"));
	(void)json_object_set_new(o, "collectionFormat", json_string("multi"));
	if (!is_array) return o;
	json_t *items = json_object();
	const char *of = openapi_type(openapi_element(type));
	if (of != NULL) (void)json_object_set_new(items, "type", json_string(of));
	openapi_set_text(items, "format", openapi_format(openapi_element(type)));
	(void)json_object_set_new(o, "items", items);
	return o;
}

static json_t *arguments(const struct openapi_writing *w, const struct catalogue_routine *f)
{
	json_t *properties = json_object(), *required = json_array(), *o = json_object();
	for (int i = 0; i < f->param_count; i++) {
		json_t *p = json_object();
		openapi_set_type(p, short_type(w, f->params[i].type));
		openapi_set_named(properties, f->params[i].name, p);
		if (f->params[i].is_required) (void)json_array_append_new(required, openapi_text(f->params[i].name));
	}
	openapi_set_text(o, "description", f->comment);
	if (json_array_size(required) > 0) (void)json_object_set(o, "required", required);
	json_decref(required);
	if (f->param_count > 0) (void)json_object_set(o, "properties", properties);
	json_decref(properties);
	(void)json_object_set_new(o, "type", json_string("object"));
	return o;
}

static json_t *routine_operation(const struct catalogue_routine *f, json_t *parameters)
{
	BUF_CLEANUP struct buf tag;
	json_t *o = json_object();
	buf_init(&tag, 1024);
	buf_printf(&tag, "(rpc) %.*s", STR_FMT(f->name.name));
	set_summary(o, f->comment);
	(void)json_object_set_new(o, "tags", json_pack("[o]", openapi_text(buf_view(&tag))));
	(void)json_object_set_new(o, "produces", json_pack("[s, s, s]", JSON_TYPES));
	if (json_array_size(parameters) > 0) (void)json_object_set(o, "parameters", parameters);
	json_decref(parameters);
	(void)json_object_set_new(o, "responses", answer("200", "OK"));
	return o;
}

static json_t *routine_path(const struct openapi_writing *w, const struct catalogue_routine *f)
{
	json_t *path = json_object();
	if (f->volatility != 'v') {
		json_t *p = json_array();
		for (int i = 0; i < f->param_count; i++)
			(void)json_array_append_new(p, query_parameter(w, &f->params[i]));
		(void)json_object_set_new(path, "get", routine_operation(f, p));
	}
	json_t *body =
	    json_pack("{s:s, s:b, s:s, s:o}", "name", "args", "required", 1, "in", "body", "schema", arguments(w, f));
	(void)json_object_set_new(path, "post",
				  routine_operation(f, json_pack("[o, o]", body, common("preferParams"))));
	return path;
}

static json_t *parameter(const char *name, const char *place, const char *description)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", name, "in", place, "description", description, "type",
			 "string", "required", 0);
}

static json_t *common_parameters(void)
{
	json_t *o = json_object(), *p;
	(void)json_object_set_new(o, "preferParams", parameter("Prefer", "header", "Preference"));
	p = parameter("Prefer", "header", "Preference");
	(void)json_object_set_new(p, "enum",
				  json_pack("[s, s, s]", "return=representation", "return=minimal", "return=none"));
	(void)json_object_set_new(o, "preferReturn", p);
	p = parameter("Prefer", "header", "Preference");
	(void)json_object_set_new(p, "enum", json_pack("[s]", "count=none"));
	(void)json_object_set_new(o, "preferCount", p);
	p = parameter("Prefer", "header", "Preference");
	(void)json_object_set_new(p, "enum",
				  json_pack("[s, s, s, s, s]", "return=representation", "return=minimal", "return=none",
					    "resolution=ignore-duplicates", "resolution=merge-duplicates"));
	(void)json_object_set_new(o, "preferPost", p);
	(void)json_object_set_new(o, "select", parameter("select", "query", "Filtering Columns"));
	(void)json_object_set_new(o, "on_conflict", parameter("on_conflict", "query", "On Conflict"));
	(void)json_object_set_new(o, "order", parameter("order", "query", "Ordering"));
	(void)json_object_set_new(o, "range", parameter("Range", "header", "Limiting and Pagination"));
	p = parameter("Range-Unit", "header", "Limiting and Pagination");
	(void)json_object_set_new(p, "default", json_string("items"));
	(void)json_object_set_new(o, "rangeUnit", p);
	(void)json_object_set_new(o, "offset", parameter("offset", "query", "Limiting and Pagination"));
	(void)json_object_set_new(o, "limit", parameter("limit", "query", "Limiting and Pagination"));
	return o;
}

static void add_table_parameters(json_t *o, const struct catalogue_table *t)
{
	BUF_CLEANUP struct buf key;
	buf_init(&key, 4096);
	buf_printf(&key, "body.%.*s", STR_FMT(t->name.name));
	openapi_set_named(o, buf_view(&key),
			  json_pack("{s:o, s:o, s:b, s:s, s:o}", "name", openapi_text(t->name.name), "description",
				    openapi_text(t->name.name), "required", 0, "in", "body", "schema",
				    reference("definitions", "", t->name.name, "", STR(""))));
	for (int i = 0; i < t->column_count; i++) {
		const struct catalogue_column *col = &t->columns[i];
		json_t *p = json_pack("{s:o, s:b, s:s, s:s}", "name", openapi_text(col->name), "required", 0, "in",
				      "query", "type", "string");
		openapi_set_text(p, "description", col->comment);
		buf_clear(&key);
		buf_printf(&key, "rowFilter.%.*s.%.*s", STR_FMT(t->name.name), STR_FMT(col->name));
		openapi_set_named(o, buf_view(&key), p);
	}
}

static bool is_seen(const struct openapi_writing *w, const char *kind, uint32_t oid)
{
	char key[16];
	(void)snprintf(key, sizeof key, "%u", oid);
	return json_object_get(json_object_get(w->facts, kind), key) != NULL;
}

static void add_tables(const struct openapi_writing *w, json_t *root)
{
	json_t *definitions = json_object(), *parameters = common_parameters(), *paths = json_object_get(root, "paths");
	for (int i = 0; i < w->c->table_count; i++) {
		const struct catalogue_table *t = &w->c->tables[i];
		BUF_CLEANUP struct buf path;
		buf_init(&path, 1024);
		if (!str_eq(t->name.schema, w->schema) || t->is_partition || !is_seen(w, "tables", t->oid)) continue;
		buf_printf(&path, "/%.*s", STR_FMT(t->name.name));
		openapi_set_named(definitions, t->name.name, openapi_definition(w, t));
		add_table_parameters(parameters, t);
		openapi_set_named(paths, buf_view(&path), table_path(t));
	}
	(void)json_object_set_new(root, "definitions", definitions);
	(void)json_object_set_new(root, "parameters", parameters);
}

static void add_routines(const struct openapi_writing *w, json_t *root)
{
	for (int i = 0; i < w->c->routine_count; i++) {
		const struct catalogue_routine *f = &w->c->routines[i];
		BUF_CLEANUP struct buf path;
		buf_init(&path, 1024);
		if (!str_eq(f->name.schema, w->schema) || !is_seen(w, "routines", f->oid)) continue;
		buf_printf(&path, "/rpc/%.*s", STR_FMT(f->name.name));
		openapi_set_named(json_object_get(root, "paths"), buf_view(&path), routine_path(w, f));
	}
}

/* "https://example.com:8443/base", or where we listen. */
static void add_address(const struct rest_settings *settings, json_t *root)
{
	BUF_CLEANUP struct buf host;
	struct str rest = str_from(settings->openapi_address), scheme = STR("http"), path = STR("/");
	buf_init(&host, 1024);
	ptrdiff_t at = str_find(rest, STR("://"));
	if (at >= 0) {
		scheme = str_sub(rest, 0, (size_t)at);
		rest = str_sub(rest, (size_t)at + 3, rest.len);
		ptrdiff_t slash = str_find_char(rest, '/');
		if (slash >= 0) path = str_sub(rest, (size_t)slash, rest.len), rest = str_sub(rest, 0, (size_t)slash);
		buf_str(&host, rest);
		if (str_find_char(rest, ':') < 0) buf_puts(&host, str_eq(scheme, STR("https")) ? ":443" : ":80");
	} else {
		const char *name = settings->server_host;
		bool is_any = name == NULL || name[0] == '*' || name[0] == '!';
		buf_printf(&host, "%s:%d", is_any ? "0.0.0.0" : name,
			   settings->server_port > 0 ? settings->server_port : 80);
	}
	(void)json_object_set_new(root, "basePath", openapi_text(path));
	(void)json_object_set_new(root, "host", openapi_text(buf_view(&host)));
	(void)json_object_set_new(root, "schemes", json_pack("[s]", str_eq(scheme, STR("https")) ? "https" : "http"));
}

static void add_info(const struct openapi_writing *w, json_t *root)
{
	struct str comment = str_from(json_str(w->facts, "comment", "")), title = comment, rest = {"", 0};
	(void)str_cut(comment, '\n', &title, &rest);
	while (rest.len > 0 && rest.ptr[0] == '\n') rest = str_sub(rest, 1, rest.len);
	if (comment.len == 0) title = STR("PostgREST API");
	if (comment.len == 0) rest = STR("This is a dynamic API generated by PostgREST");
	(void)json_object_set_new(root, "info",
				  json_pack("{s:o, s:o, s:s}", "title", openapi_text(title), "description",
					    openapi_text(rest), "version", "14.17"));
}

bool openapi_write(struct arena *a, const struct rest_settings *settings, const struct catalogue *c, struct str schema,
		   struct str facts, struct str *ret_json)
{
	JSON_CLEANUP json_t *seen = NULL;
	struct err ignored;
	(void)json_parse(facts, &seen, &ignored);
	struct openapi_writing w = {settings, c, schema, seen};
	JSON_CLEANUP json_t *root = json_pack(
	    "{s:s, s:{s:{s:{s:[s], s:s, s:[s, s], s:o}}}, s:{s:s, s:s}, s:[s,s,s,s], s:[s,s,s,s]}", "swagger", "2.0",
	    "paths", "/", "get", "tags", "Introspection", "summary", "OpenAPI description (this document)", "produces",
	    "application/openapi+json", "application/json", "responses", answer("200", "OK"), "externalDocs",
	    "description", "PostgREST Documentation", "url", "https://postgrest.org/en/v14/references/api.html",
	    "produces", JSON_TYPES, "text/csv", "consumes", JSON_TYPES, "text/csv");
	add_info(&w, root);
	add_address(settings, root);
	add_tables(&w, root);
	add_routines(&w, root);
	if (settings->openapi_security) {
		(void)json_object_set_new(root, "securityDefinitions",
					  json_pack("{s:{s:s, s:s, s:s, s:s}}", "JWT", "description",
						    "Add the token prepending \"Bearer \" (without quotes) to it", "in",
						    "header", "name", "Authorization", "type", "apiKey"));
		(void)json_object_set_new(root, "security", json_pack("[{s:[]}]", "JWT"));
	}
	char *dumped = json_text(root);
	*ret_json = arena_str(a, str_from(dumped));
	free(dumped);
	return ret_json->ptr != NULL;
}
