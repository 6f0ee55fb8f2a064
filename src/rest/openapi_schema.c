/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/openapi_schema.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json.h"

json_t *openapi_text(struct str s)
{
	return json_stringn(s.ptr, s.len);
}

void openapi_set_text(json_t *o, const char *key, struct str value)
{
	if (value.len > 0) (void)json_object_set_new(o, key, openapi_text(value));
}

void openapi_set_named(json_t *o, struct str key, json_t *value)
{
	(void)json_object_setn_new(o, key.ptr, key.len, value);
}

const char *openapi_type(struct str type)
{
	static const char *const rows[][2] = {
	    {"character varying", "string"}, {"character", "string"}, {"text", "string"},
	    {"boolean", "boolean"},          {"smallint", "integer"}, {"integer", "integer"},
	    {"bigint", "integer"},           {"numeric", "number"},   {"real", "number"},
	    {"double precision", "number"},  {"json", NULL},          {"jsonb", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_eq(type, str_from(rows[i][0]))) return rows[i][1];
	return str_has_suffix(type, STR("[]")) ? "array" : "string";
}

struct str openapi_format(struct str type)
{
	if (str_eq(type, STR("smallint")) || str_eq(type, STR("integer"))) return STR("int32");
	return str_eq(type, STR("bigint")) ? STR("int64") : type;
}

struct str openapi_element(struct str type)
{
	return str_sub(type, 0, type.len - 2);
}

void openapi_set_type(json_t *o, struct str type)
{
	const char *name = openapi_type(type);
	openapi_set_text(o, "format", openapi_format(type));
	if (name == NULL) return;
	(void)json_object_set_new(o, "type", json_string(name));
	if (strcmp(name, "array") != 0) return;
	const char *of = openapi_type(openapi_element(type));
	(void)json_object_set_new(o, "items", of != NULL ? json_pack("{s:s}", "type", of) : json_object());
}

/* A default is shown where it is a plain value; 'text'::type loses its cast and quotes. */
static void set_default(json_t *o, struct str type, struct str sql)
{
	BUF_CLEANUP struct buf b;
	json_t *value = NULL;
	struct err ignored;
	const char *name = openapi_type(type);
	buf_init(&b, 8192);
	if (sql.len == 0) return;
	if (name != NULL && strcmp(name, "string") == 0) {
		bool is_cast = str_has_suffix(sql, type) && sql.len > type.len + 2 &&
			       str_has_suffix(str_sub(sql, 0, sql.len - type.len), STR("::"));
		if (is_cast) sql = str_sub(sql, 0, sql.len - type.len - 2);
		while (is_cast && sql.len > 0 && sql.ptr[0] == '\'') sql = str_sub(sql, 1, sql.len);
		while (is_cast && sql.len > 0 && sql.ptr[sql.len - 1] == '\'') sql.len--;
		buf_printf(&b, "\"%.*s\"", STR_FMT(sql));
	} else {
		buf_str(&b, sql);
	}
	if (json_parse(buf_view(&b), &value, &ignored)) (void)json_object_set_new(o, "default", value);
}

/* The column a key of this one column points to; tables come before views. */
static const struct catalogue_rel *foreign_key(const struct catalogue_table *t, struct str column)
{
	const struct catalogue_rel *found = NULL;
	for (int i = 0; i < t->rel_count; i++) {
		const struct catalogue_rel *r = &t->rels[i];
		bool fits = r->cardinality == REL_M2O || (r->cardinality == REL_O2O && !r->is_parent);
		if (!fits || r->pair_count != 1 || !str_eq(r->pairs[0].from, column)) continue;
		if (found == NULL || (found->foreign_is_view && !r->foreign_is_view)) found = r;
	}
	return found;
}

static bool is_key(const struct catalogue_table *t, struct str column)
{
	for (int i = 0; i < t->key_count; i++)
		if (str_eq(t->key[i], column)) return true;
	return false;
}

static void set_column_text(json_t *o, const struct catalogue_table *t, const struct catalogue_column *col)
{
	BUF_CLEANUP struct buf b;
	const struct catalogue_rel *rel = foreign_key(t, col->name);
	bool has_note = is_key(t, col->name) || rel != NULL;
	buf_init(&b, 64u << 10);
	buf_str(&b, col->comment);
	if (has_note) buf_printf(&b, "%sNote:", col->comment.len > 0 ? "\n\n" : "");
	if (is_key(t, col->name)) buf_puts(&b, "\nThis is a Primary Key.<pk/>");
	if (rel != NULL) {
		struct str table = rel->foreign.name, to = rel->pairs[0].to;
		buf_printf(&b, "\nThis is a Foreign Key to `%.*s.%.*s`.<fk table='%.*s' column='%.*s'/>",
			   STR_FMT(table), STR_FMT(to), STR_FMT(table), STR_FMT(to));
	}
	openapi_set_text(o, "description", buf_view(&b));
}

static json_t *property(const struct openapi_writing *w, const struct catalogue_table *t,
			const struct catalogue_column *col)
{
	json_t *o = json_object();
	char key[32];
	(void)snprintf(key, sizeof key, "%u.%d", t->oid, col->number);
	const json_t *more = json_object_get(json_object_get(w->facts, "columns"), key);
	json_t *labels = json_object_get(more, "enum"), *max = json_object_get(more, "max");
	set_default(o, col->base_type, col->default_sql);
	set_column_text(o, t, col);
	if (json_is_array(labels)) (void)json_object_set(o, "enum", labels);
	if (json_is_integer(max)) (void)json_object_set(o, "maxLength", max);
	openapi_set_type(o, col->base_type);
	return o;
}

json_t *openapi_definition(const struct openapi_writing *w, const struct catalogue_table *t)
{
	json_t *o = json_object(), *required = json_array(), *properties = json_object();
	openapi_set_text(o, "description", t->comment);
	for (int i = 0; i < t->column_count; i++) {
		if (!t->columns[i].is_nullable) (void)json_array_append_new(required, openapi_text(t->columns[i].name));
		openapi_set_named(properties, t->columns[i].name, property(w, t, &t->columns[i]));
	}
	if (json_array_size(required) > 0) (void)json_object_set(o, "required", required);
	json_decref(required);
	(void)json_object_set_new(o, "properties", properties);
	(void)json_object_set_new(o, "type", json_string("object"));
	return o;
}
