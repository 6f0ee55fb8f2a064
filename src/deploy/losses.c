/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/losses.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json.h"
#include "owndb/taken.h"

#define WORD "schema-loss"
#define STOPS_BYTES 4096

bool losses_before(struct deploy *d, struct clone *c, struct err *err)
{
	json_decref(d->tables); /* of a rehearsal before this one (seed.h) */
	d->tables = NULL;
	return taken_look(&c->db, &d->tables, err);
}

bool losses_after(struct deploy *d, struct clone *c, struct err *err)
{
	json_t *after JSON_CLEANUP = NULL;
	return taken_look(&c->db, &after, err) && taken_compare(&c->db, d->tables, after, &d->taken, err);
}

static bool is_accepted(const struct deploy *d, const char *name)
{
	char full[320];
	size_t i;
	json_t *accepted;
	(void)snprintf(full, sizeof full, WORD ":%s", name);
	json_array_foreach(json_object_get(d->options, "accept"), i, accepted)
	{
		const char *text = json_is_string(accepted) ? json_string_value(accepted) : "";
		if (strcmp(text, WORD) == 0 || strcmp(text, full) == 0) return true;
	}
	return false;
}

static bool judge_one(struct deploy *d, struct pg_conn *conn, json_t *one, struct buf *stops, struct err *err)
{
	enum taken_state state;
	const char *what = json_str(one, "what", "");
	if (!taken_ask(conn, one, &state, err)) return false;
	/* What is no table (a type, a counter, what was not understood): nobody knows what hangs on it. */
	bool has = state != TAKEN_EMPTY;
	json_object_set_new(one, "has_rows", json_boolean(has));
	step_note(d, "This deployment %s%s.", what, has ? ", which has rows" : "; there are no rows");
	if (has && !is_accepted(d, json_str(one, "name", "")))
		buf_printf(stops, "%s%s", stops->len > 0 ? ", " : "", what);
	return true;
}

bool losses_judge(struct deploy *d, const json_t *taken, const char *who, const char *where, struct err *err)
{
	struct pg_conn *conn = NULL;
	struct buf stops BUF_CLEANUP;
	buf_init(&stops, STOPS_BYTES);
	if (json_array_size(taken) == 0) return true;
	bool ok = owndb_connect(&d->parts.owndb, OWNDB_SUPERUSER, &conn, err);
	for (size_t i = 0; ok && i < json_array_size(taken); i++)
		ok = judge_one(d, conn, json_array_get(taken, i), &stops, err);
	pg_conn_close(conn);
	if (!ok || stops.len == 0) return ok;
	return err_set(err, ERR_REFUSED,
		       "%s %s, and what is in there would be gone. If that is meant, deploy again with --accept " WORD
		       " (a dump of the database is kept first); if not, change %s. Nothing was changed.",
		       who, buf_cstr(&stops), where);
}
