/* SPDX-License-Identifier: Apache-2.0
 *
 * The queries: one kind of fact each, joined in catalogue_build.c. The search path is empty while they run, so that
 * types outside pg_catalog come with their schema. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "pg/catalogue_build.h"

#define USER_SCHEMAS                                                                                                   \
	"n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_toast%' and "              \
	"n.nspname not like 'pg\\_temp\\_%'"

static const char SQL_SETUP[] =
    "select set_config('search_path', '', true), set_config('transaction_read_only', 'on', true)";

static const char SQL_RELATIONS[] =
    "select c.oid, n.nspname, c.relname, c.relkind, c.relispartition,"
    " case when c.relkind in ('v', 'f') then pg_relation_is_updatable(c.oid, true) else 28 end,"
    " obj_description(c.oid, 'pg_class')"
    " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where c.relkind in ('r', 'v', 'm', 'f', 'p') and " USER_SCHEMAS;

static const char SQL_COLUMNS[] =
    "select a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),"
    " case when t.typtype <> 'd' then"
    "  case when t.typnamespace = 'pg_catalog'::regnamespace then format_type(a.atttypid, null)"
    "  else format_type(a.atttypid, a.atttypmod) end"
    " else (with recursive up as (select t.typbasetype as oid union all"
    "   select b.typbasetype from up join pg_type b on b.oid = up.oid where b.typbasetype <> 0)"
    "   select case when b.typnamespace = 'pg_catalog'::regnamespace then format_type(b.oid, null)"
    "    else format_type(a.atttypid, a.atttypmod) end"
    "   from up join pg_type b on b.oid = up.oid where b.typbasetype = 0) end,"
    " case when a.attidentity = 'd' then (select format('nextval(%L)', s.objid::regclass) from pg_depend s"
    "   where s.refclassid = 'pg_class'::regclass and s.refobjid = a.attrelid and s.refobjsubid = a.attnum"
    "   and s.deptype = 'i' limit 1)"
    " when a.attgenerated <> '' then null"
    " when d.adbin is not null then pg_get_expr(d.adbin, d.adrelid)"
    " when t.typtype = 'd' then pg_get_expr(t.typdefaultbin, 0) end,"
    " a.attnotnull or (t.typtype = 'd' and t.typnotnull), col_description(a.attrelid, a.attnum)"
    " from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace"
    " join pg_type t on t.oid = a.atttypid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum"
    " where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'v', 'm', 'f', 'p') and " USER_SCHEMAS
    " order by a.attrelid, a.attnum";

static const char SQL_CONSTRAINTS[] =
    "select k.conrelid, k.conname, k.contype, k.conkey, k.confrelid, k.confkey"
    " from pg_constraint k join pg_namespace n on n.oid = k.connamespace"
    " where k.contype in ('p', 'u', 'f') and (k.contype <> 'f' or k.conparentid = 0) and " USER_SCHEMAS
    " order by k.conrelid, k.conname";

static const char SQL_VIEWS[] =
    "select c.oid, r.ev_action::text from pg_rewrite r join pg_class c on c.oid = r.ev_class"
    " join pg_namespace n on n.oid = c.relnamespace"
    " where c.relkind in ('v', 'm') and r.rulename = '_RETURN' and " USER_SCHEMAS;

static const char SQL_ROUTINES[] =
    "select p.oid, n.nspname, p.proname, p.pronargs - p.pronargdefaults, p.provolatile, p.provariadic <> 0,"
    " p.proretset, rn.nspname, coalesce(rc.relname, r.typname),"
    " r.typtype = 'c' or coalesce(p.proargmodes && '{t,b,o}'::\"char\"[], false),"
    " obj_description(p.oid, 'pg_proc'), array_to_string(p.proconfig, E'\\n')"
    " from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
    " join lateral (with recursive up as (select p.prorettype as oid union all"
    "   select b.typbasetype from up join pg_type b on b.oid = up.oid where b.typbasetype <> 0)"
    "   select b.* from up join pg_type b on b.oid = up.oid where b.typbasetype = 0) r on true"
    " join pg_namespace rn on rn.oid = r.typnamespace left join pg_class rc on rc.oid = r.typrelid"
    " where p.prokind = 'f' and r.oid <> 'trigger'::regtype and n.nspname = any ($1::text[])"
    " order by p.oid";

static const char SQL_PARAMS[] =
    "select p.oid, a.position, coalesce(p.proargnames[a.position], ''), format_type(a.type, null),"
    " coalesce(p.proargmodes[a.position], 'i')"
    " from pg_proc p join pg_namespace n on n.oid = p.pronamespace,"
    " unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as a (type, position)"
    " where p.prokind = 'f' and n.nspname = any ($1::text[])"
    " and coalesce(p.proargmodes[a.position], 'i') in ('i', 'b', 'v') order by p.oid, a.position";

static const char SQL_COMPUTED[] =
    "select n.nspname, p.proname, an.nspname, ac.relname, rn.nspname, rc.relname, not p.proretset or p.prorows = 1"
    " from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
    " join pg_class ac on ac.reltype = p.proargtypes[0] join pg_namespace an on an.oid = ac.relnamespace"
    " join pg_class rc on rc.reltype = p.prorettype join pg_namespace rn on rn.oid = rc.relnamespace"
    " where p.pronargs = 1 and ac.relkind in ('r', 'v', 'm', 'f', 'p') and rc.relkind in ('r', 'v', 'm', 'f', 'p')"
    " and " USER_SCHEMAS;

static const char SQL_REPRESENTATIONS[] =
    "select format_type(c.castsource, null), format_type(c.casttarget, null), c.castfunc::regproc"
    " from pg_cast c join pg_type s on s.oid = c.castsource join pg_type t on t.oid = c.casttarget"
    " where c.castcontext = 'i' and c.castmethod = 'f' and has_function_privilege(c.castfunc, 'execute')"
    " and ((s.typtype = 'd' and t.oid in ('json'::regtype, 'text'::regtype))"
    " or (t.typtype = 'd' and s.oid in ('json'::regtype, 'text'::regtype)))";

/* Aggregates over a relation's rows, and functions, that return a domain named like a media type. */
static const char SQL_HANDLERS[] =
    "select case when p.prokind = 'a' then n.nspname else dn.nspname end,"
    " case when p.prokind = 'a' then p.proname else d.typname end,"
    " case when p.prokind = 'a' then tn.nspname else n.nspname end,"
    " case when p.prokind = 'a' then t.typname else p.proname end,"
    " lower(d.typname), case d.typname when '*/*' then 'application/octet-stream' else d.typname end"
    " from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
    " join pg_type d on d.oid = p.prorettype and d.typtype = 'd'"
    " join pg_namespace dn on dn.oid = d.typnamespace"
    " left join pg_type t on t.oid = p.proargtypes[0] left join pg_namespace tn on tn.oid = t.typnamespace"
    " where n.nspname = any ($1::text[]) and (d.typname ~* '^[a-z0-9.-]+/[a-z0-9.+-]+$' or d.typname = '*/*')"
    " and ((p.prokind = 'a' and p.pronargs = 1 and (t.typtype = 'c' or t.typname = 'anyelement'))"
    " or (p.prokind = 'f' and not p.proretset))";

static const char SQL_TIMEZONES[] = "select name from pg_timezone_names";

/* Only what every role may set for itself, or what was granted to us (PostgreSQL 15: its function is called by a query
 * in a query, since older ones have none). */
#define MAY_SET                                                                                                        \
	"case when s.context = 'user' then true when current_setting('server_version_num')::int < 150000 then false"   \
	" else query_to_xml(format('select has_parameter_privilege(%L, %L, ''set'') as p', session_user, s.name),"     \
	" false, false, '')::text like '%<p>true</p>%' end"

static const char SQL_ROLES[] =
    "select k.rolname, k.name, k.value from (select r.rolname, split_part(c, '=', 1) as name,"
    " substr(c, strpos(c, '=') + 1) as value from pg_auth_members m join pg_roles r on r.oid = m.roleid,"
    " unnest(r.rolconfig) c where m.member = (select oid from pg_roles where rolname = session_user)) k"
    " join pg_settings s on s.name = k.name where k.name <> 'role' and " MAY_SET " order by 1, 2";

struct loading {
	struct pg_pool *pool;
	struct pg_call call;
	struct pg_statement statements[CATALOGUE_QUERIES];
	const char *params[1];
	struct buf schemas; /* an array literal */
	const char *const *schema_names;
	int schema_count;
	catalogue_fn done;
	void *arg;
};

/* A PostgreSQL array literal of texts. */
static void array_literal(struct buf *b, const char *const *texts, int count)
{
	buf_putc(b, '{');
	for (int i = 0; i < count; i++) {
		buf_puts(b, i > 0 ? ",\"" : "\"");
		for (const char *p = texts[i]; *p != '\0'; p++) {
			if (*p == '"' || *p == '\\') buf_putc(b, '\\');
			buf_putc(b, *p);
		}
		buf_putc(b, '"');
	}
	buf_putc(b, '}');
}

static void on_rows(void *arg, struct pg_call *call)
{
	struct loading *l = arg;
	struct catalogue *c = NULL;
	struct err err = call->err;
	if (err.code == ERR_NONE)
		(void)catalogue_build((const struct catalogue_rows *)call->results, l->schema_names, l->schema_count,
				      &c, &err);
	pg_call_clear(call);
	l->done(l->arg, c, c == NULL ? &err : NULL);
	buf_done(&l->schemas);
	free(l);
}

void catalogue_load(struct pg_pool *pool, const char *const *schemas, int schema_count, catalogue_fn done, void *arg)
{
	static const char *const queries[CATALOGUE_QUERIES] = {
	    SQL_SETUP,  SQL_RELATIONS, SQL_COLUMNS,         SQL_CONSTRAINTS, SQL_VIEWS,     SQL_ROUTINES,
	    SQL_PARAMS, SQL_COMPUTED,  SQL_REPRESENTATIONS, SQL_HANDLERS,    SQL_TIMEZONES, SQL_ROLES};
	struct err err;
	struct loading *l = calloc(1, sizeof *l);
	if (l == NULL) abort();
	buf_init(&l->schemas, 1 << 16);
	array_literal(&l->schemas, schemas, schema_count);
	l->params[0] = buf_cstr(&l->schemas);
	for (int i = 0; i < CATALOGUE_QUERIES; i++) {
		bool takes_schemas = strstr(queries[i], "$1") != NULL;
		l->statements[i] = (struct pg_statement){.sql = queries[i],
							 .param_count = takes_schemas ? 1 : 0,
							 .params = takes_schemas ? l->params : NULL};
	}
	l->pool = pool;
	l->schema_names = schemas;
	l->schema_count = schema_count;
	l->done = done;
	l->arg = arg;
	l->call = (struct pg_call){
	    .statements = l->statements, .count = CATALOGUE_QUERIES, .is_repeatable = true, .done = on_rows, .arg = l};
	if (pg_pool_run(pool, &l->call, &err)) return;
	done(arg, NULL, &err);
	buf_done(&l->schemas);
	free(l);
}
