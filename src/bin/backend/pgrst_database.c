/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/pgrst_database.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* What may be set there; the rest is needed before there is a database. */
static const char *const in_database[] = {
    "db-aggregates-enabled",
    "db-anon-role",
    "db-extra-search-path",
    "db-max-rows",
    "db-plan-enabled",
    "db-pre-config",
    "db-pre-request",
    "db-prepared-statements",
    "db-root-spec",
    "db-schemas",
    "db-tx-end",
    "db-hoisted-tx-settings",
    "jwt-aud",
    "jwt-role-claim-key",
    "jwt-secret",
    "jwt-secret-is-base64",
    "openapi-mode",
    "openapi-security-active",
    "openapi-server-proxy-uri",
    "server-cors-allowed-origins",
    "server-trace-header",
    "server-timing-enabled",
};

#define SETTINGS ((int)(sizeof in_database / sizeof *in_database))

static const char read_only_sql[] = "select set_config('transaction_read_only', 'on', true)";

static const char pre_config_sql[] = "select n, current_setting('pgrst.' || replace(n, '-', '_'), true)"
				     " from unnest($1::text[]) n";

static const char roles_sql[] =
    "select distinct on (name) name, value from (select s.setdatabase as place,"
    " replace(substr(c, 7, strpos(c, '=') - 7), '_', '-') as name, substr(c, strpos(c, '=') + 1) as value"
    " from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c"
    " where s.setrole = (select oid from pg_catalog.pg_roles where rolname = current_user)"
    " and s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_catalog))"
    " and starts_with(c, 'pgrst.')) all_of_them order by name, place desc";

struct loading {
	struct pg_call call;
	struct pg_statement statements[4];
	struct buf names, function;
	const char *params[1];
	pgrst_database_fn done;
	void *arg;
};

static void append_ident(struct buf *b, struct str name)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '"') buf_putc(b, '"');
		buf_putc(b, name.ptr[i]);
	}
	buf_putc(b, '"');
}

static void write_call(struct buf *b, const char *function)
{
	struct str schema, name = str_from(function);
	buf_puts(b, "select ");
	if (str_cut(name, '.', &schema, &name)) append_ident(b, schema), buf_putc(b, '.');
	append_ident(b, name);
	buf_puts(b, "()");
}

static void write_names(struct buf *b)
{
	for (int i = 0; i < SETTINGS; i++) buf_printf(b, "%c%s", i == 0 ? '{' : ',', in_database[i]);
	buf_putc(b, '}');
}

static void add(struct loading *l, const char *sql, int param_count)
{
	l->statements[l->call.count++] =
	    (struct pg_statement){.sql = sql, .param_count = param_count, .params = l->params};
}

static void take(json_t *settings, const PGresult *rows)
{
	for (int row = 0; row < PQntuples(rows); row++) {
		const char *name = PQgetvalue(rows, row, 0);
		for (int i = 0; i < SETTINGS; i++)
			if (strcmp(in_database[i], name) == 0 && !PQgetisnull(rows, row, 1))
				(void)json_object_set_new(settings, name, json_string(PQgetvalue(rows, row, 1)));
	}
}

static void on_rows(void *arg, struct pg_call *call)
{
	struct loading *l = arg;
	struct err err = call->err;
	json_t *settings = NULL;
	if (err.code == ERR_NONE) {
		settings = json_object();
		for (int i = 1; i < call->count; i++)
			if (l->statements[i].sql != buf_cstr(&l->function)) take(settings, call->results[i]);
	} else if (call->failed >= 0 && call->results[call->failed] != NULL) {
		const char *words = PQresultErrorField(call->results[call->failed], PG_DIAG_MESSAGE_PRIMARY);
		(void)err_set(&err, ERR_INVALID, "%s", words != NULL ? words : "refused");
	}
	pg_call_clear(call);
	l->done(l->arg, settings, settings == NULL ? &err : NULL);
	buf_done(&l->names);
	buf_done(&l->function);
	free(l);
}

void pgrst_database_load(struct pg_pool *pool, const char *pre_config, pgrst_database_fn done, void *arg)
{
	struct loading *l = calloc(1, sizeof *l);
	struct err err;
	if (l == NULL) abort();
	buf_init(&l->names, 4096);
	buf_init(&l->function, 4096);
	write_names(&l->names);
	l->params[0] = buf_cstr(&l->names);
	l->call = (struct pg_call){.statements = l->statements, .is_repeatable = true, .done = on_rows, .arg = l};
	l->done = done;
	l->arg = arg;
	add(l, read_only_sql, 0);
	if (pre_config != NULL) {
		write_call(&l->function, pre_config);
		add(l, buf_cstr(&l->function), 0);
		add(l, pre_config_sql, 1);
	}
	add(l, roles_sql, 0);
	if (pg_pool_run(pool, &l->call, &err)) return;
	done(arg, NULL, &err);
	buf_done(&l->names);
	buf_done(&l->function);
	free(l);
}
