/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/inspect.h"

#include <jansson.h>
#include <stdlib.h>

#include "codec/json.h"

static json_t *text(struct str s)
{
	json_t *value = json_stringn(s.ptr, s.len);
	return value != NULL ? value : json_string("?");
}

static json_t *full_name(struct catalogue_name name)
{
	return json_pack("{s:o, s:o}", "schema", text(name.schema), "name", text(name.name));
}

static json_t *columns_of(const struct catalogue_table *t)
{
	json_t *list = json_array();
	for (int i = 0; i < t->column_count; i++) {
		const struct catalogue_column *c = &t->columns[i];
		(void)json_array_append_new(list, json_pack("{s:o, s:o, s:b, s:o}", "name", text(c->name), "type",
							    text(c->type), "nullable", c->is_nullable, "default",
							    text(c->default_sql)));
	}
	return list;
}

static json_t *pairs_of(const struct catalogue_pair *pairs, int count)
{
	json_t *list = json_array();
	for (int i = 0; i < count; i++)
		(void)json_array_append_new(list, json_pack("[o, o]", text(pairs[i].from), text(pairs[i].to)));
	return list;
}

static json_t *rels_of(const struct catalogue_table *t)
{
	static const char *const words[] = {"one-to-many", "many-to-one", "one-to-one", "many-to-many", "computed"};
	json_t *list = json_array();
	for (int i = 0; i < t->rel_count; i++) {
		const struct catalogue_rel *r = &t->rels[i];
		json_t *rel =
		    json_pack("{s:s, s:o}", "cardinality", words[r->cardinality], "to", full_name(r->foreign));
		if (r->cardinality == REL_COMPUTED) {
			(void)json_object_set_new(rel, "function", full_name(r->function));
		} else {
			(void)json_object_set_new(rel, "constraint", text(r->constraint));
			(void)json_object_set_new(rel, "columns", pairs_of(r->pairs, r->pair_count));
		}
		if (r->cardinality == REL_M2M) {
			(void)json_object_set_new(rel, "junction", full_name(r->junction));
			(void)json_object_set_new(rel, "constraint2", text(r->constraint2));
			(void)json_object_set_new(rel, "columns2", pairs_of(r->pairs2, r->pair2_count));
		}
		(void)json_array_append_new(list, rel);
	}
	return list;
}

static json_t *tables_of(const struct catalogue *c)
{
	json_t *list = json_array();
	for (int i = 0; i < c->table_count; i++) {
		const struct catalogue_table *t = &c->tables[i];
		if (!catalogue_has_schema(c, t->name.schema) || t->is_partition) continue;
		json_t *table =
		    json_pack("{s:o, s:b, s:b, s:b, s:b, s:o, s:o}", "name", full_name(t->name), "view", t->is_view,
			      "insertable", t->is_insertable, "updatable", t->is_updatable, "deletable",
			      t->is_deletable, "columns", columns_of(t), "relationships", rels_of(t));
		json_t *key = json_array();
		for (int k = 0; k < t->key_count; k++) (void)json_array_append_new(key, text(t->key[k]));
		(void)json_object_set_new(table, "key", key);
		(void)json_array_append_new(list, table);
	}
	return list;
}

static json_t *routines_of(const struct catalogue *c)
{
	json_t *list = json_array();
	for (int i = 0; i < c->routine_count; i++) {
		const struct catalogue_routine *f = &c->routines[i];
		json_t *params = json_array();
		for (int k = 0; k < f->param_count; k++)
			(void)json_array_append_new(
			    params, json_pack("{s:o, s:o, s:b, s:b}", "name", text(f->params[k].name), "type",
					      text(f->params[k].type), "required", f->params[k].is_required, "variadic",
					      f->params[k].is_variadic));
		(void)json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:b, s:s}", "name", full_name(f->name),
							    "parameters", params, "returns", full_name(f->returns),
							    "set", f->returns_set, "volatility",
							    f->volatility == 'v'   ? "volatile"
							    : f->volatility == 's' ? "stable"
										   : "immutable"));
	}
	return list;
}

static json_t *representations_of(const struct catalogue *c)
{
	json_t *list = json_array();
	for (int i = 0; i < c->representation_count; i++)
		(void)json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "from", text(c->representations[i].from),
							    "to", text(c->representations[i].to), "function",
							    text(c->representations[i].function)));
	return list;
}

static json_t *handlers_of(const struct catalogue *c)
{
	json_t *list = json_array();
	for (int i = 0; i < c->handler_count; i++)
		(void)json_array_append_new(
		    list, json_pack("{s:o, s:o, s:o}", "media_type", text(c->handlers[i].media_type), "of",
				    full_name(c->handlers[i].target), "function", full_name(c->handlers[i].function)));
	return list;
}

void inspect_catalogue(const struct catalogue *c, struct buf *ret_json)
{
	JSON_CLEANUP json_t *all = json_pack("{s:o, s:o, s:o, s:o, s:i}", "tables", tables_of(c), "functions",
					     routines_of(c), "representations", representations_of(c), "handlers",
					     handlers_of(c), "timezones", c->timezone_count);
	char *dumped = json_text(all);
	if (dumped != NULL) buf_puts(ret_json, dumped);
	free(dumped);
}
