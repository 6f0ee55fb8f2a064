/* SPDX-License-Identifier: Apache-2.0
 *
 * https of the apps: whose certificate, whether http leads there, and the authority that signs where nobody else did.
 */
#include "api/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/routes.h"
#include "api/worker.h"
#include "app/signin.h"
#include "app/web.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "edge/tls.h"
#include "release/release.h"
#include "store/deployment.h"

#define DAY_MS (24ULL * 3600 * 1000)

static json_t *time_json(int64_t wall_ms)
{
	char text[CLOCK_ISO8601_SIZE];
	clock_iso8601(wall_ms, text);
	return json_string(text);
}

/* One app's trouble is not the others'. */
static bool renew(void *arg, const struct app *app, struct err *err)
{
	const struct daemon *d = arg;
	char host[EDGE_HOST_SIZE];
	struct certificate c;
	struct err why;
	bool is_given = false;
	int64_t now_ms = clock_wall_ms();
	(void)err;
	edge_app_host(app->name, host);
	if (!edge_certificate_ensure(&d->flow.edge, host, now_ms, &why))
		log_error("%s: %s", app->name, why.msg);
	else if (edge_certificate_get(&d->flow.edge, host, &c, &is_given, &why) && is_given &&
		 c.until_ms - now_ms < (int64_t)(CERTIFICATE_RENEW_DAYS / 2 * DAY_MS))
		log_warn("%s: your certificate ends in %lld days; freehold tls %s set gives a new one", app->name,
			 (long long)((c.until_ms - now_ms) / (int64_t)DAY_MS), app->name);
	return true;
}

static void on_day(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	struct err err;
	if (!app_each(d->flow.db, renew, d, &err)) log_error("%s", err.msg);
}

void tls_watch(struct daemon *d)
{
	(void)uv_timer_init(&d->loop, &d->certificates);
	d->certificates.data = d;
	uv_unref((uv_handle_t *)&d->certificates);
	(void)uv_timer_start(&d->certificates, on_day, DAY_MS, DAY_MS);
	on_day(&d->certificates);
}

void route_trust(struct route_call *c)
{
	const struct edge *e = &c->d->flow.edge;
	struct buf text BUF_CLEANUP;
	struct certificate authority;
	struct err err;
	buf_init(&text, CERTIFICATE_MAX_BYTES);
	if (!file_read(e->authority_path, &text, &err) || !certificate_read(buf_view(&text), NULL, &authority, &err)) {
		reply_error(c->req, &err);
		return;
	}
	reply_json(c->req, 200,
		   json_pack("{s:s, s:s, s:s, s:s, s:o}", "certificate", buf_cstr(&text), "path", e->authority_path,
			     "name", authority.issuer, "fingerprint", authority.fingerprint, "until",
			     time_json(authority.until_ms)));
}

static bool open_host(struct route_call *c, char ret_host[EDGE_HOST_SIZE], struct err *err)
{
	struct app app;
	edge_app_host(c->app, ret_host);
	return app_get(c->d->flow.db, c->app, &app, err) && worker_check_not_ending(c->d, c->app, err) &&
	       edge_certificate_ensure(&c->d->flow.edge, ret_host, clock_wall_ms(), err);
}

static bool has_server(struct route_call *c)
{
	char dir[FILE_PATH_SIZE];
	int64_t live = 0;
	struct err ignored;
	return layout_app(&c->d->flow.layout, c->app, "", dir, &ignored) && release_live(dir, &live, &ignored) &&
	       live != 0 && web_is_there(dir, live);
}

static void reply_tls(struct route_call *c, const char *host)
{
	const struct edge *e = &c->d->flow.edge;
	struct certificate found;
	struct err err;
	char url[EDGE_HOST_SIZE];
	bool is_given = false;
	if (!edge_certificate_get(e, host, &found, &is_given, &err)) {
		reply_error(c->req, &err);
		return;
	}
	edge_app_tls_url(e, c->app, url);
	reply_json(c->req, 200,
		   json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:b}", "url", url, "certificate",
			     is_given ? "yours" : "local", "names", found.names, "issuer", found.issuer, "fingerprint",
			     found.fingerprint, "from", time_json(found.from_ms), "until", time_json(found.until_ms),
			     "redirect", edge_is_secured(e, host), "has_server", has_server(c)));
}

void route_tls(struct route_call *c)
{
	char host[EDGE_HOST_SIZE];
	struct err err;
	if (open_host(c, host, &err))
		reply_tls(c, host);
	else
		reply_error(c->req, &err);
}

void route_tls_put(struct route_call *c)
{
	char host[EDGE_HOST_SIZE];
	struct err err;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	bool ok = open_host(c, host, &err) &&
		  edge_certificate_set(&c->d->flow.edge, host, str_from(json_str(body, "certificate", "")),
				       str_from(json_str(body, "key", "")), clock_wall_ms(), &err);
	json_decref(body);
	if (ok)
		reply_tls(c, host);
	else
		reply_error(c->req, &err);
}

void route_tls_delete(struct route_call *c)
{
	char host[EDGE_HOST_SIZE];
	struct err err;
	if (open_host(c, host, &err) && edge_certificate_reset(&c->d->flow.edge, host, clock_wall_ms(), &err))
		reply_tls(c, host);
	else
		reply_error(c->req, &err);
}

/* Sending everybody to https or not: the app's address changes with it, which is in mails and sign-in at once, then in
 * the pages of its releases; its server reads it when it starts next. */

static void on_bound(void *arg, bool is_ok, struct str output)
{
	struct route_call *c = arg;
	json_t *answer JSON_CLEANUP = NULL;
	char host[EDGE_HOST_SIZE];
	struct err err, ignored;
	edge_app_host(c->app, host);
	if (is_ok) {
		reply_tls(c, host);
	} else {
		bool is_read = json_parse(output, &answer, &ignored);
		(void)err_set(&err, is_read ? (enum err_code)json_int(answer, "error", ERR_FAILED) : ERR_FAILED,
			      "%s has another address, but its pages have the former one still (%.300s); deploy it "
			      "again",
			      c->app, is_read ? json_str(answer, "message", "") : "the process that writes it died");
		reply_error(c->req, &err);
	}
	free(c);
}

static bool set_redirect(struct route_call *c, bool is_on, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	int64_t running = 0;
	if (!open_host(c, host, err) || !deployment_running(c->d->flow.db, c->app, &running, err)) return false;
	if (running != 0)
		return err_set(err, ERR_CONFLICT, "%s is being deployed (deployment %lld); wait for it", c->app,
			       (long long)running);
	return edge_set_secured(&c->d->flow.edge, host, is_on, err) && signin_apply(&c->d->flow, c->app, err);
}

void route_tls_redirect(struct route_call *c)
{
	struct err err;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	bool is_on = json_bool(body, "on", false);
	json_decref(body);
	if (!set_redirect(c, is_on, &err)) {
		reply_error(c->req, &err);
		return;
	}
	struct route_call *later = malloc(sizeof *later);
	if (later == NULL) abort();
	*later = *c;
	if (worker_bind(c->d, c->app, on_bound, later, &err)) return;
	reply_error(c->req, &err);
	free(later);
}
