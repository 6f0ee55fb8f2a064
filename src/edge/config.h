/* SPDX-License-Identifier: Apache-2.0
 *
 * The edge is one nginx with one generic server. Its configuration names no app: a request finds its app through the
 * links below hosts/, resolved at each request, so that a new app, a promotion, a rollback are a rename and never a
 * reload (a reload resets every busy keep-alive connection).
 *
 *     hosts/<host>          -> an app's folder, or a release's (a private name for looking at it before it is live)
 *     hosts/<host>/live     -> releases/<n>; a release's own `live` is itself
 *
 * What is served from a release folder:
 *
 *     public/               the build's output
 *     pages/200.html        the page for unknown paths, where the app routes in the browser (single-page apps)
 *     ../../assets/         fingerprinted files of this and earlier releases, for tabs still open
 *     backend.sock          -> the app's backend
 *
 * An app's own server comes in by a socket, where inside/<host> stands for hosts/<host>: it has the backend before its
 * app is live for the first time, and while a deployment tries it in an app that its owner stopped.
 *
 * By https the certificate is found by the name that the browser asks for, at each handshake (edge/tls.h); everything
 * else is one server for both. Where secured/<host> is there, a page asked for by http is sent to https; what scripts
 * ask of the backend is answered by both, since a redirect would lose a preflight.
 *
 * A page request resolves `live` once ($pin) and everything it serves comes from there; fingerprinted assets, the bulk
 * of all requests, come from assets/ without pinning, which halves nginx's rate. */
#ifndef FREEHOLD_EDGE_CONFIG_H
#define FREEHOLD_EDGE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct edge_settings {
	const char *home; /* <home>/edge; absolute */
	const char *run; /* <run>/edge: pid file and temporary files */
	const char *listen; /* "127.0.0.1:8080" */
	const char *tls_listen; /* "127.0.0.1:8443" */
	uint16_t tls_port; /* of it, where http is sent to https */
	const char *user; /* of the workers when the master is root; NULL otherwise */
	const char *modules; /* folder of nginx's dynamic modules */
	bool has_brotli;
	bool is_pinned; /* false only in a benchmark that shows what pinning costs */
};

/* Pure: the whole nginx.conf. Settings are ours, and still refused (false) when a text could break out of its place. */
bool edge_config(const struct edge_settings *e, struct buf *ret_text);

#endif
