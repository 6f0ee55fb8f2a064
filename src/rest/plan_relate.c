/* SPDX-License-Identifier: Apache-2.0
 *
 * Which relationship an embed means: by the other relation's name, by a constraint, by a column, with a hint. None is
 * PGRST200, more than one PGRST201, with all candidates in the details. */
#include "base/buf.h"
#include "codec/json.h"
#include "rest/plan.h"

#define CANDIDATES_MAX 64

struct relating {
	struct arena *arena;
	struct plan *plan;
	struct problem *problem;
};

bool plan_is_to_one(const struct catalogue_rel *rel)
{
	return rel->cardinality == REL_M2O || rel->cardinality == REL_O2O ||
	       (rel->cardinality == REL_COMPUTED && rel->is_single);
}

static bool has_single_column(const struct catalogue_rel *rel, struct str name, bool is_far)
{
	if (rel->cardinality == REL_M2M || rel->cardinality == REL_COMPUTED || rel->pair_count != 1) return false;
	return str_eq(is_far ? rel->pairs[0].to : rel->pairs[0].from, name);
}

static bool has_constraint(const struct catalogue_rel *rel, struct str name)
{
	return rel->cardinality != REL_M2M && rel->cardinality != REL_COMPUTED && str_eq(rel->constraint, name);
}

/* A table that refers to itself: its name means the many, the column the one. */
static bool fits_self(const struct catalogue_rel *rel, struct str target, struct str hint)
{
	bool is_many = str_eq(rel->foreign.name, target) && rel->cardinality == REL_O2M;
	if (hint.ptr != NULL) return is_many && has_single_column(rel, hint, true);
	return is_many || (rel->cardinality == REL_M2O && has_single_column(rel, target, false));
}

static bool fits(const struct catalogue_rel *rel, struct str target, struct str hint)
{
	if (rel->cardinality == REL_COMPUTED) return str_eq(rel->function.name, target);
	if (rel->is_self) return fits_self(rel, target, hint);
	if (hint.ptr == NULL)
		return str_eq(rel->foreign.name, target) ||
		       (!rel->foreign_is_view &&
			(has_constraint(rel, target) || has_single_column(rel, target, false)));
	return str_eq(rel->foreign.name, target) && (has_constraint(rel, hint) || has_single_column(rel, hint, false) ||
						     has_single_column(rel, hint, true) ||
						     (rel->cardinality == REL_M2M && str_eq(rel->junction.name, hint)));
}

/* A table that is related to something, seen or hidden, in the schema asked for. */
static bool is_related(const struct catalogue_table *t, struct str schema)
{
	for (int i = 0; i < t->rel_count; i++)
		if (str_eq(t->rels[i].foreign.schema, schema)) return true;
	return t->has_hidden_rels;
}

/* What is related stands as it is and the other end is guessed; else it is guessed itself. */
static const char *nearest_hint(struct relating *r, const struct catalogue_table *parent, struct str parent_name,
				struct str child_name)
{
	const struct catalogue *c = r->plan->catalogue;
	struct str schema = r->plan->ask->schema;
	bool has_rels = parent != NULL && is_related(parent, schema);
	size_t room = (size_t)(has_rels ? parent->rel_count : c->table_count) + 1;
	struct str *names = arena_array(r->arena, room, sizeof *names);
	int n = 0;
	if (names == NULL) return NULL;
	for (int i = 0; has_rels && i < parent->rel_count; i++) {
		if (!str_eq(parent->rels[i].foreign.schema, schema)) continue;
		if (str_eq_nocase(parent->rels[i].foreign.name, child_name)) return NULL;
		names[n++] = parent->rels[i].foreign.name;
	}
	for (int i = 0; !has_rels && i < c->table_count; i++)
		if (str_eq(c->tables[i].name.schema, schema) && is_related(&c->tables[i], schema))
			names[n++] = c->tables[i].name.name;
	struct str asked = has_rels ? child_name : parent_name;
	struct str near = plan_nearest(r->arena, asked, names, n, 0.33);
	if (near.ptr == NULL) return NULL;
	return arena_printf(r->arena, "Perhaps you meant '%.*s' instead of '%.*s'.", STR_FMT(near), STR_FMT(asked));
}

static bool none_found(struct relating *r, const struct plan_node *n, const struct catalogue_table *parent,
		       struct str origin)
{
	struct str schema = r->plan->ask->schema;
	const char *message =
	    arena_printf(r->arena, "Could not find a relationship between '%.*s' and '%.*s' in the schema cache",
			 STR_FMT(origin), STR_FMT(n->name));
	const char *details = arena_printf(
	    r->arena,
	    "Searched for a foreign key relationship between '%.*s' and '%.*s%s%.*s' in the schema '%.*s', but no "
	    "matches were found.",
	    STR_FMT(origin), STR_FMT(n->name), n->hint.ptr != NULL ? "' using the hint '" : "", STR_FMT(n->hint),
	    STR_FMT(schema));
	return problem_set(r->problem, 400, "PGRST200", message, details, nearest_hint(r, parent, origin, n->name));
}

static void put_columns(struct buf *b, const struct catalogue_pair *pairs, int count, bool is_to)
{
	buf_putc(b, '(');
	for (int i = 0; i < count; i++) {
		if (i > 0) buf_puts(b, ", ");
		buf_str(b, is_to ? pairs[i].to : pairs[i].from);
	}
	buf_putc(b, ')');
}

static void put_string(struct buf *b, const struct buf *text)
{
	json_put_string(b, buf_view(text));
}

/* One candidate, as an object of PGRST201's details. */
static void describe(struct buf *b, const struct catalogue_rel *rel)
{
	static const char *const words[] = {"one-to-many", "many-to-one", "one-to-one", "many-to-many", ""};
	struct buf text;
	buf_init(&text, 65536);
	buf_printf(b, "{\"cardinality\":\"%s\",\"embedding\":", words[rel->cardinality]);
	buf_printf(&text, "%.*s with %.*s", STR_FMT(rel->table.name), STR_FMT(rel->foreign.name));
	put_string(b, &text);
	buf_clear(&text);
	buf_puts(b, ",\"relationship\":");
	if (rel->cardinality == REL_M2M) {
		buf_printf(&text, "%.*s using %.*s", STR_FMT(rel->junction.name), STR_FMT(rel->constraint));
		put_columns(&text, rel->pairs, rel->pair_count, true);
		buf_printf(&text, " and %.*s", STR_FMT(rel->constraint2));
		put_columns(&text, rel->pairs2, rel->pair2_count, true);
	} else {
		buf_printf(&text, "%.*s using %.*s", STR_FMT(rel->constraint), STR_FMT(rel->table.name));
		put_columns(&text, rel->pairs, rel->pair_count, false);
		buf_printf(&text, " and %.*s", STR_FMT(rel->foreign.name));
		put_columns(&text, rel->pairs, rel->pair_count, true);
	}
	put_string(b, &text);
	buf_putc(b, '}');
	buf_done(&text);
}

static bool many_found(struct relating *r, const struct plan_node *n, struct str origin,
		       const struct catalogue_rel *const *rels, int count)
{
	BUF_CLEANUP struct buf details;
	BUF_CLEANUP struct buf hint;
	buf_init(&details, 1 << 20);
	buf_init(&hint, 1 << 20);
	buf_putc(&details, '[');
	buf_printf(&hint, "Try changing '%.*s' to one of the following: ", STR_FMT(n->name));
	for (int i = 0; i < count; i++) {
		struct str by = rels[i]->cardinality == REL_M2M ? rels[i]->junction.name : rels[i]->constraint;
		if (i > 0) buf_putc(&details, ',');
		describe(&details, rels[i]);
		buf_printf(&hint, "%s'%.*s!%.*s'", i > 0 ? ", " : "", STR_FMT(rels[i]->foreign.name), STR_FMT(by));
	}
	buf_putc(&details, ']');
	buf_puts(&hint, ". Find the desired relationship in the 'details' key.");
	problem_set(r->problem, 300, "PGRST201",
		    arena_printf(r->arena,
				 "Could not embed because more than one relationship was found for '%.*s' and '%.*s'",
				 STR_FMT(origin), STR_FMT(n->name)),
		    NULL, arena_strdup(r->arena, buf_cstr(&hint)));
	r->problem->details_json = arena_strdup(r->arena, buf_cstr(&details));
	return false;
}

static bool choose(struct relating *r, struct plan_node *n)
{
	const struct catalogue_rel *found[CANDIDATES_MAX];
	const struct catalogue_table *parent = n->parent->table;
	struct str origin = parent != NULL ? parent->name.name : n->parent->name;
	int count = 0;
	for (int i = 0; parent != NULL && i < parent->rel_count && count < CANDIDATES_MAX; i++)
		if (str_eq(parent->rels[i].foreign.schema, r->plan->ask->schema) &&
		    fits(&parent->rels[i], n->name, n->hint))
			found[count++] = &parent->rels[i];
	if (count == 0) return none_found(r, n, parent, origin);
	if (count > 1) return many_found(r, n, origin, found, count);
	n->rel = found[0];
	return true;
}

static struct catalogue_name side(struct str alias, struct str schema, struct str table)
{
	return alias.ptr != NULL ? (struct catalogue_name){STR(""), alias} : (struct catalogue_name){schema, table};
}

static void join(struct plan_node *n, struct catalogue_name left, struct str left_column, struct catalogue_name right,
		 struct str right_column)
{
	n->joins[n->join_count++] = (struct plan_join){left, right, left_column, right_column};
}

static bool set_joins(struct relating *r, struct plan_node *n)
{
	const struct catalogue_rel *rel = n->rel;
	struct str none = {0}, parent_alias = n->parent->from_alias, schema = rel->table.schema;
	struct catalogue_name parent = side(parent_alias, schema, rel->table.name);
	n->joins = arena_array(r->arena, (size_t)(rel->pair_count + rel->pair2_count) + 1, sizeof *n->joins);
	if (n->joins == NULL) return problem_set(r->problem, 400, "PGRST100", NULL, NULL, NULL);
	if (rel->cardinality == REL_M2M) {
		struct catalogue_name junction = side(none, schema, rel->junction.name);
		for (int i = 0; i < rel->pair2_count; i++)
			join(n, junction, rel->pairs2[i].to, side(none, schema, rel->foreign.name),
			     rel->pairs2[i].from);
		for (int i = 0; i < rel->pair_count; i++)
			join(n, junction, rel->pairs[i].to, parent, rel->pairs[i].from);
		return true;
	}
	for (int i = 0; i < rel->pair_count; i++)
		join(n, side(n->from_alias, schema, rel->foreign.name), rel->pairs[i].to, parent, rel->pairs[i].from);
	return true;
}

static struct str text(struct arena *a, const char *formatted)
{
	(void)a;
	return formatted != NULL ? str_from(formatted) : STR("");
}

static bool relate(struct relating *r, struct plan_node *n)
{
	if (!choose(r, n)) return false;
	const struct catalogue_rel *rel = n->rel;
	struct str shown = n->alias.ptr != NULL ? n->alias : n->name;
	n->from = rel->foreign;
	n->table = catalogue_table(r->plan->catalogue, rel->foreign.schema, rel->foreign.name);
	n->embed_alias =
	    text(r->arena, arena_printf(r->arena, "%.*s_%.*s_%d", STR_FMT(rel->table.name), STR_FMT(shown), n->depth));
	if (rel->cardinality != REL_M2M)
		n->from_alias = text(r->arena, arena_printf(r->arena, "%.*s_%d", STR_FMT(rel->foreign.name), n->depth));
	if (rel->cardinality == REL_COMPUTED)
		n->computed_alias = n->parent->from_alias.ptr != NULL ? n->parent->from_alias : rel->table.name;
	if (n->spread == SPREAD_ONE && !plan_is_to_one(rel)) n->spread = SPREAD_MANY;
	return set_joins(r, n);
}

bool plan_relate(struct arena *a, struct plan *plan, struct plan_node *node, struct problem *problem)
{
	struct relating r = {a, plan, problem};
	for (struct plan_node *n = node->children; n != NULL; n = n->next)
		if (!relate(&r, n) || !plan_relate(a, plan, n, problem)) return false;
	return true;
}
