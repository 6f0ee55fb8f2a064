/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/renewal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "pg/listen.h"

#define LISTEN_WAIT_MS 1000

/* Settings, held as long as a request goes by them. */
struct config {
	const struct rest_settings *settings;
	int references;
	void (*release)(void *arg);
	void *arg;
};

struct renewal {
	struct pg_pool *pool;
	struct config *config, *next; /* next: comes with the next catalogue; NULL: none */
	struct config *reading_for; /* what the catalogue being read is for */
	struct catalogue *catalogue; /* NULL until the first is read */
	struct pg_listener *listener;
	uv_timer_t listen_timer;
	bool awaits_listening, is_reading, is_stale; /* stale: asked to read again while reading */
	struct rest_stats stats;
	int64_t began_us;
	void (*on_read)(void *arg);
	void *read_arg;
	void (*on_notify)(void *arg); /* NULL: the catalogue is read */
	void *notify_arg;
};

static struct config *new_config(const struct rest_settings *settings, void (*release)(void *arg), void *arg)
{
	struct config *config = calloc(1, sizeof *config);
	if (config == NULL) abort();
	*config = (struct config){settings, 1, release, arg};
	return config;
}

/* NULL is allowed. */
static void put_config(void *arg)
{
	struct config *config = arg;
	if (config == NULL || --config->references > 0) return;
	if (config->release != NULL) config->release(config->arg);
	free(config);
}

static void take(struct renewal *r, struct catalogue *catalogue)
{
	catalogue_put(r->catalogue);
	r->catalogue = catalogue;
	r->stats.catalogue_loads++;
	r->stats.catalogue_load_s = (double)(clock_now_us() - r->began_us) / 1e6;
	if (r->reading_for == r->config) return;
	put_config(r->config);
	r->config = r->reading_for;
	r->config->references++;
	if (r->next != r->config) return;
	put_config(r->next);
	r->next = NULL;
}

static void on_catalogue(void *arg, struct catalogue *catalogue, const struct err *err)
{
	struct renewal *r = arg;
	r->is_reading = false;
	if (catalogue != NULL) {
		take(r, catalogue);
	} else {
		r->stats.catalogue_failures++;
		log_warn("rest: cannot read the database's schema: %s", err->msg);
	}
	put_config(r->reading_for);
	r->reading_for = NULL;
	r->on_read(r->read_arg);
	if (r->is_stale) renewal_begin(r);
}

void renewal_begin(struct renewal *r)
{
	if (r->awaits_listening) return;
	r->is_stale = r->is_reading;
	if (r->is_reading) return;
	r->is_reading = true;
	r->began_us = clock_now_us();
	r->reading_for = r->next != NULL ? r->next : r->config;
	r->reading_for->references++;
	const struct rest_settings *settings = r->reading_for->settings;
	catalogue_load(r->pool, settings->schemas, settings->schema_count, on_catalogue, r);
}

static void stop_waiting(struct renewal *r)
{
	r->awaits_listening = false;
	(void)uv_timer_stop(&r->listen_timer);
	renewal_begin(r);
}

static void on_listen_late(uv_timer_t *timer)
{
	stop_waiting(timer->data);
}

static void on_notification(void *arg, const char *payload)
{
	struct renewal *r = arg;
	bool is_config = payload != NULL && strcmp(payload, "reload config") == 0;
	bool is_schema = payload != NULL && strcmp(payload, "reload schema") == 0;
	if (payload == NULL && r->awaits_listening) {
		stop_waiting(r);
		return;
	}
	if (payload != NULL && payload[0] != '\0' && !is_config && !is_schema) return;
	/* What a role is set to counts from a connection's beginning. */
	if (payload != NULL) pg_pool_renew(r->pool);
	if (r->on_notify != NULL)
		r->on_notify(r->notify_arg);
	else if (!is_config)
		renewal_begin(r);
}

struct renewal *renewal_new(uv_loop_t *loop, struct pg_pool *pool, const struct rest_settings *settings,
			    const char *listen_conninfo, void (*on_read)(void *arg), void *arg)
{
	struct renewal *r = calloc(1, sizeof *r);
	if (r == NULL) abort();
	r->pool = pool;
	r->config = new_config(settings, NULL, NULL);
	r->on_read = on_read;
	r->read_arg = arg;
	if (listen_conninfo == NULL) {
		renewal_begin(r);
		return r;
	}
	const char *channel = settings->channel != NULL ? settings->channel : "pgrst";
	(void)uv_timer_init(loop, &r->listen_timer);
	r->listen_timer.data = r;
	r->awaits_listening = true;
	(void)uv_timer_start(&r->listen_timer, on_listen_late, LISTEN_WAIT_MS, 0);
	r->listener = pg_listener_new(loop, listen_conninfo, channel, on_notification, r);
	return r;
}

static void free_memory(uv_handle_t *timer)
{
	free(timer->data);
}

void renewal_free(struct renewal *r)
{
	struct pg_listener *listener = r->listener;
	pg_listener_stop(listener);
	catalogue_put(r->catalogue);
	put_config(r->reading_for);
	put_config(r->next);
	put_config(r->config);
	if (listener != NULL)
		uv_close((uv_handle_t *)&r->listen_timer, free_memory);
	else
		free(r);
}

bool renewal_is_under_way(const struct renewal *r)
{
	return r->is_reading || r->awaits_listening;
}

struct catalogue *renewal_catalogue(const struct renewal *r)
{
	return r->catalogue;
}

const struct rest_settings *renewal_settings(struct renewal *r, struct arena *a)
{
	r->config->references++;
	arena_defer(a, put_config, r->config);
	return r->config->settings;
}

void renewal_configure(struct renewal *r, const struct rest_settings *settings, void (*release)(void *arg), void *arg)
{
	put_config(r->next);
	r->next = new_config(settings, release, arg);
	renewal_begin(r);
}

void renewal_on_notify(struct renewal *r, void (*on_notify)(void *arg), void *arg)
{
	r->on_notify = on_notify;
	r->notify_arg = arg;
}

void renewal_stats(const struct renewal *r, struct rest_stats *ret_stats)
{
	ret_stats->catalogue_loads = r->stats.catalogue_loads;
	ret_stats->catalogue_failures = r->stats.catalogue_failures;
	ret_stats->catalogue_load_s = r->stats.catalogue_load_s;
	ret_stats->is_loading = renewal_is_under_way(r);
}
