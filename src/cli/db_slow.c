/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db slow: which queries cost most, and what would help. Nothing is changed by it. */
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

#define QUERY_SHOWN 300
#define OUT_MAX (4u << 20)

static double number(const json_t *of, const char *key)
{
	return json_number_value(json_object_get(of, key));
}

/* Who sends it, by the role that it ran as. */
static const char *sender(const char *role)
{
	static const struct {
		const char *role, *word;
	} known[] = {{"anon", "REST, without sign-in"},     {"authenticated", "REST, signed in"},
		     {"service_role", "REST, service key"}, {"authenticator", "REST"},
		     {"supabase_auth_admin", "sign-in"},    {"supabase_storage_admin", "storage"},
		     {"freehold_realtime", "realtime"},     {"postgres", "its server, psql or a migration"},
		     {"freehold_app", "the app's server"},  {"supabase_admin", "Freehold itself"}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(known[i].role, role) == 0) return known[i].word;
	return role;
}

static void put_queries(const struct db_words *w, const json_t *list, struct buf *out)
{
	static const char *const columns[] = {"SHARE", "CALLS", "EACH", "ROWS EACH", "FROM", "QUERY", NULL};
	struct table t TABLE_CLEANUP;
	char text[64], from[400];
	table_init(&t, columns);
	t.right_aligned = 0xf;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *q = json_array_get(list, i);
		double calls = number(q, "calls");
		char query[QUERY_SHOWN + 1];
		(void)snprintf(text, sizeof text, "%.1f %%", number(q, "share"));
		table_cell(&t, TONE_STRONG, text);
		(void)snprintf(text, sizeof text, "%.0f", calls);
		table_cell(&t, TONE_PLAIN, text);
		(void)snprintf(text, sizeof text, "%.2f ms", number(q, "mean_ms"));
		table_cell(&t, TONE_PLAIN, text);
		(void)snprintf(text, sizeof text, "%.1f", calls > 0 ? number(q, "rows") / calls : 0);
		table_cell(&t, TONE_PLAIN, text);
		const char *endpoint = json_str(q, "endpoint", "");
		(void)snprintf(from, sizeof from, "%s%s%s", endpoint, endpoint[0] != '\0' ? ", " : "",
			       sender(json_str(q, "role", "")));
		table_cell(&t, TONE_DIM, from);
		(void)snprintf(query, sizeof query, "%s", json_str(q, "query", ""));
		table_cell(&t, TONE_PLAIN, query);
	}
	if (json_array_size(list) == 0)
		buf_printf(
		    out,
		    "No query of %s was counted yet: it has sent none since it was put live or counting began anew.\n",
		    w->app);
	else
		table_render(&t, &w->cli->look, 0, out);
}

static void put_proof(const json_t *of, struct buf *out)
{
	char size[TEXT_SHORT_SIZE];
	text_size(size, (uint64_t)json_int(of, "bytes", 0));
	buf_printf(out, " cost %.0f, with it %.0f; about %s", number(of, "cost_before"), number(of, "cost_after"),
		   size);
}

static void put_foreign_keys(const json_t *list, struct buf *out)
{
	if (json_array_size(list) == 0) return;
	buf_puts(out, "\nForeign keys without an index: looking up what belongs to a row, and removing one, reads the "
		      "whole table\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *f = json_array_get(list, i);
		buf_printf(out, "  %s (%s), %lld rows: create index on %s (%s);", json_str(f, "table", ""),
			   json_str(f, "columns", ""), (long long)json_int(f, "rows", 0), json_str(f, "table", ""),
			   json_str(f, "columns", ""));
		if (json_is_number(json_object_get(f, "cost_after"))) put_proof(f, out);
		buf_putc(out, '\n');
	}
}

/* Planned by PostgreSQL with an index that is not there (hypopg): its own estimate, before and after. */
static void put_proposals(const json_t *proposals, struct buf *out)
{
	const json_t *list = json_object_get(proposals, "list");
	if (!json_bool(proposals, "proved", false)) {
		buf_puts(out, "\nWhich indexes would help is not looked for here: Debian's package "
			      "postgresql-VERSION-hypopg is missing. Install it, and deploy once more\n");
		return;
	}
	if (json_array_size(list) > 0)
		buf_puts(out, "\nIndexes that would help, as PostgreSQL's planner reckons with and without each\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);
		const char *endpoint = json_str(p, "endpoint", "");
		buf_printf(out, "  %s", json_str(p, "index", ""));
		put_proof(p, out);
		buf_printf(out, "\n    for %s (%s), %lld calls, %.0f ms in all",
			   endpoint[0] != '\0' ? endpoint : "a query", sender(json_str(p, "role", "")),
			   (long long)json_int(p, "calls", 0), number(p, "total_ms"));
		if (json_int(p, "queries", 1) > 1)
			buf_printf(out, ", and %lld more", (long long)json_int(p, "queries", 1) - 1);
		buf_putc(out, '\n');
	}
	if (json_bool(proposals, "is_cut", false))
		buf_puts(out, "  Not all of the costly queries were tried: planning them takes too long\n");
}

static void put_rest(const json_t *answer, struct buf *out)
{
	const json_t *whole = json_object_get(answer, "read_whole"),
		     *unused = json_object_get(answer, "unused_indexes"), *ends = json_object_get(answer, "sequences");
	char size[TEXT_SHORT_SIZE];
	if (json_array_size(whole) > 0)
		buf_puts(out, "\nTables that are often read from end to end: a query on them may lack an index\n");
	for (size_t i = 0; i < json_array_size(whole); i++) {
		const json_t *one = json_array_get(whole, i);
		buf_printf(out, "  %s: %lld times, %lld rows each\n", json_str(one, "name", ""),
			   (long long)json_int(one, "scans", 0), (long long)json_int(one, "rows_each", 0));
	}
	if (json_array_size(unused) > 0)
		buf_puts(out, "\nIndexes that no query has used since the counting began: each slows writing down\n");
	for (size_t i = 0; i < json_array_size(unused); i++) {
		const json_t *one = json_array_get(unused, i);
		text_size(size, (uint64_t)json_int(one, "bytes", 0));
		buf_printf(out, "  %s on %s, %s\n", json_str(one, "name", ""), json_str(one, "table", ""), size);
	}
	if (json_array_size(ends) > 0)
		buf_puts(out, "\nSequences past half of their numbers: at the end, no row can be added\n");
	for (size_t i = 0; i < json_array_size(ends); i++) {
		const json_t *one = json_array_get(ends, i);
		buf_printf(out, "  %s: %.1f %%; make its column bigint\n", json_str(one, "name", ""),
			   number(one, "used"));
	}
}

bool db_slow(const struct db_words *w, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP, clean BUF_CLEANUP;
	(void)ret_status;
	buf_init(&out, OUT_MAX), buf_init(&clean, OUT_MAX);
	if (!db_ask(w, NULL, "/slow", NULL, &answer, err)) return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return true;
	}
	put_queries(w, json_object_get(answer, "queries"), &out);
	struct buf rest BUF_CLEANUP;
	buf_init(&rest, OUT_MAX);
	put_proposals(json_object_get(answer, "proposals"), &rest);
	put_foreign_keys(json_object_get(answer, "foreign_keys"), &rest);
	put_rest(answer, &rest);
	text_clean(&clean, buf_view(&rest), TEXT_BLOCK);
	buf_str(&out, buf_view(&clean));
	buf_puts(&out,
		 "\nNothing was changed. An index belongs into a migration, where it is tried on a copy first.\n");
	screen_write(buf_view(&out));
	return true;
}
