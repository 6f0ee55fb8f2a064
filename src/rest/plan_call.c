/* SPDX-License-Identifier: Apache-2.0
 *
 * Which function a call means, by its name and the names of its arguments. */
#include <stdlib.h>

#include "base/buf.h"
#include "rest/plan.h"

#define OVERLOADS_MAX 64

bool routine_is_scalar(const struct catalogue_routine *f)
{
	return !f->returns_set && !f->returns_composite;
}

bool routine_is_void(const struct catalogue_routine *f)
{
	return routine_is_scalar(f) && str_eq(f->returns.name, STR("void")) &&
	       str_eq(f->returns.schema, STR("pg_catalog"));
}

static bool is_argument(const struct plan *plan, struct str name)
{
	for (int i = 0; i < plan->argument_count; i++)
		if (str_eq(plan->argument_names[i], name)) return true;
	return false;
}

static bool is_param(const struct catalogue_routine *f, struct str name)
{
	for (int i = 0; i < f->param_count; i++)
		if (str_eq(f->params[i].name, name)) return true;
	return false;
}

static bool takes_body_whole(enum media_kind kind)
{
	return kind == MEDIA_TEXT || kind == MEDIA_XML || kind == MEDIA_OCTETS;
}

/* All that is required is there, and nothing that is no parameter. */
static bool takes_arguments(const struct plan *plan, const struct catalogue_routine *f)
{
	if (f->param_count == 0)
		return plan->argument_count == 0 && !(plan->ask->is_post && takes_body_whole(plan->ask->content.kind));
	for (int i = 0; i < f->param_count; i++)
		if (f->params[i].is_required && !is_argument(plan, f->params[i].name)) return false;
	for (int i = 0; i < plan->argument_count; i++)
		if (!is_param(f, plan->argument_names[i])) return false;
	return true;
}

/* One unnamed parameter, of the body's kind. */
static bool takes_body(const struct plan *plan, const struct catalogue_routine *f)
{
	if (!plan->ask->is_post || f->param_count != 1 || f->params[0].name.len > 0) return false;
	struct str type = f->params[0].type;
	switch (plan->ask->content.kind) {
	case MEDIA_JSON: return str_eq(type, STR("json")) || str_eq(type, STR("jsonb"));
	case MEDIA_TEXT: return str_eq(type, STR("text"));
	case MEDIA_XML: return str_eq(type, STR("xml"));
	case MEDIA_OCTETS: return str_eq(type, STR("bytea"));
	default: return false;
	}
}

static void put_names(struct buf *b, const struct plan *plan)
{
	for (int i = 0; i < plan->argument_count; i++)
		buf_printf(b, "%s%.*s", i > 0 ? ", " : "", STR_FMT(plan->argument_names[i]));
}

static int compare_names(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
	return order != 0 ? order : x->len < y->len ? -1 : x->len > y->len;
}

/* "(a, b)" of a function, sorted; what is compared with what was given. */
static struct str signature(struct arena *a, const struct catalogue_routine *f)
{
	struct str names[128];
	int n = f->param_count < 128 ? f->param_count : 128;
	for (int i = 0; i < n; i++) names[i] = f->params[i].name;
	qsort(names, (size_t)n, sizeof names[0], compare_names);
	BUF_CLEANUP struct buf b;
	buf_init(&b, 65536);
	buf_putc(&b, '(');
	for (int i = 0; i < n; i++) buf_printf(&b, "%s%.*s", i > 0 ? ", " : "", STR_FMT(names[i]));
	buf_putc(&b, ')');
	return arena_str(a, buf_view(&b));
}

static const char *near_function(struct arena *a, const struct plan *plan, const struct catalogue_routine *overloads,
				 int count)
{
	const struct catalogue *c = plan->catalogue;
	int room = count > 0 ? count : c->routine_count, n = 0;
	struct str *names = arena_array(a, (size_t)room + 1, sizeof *names);
	BUF_CLEANUP struct buf given;
	buf_init(&given, 65536);
	if (names == NULL) return NULL;
	for (int i = 0; count > 0 && i < count; i++) names[n++] = signature(a, &overloads[i]);
	for (int i = 0; count == 0 && i < c->routine_count; i++)
		if (str_eq(c->routines[i].name.schema, plan->ask->schema)) names[n++] = c->routines[i].name.name;
	buf_putc(&given, '(');
	put_names(&given, plan);
	buf_putc(&given, ')');
	struct str near = count > 0 ? plan_nearest(a, buf_view(&given), names, n, 0.33)
				    : plan_nearest(a, plan->ask->name, names, n, 0.75);
	if (near.ptr == NULL) return NULL;
	struct str name = count > 0 ? plan->ask->name : STR("");
	return arena_printf(a, "Perhaps you meant to call the function %.*s.%.*s%.*s", STR_FMT(plan->ask->schema),
			    STR_FMT(name), STR_FMT(near));
}

static bool none_found(struct arena *a, const struct plan *plan, struct problem *problem,
		       const struct catalogue_routine *overloads, int count)
{
	const struct ask *ask = plan->ask;
	bool takes_whole = ask->is_post && takes_body_whole(ask->content.kind);
	const char *whole = ask->content.kind == MEDIA_TEXT ? "text" : ask->content.kind == MEDIA_XML ? "xml" : "bytea";
	BUF_CLEANUP struct buf message;
	BUF_CLEANUP struct buf details;
	buf_init(&message, 65536);
	buf_init(&details, 65536);
	buf_printf(&message, "Could not find the function %.*s.%.*s", STR_FMT(ask->schema), STR_FMT(ask->name));
	buf_printf(&details, "Searched for the function %.*s.%.*s", STR_FMT(ask->schema), STR_FMT(ask->name));
	if (takes_whole) {
		buf_printf(&details, " with a single unnamed %s parameter", whole);
	} else if (plan->argument_count == 0) {
		buf_puts(&message, " without parameters");
		buf_puts(&details, " without parameters");
	} else {
		buf_putc(&message, '(');
		put_names(&message, plan);
		buf_putc(&message, ')');
		buf_printf(&details, " with parameter%s ", plan->argument_count > 1 ? "s" : "");
		put_names(&details, plan);
	}
	if (ask->is_post && ask->content.kind == MEDIA_JSON)
		buf_puts(&details, " or with a single unnamed json/jsonb parameter");
	buf_puts(&message, " in the schema cache");
	buf_puts(&details, ", but no matches were found in the schema cache.");
	return problem_set(problem, 404, "PGRST202", arena_strdup(a, buf_cstr(&message)),
			   arena_strdup(a, buf_cstr(&details)),
			   takes_whole ? NULL : near_function(a, plan, overloads, count));
}

static bool many_found(struct arena *a, struct problem *problem, const struct catalogue_routine *const *found,
		       int count)
{
	BUF_CLEANUP struct buf message;
	buf_init(&message, 1 << 18);
	buf_puts(&message, "Could not choose the best candidate function between: ");
	for (int i = 0; i < count; i++) {
		const struct catalogue_routine *f = found[i];
		buf_printf(&message, "%s%.*s.%.*s(", i > 0 ? ", " : "", STR_FMT(f->name.schema), STR_FMT(f->name.name));
		for (int k = 0; k < f->param_count; k++)
			buf_printf(&message, "%s%.*s => %.*s", k > 0 ? ", " : "", STR_FMT(f->params[k].name),
				   STR_FMT(f->params[k].type));
		buf_putc(&message, ')');
	}
	return problem_set(
	    problem, 300, "PGRST203", arena_strdup(a, buf_cstr(&message)), NULL,
	    "Try renaming the parameters or the function itself in the database so function overloading can "
	    "be resolved");
}

static bool collect_arguments(struct arena *a, struct plan *plan)
{
	const struct ask *ask = plan->ask;
	int room = ask->column_count + ask->target.argument_count;
	plan->argument_names = arena_array(a, (size_t)room + 1, sizeof *plan->argument_names);
	if (plan->argument_names == NULL) return false;
	for (int i = 0; ask->is_post && i < ask->column_count; i++)
		plan->argument_names[plan->argument_count++] = ask->columns[i];
	for (int i = 0; !ask->is_post && i < ask->target.argument_count; i++)
		if (!is_argument(plan, ask->target.arguments[i].name))
			plan->argument_names[plan->argument_count++] = ask->target.arguments[i].name;
	qsort(plan->argument_names, (size_t)plan->argument_count, sizeof *plan->argument_names, compare_names);
	return true;
}

bool plan_find_routine(struct arena *a, struct plan *plan, struct problem *problem)
{
	const struct catalogue_routine *overloads = NULL, *named[OVERLOADS_MAX], *whole[OVERLOADS_MAX];
	int named_count = 0, whole_count = 0;
	if (!collect_arguments(a, plan)) return problem_set(problem, 400, "PGRST100", NULL, NULL, NULL);
	int count = catalogue_routines(plan->catalogue, plan->ask->schema, plan->ask->name, &overloads);
	for (int i = 0; i < count && i < OVERLOADS_MAX; i++) {
		if (takes_arguments(plan, &overloads[i]))
			named[named_count++] = &overloads[i];
		else if (takes_body(plan, &overloads[i]))
			whole[whole_count++] = &overloads[i];
	}
	if (named_count > 1) return many_found(a, problem, named, named_count);
	if (named_count == 0 && whole_count > 1) return many_found(a, problem, whole, whole_count);
	if (named_count + whole_count == 0) return none_found(a, plan, problem, overloads, count);
	plan->routine = named_count == 1 ? named[0] : whole[0];
	return true;
}
