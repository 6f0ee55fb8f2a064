/* SPDX-License-Identifier: Apache-2.0 */
#include "http/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/private.h"

#define BACKLOG 1024
/* Request line and headers, and what is read and written at a time. libmicrohttpd maps anything above 32 KiB afresh for
 * each connection and clears all of it, and behind the edge each request is a connection: with 128 KiB the mapping
 * alone took twenty times as long as the answer. */
#define HEAD_MAX_BYTES (32u << 10)
#define RUNS_AT_ONCE 8 /* rounds of libmicrohttpd before the rest of the loop has its turn */
#define WATCH_AFTER_MS 250
/* A connection that nobody asks anything on is closed after so long; each answer until then says that it closes. */
#define IDLE_GRACE_MS 400

static bool path_is_short(const char *path, struct err *err)
{
	struct sockaddr_un address;
	if (strlen(path) + sizeof ".new" <= sizeof address.sun_path) return true;
	return err_set(err, ERR_LIMIT, "the socket path %s is longer than %zu bytes; choose a shorter folder", path,
		       sizeof address.sun_path - sizeof ".new");
}

/* Bound and listening before it gets its name, so that whoever connects by that name finds somebody there. */
bool http_listen_unix(const char *path, mode_t mode, int *ret_fd, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (!path_is_short(path, err)) return false;
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s.new", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) return err_set_errno(err, "socket");
	(void)unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || chmod(address.sun_path, mode) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		(void)err_set_errno(err, "listen on %s", path);
		(void)unlink(address.sun_path);
		(void)close(fd);
		return false;
	}
	*ret_fd = fd;
	return true;
}

bool http_name_unix(const char *path, struct err *err)
{
	char beside[sizeof((struct sockaddr_un *)NULL)->sun_path];
	(void)snprintf(beside, sizeof beside, "%s.new", path);
	if (rename(beside, path) == 0) return true;
	(void)err_set_errno(err, "listen on %s", path);
	(void)unlink(beside);
	return false;
}

static bool listen_unix(const char *path, mode_t mode, int *ret_fd, struct err *err)
{
	int fd = -1;
	if (!http_listen_unix(path, mode, &fd, err)) return false;
	if (!http_name_unix(path, err)) {
		(void)close(fd);
		return false;
	}
	*ret_fd = fd;
	return true;
}

static bool listen_tcp(uint16_t port, int *ret_fd, struct err *err)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1;
	if (fd < 0) return err_set_errno(err, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0) {
		(void)err_set_errno(err, "listen on 127.0.0.1:%u", port);
		(void)close(fd);
		return false;
	}
	*ret_fd = fd;
	return true;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;
	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0 || address.sin_family != AF_INET) return 0;
	return ntohs(address.sin_port);
}

static size_t leave_encoded(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls, (void)connection;
	return strlen(text);
}

static void on_connection(void *server, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	(void)context;
	struct http_server *s = server;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		s->open++;
		return;
	}
	s->open--;
	http_request_forget_head(s, connection);
}

__attribute__((format(printf, 2, 0))) static void on_mhd_log(void *server, const char *fmt, va_list args)
{
	(void)server;
	char text[512];
	(void)vsnprintf(text, sizeof text, fmt, args);
	log_debug("http: %s", text);
}

static bool start_daemon(struct http_server *s, const struct http_server_spec *spec, struct err *err)
{
	unsigned connections_max = spec->connections_max > 0 ? spec->connections_max : 6000;
	unsigned idle_timeout_s = spec->idle_timeout_s > 0 ? spec->idle_timeout_s : 75;
	s->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG, 0, NULL, NULL,
	    http_request_on_access, s, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, s, MHD_OPTION_LISTEN_SOCKET,
	    s->listen_fd, MHD_OPTION_CONNECTION_LIMIT, connections_max, MHD_OPTION_CONNECTION_TIMEOUT, idle_timeout_s,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MAX_BYTES, MHD_OPTION_URI_LOG_CALLBACK,
	    http_request_on_line, s, MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, s, MHD_OPTION_NOTIFY_COMPLETED,
	    http_request_on_done, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
	if (s->daemon == NULL)
		return err_set(err, ERR_UNAVAILABLE, "the HTTP server did not start (too few descriptors?)");
	return true;
}

static void on_timer(uv_timer_t *timer)
{
	http_server_kick(timer->data);
}

static void check_drained(struct http_server *s)
{
	void (*on_drained)(void *arg) = s->on_drained;
	int64_t now_ms = clock_now_ms();
	if (!s->is_draining || on_drained == NULL) return;
	bool is_idle = s->active == 0 && (s->open == 0 || now_ms >= s->drain_grace_ms);
	if (!is_idle && now_ms < s->drain_deadline_ms) return;
	(void)uv_timer_stop(&s->drain_timer);
	s->on_drained = NULL;
	on_drained(s->drained_arg);
}

/* Runs libmicrohttpd until it has nothing ready, but not for ever: the loop has other things to do. */
static void run(struct http_server *s)
{
	unsigned long long wait_ms = 0;
	bool has_timeout = true;
	s->is_kicked = false;
	for (int i = 0; i < RUNS_AT_ONCE && has_timeout && wait_ms == 0; i++) {
		(void)MHD_run(s->daemon);
		has_timeout = MHD_get_timeout(s->daemon, &wait_ms) == MHD_YES;
	}
	/* All connections have the same time-out, so that a running timer is never too late. */
	if (has_timeout && (wait_ms == 0 || !uv_is_active((uv_handle_t *)&s->timer)))
		(void)uv_timer_start(&s->timer, on_timer, wait_ms, 0);
	check_drained(s); /* which may be the end of s */
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status, (void)events;
	run(poll->data);
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct http_server *s = prepare->data;
	if (s->is_kicked) run(s);
}

static void on_check(uv_check_t *check)
{
	struct http_server *s = check->data;
	if (s->is_kicked) run(s);
}

/* Something was resumed: run, but not from inside whatever called us. */
void http_server_kick(struct http_server *s)
{
	s->is_kicked = true;
}

/* Most answers come within a millisecond and are not worth two epoll_ctl; a request that waits longer is watched. */
static void on_watch_timer(uv_timer_t *timer)
{
	struct http_server *s = timer->data;
	int64_t before_ms = clock_now_ms() - WATCH_AFTER_MS;
	bool is_anyone_left = false;
	for (struct http_request *req = s->requests; req != NULL; req = req->next) {
		if (!req->is_suspended || req->is_paused || req->watch != NULL || req->is_gone) continue;
		if (req->suspended_at_ms <= before_ms)
			http_request_watch(req);
		else
			is_anyone_left = true;
	}
	if (!is_anyone_left) (void)uv_timer_stop(timer);
}

void http_server_watch_later(struct http_server *s)
{
	if (uv_is_active((uv_handle_t *)&s->watch_timer)) return;
	(void)uv_timer_start(&s->watch_timer, on_watch_timer, WATCH_AFTER_MS, WATCH_AFTER_MS);
}

static void start_handles(struct http_server *s)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || uv_poll_init(s->loop, &s->poll, info->epoll_fd) != 0) abort();
	(void)uv_timer_init(s->loop, &s->timer);
	(void)uv_timer_init(s->loop, &s->watch_timer);
	(void)uv_timer_init(s->loop, &s->drain_timer);
	(void)uv_prepare_init(s->loop, &s->prepare);
	(void)uv_check_init(s->loop, &s->check);
	s->poll.data = s->timer.data = s->watch_timer.data = s->drain_timer.data = s->prepare.data = s->check.data = s;
	(void)uv_poll_start(&s->poll, UV_READABLE, on_poll);
	(void)uv_prepare_start(&s->prepare, on_prepare);
	(void)uv_check_start(&s->check, on_check);
	/* The descriptor keeps the loop alive; these would do so for nothing. */
	uv_unref((uv_handle_t *)&s->prepare);
	uv_unref((uv_handle_t *)&s->check);
	s->open_handles = 6;
}

bool http_server_start(uv_loop_t *loop, const struct http_server_spec *spec, const struct http_handler *handler,
		       struct http_server **ret_server, struct err *err)
{
	assert(handler->on_request != NULL);
	int fd = spec->fd;
	if (fd <= 0 && spec->socket_path != NULL) {
		if (!listen_unix(spec->socket_path, spec->socket_mode != 0 ? spec->socket_mode : 0600, &fd, err))
			return false;
	} else if (fd <= 0 && !listen_tcp(spec->tcp_port, &fd, err)) {
		return false;
	}
	struct http_server *s = calloc(1, sizeof *s);
	if (s == NULL) abort();
	s->loop = loop;
	s->listen_fd = fd;
	s->port = port_of(fd);
	s->handler = *handler;
	s->body_max = spec->body_max_bytes > 0 ? spec->body_max_bytes : 1u << 20;
	s->arena_max = spec->arena_max_bytes > 0 ? spec->arena_max_bytes : 1u << 20;
	if (!start_daemon(s, spec, err)) {
		(void)close(fd);
		free(s);
		return false;
	}
	start_handles(s);
	*ret_server = s;
	return true;
}

uint16_t http_server_port(const struct http_server *s)
{
	return s->port;
}

size_t http_server_active(const struct http_server *s)
{
	return s->active;
}

/* Who had connected before we stopped listening is still answered. */
static void accept_rest(struct http_server *s)
{
	struct pollfd waiting = {.fd = s->listen_fd, .events = POLLIN};
	for (int i = 0; i < BACKLOG && poll(&waiting, 1, 0) > 0; i++) (void)MHD_run(s->daemon);
}

static void stop_listening(struct http_server *s)
{
	if (s->listen_fd < 0) return;
	accept_rest(s);
	int fd = MHD_quiesce_daemon(s->daemon);
	if (fd >= 0) (void)close(fd);
	s->listen_fd = -1;
	http_server_kick(s);
}

static void on_drain_timer(uv_timer_t *timer)
{
	check_drained(timer->data);
}

/* Ended by the last request (in run), by the grace of connections that ask nothing, or by the deadline. */
void http_server_drain(struct http_server *s, int64_t deadline_ms, void (*on_drained)(void *arg), void *arg)
{
	s->is_draining = true;
	s->drain_deadline_ms = clock_now_ms() + deadline_ms;
	s->drain_grace_ms = clock_now_ms() + IDLE_GRACE_MS;
	s->on_drained = on_drained;
	s->drained_arg = arg;
	stop_listening(s);
	(void)uv_timer_start(&s->drain_timer, on_drain_timer, IDLE_GRACE_MS,
			     (uint64_t)(deadline_ms > 0 ? deadline_ms : 1));
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct http_server *s = handle->data;
	if (--s->open_handles > 0) return;
	void (*on_closed)(void *arg) = s->on_closed;
	void *arg = s->closed_arg;
	free(s);
	if (on_closed != NULL) on_closed(arg);
}

/* libmicrohttpd may not be stopped while anything is suspended; each request is then reported as done. */
static void cut_requests(struct http_server *s)
{
	for (struct http_request *req = s->requests; req != NULL; req = req->next) http_request_resume(req);
	MHD_stop_daemon(s->daemon);
	assert(s->requests == NULL);
}

void http_server_close(struct http_server *s, void (*on_closed)(void *arg), void *arg)
{
	s->on_closed = on_closed;
	s->closed_arg = arg;
	stop_listening(s);
	(void)uv_poll_stop(&s->poll);
	cut_requests(s);
	uv_close((uv_handle_t *)&s->poll, on_handle_closed);
	uv_close((uv_handle_t *)&s->timer, on_handle_closed);
	uv_close((uv_handle_t *)&s->watch_timer, on_handle_closed);
	uv_close((uv_handle_t *)&s->drain_timer, on_handle_closed);
	uv_close((uv_handle_t *)&s->prepare, on_handle_closed);
	uv_close((uv_handle_t *)&s->check, on_handle_closed);
}
