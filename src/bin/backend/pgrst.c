/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/pgrst.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bin/backend/pgrst_values.h"
#include "codec/base64.h"
#include "codec/claim.h"

#define VALUE_MAX_BYTES (64u << 10)

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
	const char *secret = pgrst_text(p->values, "jwt-secret", NULL);
	BUF_CLEANUP struct buf bytes;
	struct err why;
	buf_init(&bytes, VALUE_MAX_BYTES);
	if (secret == NULL) return true;
	if (pgrst_flag(p->values, "jwt-secret-is-base64", false)) {
		if (!decode_base64(secret, &bytes))
			return err_set(err, ERR_INVALID, "jwt-secret is not base64; jwt-secret-is-base64 says it is");
	} else {
		buf_str(&bytes, (struct str){secret, json_string_length(json_object_get(p->values, "jwt-secret"))});
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
	const char *value = pgrst_text(p->values, name, NULL);
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
	p->log_level = (enum log_level)level;
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
	int64_t port = pgrst_number(p->values, name, otherwise);
	if (port < 0 || port > 65535) return err_set(err, ERR_INVALID, "%s must be 1 to 65535", name);
	*ret = (uint16_t)port;
	return true;
}

static bool read_places(struct pgrst *p, struct err *err)
{
	const json_t *v = p->values;
	p->server_host = pgrst_text(v, "server-host", "!4");
	p->admin_host = pgrst_text(v, "admin-server-host", p->server_host);
	p->unix_socket = pgrst_text(v, "server-unix-socket", NULL);
	p->unix_socket_mode = (mode_t)strtoul(pgrst_text(v, "server-unix-socket-mode", "660"), NULL, 8);
	if (p->unix_socket_mode < 0600 || p->unix_socket_mode > 0777)
		return err_set(err, ERR_INVALID, "server-unix-socket-mode must be 600 to 777");
	if (!read_port(p, "server-port", 3000, &p->server_port, err) ||
	    !read_port(p, "admin-server-port", 0, &p->admin_port, err))
		return false;
	int64_t workers = pgrst_number(v, "server-workers", 1);
	if (workers < 1 || workers > PGRST_WORKERS_MAX)
		return err_set(err, ERR_INVALID, "server-workers must be 1 to %d", PGRST_WORKERS_MAX);
	p->workers = (int)workers;
	p->reuseport = pgrst_flag(v, "server-reuseport", false);
	if (p->admin_port != 0 && p->admin_port == p->server_port)
		return err_set(err, ERR_INVALID, "admin-server-port and server-port are the same");
	return true;
}

static void read_rest(struct pgrst *p)
{
	json_t *v = p->values;
	struct rest_settings *r = &p->rest;
	r->schema_count = pgrst_list(v, "db-schemas", "public", p->schemas, PGRST_LIST_MAX);
	r->extra_search_path_count = pgrst_list(v, "db-extra-search-path", "public", p->search_path, PGRST_LIST_MAX);
	r->hoisted_count =
	    pgrst_list(v, "db-hoisted-tx-settings",
		       "statement_timeout,plan_filter.statement_cost_limit,default_transaction_isolation", p->hoisted,
		       PGRST_LIST_MAX);
	r->schemas = p->schemas;
	r->extra_search_path = p->search_path;
	r->hoisted = p->hoisted;
	r->pre_request = pgrst_text(v, "db-pre-request", NULL);
	r->root_spec = pgrst_text(v, "db-root-spec", NULL);
	r->max_rows = pgrst_number(v, "db-max-rows", 0);
	r->aggregates_enabled = pgrst_flag(v, "db-aggregates-enabled", false);
	r->plan_enabled = pgrst_flag(v, "db-plan-enabled", false);
	r->server_timing = pgrst_flag(v, "server-timing-enabled", false);
	r->openapi_security = pgrst_flag(v, "openapi-security-active", false);
	r->openapi_address = pgrst_text(v, "openapi-server-proxy-uri", NULL);
	r->server_host = p->server_host;
	r->server_port = p->server_port;
	r->channel = p->channel;
	r->is_unprepared = !pgrst_flag(v, "db-prepared-statements", true);
	r->logs_queries = pgrst_flag(v, "log-query", false);
}

/* RFC 3986's "scheme:" and nothing that may not stand in an address. */
static bool is_uri(const char *text)
{
	const char *p = text;
	if (!isalpha((unsigned char)*p)) return false;
	while (isalnum((unsigned char)*p) || (*p != '\0' && strchr("+-.", *p) != NULL)) p++;
	if (*p != ':') return false;
	for (; *p != '\0'; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7F || strchr("<>\"{}|\\^`", *p) != NULL)
			return false;
		if (*p == '%' && (!isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]))) return false;
	}
	return true;
}

/* http or https, a host, perhaps a port and a path; no user, no query. */
static bool is_proxy_address(const char *text)
{
	struct str rest = str_from(text), host = {0}, port = {0};
	int64_t number = 1;
	bool is_https = strncasecmp(text, "https://", 8) == 0;
	if (!is_uri(text) || (!is_https && strncasecmp(text, "http://", 7) != 0)) return false;
	rest = str_sub(rest, is_https ? 8 : 7, rest.len);
	if (str_find_char(rest, '@') >= 0 || str_find_char(rest, '?') >= 0 || str_find_char(rest, '#') >= 0)
		return false;
	host = rest;
	(void)str_cut(rest, '/', &host, &rest);
	if (str_cut(host, ':', &host, &port) && (!str_to_int(port, &number) || number < 1 || number > 65535))
		return false;
	return host.len > 0;
}

static bool addresses_are_sound(const struct pgrst *p, struct err *err)
{
	if (p->jwt_audience != NULL && strchr(p->jwt_audience, ':') != NULL && !is_uri(p->jwt_audience))
		return err_set(err, ERR_INVALID,
			       "jwt-aud should be a string or a valid URI, \"%s\" has a colon but is none",
			       p->jwt_audience);
	if (p->rest.openapi_address != NULL && !is_proxy_address(p->rest.openapi_address))
		return err_set(
		    err, ERR_INVALID,
		    "openapi-server-proxy-uri \"%s\" is malformed; right would be https://example.com:8443/base",
		    p->rest.openapi_address);
	return true;
}

static bool read_values(struct pgrst *p, struct err *err)
{
	const json_t *v = p->values;
	p->db_uri = pgrst_text(v, "db-uri", "postgresql://");
	p->pool_size = (int)pgrst_number(v, "db-pool", 10);
	p->acquisition_ms = pgrst_number(v, "db-pool-acquisition-timeout", 10) * 1000;
	if (p->pool_size < 1 || p->pool_size > 1000) return err_set(err, ERR_INVALID, "db-pool must be 1 to 1000");
	p->anon_role = pgrst_text(v, "db-anon-role", NULL);
	p->jwt_audience = pgrst_text(v, "jwt-aud", NULL);
	p->role_path = pgrst_text(v, "jwt-role-claim-key", ".role");
	if (!claim_path_is_sound(p->role_path))
		return err_set(err, ERR_INVALID, "jwt-role-claim-key \"%s\" is no path", p->role_path);
	p->channel = pgrst_text(v, "db-channel", "pgrst");
	p->channel_enabled = pgrst_flag(v, "db-channel-enabled", true);
	p->cors_origins = pgrst_text(v, "server-cors-allowed-origins", NULL);
	p->trace_header = pgrst_text(v, "server-trace-header", NULL);
	p->token_cache_max = (int)pgrst_number(v, "jwt-cache-max-entries", 1000);
	p->db_config = pgrst_flag(v, "db-config", true);
	p->pre_config = pgrst_text(v, "db-pre-config", NULL);
	if (!read_places(p, err)) return false;
	read_rest(p);
	read_app_settings(p);
	if (p->rest.schema_count == 0) return err_set(err, ERR_INVALID, "db-schemas names no schema");
	return addresses_are_sound(p, err) && read_keys(p, err) && read_words(p, err);
}

/* The database counts most, then the environment, then the file. */
static bool gather(const char *path, const char *const *environment, const json_t *database, json_t *values,
		   struct err *err)
{
	const char *name;
	json_t *value;
	if (path != NULL && !pgrst_read_file(path, values, err)) return false;
	pgrst_read_environment(environment, values);
	json_object_foreach((json_t *)(uintptr_t)database, name, value)(void) json_object_set(values, name, value);
	return pgrst_read_at_file(values, "db-uri", err) && pgrst_read_at_file(values, "jwt-secret", err);
}

bool pgrst_read(const char *path, const char *const *environment, const json_t *database, struct pgrst **ret,
		struct err *err)
{
	struct pgrst *p = calloc(1, sizeof *p);
	if (p == NULL) abort();
	p->references = 1;
	p->values = json_object();
	bool ok = gather(path, environment, database, p->values, err) && read_values(p, err);
	if (ok)
		*ret = p;
	else
		pgrst_put(p);
	return ok;
}

struct pgrst *pgrst_get(struct pgrst *p)
{
	p->references++;
	return p;
}

void pgrst_put(struct pgrst *p)
{
	if (p == NULL || --p->references > 0) return;
	jwk_free(p->keys);
	json_decref(p->values);
	free(p);
}
