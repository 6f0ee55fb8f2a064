/* SPDX-License-Identifier: Apache-2.0
 *
 * A server around src/rest and nothing else, for replaying request suites against it: it reads the settings PostgREST
 * reads from its environment (PGRST_DB_SCHEMAS, PGRST_DB_ANON_ROLE, PGRST_JWT_SECRET …; libpq's PG* for the
 * connection), serves at / on 127.0.0.1:PGRST_SERVER_PORT, and answers /ready on PGRST_ADMIN_SERVER_PORT. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "codec/json.h"
#include "codec/jwt.h"
#include "http/server.h"
#include "rest/problem.h"
#include "rest/rest.h"

#define LIST_MAX 16

struct server {
	uv_loop_t loop;
	struct pg_pool *pool;
	struct rest *rest;
	struct rest_settings settings;
	const char *schemas[LIST_MAX], *path[LIST_MAX];
	struct jwt_key key;
	struct http_server *http, *admin;
	uv_signal_t signal;
};

struct exchange {
	struct http_request *http;
	struct rest_header headers[REST_HEADER_MAX];
};

static const char *setting(const char *name)
{
	const char *text = getenv(name);
	return text != NULL && text[0] != '\0' ? text : NULL;
}

static int split_list(const char *text, const char **ret)
{
	int n = 0;
	char *copy = strdup(text != NULL ? text : ""), *save = NULL;
	for (char *part = strtok_r(copy, ",", &save); part != NULL && n < LIST_MAX; part = strtok_r(NULL, ",", &save)) {
		while (*part == ' ') part++;
		ret[n++] = part;
	}
	return n;
}

static enum rest_tx_end tx_end(void)
{
	static const char *const names[] = {"commit", "commit-allow-override", "rollback", "rollback-allow-override"};
	const char *text = setting("PGRST_DB_TX_END");
	for (int i = 0; text != NULL && i < 4; i++)
		if (strcmp(text, names[i]) == 0) return (enum rest_tx_end)i;
	return REST_TX_COMMIT;
}

static void on_reply(void *arg, const struct rest_reply *reply)
{
	struct exchange *e = arg;
	struct http_reply_field fields[64];
	size_t n = 0;
	struct arena *a = http_arena(e->http);
	for (int i = 0; i < reply->header_count && n < 64; i++) {
		const char *name = arena_cstr(a, reply->headers[i].name),
			   *value = arena_cstr(a, reply->headers[i].value);
		if (name != NULL && value != NULL) fields[n++] = (struct http_reply_field){name, value};
	}
	bool is_head = str_eq(http_method(e->http), STR("HEAD"));
	http_reply(e->http, (unsigned)reply->status, fields, n, is_head ? STR("") : reply->body);
}

static void refuse(struct http_request *http, const char *code, const char *message)
{
	struct problem p;
	BUF_CLEANUP struct buf b;
	struct http_reply_field fields[] = {{"Content-Type", "application/json; charset=utf-8"},
					    {"WWW-Authenticate", "Bearer"}};
	buf_init(&b, 4096);
	(void)problem_set(&p, 401, code, message, NULL, NULL);
	problem_write(&p, &b);
	http_reply(http, 401, fields, 2, buf_view(&b));
}

/* The role and claims of the token, or of nobody. False: answered. */
static bool authenticate(struct server *s, struct http_request *http, struct rest_request *r)
{
	struct str header = http_header(http, STR("authorization")), scheme, token;
	const char *anon = setting("PGRST_DB_ANON_ROLE");
	struct jwt_keys keys = {&s->key, 1};
	struct jwt_expect expect = {.now_s = (int64_t)time(NULL), .audience = str_from(setting("PGRST_JWT_AUD"))};
	JSON_CLEANUP json_t *claims = NULL;
	enum jwt_fault fault;
	struct err err;
	r->role = str_from(anon);
	if (header.ptr == NULL || !str_cut(header, ' ', &scheme, &token) || !str_eq_nocase(scheme, STR("bearer"))) {
		r->claims = STR("{}");
		if (anon == NULL) refuse(http, "PGRST302", "Anonymous access is disabled");
		if (anon != NULL) r->claims = str_from(arena_printf(r->arena, "{\"role\":\"%s\"}", anon));
		return anon != NULL;
	}
	if (!jwt_verify(str_trim(token), &keys, &expect, &claims, &fault, &err)) {
		refuse(http, fault >= JWT_EXP_TYPE ? "PGRST303" : "PGRST301",
		       fault == JWT_EXPIRED ? "JWT expired" : err.msg);
		return false;
	}
	const char *role = json_str(claims, "role", NULL);
	if (role != NULL) r->role = str_from(arena_strdup(r->arena, role));
	if (role == NULL && anon != NULL) (void)json_object_set_new(claims, "role", json_string(anon));
	r->is_authenticated = true;
	char *text = json_text(claims);
	r->claims = str_from(arena_strdup(r->arena, text));
	free(text);
	return true;
}

static void on_request(void *arg, struct http_request *http)
{
	struct server *s = arg;
	struct exchange *e = arena_alloc(http_arena(http), sizeof *e);
	if (e == NULL) abort();
	e->http = http;
	struct rest_request r = {.method = http_method(http),
				 .path = http_path(http),
				 .query = http_query(http),
				 .headers = e->headers,
				 .body = http_body(http),
				 .arena = http_arena(http)};
	for (size_t i = 0; i < http_header_count(http) && r.header_count < REST_HEADER_MAX; i++)
		e->headers[r.header_count++] =
		    (struct rest_header){http_headers(http)[i].name, http_headers(http)[i].value};
	if (authenticate(s, http, &r)) (void)rest_handle(s->rest, &r, on_reply, e);
}

static void on_admin(void *arg, struct http_request *http)
{
	const struct server *s = arg;
	http_reply(http, rest_is_ready(s->rest) ? 200 : 503, NULL, 0, STR(""));
}

static void on_signal(uv_signal_t *signal, int number)
{
	(void)signal;
	(void)number;
	exit(0);
}

static bool serve(struct server *s, const char *port_setting, void (*on)(void *arg, struct http_request *http),
		  struct http_server **ret, struct err *err)
{
	const char *port = setting(port_setting);
	struct http_server_spec spec = {.tcp_port = (uint16_t)(port != NULL ? atoi(port) : 0),
					.body_max_bytes = REST_BODY_MAX_BYTES,
					.arena_max_bytes = 64u << 20};
	struct http_handler handler = {.on_request = on, .arg = s};
	if (!http_server_start(&s->loop, &spec, &handler, ret, err)) return false;
	(void)printf("%s %d\n", port_setting, http_server_port(*ret));
	return fflush(stdout) == 0;
}

int main(void)
{
	static struct server s;
	struct err err;
	s.settings = (struct rest_settings){
	    .schemas = s.schemas,
	    .schema_count = split_list(setting("PGRST_DB_SCHEMAS"), s.schemas),
	    .extra_search_path = s.path,
	    .extra_search_path_count = split_list(getenv("PGRST_DB_EXTRA_SEARCH_PATH"), s.path),
	    .pre_request = setting("PGRST_DB_PRE_REQUEST"),
	    .max_rows = setting("PGRST_DB_MAX_ROWS") != NULL ? atoll(setting("PGRST_DB_MAX_ROWS")) : 0,
	    .aggregates_enabled = setting("PGRST_DB_AGGREGATES_ENABLED") != NULL &&
				  strcmp(setting("PGRST_DB_AGGREGATES_ENABLED"), "true") == 0,
	    .tx_end = tx_end(),
	};
	static const char *const app_settings[] = {"app.settings.app_host", "localhost",
						   "app.settings.external_api_secret", "0123456789abcdef"};
	s.settings.app_settings = app_settings;
	s.settings.app_setting_count = 2;
	s.key = (struct jwt_key){.algorithm = JWT_HS256, .secret = str_from(setting("PGRST_JWT_SECRET"))};
	if (uv_loop_init(&s.loop) != 0) return 1;
	struct pg_pool_settings pool = {.conninfo = "", .size = 10};
	s.pool = pg_pool_new(&s.loop, &pool);
	s.rest = rest_new(&s.loop, s.pool, &s.settings, "");
	if (!serve(&s, "PGRST_SERVER_PORT", on_request, &s.http, &err) ||
	    !serve(&s, "PGRST_ADMIN_SERVER_PORT", on_admin, &s.admin, &err)) {
		(void)fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	(void)uv_signal_init(&s.loop, &s.signal);
	(void)uv_signal_start(&s.signal, on_signal, SIGTERM);
	return uv_run(&s.loop, UV_RUN_DEFAULT);
}
