/* SPDX-License-Identifier: Apache-2.0
 *
 * The edge on this machine: its files, the nginx to run, the links that give an app its address, and asking it what a
 * visitor would get. The supervisor runs it; nothing here starts or stops a process. */
#ifndef FREEHOLD_EDGE_EDGE_H
#define FREEHOLD_EDGE_EDGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/layout.h"

#define EDGE_HOST_SIZE 256

struct edge {
	char home[FILE_PATH_SIZE]; /* <home>/edge */
	char run[FILE_PATH_SIZE];
	char socket[FILE_PATH_SIZE]; /* the door of apps' servers, which have no way to the port */
	char tls_socket[FILE_PATH_SIZE]; /* the same with TLS */
	char authority_path[FILE_PATH_SIZE]; /* certificate of the local authority (edge/tls.h) */
	char config_path[FILE_PATH_SIZE];
	char nginx_path[FILE_PATH_SIZE];
	char address[64]; /* "127.0.0.1" */
	uint16_t port, tls_port;
	bool has_worker; /* nginx's workers are another user, whose the keys of hosts are */
	uid_t worker_uid;
	gid_t worker_gid;
};

/* Writes nginx.conf and makes the folders. worker_user NULL: the caller's own. */
bool edge_prepare(const struct layout *l, const char *address, uint16_t port, uint16_t tls_port,
		  const char *worker_user, struct edge *ret_edge, struct err *err);

/* "<app>.localhost", and its URLs "http://<app>.localhost:8080" and "https://<app>.localhost:8443". edge_app_url: the
 * one that the app goes by; https where the owner sends everybody there. */
void edge_app_host(const char *app, char ret_host[EDGE_HOST_SIZE]);
void edge_app_url(const struct edge *e, const char *app, char ret_url[EDGE_HOST_SIZE]);
void edge_app_plain_url(const struct edge *e, const char *app, char ret_url[EDGE_HOST_SIZE]);
void edge_app_tls_url(const struct edge *e, const char *app, char ret_url[EDGE_HOST_SIZE]);

/* hosts/<host> -> target (a folder of an app or of a release), one rename; and away again. */
bool edge_host_set(const struct edge *e, const char *host, const char *target, struct err *err);
bool edge_host_unset(const struct edge *e, const char *host, struct err *err);

/* inside/<host> -> target: the same for what apps' servers ask at e->socket. */
bool edge_inside_set(const struct edge *e, const char *host, const char *target, struct err *err);
bool edge_inside_unset(const struct edge *e, const char *host, struct err *err);

/* Every visitor of the host gets 503 and the reason while it is stopped. */
bool edge_set_stopped(const struct edge *e, const char *host, bool is_stopped, struct err *err);

/* pinned/<host>/<release> -> target: tabs that were loaded from this release get it for what they ask of the app's
 * server. target NULL takes it away: they get the live one. While a host has a folder here (edge_begin_pinned), the
 * edge gives its pages the cookie that tells; edge_unset_pinned takes all of it away. */
bool edge_begin_pinned(const struct edge *e, const char *host, struct err *err);
bool edge_set_pinned(const struct edge *e, const char *host, int64_t release, const char *target, struct err *err);
bool edge_unset_pinned(const struct edge *e, const char *host, struct err *err);

/* What the edge answers for GET path with this Host, by https where visitors are sent to that. ret_body may be NULL.
 * Waits at most deadline_ms. */
bool edge_get(const struct edge *e, const char *host, const char *path, int64_t deadline_ms, long *ret_status,
	      struct buf *ret_body, struct err *err);

#endif
