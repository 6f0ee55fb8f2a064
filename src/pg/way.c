/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/way.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/conn.h"

#define DEFAULT_PORT "5432"
#define WORDS_EXTRA 256 /* of the address and the quotes that it needs */

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
		if (strcmp(o->keyword, keyword) == 0) return o->val != NULL ? o->val : "";
	return "";
}

bool pg_way_is_address(const char *host)
{
	unsigned char ignored[16];
	return inet_pton(AF_INET, host, ignored) == 1 || inet_pton(AF_INET6, host, ignored) == 1;
}

static bool has_name(const PQconninfoOption *options)
{
	const char *host = value_of(options, "host");
	return value_of(options, "hostaddr")[0] == '\0' && host[0] != '\0' && host[0] != '/' && host[0] != '@' &&
	       strchr(host, ',') == NULL && strlen(host) < PG_WAY_NAME_SIZE && !pg_way_is_address(host);
}

bool pg_way_name(const char *conninfo, char ret_name[PG_WAY_NAME_SIZE], char ret_port[PG_WAY_PORT_SIZE])
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	if (options == NULL) return false;
	bool has = has_name(options);
	const char *port = value_of(options, "port");
	(void)snprintf(ret_name, PG_WAY_NAME_SIZE, "%s", value_of(options, "host"));
	(void)snprintf(ret_port, PG_WAY_PORT_SIZE, "%s", port[0] != '\0' ? port : DEFAULT_PORT);
	PQconninfoFree(options);
	return has;
}

char *pg_way_conninfo(const char *conninfo, const struct addrinfo *address)
{
	char text[NI_MAXHOST];
	struct err ignored;
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	if (options == NULL) return NULL;
	size_t size = 2 * strlen(conninfo) + WORDS_EXTRA + NI_MAXHOST;
	char *words = calloc(1, size);
	if (words == NULL) abort();
	bool ok = getnameinfo(address->ai_addr, address->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0;
	for (const PQconninfoOption *o = options; ok && o->keyword != NULL; o++)
		ok = o->val == NULL || pg_conninfo_add(words, size, o->keyword, o->val, &ignored);
	ok = ok && pg_conninfo_add(words, size, "hostaddr", text, &ignored);
	PQconninfoFree(options);
	if (ok) return words;
	free(words);
	return NULL;
}

bool pg_way_is_dialling(const PGconn *raw)
{
	ConnStatusType status = PQstatus(raw);
	return status == CONNECTION_NEEDED || status == CONNECTION_STARTED;
}

bool pg_way_err(struct err *err, const char *name, int code)
{
	return err_set(err, ERR_UNAVAILABLE,
		       PG_CANNOT_CONNECT "could not translate host name \"%.200s\" to address: %s", name,
		       gai_strerror(code));
}

struct pg_way {
	uv_getaddrinfo_t request;
	char name[PG_WAY_NAME_SIZE];
	struct addrinfo *list, *at;
	pg_way_fn on_address; /* NULL: nobody asks any more */
	void *arg;
	bool is_looking;
};

static void drop(struct pg_way *way)
{
	uv_freeaddrinfo(way->list);
	free(way);
}

/* libuv's numbers are the system's with another sign and order; both have these three. */
static int system_code(int status)
{
	if (status == UV_EAI_AGAIN || status == UV_ETIMEDOUT) return EAI_AGAIN;
	if (status == UV_EAI_FAIL) return EAI_FAIL;
	return status == UV_EAI_MEMORY ? EAI_MEMORY : EAI_NONAME;
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct pg_way *way = request->data;
	struct err err;
	way->is_looking = false;
	way->list = way->at = list;
	if (way->on_address == NULL) {
		drop(way);
	} else if (status == 0 && list != NULL) {
		way->on_address(way->arg, list, NULL);
	} else {
		(void)pg_way_err(&err, way->name, system_code(status));
		way->on_address(way->arg, NULL, &err);
	}
}

struct pg_way *pg_way_new(uv_loop_t *loop, const char *name, const char *port, pg_way_fn on_address, void *arg)
{
	const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
	struct pg_way *way = calloc(1, sizeof *way);
	if (way == NULL) abort();
	way->request.data = way;
	way->on_address = on_address;
	way->arg = arg;
	(void)snprintf(way->name, sizeof way->name, "%s", name);
	way->is_looking = uv_getaddrinfo(loop, &way->request, on_found, name, port, &wanted) == 0;
	return way;
}

bool pg_way_has_next(const struct pg_way *way)
{
	return way->at != NULL && way->at->ai_next != NULL;
}

const struct addrinfo *pg_way_next(struct pg_way *way)
{
	if (way->at != NULL) way->at = way->at->ai_next;
	return way->at;
}

void pg_way_free(struct pg_way *way)
{
	if (way == NULL) return;
	way->on_address = NULL;
	if (way->is_looking)
		(void)uv_cancel((uv_req_t *)&way->request); /* on_found comes, now or when the resolver is through */
	else
		drop(way);
}
