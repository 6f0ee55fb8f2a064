/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/standalone.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/backend/admin.h"
#include "bin/backend/front.h"
#include "bin/backend/pgrst_database.h"
#include "bin/backend/places.h"
#include "bin/backend/workers.h"
#include "codec/json.h"

#define DRAIN_MS 30000
#define FINISH_MS 5000
#define RETRY_MS 1000
#define TAKE_OVER_MS 5000 /* at the latest, ready or not */
#define ARENA_MAX_BYTES (256u << 20)

struct standalone {
	uv_loop_t loop;
	const struct standalone_source *source;
	struct pgrst *settings;
	struct pgrst *first; /* what rest began with */
	struct front front;
	struct pg_pool *pool;
	int pool_size;
	struct http_server *http, *admin; /* http NULL: of several workers one that is not ready yet */
	int http_fd;
	uv_signal_t terminate, interrupt, reload_schema, reload_config;
	uv_timer_t finish_timer, retry_timer, take_over_timer;
	struct places *places;
	bool is_stopping, is_loading, is_stale; /* stale: asked for settings while they were being read */
};

/* Settings. */
static void load_settings(void *standalone);

static void renew_tokens(struct standalone *s)
{
	const struct pgrst *p = s->settings;
	tokens_free(s->front.tokens);
	s->front.tokens = NULL;
	if (p->keys != NULL)
		s->front.tokens = tokens_new(
		    &(struct tokens_settings){.keys = jwk_keys(p->keys),
					      .audience = p->jwt_audience,
					      .role_path = p->role_path,
					      .role = p->anon_role,
					      .remembered_max = p->token_cache_max > 0 ? p->token_cache_max : -1});
}

static bool start_http(struct standalone *s, struct err *err);

/* A predecessor, or another worker, answers until we can; who came to this worker's own socket waits there. */
static void take_over(void *standalone)
{
	struct standalone *s = standalone;
	struct err err;
	places_name(s->places, s->settings->unix_socket);
	(void)uv_timer_stop(&s->take_over_timer);
	if (s->http != NULL || s->is_stopping || start_http(s, &err)) return;
	log_error("freehold-backend: %s", err.msg);
	_exit(err_code_exit_status(err.code));
}

static void on_take_over_late(uv_timer_t *timer)
{
	take_over(timer->data);
}

static void start_rest(struct standalone *s)
{
	const struct pgrst *p = s->first = pgrst_get(s->settings);
	s->front.rest = rest_new(&s->loop, s->pool, &p->rest, p->channel_enabled ? p->db_uri : NULL);
	rest_on_notify(s->front.rest, load_settings, s);
	rest_on_ready(s->front.rest, take_over, s);
}

static void put_settings(void *settings)
{
	pgrst_put(settings);
}

static void take_settings(struct standalone *s, struct pgrst *newer)
{
	pgrst_put(s->settings);
	s->front.settings = s->settings = newer;
	log_set_level(newer->log_level);
	renew_tokens(s);
	if (s->front.rest != NULL) rest_configure(s->front.rest, &newer->rest, put_settings, pgrst_get(newer));
}

static void read_settings(struct standalone *s, const json_t *database)
{
	struct pgrst *newer = NULL;
	struct err err;
	if (pgrst_read(s->source->path, s->source->environment, database, &newer, &err)) {
		take_settings(s, newer);
	} else {
		log_error("freehold-backend: the former settings stay: %s", err.msg);
		if (s->front.rest != NULL) rest_reload(s->front.rest);
	}
	if (s->front.rest == NULL) start_rest(s);
}

static void on_retry(uv_timer_t *timer)
{
	load_settings(timer->data);
}

static void on_database_settings(void *arg, json_t *database, const struct err *why)
{
	struct standalone *s = arg;
	json_t *settings JSON_CLEANUP = database;
	bool is_away = why != NULL && (why->code == ERR_UNAVAILABLE || why->code == ERR_TIMEOUT);
	s->is_loading = false;
	if (s->is_stopping) return;
	if (why != NULL) log_error("freehold-backend: the database's settings could not be read: %s", why->msg);
	if (is_away && s->front.rest == NULL)
		(void)uv_timer_start(&s->retry_timer, on_retry, RETRY_MS, 0);
	else if (why != NULL && s->front.rest != NULL)
		rest_reload(s->front.rest);
	else
		read_settings(s, settings);
	if (s->is_stale) load_settings(s);
}

static void load_settings(void *standalone)
{
	struct standalone *s = standalone;
	s->is_stale = s->is_loading;
	if (s->is_loading || s->is_stopping) return;
	if (!s->settings->db_config) {
		read_settings(s, NULL);
		return;
	}
	s->is_loading = true;
	pgrst_database_load(s->pool, s->settings->pre_config, on_database_settings, s);
}

/* Servers. */
static void on_admin(void *arg, struct http_request *http)
{
	const struct standalone *s = arg;
	admin_answer(&(struct admin){.pool = s->pool,
				     .pool_max = s->pool_size,
				     .rest = s->front.rest,
				     .tokens = s->front.tokens,
				     .unix_socket = s->settings->unix_socket},
		     http);
}

static bool start_http(struct standalone *s, struct err *err)
{
	struct http_server_spec spec = {
	    .fd = s->http_fd, .body_max_bytes = REST_BODY_MAX_BYTES, .arena_max_bytes = ARENA_MAX_BYTES};
	struct http_handler handler = {.on_request = front_request, .arg = &s->front};
	return http_server_start(&s->loop, &spec, &handler, &s->http, err);
}

static bool start_admin(struct standalone *s, int admin_fd, struct err *err)
{
	struct http_server_spec spec = {.fd = admin_fd};
	struct http_handler handler = {.on_request = on_admin, .arg = s};
	return admin_fd < 0 || http_server_start(&s->loop, &spec, &handler, &s->admin, err);
}

/* The end. */
static void close_rest(struct standalone *s)
{
	s->is_stopping = true;
	/* First, since it answers what still runs, the reading of the schema among it. */
	pg_pool_stop(s->pool, NULL, NULL);
	rest_free(s->front.rest);
	uv_close((uv_handle_t *)&s->terminate, NULL);
	uv_close((uv_handle_t *)&s->interrupt, NULL);
	uv_close((uv_handle_t *)&s->reload_schema, NULL);
	uv_close((uv_handle_t *)&s->reload_config, NULL);
	uv_close((uv_handle_t *)&s->finish_timer, NULL);
	uv_close((uv_handle_t *)&s->retry_timer, NULL);
	uv_close((uv_handle_t *)&s->take_over_timer, NULL);
}

static void on_finish_late(uv_timer_t *timer)
{
	(void)timer;
	log_error("freehold-backend: requests did not end; leaving them");
	_exit(1);
}

static void on_closed(void *arg)
{
	close_rest(arg);
}

static void on_drained(void *arg)
{
	struct standalone *s = arg;
	(void)uv_timer_start(&s->finish_timer, on_finish_late, FINISH_MS, 0);
	if (s->admin != NULL) http_server_close(s->admin, NULL, NULL);
	if (s->http != NULL)
		http_server_close(s->http, on_closed, s);
	else
		close_rest(s);
}

static void on_stop(uv_signal_t *signal, int number)
{
	struct standalone *s = signal->data;
	if (s->is_stopping) return;
	s->is_stopping = true;
	log_info("freehold-backend: stopping (%s)", strsignal(number));
	if (s->http != NULL)
		http_server_drain(s->http, DRAIN_MS, on_drained, s);
	else
		on_drained(s);
}

/* SIGUSR1 is for the schema; settings that are in the database count with it. */
static void on_reload(uv_signal_t *signal, int number)
{
	struct standalone *s = signal->data;
	pg_pool_renew(s->pool);
	if (number == SIGUSR1 && !s->settings->db_config && s->front.rest != NULL)
		rest_reload(s->front.rest);
	else
		load_settings(s);
}

static void start_signal(struct standalone *s, uv_signal_t *handle, int number, uv_signal_cb on_signal)
{
	(void)uv_signal_init(&s->loop, handle);
	handle->data = s;
	(void)uv_signal_start(handle, on_signal, number);
}

static void start_signals(struct standalone *s)
{
	(void)signal(SIGPIPE, SIG_IGN);
	start_signal(s, &s->terminate, SIGTERM, on_stop);
	start_signal(s, &s->interrupt, SIGINT, on_stop);
	start_signal(s, &s->reload_schema, SIGUSR1, on_reload);
	start_signal(s, &s->reload_config, SIGUSR2, on_reload);
	(void)uv_timer_init(&s->loop, &s->finish_timer);
	(void)uv_timer_init(&s->loop, &s->retry_timer);
	(void)uv_timer_init(&s->loop, &s->take_over_timer);
	s->finish_timer.data = s->retry_timer.data = s->take_over_timer.data = s;
	if (s->places->is_unnamed || s->settings->workers > 1)
		(void)uv_timer_start(&s->take_over_timer, on_take_over_late, TAKE_OVER_MS, 0);
}

static int pool_share(const struct pgrst *p, int index)
{
	int share = p->pool_size / p->workers + (index < p->pool_size % p->workers);
	return share > 0 ? share : 1;
}

struct serving {
	const struct standalone_source *source;
	struct pgrst *settings;
	struct places places;
};

static int serve(void *arg, int index)
{
	static struct standalone s;
	struct err err;
	struct serving *serving = arg;
	struct pgrst *p = serving->settings;
	places_close_others(&serving->places, index);
	s.source = serving->source;
	s.places = &serving->places;
	s.front.settings = s.settings = pgrst_get(p);
	s.pool_size = pool_share(p, index);
	if (uv_loop_init(&s.loop) != 0) abort();
	start_signals(&s);
	renew_tokens(&s);
	s.pool = pg_pool_new(&s.loop, &(struct pg_pool_settings){
					  .conninfo = p->db_uri, .size = s.pool_size, .wait_ms = p->acquisition_ms});
	s.http_fd = serving->places.http[index];
	bool ok = (p->workers > 1 || start_http(&s, &err)) && start_admin(&s, serving->places.admin, &err);
	if (ok && p->db_config)
		load_settings(&s);
	else if (ok)
		start_rest(&s);
	else
		log_error("freehold-backend: %s", err.msg), close_rest(&s);
	(void)uv_run(&s.loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&s.loop);
	tokens_free(s.front.tokens);
	pgrst_put(s.settings);
	pgrst_put(s.first);
	return ok ? 0 : err_code_exit_status(err.code);
}

/* Nobody above the workers may hold a socket open that they have left. */
static void leave_places(void *serving)
{
	places_close_others(&((struct serving *)serving)->places, -1);
}

int standalone_serve(const struct standalone_source *source, struct pgrst *p)
{
	struct err err;
	struct serving serving = {.source = source, .settings = p};
	if (!places_open(p, &serving.places, &err)) {
		log_error("freehold-backend: %s", err.msg);
		return err_code_exit_status(err.code);
	}
	log_info("freehold-backend: serving in PostgREST's place, port %u, workers %d", p->server_port, p->workers);
	if (p->workers == 1) return serve(&serving, 0);
	return workers_run(
	    &(struct workers_spec){.count = p->workers, .work = serve, .on_stop = leave_places, .arg = &serving});
}
