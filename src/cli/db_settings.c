/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db settings: what PostgreSQL is set to, and why. */
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

#define OUT_MAX (1u << 20)

static const char *origin(const char *from)
{
	if (strcmp(from, "machine") == 0) return "sized by Freehold";
	if (strcmp(from, "owner") == 0) return "you (freehold set)";
	if (strcmp(from, "alter system") == 0) return "alter system";
	return strcmp(from, "alter database") == 0 ? "alter database or role" : "PostgreSQL's default";
}

static void put_facts(const struct db_words *w, const json_t *facts, struct buf *out)
{
	char memory[TEXT_SHORT_SIZE], size[TEXT_SHORT_SIZE];
	int64_t apps = json_int(facts, "apps", 1), cores = json_int(facts, "cores", 1);
	text_size(memory, (uint64_t)json_int(facts, "memory_bytes", 0));
	text_size(size, (uint64_t)json_int(facts, "database_bytes", 0));
	buf_printf(out,
		   "The database of %s is sized for %s of memory and %lld core%s%s, %lld app%s here, and %s of data "
		   "(PostgreSQL's "
		   "own templates included).\n\n",
		   w->app, memory, (long long)cores, cores == 1 ? "" : "s",
		   json_bool(facts, "is_limited", false) ? " (what a control group gives of this machine)" : "",
		   (long long)apps, apps == 1 ? "" : "s", size);
}

bool db_settings(const struct db_words *w, int *ret_status, struct err *err)
{
	static const char *const columns[] = {"SETTING", "VALUE", "FROM", "CHANGES HOLD", NULL};
	json_t *answer JSON_CLEANUP = NULL, *one;
	struct buf out BUF_CLEANUP;
	struct table t TABLE_CLEANUP;
	bool waits = false;
	size_t i;
	(void)ret_status;
	buf_init(&out, OUT_MAX);
	table_init(&t, columns);
	if (!db_ask(w, NULL, "/settings", NULL, &answer, err)) return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return true;
	}
	put_facts(w, json_object_get(answer, "facts"), &out);
	json_array_foreach(json_object_get(answer, "settings"), i, one)
	{
		bool is_waiting = json_bool(one, "waits", false);
		waits = waits || is_waiting;
		table_cell(&t, TONE_STRONG, json_str(one, "name", ""));
		table_cell(&t, is_waiting ? TONE_BAD : TONE_PLAIN, json_str(one, "value", ""));
		table_cell(&t, TONE_PLAIN, origin(json_str(one, "from", "")));
		table_cell(&t, TONE_DIM, json_bool(one, "at_start", false) ? "from its next start" : "at once");
	}
	table_render(&t, &w->cli->look, 0, &out);
	if (waits)
		buf_printf(&out,
			   "\nA value in red is written and not in force yet: freehold stop %s and freehold start %s "
			   "restart the database.\n",
			   w->app, w->app);
	buf_printf(
	    &out, "\nYour own: freehold set %s postgres.work_mem=16MB; back to Freehold's: postgres.work_mem=default\n",
	    w->app);
	screen_write(buf_view(&out));
	return true;
}
