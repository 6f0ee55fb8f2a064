/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading an object: its file (GET), whether it is there (HEAD), what is known of it (info). Of a public bucket whoever
 * asks, of a private one who may by row security, or who holds a signed address. */
#include "storage/flows.h"
#include "storage/object.h"
#include "storage/token.h"

static void answer(struct storage_call *call, const PGresult *rows, int first_column, int64_t expires_s)
{
	struct object o;
	object_read(rows, 0, first_column, &o);
	if (call->route->variant == READ_INFO)
		object_reply_info(call, &o);
	else
		object_reply_file(call, &o, expires_s);
}

#define FIND                                                                                                           \
	"select b.public, o.id is not null, " OBJECT_COLUMNS                                                           \
	" from storage.buckets b left join storage.objects o on o.bucket_id = b.id and o.name = $2 where b.id = $1"

static bool is_true(const PGresult *rows, int column)
{
	return storage_value(rows, 0, column)[0] == 't';
}

static void on_public(struct storage_call *call)
{
	const PGresult *found = storage_rows(call, 1);
	if (!is_true(found, 0))
		storage_fail(call, FAULT_NO_BUCKET);
	else if (!is_true(found, 1))
		storage_fail(call, FAULT_NO_KEY);
	else
		answer(call, found, 2, 0);
}

void flow_read_public(struct storage_call *call)
{
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, FIND, call->bucket, call->key);
	storage_run(call, on_public);
}

static void on_found(struct storage_call *call)
{
	const PGresult *all = storage_rows(call, 1), *seen = storage_rows(call, 3);
	if (PQntuples(all) == 0 || (!call->request.is_authenticated && !is_true(all, 0)))
		storage_fail(call, FAULT_NO_BUCKET);
	else if (is_true(all, 0) && is_true(all, 1))
		answer(call, all, 2, 0);
	else if (PQntuples(seen) > 0)
		answer(call, seen, 0, 0);
	else
		storage_fail(call, FAULT_NO_KEY);
}

/* Both are asked in one round trip: what is there, and what the caller sees of it. */
void flow_read(struct storage_call *call)
{
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, FIND, call->bucket, call->key);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch,
		     "select " OBJECT_COLUMNS " from storage.objects o where o.bucket_id = $1 and o.name = $2",
		     call->bucket, call->key);
	storage_run(call, on_found);
}

static void on_signed(struct storage_call *call)
{
	const PGresult *found = storage_rows(call, 1);
	const int64_t *expires_s = call->flow;
	if (PQntuples(found) == 0 || !is_true(found, 1))
		storage_fail(call, FAULT_NO_KEY);
	else
		answer(call, found, 2, *expires_s);
}

void flow_read_signed(struct storage_call *call)
{
	struct storage_problem problem;
	struct url_token token;
	int64_t *expires_s = arena_alloc(call->arena, sizeof *expires_s);
	const char *text = storage_query_of(call, STR("token"));
	if (expires_s == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	if (!url_token_check(call, text != NULL ? text : "", URL_TOKEN_DOWNLOAD, &token, &problem)) {
		storage_end(call, &problem, NULL);
		return;
	}
	*expires_s = token.expires_s;
	call->flow = expires_s;
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, FIND, call->bucket, call->key);
	storage_run(call, on_signed);
}
