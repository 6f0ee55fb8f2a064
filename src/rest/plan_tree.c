/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/plan.h"

struct planting {
	struct arena *arena;
	const struct rest_settings *settings;
	struct plan *plan;
	struct problem *problem;
};

static bool out_of_memory(struct planting *p)
{
	return problem_set(p->problem, 400, "PGRST100", "the query needs more than a request's memory", NULL, NULL);
}

static bool grow(struct planting *p, struct plan_node *node, struct select_item *items)
{
	struct plan_column **column = &node->columns;
	struct plan_node **child = &node->children;
	for (struct select_item *item = items; item != NULL; item = item->next) {
		if (item->kind == SELECT_FIELD) {
			*column = arena_alloc(p->arena, sizeof **column);
			if (*column == NULL) return out_of_memory(p);
			(*column)->item = item;
			column = &(*column)->next;
			continue;
		}
		struct plan_node *n = arena_alloc(p->arena, sizeof *n);
		if (n == NULL) return out_of_memory(p);
		*n = (struct plan_node){.parent = node,
					.depth = node->depth + 1,
					.name = item->field.name,
					.alias = item->alias,
					.hint = item->hint,
					.join = item->join,
					.spread = item->kind == SELECT_SPREAD ? SPREAD_ONE : SPREAD_NONE,
					.range = RANGE_ALL};
		*child = n;
		child = &n->next;
		if (!grow(p, n, item->children)) return false;
	}
	return true;
}

static bool is_called(const struct plan_node *n, struct str name)
{
	return str_eq(n->name, name) || (n->alias.ptr != NULL && str_eq(n->alias, name));
}

/* The node of a path. What is found moves to the front of its siblings, so that the answer's keys come in PostgREST's
 * order. */
static bool find(struct planting *p, const struct embed_path *path, struct plan_node **ret)
{
	struct plan_node *node = p->plan->root;
	for (int i = 0; i < path->count; i++) {
		struct plan_node **at = &node->children;
		while (*at != NULL && !is_called(*at, path->names[i])) at = &(*at)->next;
		if (*at == NULL) {
			const char *message = arena_printf(
			    p->arena, "'%.*s' is not an embedded resource in this request", STR_FMT(path->names[i]));
			const char *hint =
			    arena_printf(p->arena, "Verify that '%.*s' is included in the 'select' query parameter.",
					 STR_FMT(path->names[i]));
			return problem_set(p->problem, 400, "PGRST108", message, NULL, hint);
		}
		struct plan_node *found = *at;
		*at = found->next;
		found->next = node->children;
		node->children = found;
		node = found;
	}
	*ret = node;
	return true;
}

static bool add_filter(struct planting *p, const struct embed_path *path, const struct filter *filter,
		       const struct logic *logic)
{
	struct plan_node *node;
	struct plan_filter *f = arena_alloc(p->arena, sizeof *f);
	if (f == NULL) return out_of_memory(p);
	if (!find(p, path, &node)) return false;
	*f = (struct plan_filter){.next = node->filters, .filter = filter, .logic = logic};
	node->filters = f;
	return true;
}

/* From the last parameter to the first, as PostgREST folds them. Filters of the outermost relation belong to the
 * statement that writes, where there is one. */
static bool add_parameters(struct planting *p)
{
	const struct target *t = &p->plan->ask->target;
	bool is_write = p->plan->ask->action >= ASK_INSERT && p->plan->ask->action <= ASK_DELETE;
	struct plan_node *node;
	for (int i = t->filter_count - 1; i >= 0; i--)
		if (!(is_write && t->filters[i].path.count == 0) &&
		    !add_filter(p, &t->filters[i].path, &t->filters[i].filter, NULL))
			return false;
	for (int i = t->order_count - 1; i >= 0; i--) {
		if (!find(p, &t->orders[i].path, &node)) return false;
		node->order = t->orders[i].terms;
		node->order_count = t->orders[i].term_count;
	}
	if (!is_write && t->range_error.message != NULL)
		return problem_set(p->problem, 400, "PGRST100", t->range_error.message, t->range_error.details, NULL);
	for (int i = t->range_count - 1; i >= 0 && !is_write; i--) {
		if (!find(p, &t->ranges[i].path, &node)) return false;
		node->range = t->ranges[i].range;
		node->range_is_zero = t->ranges[i].is_zero;
	}
	for (int i = t->logic_count - 1; i >= 0; i--)
		if (!(is_write && t->logics[i].path.count == 0) &&
		    !add_filter(p, &t->logics[i].path, NULL, t->logics[i].logic))
			return false;
	return true;
}

static void restrict_range(struct plan_node *node, int64_t max_rows)
{
	if (max_rows > 0)
		node->range = range_intersect(
		    node->range, (struct range){node->range.lower, node->range.lower + max_rows - 1, true});
	if (node->range_is_zero) node->range = (struct range){0, -1, true};
	for (struct plan_node *n = node->children; n != NULL; n = n->next) restrict_range(n, max_rows);
}

static bool aggregates_are_allowed(struct planting *p, const struct plan_node *node)
{
	for (const struct plan_column *c = node->columns; c != NULL; c = c->next)
		if (c->item->aggregate != AGG_NONE && !p->settings->aggregates_enabled)
			return problem_set(p->problem, 400, "PGRST123", "Use of aggregate functions is not allowed",
					   NULL, NULL);
	for (const struct plan_column *c = node->columns; c != NULL; c = c->next) {
		const struct plan_node *up = node;
		while (up != NULL && up->spread == SPREAD_ONE) up = up->parent;
		if (c->item->aggregate != AGG_NONE && up != NULL && up->spread == SPREAD_MANY)
			return problem_set(p->problem, 400, "PGRST127", "Feature not implemented",
					   "Aggregates are not implemented for one-to-many or many-to-many spreads.",
					   NULL);
	}
	for (const struct plan_node *n = node->children; n != NULL; n = n->next)
		if (!aggregates_are_allowed(p, n)) return false;
	return true;
}

/* order=clients(name) needs clients among the embeds, and one of it. */
static bool related_orders_are_sound(struct planting *p, const struct plan_node *node)
{
	for (int i = 0; i < node->order_count; i++) {
		struct str relation = node->order[i].relation;
		if (relation.ptr == NULL) continue;
		const struct plan_node *n = node->children;
		while (n != NULL && !str_eq(n->alias.ptr != NULL ? n->alias : n->name, relation)) n = n->next;
		if (n == NULL)
			return problem_set(
			    p->problem, 400, "PGRST108",
			    arena_printf(p->arena, "'%.*s' is not an embedded resource in this request",
					 STR_FMT(relation)),
			    NULL,
			    arena_printf(p->arena, "Verify that '%.*s' is included in the 'select' query parameter.",
					 STR_FMT(relation)));
		if (plan_is_to_one(n->rel)) continue;
		struct str from = node->from.name;
		return problem_set(
		    p->problem, 400, "PGRST118",
		    arena_printf(p->arena, "A related order on '%.*s' is not possible", STR_FMT(relation)),
		    arena_printf(p->arena, "'%.*s' and '%.*s' do not form a many-to-one or one-to-one relationship",
				 STR_FMT(from), STR_FMT(relation)),
		    NULL);
	}
	for (const struct plan_node *n = node->children; n != NULL; n = n->next)
		if (!related_orders_are_sound(p, n)) return false;
	return true;
}

static void set_root(struct plan *plan, struct plan_node *root)
{
	const struct ask *ask = plan->ask;
	struct str name = ask->name;
	if (plan->routine != NULL && plan->routine->returns_composite) name = plan->routine->returns.name;
	*root = (struct plan_node){.name = name,
				   .table = plan->table,
				   .from = {ask->schema, name},
				   .range = ask->top,
				   .range_is_zero = ask->top_is_zero};
	if (ask->action != ASK_READ) {
		root->from = (struct catalogue_name){STR(""), STR("pgrst_source")};
		root->from_alias = name;
	}
	bool is_write = ask->action >= ASK_INSERT && ask->action <= ASK_DELETE;
	if (is_write) {
		root->range = RANGE_ALL;
		root->range_is_zero = false;
	}
	plan->root = root;
}

bool plan_tree(struct arena *a, const struct rest_settings *settings, struct plan *plan, struct problem *problem)
{
	struct planting p = {a, settings, plan, problem};
	struct plan_node *root = arena_alloc(a, sizeof *root);
	if (root == NULL) return out_of_memory(&p);
	set_root(plan, root);
	if (!grow(&p, root, plan->ask->target.select) || !add_parameters(&p)) return false;
	if (!plan_relate(a, plan, root, problem)) return false;
	if (!related_orders_are_sound(&p, root) || !aggregates_are_allowed(&p, root)) return false;
	bool is_write = plan->ask->action >= ASK_INSERT && plan->ask->action <= ASK_DELETE;
	restrict_range(root, is_write ? 0 : settings->max_rows);
	return true;
}
