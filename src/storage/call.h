/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a call. storage_handle finds its route, reads its body, and calls the route's function; from there a flow
 * goes on in steps:
 *
 *     step_* puts work under way ─▶ on_* takes what came of it ─▶ … ─▶ exactly one end
 *
 *     work:  storage_run (the statements in call->batch: one pipeline, one transaction), the files of files.h
 *     ends:  storage_answer, storage_fail, storage_end
 *            what was changed (storage_changes) is acknowledged when the edge has nothing of it any more (given.h)
 *
 * A pipeline begins under a role: storage_as_caller, whom row security judges, or storage_as_service, who may all. Both
 * may come in one pipeline, and what follows each runs as it says.
 *
 * Everything lives in the request's arena, which stays until the end. While a body comes the call may be abandoned: a
 * pipeline runs only while the body is held up, and the files hold what is theirs themselves. */
#ifndef FREEHOLD_STORAGE_CALL_H
#define FREEHOLD_STORAGE_CALL_H

#include <jansson.h>
#include <libpq-fe.h>

#include "base/err.h"
#include "pg/batch.h"
#include "storage/files.h"
#include "storage/given.h"
#include "storage/name.h"
#include "storage/problem.h"
#include "storage/route.h"
#include "storage/storage.h"

struct work;
struct hold;
struct s3_call;

struct storage {
	uv_loop_t *loop;
	struct pg_pool *pool;
	const struct keyring *keys;
	struct files *files;
	uint64_t file_max, reserve;
	size_t calls; /* under way */
	struct sweep *sweep;
	struct renderer *renderer; /* NULL: pictures are not made */
	struct place *place;
	struct given given;
	json_t *s3_keys; /* a list */
	char *anon_key;
};

/* An object that other readers than the caller had, or all of a bucket. */
struct storage_change {
	const char *bucket, *key; /* key NULL: all */
	struct storage_change *next;
};

struct storage_call {
	struct storage *storage;
	struct storage_request request;
	struct arena *arena; /* the request's */
	const struct storage_route *route;
	const char *bucket, *key; /* of the path, checked; "" where it has none */
	json_t *body; /* an object where the route has one, else NULL */
	const char *role, *claims;
	const char *owner; /* sub of the claims; NULL: none */
	void *flow; /* the flow's own */
	struct work *upload; /* upload.c's */
	struct s3_call *s3; /* NULL: not by S3's protocol */
	storage_reply_fn done;
	void *arg;

	struct pg_batch batch; /* what storage_run sends */
	/* Words a problem in its own protocol and answers; NULL: as storage-api's JSON. */
	void (*refuse)(struct storage_call *call, const struct storage_problem *problem, const char *cause);
	/* Asked once, when PostgreSQL refuses statement `failed` (its result has the error); true: it has answered. */
	bool (*on_refused)(struct storage_call *call, int failed, const struct pg_error *why);

	/* of a route that takes a file: set by the flow */
	bool (*on_body)(struct storage_call *call, struct str bytes); /* see storage_body */
	void (*on_body_end)(struct storage_call *call);

	int64_t keep_until_s; /* the edge may keep the answer until this second is over; 0: it may not */

	/* call.c's */
	struct storage_change *changes;
	struct hold *hold; /* NULL: the answer does not wait */
	struct pg_call pg;
	void (*on_rows)(struct storage_call *call);
	bool is_done, is_inside;
};

struct pg_batch *storage_batch(struct storage_call *call); /* emptied */
void storage_as_caller(struct storage_call *call);
void storage_as_service(struct storage_call *call);

/* Sends call->batch. A statement that PostgreSQL refuses undoes all of them and is answered, unless on_refused is set.
 */
void storage_run(struct storage_call *call, void (*on_rows)(struct storage_call *call));

/* The rows of a statement, by the number pg_batch_add gave. NULL from a failed one on. They stay until the end. */
const PGresult *storage_rows(const struct storage_call *call, int statement);

/* "" for null or where there is no such row. */
const char *storage_value(const PGresult *rows, int row, int column);
bool storage_is_null(const PGresult *rows, int row, int column);

/* The files of rows that are gone: their versions are in this column. */
void storage_forget_files(struct storage_call *call, const PGresult *rows, int column);

/* The call changes what anybody may get by that name, or (key NULL) by any of the bucket. Both stay. */
void storage_changes(struct storage_call *call, const char *bucket, const char *key);

/* The ends. A body of NULL (the arena was full) becomes an error. */
void storage_answer(struct storage_call *call, int status, const char *json);
void storage_answer_json(struct storage_call *call, int status, const json_t *value);
void storage_answer_with(struct storage_call *call, const struct storage_reply *reply);
void storage_fail(struct storage_call *call, enum storage_fault fault);
void storage_end(struct storage_call *call, const struct storage_problem *problem, const char *cause);
void storage_fail_inside(struct storage_call *call, const struct err *cause);

void storage_call_abandon(struct storage_call *call);

void storage_reply_add(struct storage_reply *reply, const char *name, const char *value);

struct str storage_header_of(const struct storage_call *call, struct str name); /* .ptr NULL: none */
bool storage_header_is(const struct storage_call *call, struct str name, struct str value);
const char *storage_query_of(const struct storage_call *call, struct str name); /* decoded; NULL: none */

/* x-metadata: base64 of a JSON object, as its text. NULL: none, or none that can be read. */
const char *storage_user_metadata(struct storage_call *call, struct str header);

/* A time in JSON, as JavaScript writes it; null stays null. */
#define SQL_TIME(column) "to_char(" column " at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

#endif
