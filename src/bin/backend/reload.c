/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/reload.h"

#include "base/log.h"
#include "bin/backend/lovable.h"
#include "bin/backend/mailing.h"
#include "codec/json.h"

#define SETTLE_MS 20
#define RETRY_MS 1000

static json_t *s3_keys_of(const json_t *file)
{
	return json_object_get(json_object_get(file, "storage"), "s3_keys");
}

/* They are read as they stand; nobody else holds them. */
static void apply_s3_keys(struct reload *r, const json_t *file)
{
	const json_t *keys = s3_keys_of(file);
	if (r->gateway->storage == NULL || keys == r->s3_keys || (keys != NULL && json_equal(keys, r->s3_keys))) return;
	json_decref(r->s3_keys);
	r->s3_keys = json_incref(s3_keys_of(file));
	storage_s3_set(r->gateway->storage, keys, r->config->anon_key);
	log_info("backend: took the S3 keys of %s", r->path);
}

static void apply_jobs(struct reload *r, const struct backend_config *next)
{
	json_t *asked = json_object_get(next->file, "jobs");
	if (asked == r->asked || (asked != NULL && json_equal(asked, r->asked))) return;
	json_decref(r->asked);
	r->asked = json_incref(asked);
	jobs_set(r->jobs, next);
}

static void apply_lovable(struct reload *r, const struct backend_config *next)
{
	json_t *lovable = json_object_get(next->file, "lovable");
	if (lovable == r->lovable || (lovable != NULL && json_equal(lovable, r->lovable))) return;
	json_decref(r->lovable);
	r->lovable = json_incref(lovable);
	lovable_set(r->gateway, next);
}

static json_t *place_of(const json_t *file)
{
	return json_object_get(json_object_get(file, "storage"), "place");
}

static void apply_place(struct reload *r, const json_t *file)
{
	const json_t *place = place_of(file);
	struct err err;
	bool is_same = place == r->place || (place != NULL && r->place != NULL && json_equal(place, r->place));
	if (r->gateway->storage == NULL || is_same) return;
	if (!storage_place_set(r->gateway->storage, place, &err)) {
		log_error("backend: files stay where they were: %s", err.msg);
		return;
	}
	json_decref(r->place);
	r->place = json_incref(place_of(file));
	log_info("backend: took the new place of files of %s", r->path);
}

static void apply_sweep(const struct reload *r, const json_t *file)
{
	const json_t *sweep = json_object_get(json_object_get(file, "storage"), "sweep");
	if (sweep == NULL || r->gateway->storage == NULL) return;
	storage_sweep(r->gateway->storage, json_int(sweep, "asked", 0), json_int(sweep, "fix_s", -1));
}

static bool is_changed(const struct reload *r, const json_t *auth, const json_t *keys)
{
	bool is_same_auth = auth == r->auth || (auth != NULL && json_equal(auth, r->auth));
	bool is_same_keys = keys == r->keys || (keys != NULL && json_equal(keys, r->keys));
	return !is_same_auth || !is_same_keys;
}

static void remember(struct reload *r, const json_t *file)
{
	json_decref(r->auth);
	json_decref(r->keys);
	r->auth = json_incref(json_object_get(file, "auth"));
	r->keys = json_incref(json_object_get(file, "signing_keys"));
}

static void apply(struct reload *r)
{
	struct backend_config next;
	struct err err;
	if (!backend_config_read(r->path, &next, &err)) {
		log_error("backend: the settings stay as they were: %s", err.msg);
		return;
	}
	apply_s3_keys(r, next.file);
	apply_jobs(r, &next);
	apply_lovable(r, &next);
	apply_place(r, next.file);
	apply_sweep(r, next.file);
	if (!is_changed(r, json_object_get(next.file, "auth"), json_object_get(next.file, "signing_keys"))) {
		backend_config_done(&next);
		return;
	}
	remember(r, next.file);
	struct backend_config *config = r->config;
	struct auth_settings *old_auth = config->auth;
	struct keyring *old_keys = config->keys;
	config->auth = next.auth;
	config->keys = next.keys;
	callers_rekey(r->gateway->callers);
	auth_configure(r->gateway->auth, config->auth, config->keys, callers_tokens(r->gateway->callers));
	if (r->gateway->storage != NULL) storage_rekey(r->gateway->storage, config->keys);
	r->gateway->sends_mail = mailing_set(r->gateway->mail, config->auth);
	next.auth = old_auth;
	next.keys = old_keys;
	backend_config_done(&next);
	log_info("backend: took the new settings of %s", r->path);
}

static void on_change(uv_fs_event_t *event, const char *name, int events, int status)
{
	struct reload *r = event->data;
	(void)name, (void)events, (void)status;
	(void)uv_timer_start(&r->timer, r->timer.timer_cb, SETTLE_MS, 0);
}

/* The watch is on the file, which is another one after each change (the folder may not be read by the backend's user):
 * watched first, read then, so that no change is missed between the two. */
static void watch(struct reload *r)
{
	(void)uv_fs_event_stop(&r->event);
	int result = uv_fs_event_start(&r->event, on_change, r->path, 0);
	if (result == 0) return;
	log_error("backend: cannot watch %s: %s", r->path, uv_strerror(result));
	(void)uv_timer_start(&r->timer, r->timer.timer_cb, RETRY_MS, 0);
}

static void on_settled(uv_timer_t *timer)
{
	struct reload *r = timer->data;
	watch(r);
	apply(r);
}

void reload_start(struct reload *r, uv_loop_t *loop)
{
	(void)uv_fs_event_init(loop, &r->event);
	(void)uv_timer_init(loop, &r->timer);
	r->event.data = r->timer.data = r;
	remember(r, r->config->file);
	r->asked = json_incref(json_object_get(r->config->file, "jobs"));
	r->lovable = json_incref(json_object_get(r->config->file, "lovable"));
	r->s3_keys = json_incref(s3_keys_of(r->config->file));
	r->place = json_incref(place_of(r->config->file));
	(void)uv_timer_start(&r->timer, on_settled, 0, 0);
}

void reload_stop(struct reload *r)
{
	uv_close((uv_handle_t *)&r->event, NULL);
	uv_close((uv_handle_t *)&r->timer, NULL);
	json_decref(r->s3_keys);
	json_decref(r->place);
	json_decref(r->auth);
	json_decref(r->keys);
	json_decref(r->asked);
	json_decref(r->lovable);
}
