/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends what the app's database asks for with net.http_get, http_post and http_delete, as pg_net does, by libcurl on
 * the event loop:
 *
 *     woken ─▶ claim ─▶ send (NET_AT_ONCE at a time) ─▶ record the answer ─▶ claim …        nothing waits ─▶ sleep
 *
 * Woken by its owner (net_wake) on NOTIFY, which comes when the transaction that asked has committed: what rolls back
 * is not sent. A request is claimed by one transaction, with a lease as long as it may take (freehold_jobs.request),
 * and sent once: when its sender dies meanwhile, nobody knows whether it arrived, and it is recorded so instead of sent
 * again. What was not claimed waits, through any death of backend or PostgreSQL. (pg_net keeps its tables unlogged and
 * loses both then.)
 *
 * What may be reached: jobs/egress.h. Redirects are followed, each checked. */
#ifndef FREEHOLD_JOBS_NET_H
#define FREEHOLD_JOBS_NET_H

#include <uv.h>

#include "http/multi.h"
#include "jobs/address.h"
#include "jobs/egress.h"
#include "pg/pool.h"

#define NET_AT_ONCE 16
#define NET_TIMEOUT_MAX_MS 300000 /* whatever a request asks for */
#define NET_ANSWER_MAX_BYTES (4u << 20) /* a longer one is an error */

struct net;

/* The pool is one of freehold_jobs. Pool and multi must outlive it. */
struct net *net_new(uv_loop_t *loop, struct pg_pool *pool, struct http_multi *multi);

/* Something may wait: NOTIFY freehold_jobs, "net". is_first: at the start, and after PostgreSQL was away. */
void net_wake(struct net *net, bool is_first);

/* Copied. Holds for requests begun from now on; none is begun before the first. */
void net_set(struct net *net, const struct address_map *map, const struct egress *egress);

/* Nothing more is begun; on_drained comes when what is under way has ended, or after wait_ms. */
void net_drain(struct net *net, int64_t wait_ms, void (*on_drained)(void *arg), void *arg);

/* Cuts what is under way. After the pool was stopped; gone when the loop has closed its handles. NULL is allowed. */
void net_stop(struct net *net);

#endif
