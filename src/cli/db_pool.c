/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db pool: the connections between the app's server and its database. */
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/job.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

#define OUT_MAX (1u << 20)

static void put_mode(const char *app, const json_t *a, struct buf *out)
{
	bool is_session = strcmp(json_str(a, "mode", ""), "session") == 0,
	     is_own = strcmp(json_str(a, "mode_from", ""), "owner") == 0;
	buf_printf(out, "  mode     %s, %s\n", json_str(a, "mode", ""),
		   is_own ? "as you set it" : "chosen by Freehold");
	if (is_session && !is_own)
		buf_printf(out,
			   "           PgBouncer %s, which is installed here, breaks named prepared statements in "
			   "transaction\n"
			   "           pooling, so each client keeps a connection as long as it is connected. 1.21 and "
			   "later do\n"
			   "           not: freehold db %s pool --fetch\n",
			   json_str(a, "pgbouncer", ""), app);
	else if (is_session)
		buf_puts(out, "           A client keeps a connection as long as it is connected.\n");
	else
		buf_puts(out, "           A client has a connection for each transaction, and shares it between them. "
			      "SET, LISTEN\n"
			      "           and advisory locks of a session need the direct address (DIRECT_URL).\n");
}

static void put_size(const json_t *a, struct buf *out)
{
	const char *from = json_str(a, "size_from", "");
	int64_t size = json_int(a, "size", 0), limit = json_int(a, "limit", 0),
		demand = json_int(json_object_get(a, "week"), "demand", 0);
	buf_printf(out, "  size     %lld of %lld connections that PostgreSQL has for it, ", (long long)size,
		   (long long)limit);
	if (strcmp(from, "owner") == 0)
		buf_puts(out, "as you set it\n");
	else if (strcmp(from, "limit") == 0)
		buf_puts(out, "all of them, since each client keeps its own\n");
	else if (strcmp(from, "measured") == 0)
		buf_printf(out, "from measured use (%lld at once wanted in the last 7 days)\n", (long long)demand);
	else
		buf_puts(out, "from this machine's cores, until use was measured\n");
}

static void put_now(const json_t *a, struct buf *out)
{
	const json_t *clients = json_object_get(a, "clients"), *servers = json_object_get(a, "servers"),
		     *wait = json_object_get(a, "wait"), *week = json_object_get(a, "week");
	buf_printf(out, "\n  clients  %lld active, %lld idle, %lld waiting\n",
		   (long long)json_int(clients, "active", 0), (long long)json_int(clients, "idle", 0),
		   (long long)json_int(clients, "waiting", 0));
	buf_printf(out, "  to PostgreSQL  %lld active, %lld idle\n", (long long)json_int(servers, "active", 0),
		   (long long)json_int(servers, "idle", 0));
	buf_printf(out, "  waiting  the longest now %lld ms, on average %.2f ms for each of %lld transactions\n",
		   (long long)json_int(wait, "longest_ms", 0), json_number_value(json_object_get(wait, "average_ms")),
		   (long long)json_int(json_object_get(a, "since_start"), "transactions", 0));
	buf_printf(out, "  7 days   at most %lld clients, %lld connections at work, %lld waiting, %lld ms of it\n",
		   (long long)json_int(week, "clients", 0), (long long)json_int(week, "active", 0),
		   (long long)json_int(week, "waiting", 0), (long long)json_int(week, "wait_ms", 0));
}

static void put_history(const struct db_words *w, const json_t *list, struct buf *out)
{
	static const char *const columns[] = {"HOUR (UTC)", "CLIENTS", "AT WORK", "WAITING", "LONGEST WAIT", NULL};
	static const char *const keys[] = {"clients", "active", "waiting"};
	struct table t TABLE_CLEANUP;
	size_t i;
	json_t *one;
	char text[32];
	table_init(&t, columns);
	t.right_aligned = 0x1e;
	if (json_array_size(list) == 0) return;
	json_array_foreach(list, i, one)
	{
		(void)snprintf(text, sizeof text, "%.10s %.5s", json_str(one, "at", ""),
			       json_str(one, "at", "0123456789 ") + 11);
		table_cell(&t, TONE_PLAIN, text);
		for (size_t k = 0; k < 3; k++) {
			(void)snprintf(text, sizeof text, "%lld", (long long)json_int(one, keys[k], 0));
			table_cell(&t, TONE_PLAIN, text);
		}
		(void)snprintf(text, sizeof text, "%lld ms", (long long)json_int(one, "wait_ms", 0));
		table_cell(&t, TONE_PLAIN, text);
	}
	buf_puts(out, "\nThe most that was seen in each hour\n");
	table_render(&t, &w->cli->look, 2, out);
}

static void put(const struct db_words *w, const json_t *a, struct buf *out)
{
	const json_t *process = json_object_get(a, "process");
	const char *advice = json_str(a, "advice", NULL), *error = json_str(a, "error", NULL);
	if (!json_bool(a, "on", false)) {
		buf_printf(out,
			   "%s has no pool of connections: %s.\nA server that connects by itself goes straight to "
			   "PostgreSQL.\n",
			   w->app, json_str(a, "why_off", "it does not run"));
		return;
	}
	buf_printf(out, "The pool of %s: PgBouncer %s, %s\n\n", w->app, json_str(a, "pgbouncer", ""),
		   json_str(process, "state", "stopped"));
	put_mode(w->app, a, out);
	put_size(a, out);
	if (error != NULL)
		buf_printf(out, "\nIt could not be asked: %s\n", error);
	else
		put_now(a, out);
	put_history(w, json_object_get(a, "history"), out);
	if (advice != NULL) buf_printf(out, "\n%s\n", advice);
}

static bool collect(const struct db_words *w, json_t *body, struct err *err)
{
	for (size_t i = 0; i < w->count; i++) {
		struct str name, value;
		if (!str_cut(str_from(w->words[i]), '=', &name, &value))
			return err_set(
			    err, ERR_INVALID,
			    "\"%.64s\" has no value: write for example freehold db %s pool size=20 or mode=session",
			    w->words[i], w->app);
		json_object_setn_new(body, name.ptr, name.len, json_stringn(value.ptr, value.len));
	}
	return true;
}

/* A newer PgBouncer for this machine; the app's pool has it at once. */
static bool fetch(const struct db_words *w, struct err *err)
{
	json_t *job JSON_CLEANUP = NULL, *ended JSON_CLEANUP = NULL;
	return db_ask(w, "POST", "/pool/fetch", NULL, &job, err) && job_follow(w->cli, job, &ended, err);
}

bool db_pool(const struct db_words *w, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_object();
	struct buf out BUF_CLEANUP;
	(void)ret_status;
	buf_init(&out, OUT_MAX);
	bool is_fetch = cli_has(w->cli, "fetch"), is_change = w->count > 0 || is_fetch;
	if (!collect(w, body, err) || (is_fetch && !fetch(w, err)) ||
	    !db_ask(w, is_change ? "PUT" : NULL, "/pool", is_change ? body : NULL, &answer, err))
		return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return true;
	}
	put(w, answer, &out);
	screen_write(buf_view(&out));
	return true;
}
