/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/twin_schema.h"

#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "owndb/quiesce.h"
#include "owndb/toc.h"

#define SHOWN 3

/* Triggers of a move that is at its end are ours; numbers of objects are in nothing of it. */
static const char sql[] =
    "select case c.relkind when 'v' then 'view ' when 'm' then 'view ' when 'S' then 'sequence ' when 'c' then 'type ' "
    "else 'table ' end || n.nspname || '.' || c.relname, n.nspname, format('%I.%I', n.nspname, c.relname), "
    "md5(concat_ws('|', c.relkind, c.relpersistence, c.relreplident, c.relrowsecurity, c.relforcerowsecurity, "
    "c.relacl::text, "
    "(select string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, "
    "a.attgenerated, pg_get_expr(d.adbin, d.adrelid)), ',' order by a.attnum) from pg_attribute a left join pg_attrdef "
    "d on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attrelid = c.oid and a.attnum > 0 and not "
    "a.attisdropped), "
    "(select string_agg(concat_ws(' ', o.conname, pg_get_constraintdef(o.oid)), ',' order by o.conname) from "
    "pg_constraint o where o.conrelid = c.oid), "
    "(select string_agg(pg_get_indexdef(i.indexrelid) || i.indisvalid, ',' order by i.indexrelid::regclass::text) from "
    "pg_index i where i.indrelid = c.oid), "
    "(select string_agg(pg_get_triggerdef(t.oid) || t.tgenabled::text, ',' order by t.tgname) from pg_trigger t where "
    "t.tgrelid = c.oid and not t.tgisinternal and t.tgname <> 'freehold_move'), "
    "(select string_agg(concat_ws(' ', p.polname, p.polcmd, p.polpermissive, (select string_agg(r.rolname, ' ' order "
    "by "
    "r.rolname) from pg_roles r where r.oid = any (p.polroles)), pg_get_expr(p.polqual, p.polrelid), "
    "pg_get_expr(p.polwithcheck, p.polrelid)), ',' order by p.polname) from pg_policy p where p.polrelid = c.oid), "
    "case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end, "
    "(select concat_ws(' ', s.seqtypid::regtype, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle) from pg_sequence s "
    "where s.seqrelid = c.oid))) "
    "from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', "
    "'c') and c.relpersistence <> 't' and " QUIESCE_IS_WRITTEN " union all "
    "select 'function ' || c.oid::regprocedure, n.nspname, '', md5(concat_ws('|', c.prosrc, c.prosecdef, "
    "c.provolatile, "
    "c.prokind, c.proisstrict, c.proconfig::text, c.proacl::text, pg_get_function_arguments(c.oid), "
    "pg_get_function_result(c.oid))) from pg_proc c join pg_namespace n on n.oid = c.pronamespace where n.nspname !~ "
    "'^(pg_|freehold)' and n.nspname <> 'information_schema' and not exists (select from pg_depend d where d.classid = "
    "'pg_proc'::regclass and d.objid = c.oid and d.deptype = 'e') union all "
    "select 'type ' || c.oid::regtype, n.nspname, '', md5(concat_ws('|', format_type(c.typbasetype, c.typtypmod), "
    "c.typnotnull, c.typdefault, (select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum e where "
    "e.enumtypid = c.oid), (select string_agg(pg_get_constraintdef(o.oid), ',' order by o.conname) from pg_constraint "
    "o where o.contypid = c.oid))) from pg_type c join pg_namespace n on n.oid = c.typnamespace where c.typtype in "
    "('d', 'e') and n.nspname !~ '^(pg_|freehold)' and n.nspname <> 'information_schema' and not exists (select from "
    "pg_depend d where d.classid = 'pg_type'::regclass and d.objid = c.oid and d.deptype = 'e')";

/* Of the host's own only the tables that are followed can matter. */
static bool is_of_interest(const json_t *followed, const char *schema, const char *name)
{
	if (!toc_is_managed(str_from(schema))) return true;
	for (size_t i = 0; i < json_array_size(followed); i++)
		if (strcmp(json_string_value(json_array_get(followed, i)), name) == 0) return true;
	return false;
}

bool twin_schema_read(struct pg_conn *conn, const json_t *plan, json_t **ret_schema, struct err *err)
{
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	if (!pg_conn_exec(conn, sql, 0, NULL, &rows, NULL, err)) return false;
	json_t *schema = json_object();
	for (int i = 0; i < PQntuples(rows); i++)
		if (is_of_interest(json_object_get(plan, "tables"), PQgetvalue(rows, i, 1), PQgetvalue(rows, i, 2)))
			json_object_set_new(schema, PQgetvalue(rows, i, 0), json_string(PQgetvalue(rows, i, 3)));
	*ret_schema = schema;
	return true;
}

static void add_name(char *ret_names, size_t size, const char *name, size_t count)
{
	size_t len = strlen(ret_names);
	if (count <= SHOWN) (void)snprintf(ret_names + len, size - len, "%s%.100s", len > 0 ? ", " : "", name);
}

void twin_schema_differ(const json_t *before, const json_t *now, char *ret_names, size_t size)
{
	const char *name;
	const json_t *sum;
	size_t count = 0;
	ret_names[0] = '\0';
	json_object_foreach((json_t *)(uintptr_t)before, name, sum)
	{
		const json_t *other = json_object_get(now, name);
		if (other == NULL || !json_equal(sum, other)) add_name(ret_names, size, name, ++count);
	}
	json_object_foreach((json_t *)(uintptr_t)now, name, sum) if (json_object_get(before, name) == NULL)
	    add_name(ret_names, size, name, ++count);
	size_t len = strlen(ret_names);
	if (count > SHOWN) (void)snprintf(ret_names + len, size - len, " and %zu more", count - SHOWN);
}
