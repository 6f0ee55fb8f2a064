/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a query string, all the way to the statement: what a client names stays between quotes. Our own words
 * are lower case, so that a capital letter outside of quotes came from outside. The first byte chooses what is asked.
 * What is recalled of a request's shape must be what reading the request gives. */
#include <stdint.h>
#include <string.h>

#include "rest/shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* api.Book (Id, Author_id, Data jsonb) refers to api.Author; api.Books(Q text) returns rows of Book. */
static struct catalogue_pair to_author = {{"Author_id", 9}, {"Id", 2}}, to_book = {{"Id", 2}, {"Author_id", 9}};
static struct catalogue_column columns[] = {
    {.name = STR("Id"), .type = STR("integer"), .base_type = STR("integer")},
    {.name = STR("Author_id"), .type = STR("integer"), .base_type = STR("integer")},
    {.name = STR("Data"), .type = STR("jsonb"), .base_type = STR("jsonb")},
};
static struct str key[] = {STR("Id")};
static struct catalogue_rel rels[] = {
    {.cardinality = REL_O2M,
     .table = {STR("api"), STR("Author")},
     .foreign = {STR("api"), STR("Book")},
     .constraint = STR("Fkey"),
     .pairs = &to_book,
     .pair_count = 1},
    {.cardinality = REL_M2O,
     .table = {STR("api"), STR("Book")},
     .foreign = {STR("api"), STR("Author")},
     .constraint = STR("Fkey"),
     .pairs = &to_author,
     .pair_count = 1},
};
static struct catalogue_table tables[] = {
    {.name = {STR("api"), STR("Author")},
     .columns = columns,
     .column_count = 1,
     .key = key,
     .key_count = 1,
     .rels = &rels[0],
     .rel_count = 1},
    {.name = {STR("api"), STR("Book")},
     .columns = columns,
     .column_count = 3,
     .key = key,
     .key_count = 1,
     .rels = &rels[1],
     .rel_count = 1},
};
static struct str exposed[] = {STR("api")};
static struct catalogue catalogue = {
    .tables = tables, .table_count = 2, .schemas = exposed, .schema_count = 1, .references = 1};
static const char *const schemas[] = {"api"};
static const struct rest_settings settings = {
    .schemas = schemas, .schema_count = 1, .aggregates_enabled = true, .plan_enabled = true};

static const struct {
	const char *method, *path, *body;
} asked[] = {
    {"GET", "/Book", ""},
    {"GET", "/Author", ""},
    {"PATCH", "/Book", "{\"Id\": 1}"},
    {"POST", "/Book", "[{\"Id\": 1}]"},
    {"DELETE", "/Author", ""},
};

static void check(const char *sql)
{
	char quote = '\0';
	for (; *sql != '\0'; sql++) {
		if (quote != '\0') {
			if (*sql == quote) quote = '\0';
		} else if (*sql == '"' || *sql == '\'') {
			quote = *sql;
		} else if ((*sql >= 'A' && *sql <= 'Z') || (unsigned char)*sql >= 0x80 || *sql == ';' || *sql == '\\') {
			__builtin_trap();
		}
	}
	if (quote != '\0') __builtin_trap();
}

/* batch: what reading the request gave; NULL: it was refused. */
static void check_recalled(const struct rest_request *r, const struct plan *plan, const struct sql_batch *batch)
{
	struct shapes *shapes = shapes_new();
	struct recalled recalled;
	bool is_recalled = shapes_recall(shapes, &settings, &catalogue, r, &recalled) ||
			   shapes_recall(shapes, &settings, &catalogue, r, &recalled);
	shapes_free(shapes);
	if (!is_recalled) return;
	if (batch == NULL || !str_eq(plan->canonical, recalled.plan.canonical)) __builtin_trap();
	const struct pg_statement *read = &batch->statements[batch->main], *known = &recalled.main;
	if (strcmp(read->sql, known->sql) != 0 || read->param_count != known->param_count) __builtin_trap();
	for (int i = 0; i < read->param_count; i++)
		if (strcmp(read->params[i], known->params[i]) != 0) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problem problem;
	struct ask ask;
	struct plan plan;
	struct sql_batch batch;
	if (size < 1) return 0;
	unsigned which = data[0] % (sizeof asked / sizeof *asked);
	struct str query = {(const char *)data + 1, size - 1};
	if (str_find(query, STR("::")) >= 0) return 0; /* a cast names a type without quotes; its grammar has none */
	struct arena *a = arena_new(8 << 20);
	static struct rest_header prefer = {STR("Prefer"), STR("return=representation")};
	struct rest_request r = {.method = str_from(asked[which].method),
				 .path = str_from(asked[which].path),
				 .query = query,
				 .body = str_from(asked[which].body),
				 .headers = &prefer,
				 .header_count = 1,
				 .role = STR("anon"),
				 .claims = STR("{}"),
				 .arena = a};
	bool ok = ask_read(a, &settings, &catalogue, &r, &ask, &problem) &&
		  plan_make(a, &settings, &catalogue, &ask, &plan, &problem) &&
		  sql_make(a, &settings, &r, &plan, NULL, &batch, &problem);
	for (int i = 0; ok && i < batch.count; i++) check(batch.statements[i].sql);
	check_recalled(&r, &plan, ok ? &batch : NULL);
	arena_free(a);
	return 0;
}
