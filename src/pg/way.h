/* SPDX-License-Identifier: Apache-2.0
 *
 * The addresses behind the host's name in a connection string. libpq would look the name up itself, and wait for it: as
 * long as the machine's resolver does, which is half a minute where none answers. And of several addresses it leaves
 * one only when that refuses: a path that swallows everything (IPv6 that is announced and leads nowhere) it never
 * leaves by itself. So names are looked up here, on one of libuv's threads, and libpq gets one address at a time, with
 * the name beside it for TLS. Which address is taken when is pg/link.h's and pg/conn.h's. */
#ifndef FREEHOLD_PG_WAY_H
#define FREEHOLD_PG_WAY_H

#include <libpq-fe.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

/* An address has so long to take the connection (not to answer it), when there is another one. */
#define PG_WAY_TCP_MS 1000

#define PG_WAY_NAME_SIZE 256
#define PG_WAY_PORT_SIZE 16

/* Is it an address (IPv4 or IPv6) and no name? */
bool pg_way_is_address(const char *host);

/* False: there is nothing to look up (a socket, an address, several hosts, or a string that libpq is to refuse). */
bool pg_way_name(const char *conninfo, char ret_name[PG_WAY_NAME_SIZE], char ret_port[PG_WAY_PORT_SIZE]);

/* The string as key='value' words, leading to this address; for free(). NULL: it cannot be read. */
char *pg_way_conninfo(const char *conninfo, const struct addrinfo *address);

/* Is the socket still being connected? */
bool pg_way_is_dialling(const PGconn *raw);

/* libpq's words, for what it then did not say. code: getaddrinfo's. */
bool pg_way_err(struct err *err, const char *name, int code);

/* On a loop: on_address comes later with the next address, or with NULL when none is left, which err tells of. */
struct pg_way;
typedef void (*pg_way_fn)(void *arg, const struct addrinfo *address, const struct err *err);
struct pg_way *pg_way_new(uv_loop_t *loop, const char *name, const char *port, pg_way_fn on_address, void *arg);

/* The one after that; NULL: that was the last. */
const struct addrinfo *pg_way_next(struct pg_way *way);
bool pg_way_has_next(const struct pg_way *way);

/* on_address comes no more. NULL is allowed. */
void pg_way_free(struct pg_way *way);

#endif
