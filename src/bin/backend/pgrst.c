/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/pgrst.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bin/backend/claim.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "os/file.h"
#include "pg/conn.h"

#define FILE_MAX_BYTES (1u << 20)
#define VALUE_MAX_BYTES (64u << 10)
#define CONNECT_MS 30000

#define ENV_PREFIX "PGRST_"

/* The first name is the present one; older names are still understood. */
static const char *const aliases[][2] = {
    {"db-max-rows", "max-rows"},
    {"db-pool-max-idletime", "db-pool-timeout"},
    {"db-pre-request", "pre-request"},
    {"db-root-spec", "root-spec"},
    {"db-schemas", "db-schema"},
    {"jwt-role-claim-key", "role-claim-key"},
    {"jwt-secret-is-base64", "secret-is-base64"},
};

/* What may be set in the database; the rest is needed before there is one. */
static const char *const in_database[] = {
    "db-aggregates-enabled",
    "db-anon-role",
    "db-extra-search-path",
    "db-max-rows",
    "db-plan-enabled",
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

static void put(json_t *values, const char *name, struct str value)
{
	(void)json_object_set_new(values, name, json_stringn(value.ptr, value.len));
}

static const char *text_or_empty(const json_t *values, const char *name)
{
	const char *value = json_str(values, name, NULL);
	for (size_t i = 0; value == NULL && i < sizeof aliases / sizeof *aliases; i++)
		if (strcmp(aliases[i][0], name) == 0) value = json_str(values, aliases[i][1], NULL);
	return value;
}

static const char *text(const json_t *values, const char *name, const char *otherwise)
{
	const char *value = text_or_empty(values, name);
	return value != NULL && value[0] != '\0' ? value : otherwise;
}

static bool flag(const json_t *values, const char *name, bool otherwise)
{
	static const char *const yes[] = {"true", "on", "yes", "1"};
	const char *value = text(values, name, NULL);
	if (value == NULL) return otherwise;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (strcasecmp(value, yes[i]) == 0) return true;
	return false;
}

static int64_t number(const json_t *values, const char *name, int64_t otherwise)
{
	int64_t n;
	return str_to_int(str_from(text(values, name, "")), &n) ? n : otherwise;
}

/* An element may be quoted: no; PostgREST splits at commas and trims. The texts are kept in the values. */
static int list(json_t *values, const char *name, const char *otherwise, const char **ret, int max)
{
	const char *value = text_or_empty(values, name);
	struct str rest = str_from(value != NULL ? value : otherwise), part;
	json_t *kept = json_array();
	int n = 0;
	while (n < max && str_next(&rest, ',', &part)) {
		part = str_trim(part);
		if (part.len == 0) continue;
		json_t *copy = json_stringn(part.ptr, part.len);
		(void)json_array_append_new(kept, copy);
		ret[n++] = json_string_value(copy);
	}
	char key[80];
	(void)snprintf(key, sizeof key, "%s (list)", name);
	(void)json_object_set_new(values, key, kept);
	return n;
}

bool pgrst_line(struct str line, struct str *ret_name, struct buf *ret_value)
{
	struct str name, value;
	*ret_name = (struct str){NULL, 0};
	line = str_trim(line);
	if (line.len == 0 || line.ptr[0] == '#') return true;
	if (!str_cut(line, '=', &name, &value)) return false;
	name = str_trim(name);
	value = str_trim(value);
	size_t i = 1;
	if (name.len == 0 || value.len == 0) return false;
	if (value.ptr[0] != '"') {
		ptrdiff_t comment = str_find_char(value, '#');
		buf_str(ret_value, str_trim(comment >= 0 ? str_sub(value, 0, (size_t)comment) : value));
		*ret_name = name;
		return true;
	}
	for (; i < value.len && value.ptr[i] != '"'; i++) {
		char c = value.ptr[i];
		if (c == '\\' && i + 1 < value.len) {
			c = value.ptr[++i];
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
		}
		buf_putc(ret_value, c);
	}
	struct str behind = i < value.len ? str_trim(str_sub(value, i + 1, value.len)) : STR("");
	if (i >= value.len || (behind.len > 0 && behind.ptr[0] != '#')) return false;
	*ret_name = name;
	return buf_is_ok(ret_value);
}

static bool read_file(const char *path, json_t *values, struct err *err)
{
	BUF_CLEANUP struct buf file;
	buf_init(&file, FILE_MAX_BYTES);
	if (!file_read(path, &file, err)) return false;
	struct str rest = buf_view(&file), line;
	for (int number_of = 1; str_next(&rest, '\n', &line); number_of++) {
		BUF_CLEANUP struct buf value;
		struct str name;
		char key[128];
		buf_init(&value, VALUE_MAX_BYTES);
		if (!pgrst_line(line, &name, &value) || name.len >= sizeof key)
			return err_set(err, ERR_INVALID, "%s: line %d is not name = \"value\"", path, number_of);
		if (name.ptr == NULL) continue;
		(void)snprintf(key, sizeof key, "%.*s", STR_FMT(name));
		put(values, key, buf_view(&value));
	}
	return true;
}

/* PGRST_DB_ANON_ROLE is db-anon-role; PGRST_APP_SETTINGS_name is app.settings.name, whose case stays. */
static void read_environment(const char *const *environment, json_t *values)
{
	static const char app[] = "APP_SETTINGS_";
	for (; environment != NULL && *environment != NULL; environment++) {
		struct str name, value;
		char key[128];
		size_t n = 0;
		if (!str_cut(str_from(*environment), '=', &name, &value) || !str_has_prefix(name, STR("PGRST_")))
			continue;
		name = str_sub(name, sizeof ENV_PREFIX - 1, name.len);
		if (name.len + 16 >= sizeof key) continue;
		if (str_has_prefix(name, STR("APP_SETTINGS_"))) {
			name = str_sub(name, sizeof app - 1, name.len);
			(void)snprintf(key, sizeof key, "app.settings.%.*s", STR_FMT(name));
		} else {
			for (; n < name.len; n++) key[n] = name.ptr[n] == '_' ? '-' : (char)tolower(name.ptr[n]);
			key[n] = '\0';
		}
		put(values, key, value);
	}
}

/* "@path" means what stands in that file. */
static bool read_at_file(json_t *values, const char *name, struct err *err)
{
	const char *value = text(values, name, NULL);
	BUF_CLEANUP struct buf file;
	buf_init(&file, VALUE_MAX_BYTES);
	if (value == NULL || value[0] != '@') return true;
	if (!file_read(value + 1, &file, err)) return err_wrap(err, "%s", name);
	struct str inside = buf_view(&file);
	while (inside.len > 0 && (inside.ptr[inside.len - 1] == '\n' || inside.ptr[inside.len - 1] == '\r'))
		inside.len--;
	put(values, name, inside);
	return true;
}

/* What is set for the role we are, for all databases or this one, without its prefix; the database's own wins. */
static const char settings_sql[] =
    "select distinct on (name) name, value from (select s.setdatabase as place,"
    " replace(substr(c, 7, strpos(c, '=') - 7), '_', '-') as name, substr(c, strpos(c, '=') + 1) as value"
    " from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c"
    " where s.setrole = (select oid from pg_catalog.pg_roles where rolname = current_user)"
    " and s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_catalog))"
    " and starts_with(c, 'pgrst.')) all_of_them order by name, place desc";

static const char pre_config_sql[] = "select current_setting('pgrst.' || replace($1, '-', '_'), true)";

static void append_ident(struct buf *b, struct str name)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '"') buf_putc(b, '"');
		buf_putc(b, name.ptr[i]);
	}
	buf_putc(b, '"');
}

static bool run_pre_config(struct pg_conn *conn, json_t *values, const char *function, struct err *err)
{
	struct str schema = {"", 0}, name = str_from(function);
	BUF_CLEANUP struct buf sql;
	buf_init(&sql, 1024);
	buf_puts(&sql, "select ");
	if (str_cut(name, '.', &schema, &name)) append_ident(&sql, schema), buf_putc(&sql, '.');
	append_ident(&sql, name);
	buf_puts(&sql, "()");
	if (!pg_conn_exec(conn, buf_cstr(&sql), 0, NULL, NULL, NULL, err)) return err_wrap(err, "db-pre-config");
	for (size_t i = 0; i < sizeof in_database / sizeof *in_database; i++) {
		PG_RESULT_CLEANUP PGresult *row = NULL;
		if (!pg_conn_exec(conn, pre_config_sql, 1, &in_database[i], &row, NULL, err)) return false;
		if (!PQgetisnull(row, 0, 0)) put(values, in_database[i], str_from(PQgetvalue(row, 0, 0)));
	}
	return true;
}

static bool read_role_settings(struct pg_conn *conn, json_t *values, struct err *err)
{
	PG_RESULT_CLEANUP PGresult *rows = NULL;
	if (!pg_conn_exec(conn, settings_sql, 0, NULL, &rows, NULL, err)) return false;
	for (int i = 0; i < PQntuples(rows); i++)
		for (size_t k = 0; k < sizeof in_database / sizeof *in_database; k++)
			if (strcmp(in_database[k], PQgetvalue(rows, i, 0)) == 0)
				put(values, in_database[k], str_from(PQgetvalue(rows, i, 1)));
	return true;
}

static bool read_database(json_t *values, struct err *err)
{
	struct pg_conn *conn = NULL;
	const char *pre_config = text(values, "db-pre-config", NULL);
	if (!flag(values, "db-config", true)) return true;
	if (!pg_conn_open(text(values, "db-uri", "postgresql://"), CONNECT_MS, &conn, err)) return false;
	bool ok = (pre_config == NULL || run_pre_config(conn, values, pre_config, err)) &&
		  read_role_settings(conn, values, err);
	pg_conn_close(conn);
	return ok;
}

/* base64 of either alphabet, padded or not. */
static bool decode_base64(const char *value, struct buf *ret)
{
	BUF_CLEANUP struct buf url;
	buf_init(&url, VALUE_MAX_BYTES);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '=' || *p == '.' || isspace((unsigned char)*p)) continue;
		buf_putc(&url, *p == '+' ? '-' : *p == '/' ? '_' : *p);
	}
	return base64url_decode(buf_view(&url), ret);
}

static bool read_keys(struct pgrst *p, struct err *err)
{
	const char *secret = text(p->values, "jwt-secret", NULL);
	BUF_CLEANUP struct buf bytes;
	struct err why;
	buf_init(&bytes, VALUE_MAX_BYTES);
	if (secret == NULL) return true;
	if (flag(p->values, "jwt-secret-is-base64", false)) {
		if (!decode_base64(secret, &bytes))
			return err_set(err, ERR_INVALID, "jwt-secret is not base64; jwt-secret-is-base64 says it is");
	} else {
		buf_puts(&bytes, secret);
	}
	if (jwk_read(buf_view(&bytes), &p->keys, &why)) return true;
	struct str s = str_trim(buf_view(&bytes));
	if (s.len > 0 && s.ptr[0] == '{') return err_set(err, ERR_INVALID, "jwt-secret: %s", why.msg);
	if (bytes.len < 32)
		return err_set(err, ERR_INVALID, "jwt-secret must have at least 32 characters, it has %zu", bytes.len);
	p->keys = jwk_from_secret(buf_view(&bytes));
	return true;
}

static bool one_of(const struct pgrst *p, const char *name, const char *const *words, int count, int otherwise,
		   int *ret, struct err *err)
{
	const char *value = text(p->values, name, NULL);
	*ret = otherwise;
	if (value == NULL) return true;
	for (int i = 0; i < count; i++)
		if (strcmp(value, words[i]) == 0) {
			*ret = i;
			return true;
		}
	return err_set(err, ERR_INVALID, "%s cannot be \"%s\"; see docs/rest.md for what it can be", name, value);
}

static bool read_words(struct pgrst *p, struct err *err)
{
	static const char *const ends[] = {"commit", "commit-allow-override", "rollback", "rollback-allow-override"};
	static const char *const modes[] = {"follow-privileges", "ignore-privileges", "disabled"};
	static const char *const levels[] = {"debug", "info", "warn", "error", "crit"};
	int tx_end, mode, level;
	if (!one_of(p, "db-tx-end", ends, 4, 0, &tx_end, err) || !one_of(p, "openapi-mode", modes, 3, 0, &mode, err) ||
	    !one_of(p, "log-level", levels, 5, 3, &level, err))
		return false;
	p->rest.tx_end = (enum rest_tx_end)tx_end;
	p->rest.openapi_mode = (enum rest_openapi_mode)mode;
	p->log_level = level >= 3 ? LOG_ERROR : (enum log_level)level;
	return true;
}

static void read_app_settings(struct pgrst *p)
{
	const char *name;
	json_t *value;
	int n = 0;
	json_object_foreach(p->values, name, value)
	{
		if (strncmp(name, "app.settings.", 13) != 0 || n == PGRST_APP_SETTINGS_MAX) continue;
		p->app_settings[2 * n] = name;
		p->app_settings[2 * n++ + 1] = json_string_value(value);
	}
	p->rest.app_settings = p->app_settings;
	p->rest.app_setting_count = n;
}

static bool read_port(const struct pgrst *p, const char *name, int64_t otherwise, uint16_t *ret, struct err *err)
{
	int64_t port = number(p->values, name, otherwise);
	if (port < 0 || port > 65535) return err_set(err, ERR_INVALID, "%s must be 1 to 65535", name);
	*ret = (uint16_t)port;
	return true;
}

static bool read_places(struct pgrst *p, struct err *err)
{
	const json_t *v = p->values;
	p->server_host = text(v, "server-host", "!4");
	p->admin_host = text(v, "admin-server-host", p->server_host);
	p->unix_socket = text(v, "server-unix-socket", NULL);
	p->unix_socket_mode = (mode_t)strtoul(text(v, "server-unix-socket-mode", "660"), NULL, 8);
	if (p->unix_socket_mode < 0600 || p->unix_socket_mode > 0777)
		return err_set(err, ERR_INVALID, "server-unix-socket-mode must be 600 to 777");
	if (!read_port(p, "server-port", 3000, &p->server_port, err) ||
	    !read_port(p, "admin-server-port", 0, &p->admin_port, err))
		return false;
	int64_t workers = number(v, "server-workers", 1);
	if (workers < 1 || workers > PGRST_WORKERS_MAX)
		return err_set(err, ERR_INVALID, "server-workers must be 1 to %d", PGRST_WORKERS_MAX);
	p->workers = (int)workers;
	p->reuseport = flag(v, "server-reuseport", false);
	if (p->admin_port != 0 && p->admin_port == p->server_port)
		return err_set(err, ERR_INVALID, "admin-server-port and server-port are the same");
	return true;
}

static void read_rest(struct pgrst *p)
{
	json_t *v = p->values;
	struct rest_settings *r = &p->rest;
	r->schema_count = list(v, "db-schemas", "public", p->schemas, PGRST_LIST_MAX);
	r->extra_search_path_count = list(v, "db-extra-search-path", "public", p->search_path, PGRST_LIST_MAX);
	r->hoisted_count = list(v, "db-hoisted-tx-settings",
				"statement_timeout,plan_filter.statement_cost_limit,default_transaction_isolation",
				p->hoisted, PGRST_LIST_MAX);
	r->schemas = p->schemas;
	r->extra_search_path = p->search_path;
	r->hoisted = p->hoisted;
	r->pre_request = text(v, "db-pre-request", NULL);
	r->root_spec = text(v, "db-root-spec", NULL);
	r->max_rows = number(v, "db-max-rows", 0);
	r->aggregates_enabled = flag(v, "db-aggregates-enabled", false);
	r->plan_enabled = flag(v, "db-plan-enabled", false);
	r->server_timing = flag(v, "server-timing-enabled", false);
	r->openapi_security = flag(v, "openapi-security-active", false);
	r->openapi_address = text(v, "openapi-server-proxy-uri", NULL);
	r->server_host = p->server_host;
	r->server_port = p->server_port;
}

static bool read_values(struct pgrst *p, struct err *err)
{
	const json_t *v = p->values;
	p->db_uri = text(v, "db-uri", "postgresql://");
	p->pool_size = (int)number(v, "db-pool", 10);
	p->acquisition_ms = number(v, "db-pool-acquisition-timeout", 10) * 1000;
	if (p->pool_size < 1 || p->pool_size > 1000) return err_set(err, ERR_INVALID, "db-pool must be 1 to 1000");
	p->anon_role = text(v, "db-anon-role", NULL);
	p->jwt_audience = text(v, "jwt-aud", NULL);
	p->role_path = text(v, "jwt-role-claim-key", ".role");
	if (!claim_path_is_sound(p->role_path))
		return err_set(err, ERR_INVALID, "jwt-role-claim-key \"%s\" is no path", p->role_path);
	p->channel = text(v, "db-channel", "pgrst");
	p->channel_enabled = flag(v, "db-channel-enabled", true);
	p->cors_origins = text(v, "server-cors-allowed-origins", NULL);
	p->trace_header = text(v, "server-trace-header", NULL);
	read_rest(p);
	read_app_settings(p);
	if (p->rest.schema_count == 0) return err_set(err, ERR_INVALID, "db-schemas names no schema");
	return read_keys(p, err) && read_words(p, err) && read_places(p, err);
}

bool pgrst_read(const char *path, const char *const *environment, struct pgrst *ret, struct err *err)
{
	*ret = (struct pgrst){.values = json_object()};
	bool ok = path == NULL || read_file(path, ret->values, err);
	if (ok) read_environment(environment, ret->values);
	ok = ok && read_at_file(ret->values, "db-uri", err) && read_database(ret->values, err) &&
	     read_at_file(ret->values, "jwt-secret", err) && read_values(ret, err);
	if (!ok) pgrst_done(ret);
	return ok;
}

void pgrst_done(struct pgrst *p)
{
	jwk_free(p->keys);
	json_decref(p->values);
	*p = (struct pgrst){0};
}
