/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db size: what takes the space. */
#include <stdio.h>

#include "cli/db.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

static void cell_size(struct table *t, const json_t *of, const char *key)
{
	char text[TEXT_SHORT_SIZE];
	text_size(text, (uint64_t)json_int(of, key, 0));
	table_cell(t, TONE_PLAIN, text);
}

static void cell_number(struct table *t, enum tone tone, int64_t n)
{
	char text[32];
	(void)snprintf(text, sizeof text, "%lld", (long long)n);
	table_cell(t, tone, text);
}

/* A fifth and more of dead rows is what autovacuum should have taken away by its defaults. */
static bool is_bloated(const json_t *table)
{
	int64_t rows = json_int(table, "rows", 0), dead = json_int(table, "dead_rows", 0);
	return dead > 1000 && dead * 5 > rows + dead;
}

static void put_tables(struct cli *cli, const json_t *list, struct buf *out)
{
	static const char *const columns[] = {"TABLE",        "TOTAL", "ROWS IN IT", "INDEXES",
					      "LARGE VALUES", "ROWS",  "DEAD",       NULL};
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	t.right_aligned = 0x7e;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		table_cell(&t, TONE_STRONG, json_str(one, "name", ""));
		cell_size(&t, one, "total_bytes");
		cell_size(&t, one, "heap_bytes");
		cell_size(&t, one, "index_bytes");
		cell_size(&t, one, "toast_bytes");
		cell_number(&t, TONE_PLAIN, json_int(one, "rows", 0));
		cell_number(&t, is_bloated(one) ? TONE_BAD : TONE_PLAIN, json_int(one, "dead_rows", 0));
	}
	table_render(&t, &cli->look, 0, out);
}

static void put_indexes(struct cli *cli, const json_t *list, struct buf *out)
{
	static const char *const columns[] = {"INDEX", "ON", "SIZE", "USED", NULL};
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	if (json_array_size(list) == 0) return;
	t.right_aligned = 0xc;
	buf_putc(out, '\n');
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		table_cell(&t, TONE_STRONG, json_str(one, "name", ""));
		table_cell(&t, TONE_PLAIN, json_str(one, "table", ""));
		cell_size(&t, one, "bytes");
		cell_number(&t, TONE_PLAIN, json_int(one, "scans", 0));
	}
	table_render(&t, &cli->look, 0, out);
}

bool db_size(const struct db_words *w, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	char size[TEXT_SHORT_SIZE], wal[TEXT_SHORT_SIZE];
	(void)ret_status;
	buf_init(&out, 4u << 20);
	if (!db_ask(w, NULL, "/size", NULL, &answer, err)) return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return true;
	}
	text_size(size, (uint64_t)json_int(answer, "bytes", 0));
	text_size(wal, (uint64_t)json_int(answer, "wal_bytes", 0));
	if (!json_is_integer(json_object_get(answer, "wal_bytes")))
		buf_printf(&out, "The database of %s, which is elsewhere, has %s.\n\n", w->app, size);
	else
		buf_printf(
		    &out,
		    "The database of %s has %s, and %s of its log of changes (WAL).\n"
		    "PostgreSQL's own two templates, 7 MB each, are not in it: settings and backups count them, and a "
		    "branch is a cluster with all of it.\n\n",
		    w->app, size, wal);
	put_tables(w->cli, json_object_get(answer, "tables"), &out);
	put_indexes(w->cli, json_object_get(answer, "indexes"), &out);
	for (size_t i = 0; i < json_array_size(json_object_get(answer, "tables")); i++) {
		const json_t *one = json_array_get(json_object_get(answer, "tables"), i);
		if (!is_bloated(one)) continue;
		buf_printf(&out,
			   "\n%s has many dead rows. PostgreSQL takes them away by itself (autovacuum) unless a long "
			   "transaction "
			   "keeps it from that; by hand: freehold db %s psql -c 'vacuum analyze %s'\n",
			   json_str(one, "name", ""), w->app, json_str(one, "name", ""));
	}
	screen_write(buf_view(&out));
	return true;
}
