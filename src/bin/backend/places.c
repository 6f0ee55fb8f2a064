/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/places.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http/server.h"

#define BACKLOG 511

static bool listen_on(const struct addrinfo *at, bool is_shared, int *ret_fd)
{
	int yes = 1;
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) return false;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (is_shared) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
	/* Linux hands it on to what is accepted: else the end of an answer waits 40 ms for an ACK. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
		(void)close(fd);
		return false;
	}
	*ret_fd = fd;
	return true;
}

/* PostgREST's words for hosts: any of IPv4 or IPv6, or one. */
static bool listen_at(const char *host, uint16_t port, bool is_shared, int *ret_fd, struct err *err)
{
	bool is_any = host[0] == '*' || host[0] == '!';
	bool is_v4 = strcmp(host, "!4") == 0 || strcmp(host, "*4") == 0 || strcmp(host, "*") == 0;
	struct addrinfo hints = {.ai_family = is_any ? (is_v4 ? AF_INET : AF_INET6) : AF_UNSPEC,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE},
			*found = NULL;
	char service[8];
	(void)snprintf(service, sizeof service, "%u", port);
	int why = getaddrinfo(is_any ? NULL : host, service, &hints, &found);
	if (why != 0) return err_set(err, ERR_INVALID, "server-host %s: %s", host, gai_strerror(why));
	bool ok = false;
	for (const struct addrinfo *at = found; at != NULL && !ok; at = at->ai_next) {
		ok = listen_on(at, is_shared, ret_fd);
		if (!ok) (void)err_set_errno(err, "cannot listen on %s port %u", host, port);
	}
	freeaddrinfo(found);
	return ok;
}

static bool open_http(const struct pgrst *p, struct places *places, struct err *err)
{
	bool is_shared = p->workers > 1 || p->reuseport;
	for (; places->count < p->workers; places->count++) {
		int *fd = &places->http[places->count];
		if (p->unix_socket == NULL) {
			if (!listen_at(p->server_host, p->server_port, is_shared, fd, err)) return false;
		} else if (places->count == 0) {
			if (!http_listen_unix(p->unix_socket, p->unix_socket_mode, fd, err)) return false;
		} else {
			*fd = dup(places->http[0]);
			if (*fd < 0) return err_set_errno(err, "dup");
		}
	}
	return true;
}

/* Whoever took a port that another server has, without being told that it may, would take its visitors too. */
static bool is_free(const struct pgrst *p, struct err *err)
{
	int fd = -1;
	if (p->unix_socket != NULL || p->reuseport || p->workers == 1) return true;
	if (!listen_at(p->server_host, p->server_port, false, &fd, err)) return false;
	(void)close(fd);
	return true;
}

static bool name_if_free(const struct pgrst *p, struct places *places, struct err *err)
{
	places->is_unnamed = p->unix_socket != NULL && access(p->unix_socket, F_OK) == 0;
	return p->unix_socket == NULL || places->is_unnamed || http_name_unix(p->unix_socket, err);
}

void places_name(struct places *places, const char *path)
{
	struct err err;
	if (!places->is_unnamed) return;
	places->is_unnamed = false;
	if (!http_name_unix(path, &err) && err.code != ERR_NOT_FOUND) log_error("freehold-backend: %s", err.msg);
}

bool places_open(const struct pgrst *settings, struct places *ret_places, struct err *err)
{
	struct places places = {.admin = -1};
	bool ok = is_free(settings, err) && open_http(settings, &places, err);
	ok = ok && name_if_free(settings, &places, err);
	if (ok && settings->admin_port != 0)
		ok = listen_at(settings->admin_host, settings->admin_port, settings->reuseport, &places.admin, err);
	if (ok)
		*ret_places = places;
	else
		places_close_others(&places, -1);
	return ok;
}

void places_close_others(struct places *places, int index)
{
	for (int i = 0; i < places->count; i++) {
		if (i == index || places->http[i] < 0) continue;
		(void)close(places->http[i]);
		places->http[i] = -1;
	}
	if (index >= 0 || places->admin < 0) return;
	(void)close(places->admin);
	places->admin = -1;
}
