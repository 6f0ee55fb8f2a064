/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/plan.h"

#include <stdlib.h>

#define TABLES_FOR_HINTS_MAX 500

struct planning {
	struct arena *arena;
	const struct rest_settings *settings;
	struct plan *plan;
	struct problem *problem;
};

static bool table_is_missing(struct planning *p)
{
	const struct catalogue *c = p->plan->catalogue;
	const struct ask *ask = p->plan->ask;
	struct str *names = arena_array(p->arena, (size_t)c->table_count + 1, sizeof *names);
	int n = 0;
	for (int i = 0; names != NULL && i < c->table_count; i++)
		if (str_eq(c->tables[i].name.schema, ask->schema) && !c->tables[i].is_partition)
			names[n++] = c->tables[i].name.name;
	struct str near =
	    n < TABLES_FOR_HINTS_MAX ? plan_nearest(p->arena, ask->name, names, n, 0.75) : (struct str){0};
	const char *hint = near.ptr != NULL ? arena_printf(p->arena, "Perhaps you meant the table '%.*s.%.*s'",
							   STR_FMT(ask->schema), STR_FMT(near))
					    : NULL;
	return problem_set(p->problem, 404, "PGRST205",
			   arena_printf(p->arena, "Could not find the table '%.*s.%.*s' in the schema cache",
					STR_FMT(ask->schema), STR_FMT(ask->name)),
			   NULL, hint);
}

static bool find_columns(struct planning *p)
{
	struct plan *plan = p->plan;
	const struct ask *ask = plan->ask;
	plan->columns = arena_array(p->arena, (size_t)ask->column_count + 1, sizeof *plan->columns);
	if (plan->columns == NULL) return problem_set(p->problem, 400, "PGRST102", "too many columns", NULL, NULL);
	for (int i = 0; i < ask->column_count; i++) {
		const struct catalogue_column *column = catalogue_column(plan->table, ask->columns[i]);
		if (column == NULL)
			return problem_set(
			    p->problem, 400, "PGRST204",
			    arena_printf(p->arena, "Could not find the '%.*s' column of '%.*s' in the schema cache",
					 STR_FMT(ask->columns[i]), STR_FMT(plan->table->name.name)),
			    NULL, NULL);
		plan->columns[plan->column_count++] = column;
	}
	return true;
}

static void add_name(struct plan *plan, struct str name)
{
	for (int i = 0; i < plan->returning_count; i++)
		if (str_eq(plan->returning[i], name)) return;
	plan->returning[plan->returning_count++] = name;
}

static int compare_names(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
	return order != 0 ? order : x->len < y->len ? -1 : x->len > y->len;
}

/* The columns that the answer and its embeds need from the rows written or returned. */
static bool infer_returning(struct planning *p, const struct str *key, int key_count)
{
	struct plan *plan = p->plan;
	size_t room = 1 + (size_t)key_count;
	bool is_all = false;
	for (const struct plan_column *c = plan->root->columns; c != NULL; c = c->next) {
		is_all = is_all || str_eq(c->item->field.name, STR("*"));
		room++;
	}
	for (const struct plan_node *n = plan->root->children; n != NULL; n = n->next) {
		is_all = is_all || n->rel->cardinality == REL_COMPUTED;
		room += (size_t)n->rel->pair_count;
	}
	plan->returning = arena_array(p->arena, room, sizeof *plan->returning);
	if (plan->returning == NULL) return problem_set(p->problem, 400, "PGRST100", NULL, NULL, NULL);
	if (is_all) {
		add_name(plan, STR("*"));
		return true;
	}
	for (const struct plan_column *c = plan->root->columns; c != NULL; c = c->next)
		add_name(plan, c->item->field.name);
	for (const struct plan_node *n = plan->root->children; n != NULL; n = n->next)
		for (int i = 0; i < n->rel->pair_count; i++) add_name(plan, n->rel->pairs[i].from);
	for (int i = 0; i < key_count; i++) add_name(plan, key[i]);
	if (plan->returning_count > 1)
		qsort(plan->returning, (size_t)plan->returning_count, sizeof *plan->returning, compare_names);
	return true;
}

/* PUT: the filters are the primary key's columns, all of them and nothing else, by eq. */
static bool put_is_sound(const struct plan *plan)
{
	const struct target *t = &plan->ask->target;
	const struct catalogue_table *table = plan->table;
	if (t->logic_count > 0 || table->key_count == 0) return false;
	for (int i = 0; i < t->filter_count; i++) {
		const struct filter *f = &t->filters[i].filter;
		bool is_key = false;
		for (int k = 0; k < table->key_count; k++) is_key = is_key || str_eq(table->key[k], t->filters[i].key);
		if (!is_key || f->op != OP_EQ || f->is_negated || f->quantifier != QUANT_NONE) return false;
	}
	for (int k = 0; k < table->key_count; k++) {
		bool is_there = false;
		for (int i = 0; i < t->filter_count; i++)
			is_there = is_there || str_eq(table->key[k], t->filters[i].key);
		if (!is_there) return false;
	}
	return true;
}

static bool plan_write(struct planning *p)
{
	struct plan *plan = p->plan;
	const struct ask *ask = plan->ask;
	if (ask->action == ASK_UPSERT && !put_is_sound(plan))
		return problem_set(p->problem, 405, "PGRST105",
				   "Filters must include all and only primary key columns with 'eq' operators", NULL,
				   NULL);
	if (ask->action != ASK_DELETE && !find_columns(p)) return false;
	bool is_explicit = ask->action == ASK_INSERT && ask->target.has_on_conflict;
	plan->conflict = is_explicit ? ask->target.on_conflict : plan->table->key;
	plan->conflict_count = is_explicit ? ask->target.on_conflict_count : plan->table->key_count;
	bool returns = ask->prefer.representation == RETURN_FULL || ask->prefer.representation == RETURN_HEADERS;
	return !returns || infer_returning(p, plan->table->key, plan->table->key_count);
}

static bool preferences_are_sound(struct planning *p)
{
	const struct prefer *prefer = &p->plan->ask->prefer;
	if (prefer->invalid_count == 0 || prefer->handling != HANDLING_STRICT) return true;
	struct buf b;
	buf_init(&b, 8192);
	for (int i = 0; i < prefer->invalid_count; i++)
		buf_printf(&b, "%s%.*s", i > 0 ? ", " : "Invalid preferences: ", STR_FMT(prefer->invalid[i]));
	problem_set(p->problem, 400, "PGRST122", "Invalid preferences given with handling=strict",
		    arena_strdup(p->arena, buf_cstr(&b)), NULL);
	buf_done(&b);
	return false;
}

/* A handler of the app's own, for this relation or routine or for any. */
static const struct catalogue_handler *custom_handler(const struct plan *plan, struct media m, bool is_default_select)
{
	const struct catalogue *c = plan->catalogue;
	struct catalogue_name target = {plan->ask->schema, plan->ask->name};
	if (plan->routine != NULL && plan->routine->returns_composite) target.name = plan->routine->returns.name;
	for (int pass = 0; pass < 3; pass++) {
		for (int i = 0; i < c->handler_count; i++) {
			const struct catalogue_handler *h = &c->handlers[i];
			bool is_any = str_eq(h->target.name, STR("anyelement"));
			bool fits = pass == 2
					? is_any && str_eq_nocase(m.text, h->media_type)
					: is_default_select && !is_any && catalogue_name_eq(&h->target, &target) &&
					      (pass == 0 ? str_eq(h->media_type, STR("*/*"))
							 : str_eq_nocase(m.text, h->media_type));
			if (fits) return h;
		}
	}
	return NULL;
}

static bool find_handler(struct arena *a, struct plan *plan, struct media m, bool is_default_select)
{
	plan->media = m;
	if (m.kind == MEDIA_OBJECT) return plan->handler = HANDLER_OBJECT, true;
	if (m.kind == MEDIA_OBJECT_STRIPPED) return plan->handler = HANDLER_OBJECT_STRIPPED, true;
	if (m.kind == MEDIA_ARRAY_STRIPPED) return plan->handler = HANDLER_JSON_STRIPPED, true;
	plan->custom = custom_handler(plan, m, is_default_select);
	if (plan->custom != NULL) {
		plan->handler = HANDLER_CUSTOM;
		plan->media = media_parse(a, plan->custom->resolved);
		return true;
	}
	plan->handler = m.kind == MEDIA_CSV ? HANDLER_CSV : m.kind == MEDIA_GEOJSON ? HANDLER_GEOJSON : HANDLER_JSON;
	if (m.kind == MEDIA_ANY) plan->media = media_of(MEDIA_JSON);
	return m.kind == MEDIA_ANY || m.kind == MEDIA_JSON || m.kind == MEDIA_CSV || m.kind == MEDIA_GEOJSON;
}

/* How the answer that the plan is for would be made. */
static bool find_plan_handler(struct planning *p, struct media m, bool is_default_select)
{
	struct media inner = {.kind = m.plan_for, .text = m.plan_for_text};
	if (!p->settings->plan_enabled || inner.kind == MEDIA_PLAN) return false;
	if (!find_handler(p->arena, p->plan, inner, is_default_select)) return false;
	p->plan->media = m;
	p->plan->explains = true;
	return true;
}

static bool none_acceptable(struct planning *p)
{
	const struct ask *ask = p->plan->ask;
	struct buf b;
	buf_init(&b, 8192);
	for (int i = 0; i < ask->accept_count; i++)
		buf_printf(&b, "%s%.*s",
			   i > 0 ? ", " : "None of these media types are available: ", STR_FMT(ask->accept[i].text));
	problem_set(p->problem, 406, "PGRST107", arena_strdup(p->arena, buf_cstr(&b)), NULL, NULL);
	buf_done(&b);
	return false;
}

static bool negotiate(struct planning *p)
{
	struct plan *plan = p->plan;
	const struct ask *ask = plan->ask;
	const struct plan_column *only = plan->root->columns;
	bool is_default_select = only != NULL && only->next == NULL && str_eq(only->item->field.name, STR("*")) &&
				 plan->root->children == NULL;
	bool is_found = false;
	for (int i = 0; i < ask->accept_count && !is_found; i++)
		is_found = ask->accept[i].kind == MEDIA_PLAN
			       ? find_plan_handler(p, ask->accept[i], is_default_select)
			       : find_handler(p->arena, plan, ask->accept[i], is_default_select);
	if (is_found) {
		bool is_write = ask->action >= ASK_INSERT && ask->action <= ASK_DELETE;
		if (is_write && ask->prefer.representation != RETURN_FULL) plan->handler = HANDLER_NONE;
		if (ask->is_head) plan->handler = HANDLER_NONE;
		return true;
	}
	return none_acceptable(p);
}

static bool plan_call(struct planning *p)
{
	struct plan *plan = p->plan;
	const struct ask *ask = plan->ask;
	if (!plan_find_routine(p->arena, plan, p->problem)) return false;
	plan->is_read_only = !ask->is_post || plan->routine->volatility != 'v';
	if (plan->routine->returns_composite)
		plan->table = catalogue_table(plan->catalogue, ask->schema, plan->routine->returns.name);
	if (!plan_tree(p->arena, p->settings, plan, p->problem) || !infer_returning(p, NULL, 0)) return false;
	if (!negotiate(p) || !preferences_are_sound(p)) return false;
	if (ask->prefer.has_max_affected && ask->prefer.handling == HANDLING_STRICT && !plan->routine->returns_set)
		return problem_set(
		    p->problem, 400, "PGRST128",
		    "Function must return SETOF or TABLE when max-affected preference is used with handling=strict",
		    NULL, NULL);
	return true;
}

bool plan_make(struct arena *a, const struct rest_settings *settings, const struct catalogue *c, const struct ask *ask,
	       struct plan *ret_plan, struct problem *ret_problem)
{
	*ret_plan = (struct plan){.ask = ask, .catalogue = c, .canonical = ask->target.canonical};
	struct planning p = {a, settings, ret_plan, ret_problem};
	if (ask->action == ASK_CALL) return plan_call(&p);
	if (ask->action == ASK_ROUTINE_INFO) return plan_find_routine(a, ret_plan, ret_problem);
	ret_plan->table = catalogue_table(c, ask->schema, ask->name);
	if (ret_plan->table == NULL) return table_is_missing(&p);
	if (ask->action == ASK_TABLE_INFO) return true;
	if (!plan_tree(a, settings, ret_plan, ret_problem)) return false;
	if (ask->action == ASK_READ) {
		ret_plan->is_read_only = true;
		return negotiate(&p) && preferences_are_sound(&p);
	}
	return plan_write(&p) && preferences_are_sound(&p) && negotiate(&p);
}

bool plan_root(struct arena *a, const struct rest_settings *settings, const struct catalogue *c, const struct ask *ask,
	       struct plan *ret_plan, struct problem *ret_problem)
{
	*ret_plan = (struct plan){.ask = ask, .catalogue = c, .is_read_only = true};
	struct planning p = {a, settings, ret_plan, ret_problem};
	if (settings->openapi_mode == REST_OPENAPI_DISABLED)
		return problem_set(ret_problem, 404, "PGRST126", "Root endpoint metadata is disabled", NULL, NULL);
	for (int i = 0; i < ask->accept_count; i++) {
		enum media_kind kind = ask->accept[i].kind;
		if (kind != MEDIA_ANY && kind != MEDIA_JSON && kind != MEDIA_OPENAPI) continue;
		ret_plan->media = media_of(MEDIA_OPENAPI);
		return true;
	}
	return none_acceptable(&p);
}
