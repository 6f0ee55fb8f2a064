/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/buckets.h"

#include <string.h>

#include "codec/json.h"
#include "owndb/owndb.h"
#include "pg/conn.h"

/* In a dashboard a bucket may be named so; what else a computed text looks like is none. */
#define MAKE_NAMED                                                                                                     \
	"insert into storage.buckets (id, name, public) select $1, $1, $2::boolean "                                   \
	"where length($1) <= 100 and $1 ~ '^[A-Za-z0-9_!.*''() &$=@;:+,?-]+$' on conflict do nothing returning id"

/* bucket_id = 'x' in a policy. */
#define MAKE_POLICED                                                                                                   \
	"insert into storage.buckets (id, name, public) select distinct m[1], m[1], false from pg_policies p, "        \
	"regexp_matches(coalesce(p.qual, '') || ' ' || coalesce(p.with_check, ''), "                                   \
	"'bucket_id = ''([A-Za-z0-9_.-]{1,100})''', 'g') m where p.schemaname = 'storage' and p.tablename = "          \
	"'objects' "                                                                                                   \
	"on conflict do nothing returning id"

static void report(struct deploy *d, const char *name, bool is_public, const char *file, int64_t line)
{
	json_t *list = json_object_get(d->report, "buckets");
	if (list == NULL) {
		list = json_array();
		(void)json_object_set_new(d->report, "buckets", list);
	}
	(void)json_array_append_new(list, json_pack("{s:s, s:b, s:s?, s:I}", "name", name, "public", is_public, "file",
						    file, "line", (json_int_t)line));
	if (file != NULL)
		step_note(
		    d, "The bucket %s for files was made, since %s:%lld uses it and no migration makes it. It is %s.",
		    name, file, (long long)line,
		    is_public
			? "public, because the code asks for public addresses: anyone who has a file's address can "
			  "read it"
			: "private: who may read and write is what your policies say");
	else
		step_note(d,
			  "The bucket %s for files was made, since a policy names it and no migration makes it. It is "
			  "private.",
			  name);
}

static bool make_named(struct deploy *d, struct pg_conn *conn, struct err *err)
{
	const json_t *calls = json_object_get(json_object_get(d->inspection, "calls"), "storage"), *call;
	size_t i;
	json_array_foreach(calls, i, call)
	{
		PGresult *made PG_RESULT_CLEANUP = NULL;
		bool is_public = json_bool(call, "public", false);
		const char *params[] = {json_str(call, "name", ""), is_public ? "true" : "false"};
		if (params[0][0] == '\0' || strcmp(params[0], "(computed)") == 0) continue;
		if (!pg_conn_exec(conn, MAKE_NAMED, 2, params, &made, NULL, err)) return false;
		if (PQntuples(made) > 0)
			report(d, params[0], is_public, json_str(call, "file", ""), json_int(call, "line", 0));
	}
	return true;
}

static bool make_policed(struct deploy *d, struct pg_conn *conn, struct err *err)
{
	PGresult *made PG_RESULT_CLEANUP = NULL;
	if (!pg_conn_exec(conn, MAKE_POLICED, 0, NULL, &made, NULL, err)) return false;
	for (int i = 0; i < PQntuples(made); i++) report(d, PQgetvalue(made, i, 0), false, NULL, 0);
	return true;
}

void buckets_ensure(struct deploy *d)
{
	struct pg_conn *conn = NULL;
	struct err err;
	bool ok = owndb_connect(&d->parts.owndb, "postgres", &conn, &err) && make_named(d, conn, &err) &&
		  make_policed(d, conn, &err);
	pg_conn_close(conn);
	if (!ok) step_note(d, "Buckets that the code names were not made: %s", err.msg);
}
