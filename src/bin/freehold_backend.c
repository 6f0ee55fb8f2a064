/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold-backend --config FILE: what supabase-js speaks, for one app, in front of its PostgreSQL. FILE: see
 * bin/backend/config.h.
 * freehold-backend [OPTION] [FILE]: in PostgREST's place (bin/backend/options.h, bin/backend/pgrst.h).
 * One loop that never blocks. SIGTERM or SIGINT: no new connections, what runs is finished, exit 0; a successor that
 * was started before has the socket's name already, which it takes once it has read the schema. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/backend/config.h"
#include "bin/backend/gateway.h"
#include "bin/backend/jobs.h"
#include "bin/backend/live.h"
#include "bin/backend/lovable.h"
#include "bin/backend/mailing.h"
#include "bin/backend/options.h"
#include "bin/backend/reload.h"
#include "os/file.h"

#define DRAIN_MS 30000
#define SPREAD_MS 5000 /* over which live connections are sent away, so that they do not all come back at once */
#define LIVE_POOL_SIZE 4
#define FINISH_MS 5000 /* after the drain: for what the database still runs */
#define TAKE_OVER_MS 5000 /* a predecessor's name is taken at the latest then, the schema read or not */

struct backend {
	struct backend_config config;
	uv_loop_t loop;
	uv_signal_t terminate, interrupt;
	uv_timer_t finish_timer, take_over_timer;
	struct gateway gateway;
	struct http_server *server;
	struct reload reload;
	struct jobs jobs;
	bool is_stopping, is_finished;
	bool is_unnamed; /* a predecessor has the socket's name still, and answers */
	int draining;
};

static const char *const search_path[] = {"public", "extensions"};

static void finish(struct backend *b)
{
	if (b->is_finished) return;
	b->is_finished = true;
	/* First, since it answers what still runs, the reading of the schema among it. */
	mail_sender_stop(b->gateway.mail);
	jobs_stop(&b->jobs);
	pg_pool_stop(b->gateway.rest_pool, NULL, NULL);
	pg_pool_stop(b->gateway.auth_pool, NULL, NULL);
	pg_pool_stop(b->gateway.live_pool, NULL, NULL);
	realtime_stop(b->gateway.realtime);
	rest_free(b->gateway.rest);
	auth_free(b->gateway.auth);
	storage_free(b->gateway.storage);
	callers_free(b->gateway.callers);
	http_multi_stop(b->gateway.http);
	ai_stop(b->gateway.ai);
	reload_stop(&b->reload);
	uv_close((uv_handle_t *)&b->terminate, NULL);
	uv_close((uv_handle_t *)&b->interrupt, NULL);
	uv_close((uv_handle_t *)&b->finish_timer, NULL);
	uv_close((uv_handle_t *)&b->take_over_timer, NULL);
}

/* Comes from inside the last request's answer: let it return first. */
static void on_finish_now(uv_timer_t *timer)
{
	finish(timer->data);
}

static void on_idle(void *arg)
{
	struct backend *b = arg;
	(void)uv_timer_start(&b->finish_timer, on_finish_now, 0, 0);
}

static void on_finish_late(uv_timer_t *timer)
{
	struct backend *b = timer->data;
	log_error("backend: %zu requests did not end; leaving them", b->gateway.active);
	_exit(1);
}

static void on_server_closed(void *arg)
{
	struct backend *b = arg;
	if (b->gateway.active == 0) {
		finish(b);
		return;
	}
	(void)uv_timer_start(&b->finish_timer, on_finish_late, FINISH_MS, 0);
	b->gateway.idle_arg = b;
	b->gateway.on_idle = on_idle;
}

/* The server's requests, the live connections and the jobs are drained side by side. */
static void on_drained(void *arg)
{
	struct backend *b = arg;
	if (--b->draining == 0) http_server_close(b->server, on_server_closed, b);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct backend *b = handle->data;
	struct err ignored;
	if (b->is_stopping) return;
	b->is_stopping = true;
	(void)mail_sender_set(b->gateway.mail, NULL, &ignored); /* what is under way has the drain to end in */
	log_info("backend: stopping (%s), %zu requests under way", strsignal(number), http_server_active(b->server));
	b->draining = 3;
	jobs_drain(&b->jobs, on_drained, b);
	realtime_drain(b->gateway.realtime, SPREAD_MS, on_drained, b);
	http_server_drain(b->server, DRAIN_MS, on_drained, b);
}

static void start_signals(struct backend *b)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)uv_signal_init(&b->loop, &b->terminate);
	(void)uv_signal_init(&b->loop, &b->interrupt);
	(void)uv_timer_init(&b->loop, &b->finish_timer);
	(void)uv_timer_init(&b->loop, &b->take_over_timer);
	b->terminate.data = b->interrupt.data = b->finish_timer.data = b->take_over_timer.data = b;
	(void)uv_signal_start(&b->terminate, on_signal, SIGTERM);
	(void)uv_signal_start(&b->interrupt, on_signal, SIGINT);
}

static struct pg_pool *pool_of(struct backend *b, const char *conninfo, int size)
{
	return pg_pool_new(&b->loop, &(struct pg_pool_settings){.conninfo = conninfo, .size = size > 0 ? size : 1});
}

static void start_parts(struct backend *b, struct rest_settings *rest_settings)
{
	const struct backend_config *c = &b->config;
	struct gateway *g = &b->gateway;
	*rest_settings = (struct rest_settings){.schemas = c->schemas,
						.schema_count = c->schema_count,
						.extra_search_path = search_path,
						.extra_search_path_count = 2,
						.max_rows = c->max_rows};
	g->loop = &b->loop;
	g->callers = callers_new(c);
	g->rest_pool = pool_of(b, c->rest_database, c->pool_size);
	g->auth_pool = pool_of(b, c->auth_database, c->pool_size / 2);
	int live = c->pool_size < LIVE_POOL_SIZE ? c->pool_size : LIVE_POOL_SIZE;
	g->live_pool = pg_pool_new(
	    &b->loop,
	    &(struct pg_pool_settings){.conninfo = c->rest_database, .size = live, .queue_max = REALTIME_CLIENTS_MAX});
	g->realtime = live_new(g, c->realtime_database);
	g->rest = rest_new(&b->loop, g->rest_pool, rest_settings, c->rest_database);
	g->http = http_multi_new(&b->loop);
	g->mail = mail_sender_new(&b->loop, g->auth_pool, c->auth_database);
	g->sends_mail = mailing_set(g->mail, c->auth);
	g->ai = ai_new(&b->loop);
	lovable_set(g, c);
	g->auth =
	    auth_new(&b->loop, g->auth_pool,
		     &(struct auth_spec){
			 .settings = c->auth, .keys = c->keys, .tokens = callers_tokens(g->callers), .http = g->http});
	jobs_start(&b->jobs, &b->loop, c);
}

/* The helper lies beside us. */
static const char *image_helper(char path[FILE_PATH_SIZE])
{
	char self[FILE_PATH_SIZE];
	struct err ignored;
	char *slash;
	if (!file_link_read("/proc/self/exe", self, &ignored) || (slash = strrchr(self, '/')) == NULL) return NULL;
	*slash = '\0';
	return file_path(path, &ignored, "%s/freehold-image", self) && file_exists(path) ? path : NULL;
}

static bool start_storage(struct backend *b, struct err *err)
{
	const struct backend_config *c = &b->config;
	char helper[FILE_PATH_SIZE];
	struct storage_spec spec = {.folder = c->storage_folder,
				    .image_helper = image_helper(helper),
				    .keys = c->keys,
				    .http = b->gateway.http,
				    .place = c->place,
				    .file_max_bytes = c->storage_file_max,
				    .reserve_bytes = c->storage_reserve};
	if (c->storage_folder == NULL) return true;
	if (!storage_new(&b->loop, b->gateway.rest_pool, &spec, &b->gateway.storage, err)) return false;
	storage_s3_set(b->gateway.storage, c->s3_keys, c->anon_key);
	return true;
}

static void say_listening(const struct backend *b)
{
	log_info("backend: listening on %s", json_string_value(json_object_get(b->config.file, "listen")));
}

static void take_over(void *backend)
{
	struct backend *b = backend;
	struct err err;
	if (!b->is_unnamed) return;
	b->is_unnamed = false;
	(void)uv_timer_stop(&b->take_over_timer);
	if (http_name_unix(b->config.listen_path, &err))
		say_listening(b);
	else
		log_error("backend: %s", err.msg);
}

static void on_take_over_late(uv_timer_t *timer)
{
	take_over(timer->data);
}

/* A predecessor goes on answering by the name until the schema is read; where there is none, visitors wait here. */
static bool listen_here(struct backend *b, int *ret_fd, struct err *err)
{
	const struct backend_config *c = &b->config;
	if (c->listen_path == NULL) {
		say_listening(b);
		return true;
	}
	if (!http_listen_unix(c->listen_path, c->listen_mode, ret_fd, err)) return false;
	b->is_unnamed = true;
	if (access(c->listen_path, F_OK) != 0) {
		take_over(b);
		return true;
	}
	rest_on_ready(b->gateway.rest, take_over, b);
	(void)uv_timer_start(&b->take_over_timer, on_take_over_late, TAKE_OVER_MS, 0);
	return true;
}

static bool start_server(struct backend *b, struct err *err)
{
	struct http_handler handler = gateway_handler(&b->gateway);
	struct http_server_spec spec = {.tcp_port = b->config.listen_port,
					.body_max_bytes = GATEWAY_BODY_MAX_BYTES,
					.arena_max_bytes = GATEWAY_ARENA_MAX_BYTES};
	return listen_here(b, &spec.fd, err) && http_server_start(&b->loop, &spec, &handler, &b->server, err);
}

static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve(struct backend *b)
{
	struct rest_settings rest_settings;
	struct err err;
	if (uv_loop_init(&b->loop) != 0) abort();
	raise_descriptors();
	(void)umask(0027); /* the edge reads files by their group */
	start_signals(b);
	start_parts(b, &rest_settings);
	reload_start(&b->reload, &b->loop);
	bool ok = start_storage(b, &err) && start_server(b, &err);
	if (!ok) log_error("backend: %s", err.msg), finish(b);
	(void)uv_run(&b->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&b->loop);
	if (ok) log_info("backend: stopped");
	return ok ? 0 : err_code_exit_status(err.code);
}

static int run_standalone(enum option option, const char *path)
{
	struct standalone_source source = {path, (const char *const *)environ};
	struct pgrst *settings = NULL;
	struct err err;
	raise_descriptors();
	if (!pgrst_read(path, source.environment, NULL, &settings, &err)) {
		log_error("freehold-backend: %s", err.msg);
		return err_code_exit_status(err.code);
	}
	log_set_level(settings->log_level);
	int status =
	    option == OPTION_SERVE ? standalone_serve(&source, settings) : options_run(option, &source, settings);
	pgrst_put(settings);
	return status;
}

int main(int argc, char **argv)
{
	static struct backend backend;
	struct err err;
	if (argc != 3 || strcmp(argv[1], "--config") != 0) {
		const char *path;
		enum option option = options_read(argc, argv, &path);
		if (option == OPTION_DONE || option == OPTION_WRONG) return option == OPTION_DONE ? 0 : 2;
		return run_standalone(option, path);
	}
	if (!backend_config_read(argv[2], &backend.config, &err)) {
		log_error("backend: %s", err.msg);
		return err_code_exit_status(err.code);
	}
	log_set_level(backend.config.log_level);
	backend.reload = (struct reload){
	    .path = argv[2], .config = &backend.config, .gateway = &backend.gateway, .jobs = &backend.jobs};
	int status = serve(&backend);
	backend_config_done(&backend.config);
	return status;
}
