/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/edge.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/config.h"
#include "edge/names.h"
#include "edge/tls.h"
#include "http/client.h"

#define CONFIG_MAX_BYTES (64u * 1024)
#define MODULES_FOLDER "/usr/lib/nginx/modules"
#define ANSWER_MAX_BYTES (1u << 20)

static bool write_config(struct edge *e, const char *worker_user, struct err *err)
{
	char listen[80], tls_listen[80];
	struct buf text BUF_CLEANUP;
	buf_init(&text, CONFIG_MAX_BYTES);
	(void)snprintf(listen, sizeof listen, "%s:%u", e->address, e->port);
	(void)snprintf(tls_listen, sizeof tls_listen, "%s:%u", e->address, e->tls_port);
	struct edge_settings settings = {.home = e->home,
					 .run = e->run,
					 .listen = listen,
					 .tls_listen = tls_listen,
					 .tls_port = e->tls_port,
					 .user = worker_user,
					 .modules = MODULES_FOLDER,
					 .has_brotli = file_exists(MODULES_FOLDER "/ngx_http_brotli_filter_module.so"),
					 .is_pinned = true};
	if (!edge_config(&settings, &text))
		return err_set(err, ERR_INVALID,
			       "the edge cannot be configured: %s or %s has characters that nginx would misread",
			       e->home, listen);
	return file_write(e->config_path, buf_view(&text), 0644, err);
}

/* nginx would make it readable for everybody, and it says what all apps' visitors do. */
static bool keep_log_private(const struct edge *e, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!file_path(path, err, "%s/access.log", e->home)) return false;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = fd >= 0 && fchmod(fd, 0600) == 0;
	if (!ok) (void)err_set_errno(err, "%s", path);
	if (fd >= 0) (void)close(fd);
	return ok;
}

/* Whose the keys are. Before the daemon made that user there is none, and nothing of it either. */
static void find_worker(struct edge *e, const char *worker_user)
{
	const struct passwd *user = worker_user != NULL ? getpwnam(worker_user) : NULL;
	if (user == NULL) return;
	e->has_worker = true;
	e->worker_uid = user->pw_uid;
	e->worker_gid = user->pw_gid;
}

bool edge_prepare(const struct layout *l, const char *address, uint16_t port, uint16_t tls_port,
		  const char *worker_user, struct edge *ret_edge, struct err *err)
{
	struct edge e = {.port = port, .tls_port = tls_port};
	(void)snprintf(e.address, sizeof e.address, "%s", address);
	if (!layout_home(l, "edge", e.home, err) || !file_path(e.run, err, "%s/edge", l->run) ||
	    !file_path(e.socket, err, "%s/edge.sock", e.run) ||
	    !file_path(e.tls_socket, err, "%s/edge-tls.sock", e.run) ||
	    !file_path(e.authority_path, err, "%s/authority/authority.pem", e.home) ||
	    !file_path(e.config_path, err, "%s/nginx.conf", e.home))
		return false;
	(void)snprintf(e.nginx_path, sizeof e.nginx_path, "%s", "/usr/sbin/nginx");
	if (!file_exists(e.nginx_path))
		return err_set(err, ERR_UNAVAILABLE, "%s is not there; install nginx (apt-get install nginx-light)",
			       e.nginx_path);
	find_worker(&e, worker_user);
	if (!file_mkdirs(e.run, 0755, err) || !edge_tls_prepare(&e, err) || !write_config(&e, worker_user, err) ||
	    !keep_log_private(&e, err))
		return false;
	*ret_edge = e;
	return true;
}

void edge_app_host(const char *app, char ret_host[EDGE_HOST_SIZE])
{
	(void)snprintf(ret_host, EDGE_HOST_SIZE, "%s.localhost", app);
}

static void spell_url(const char *scheme, const char *app, unsigned port, unsigned usual, char ret_url[EDGE_HOST_SIZE])
{
	if (port == usual)
		(void)snprintf(ret_url, EDGE_HOST_SIZE, "%s://%s.localhost", scheme, app);
	else
		(void)snprintf(ret_url, EDGE_HOST_SIZE, "%s://%s.localhost:%u", scheme, app, port);
}

void edge_app_plain_url(const struct edge *e, const char *app, char ret_url[EDGE_HOST_SIZE])
{
	spell_url("http", app, e->port, 80, ret_url);
}

void edge_app_tls_url(const struct edge *e, const char *app, char ret_url[EDGE_HOST_SIZE])
{
	spell_url("https", app, e->tls_port, 443, ret_url);
}

void edge_app_url(const struct edge *e, const char *app, char ret_url[EDGE_HOST_SIZE])
{
	char host[EDGE_HOST_SIZE];
	edge_app_host(app, host);
	(edge_is_secured(e, host) ? edge_app_tls_url : edge_app_plain_url)(e, app, ret_url);
}

bool edge_name_path(const struct edge *e, const char *folder, const char *host, char ret_path[FILE_PATH_SIZE],
		    struct err *err)
{
	if (host[0] == '\0' || host[0] == '.' || strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") != strlen(host))
		return err_set(err, ERR_INVALID, "\"%.100s\" is not a host name", host);
	return file_path(ret_path, err, "%s/%s/%s", e->home, folder, host);
}

static bool set_name(const struct edge *e, const char *folder, const char *host, const char *target, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return edge_name_path(e, folder, host, path, err) && file_link_swap(target, path, err);
}

static bool unset_name(const struct edge *e, const char *folder, const char *host, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!edge_name_path(e, folder, host, path, err)) return false;
	return unlink(path) == 0 || errno == ENOENT || err_set_errno(err, "remove %s", path);
}

bool edge_host_set(const struct edge *e, const char *host, const char *target, struct err *err)
{
	return set_name(e, "hosts", host, target, err);
}

bool edge_host_unset(const struct edge *e, const char *host, struct err *err)
{
	return unset_name(e, "hosts", host, err);
}

bool edge_inside_set(const struct edge *e, const char *host, const char *target, struct err *err)
{
	return set_name(e, "inside", host, target, err);
}

bool edge_inside_unset(const struct edge *e, const char *host, struct err *err)
{
	return unset_name(e, "inside", host, err);
}

bool edge_set_stopped(const struct edge *e, const char *host, bool is_stopped, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!is_stopped) return unset_name(e, "stopped", host, err);
	return edge_name_path(e, "stopped", host, path, err) && file_write(path, STR(""), 0644, err);
}

bool edge_begin_pinned(const struct edge *e, const char *host, struct err *err)
{
	char folder[FILE_PATH_SIZE];
	return edge_name_path(e, "pinned", host, folder, err) && file_mkdirs(folder, 0755, err);
}

bool edge_set_pinned(const struct edge *e, const char *host, int64_t release, const char *target, struct err *err)
{
	char folder[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	if (!edge_name_path(e, "pinned", host, folder, err) ||
	    !file_path(path, err, "%s/%lld", folder, (long long)release))
		return false;
	if (target != NULL) return file_mkdirs(folder, 0755, err) && file_link_swap(target, path, err);
	return unlink(path) == 0 || errno == ENOENT || err_set_errno(err, "remove %s", path);
}

bool edge_unset_pinned(const struct edge *e, const char *host, struct err *err)
{
	char folder[FILE_PATH_SIZE];
	return edge_name_path(e, "pinned", host, folder, err) && file_remove_tree(folder, err);
}

bool edge_get(const struct edge *e, const char *host, const char *path, int64_t deadline_ms, long *ret_status,
	      struct buf *ret_body, struct err *err)
{
	char url[2048], door[80];
	struct buf body BUF_CLEANUP;
	struct http_answer answer;
	buf_init(&body, ANSWER_MAX_BYTES);
	struct http_call call = {.url = url, .host = host, .deadline_ms = deadline_ms};
	if (edge_is_secured(e, host)) {
		/* By the name, since that chooses the certificate. */
		(void)snprintf(url, sizeof url, "https://%s:%u%s", host, e->tls_port, path);
		(void)snprintf(door, sizeof door, "%s:%u", e->address, e->tls_port);
		call.tls_door = door;
	} else {
		(void)snprintf(url, sizeof url, "http://%s:%u%s", e->address, e->port, path);
	}
	if (!http_call(&call, &body, &answer, err)) return false;
	if (ret_body != NULL) buf_str(ret_body, buf_view(&body));
	*ret_status = answer.status;
	return true;
}
