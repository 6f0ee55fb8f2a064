/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading an object: its file (GET), whether it is there (HEAD), what is known of it (info). Of a public bucket whoever
 * asks, of a private one who may by row security, or who holds a signed address. And its picture in another size. */
#include "base/clock.h"
#include "storage/flow_render.h"
#include "storage/flows.h"
#include "storage/object.h"
#include "storage/token.h"

static void answer(struct storage_call *call, const PGresult *rows, int first_column, const struct url_token *token)
{
	struct object o;
	int64_t expires_s = token != NULL ? token->expires_s : 0;
	object_read(rows, 0, first_column, &o);
	if (call->route->variant == READ_INFO)
		object_reply_info(call, &o);
	else if (call->route->variant == READ_PICTURE)
		render_reply(call, &o, token == NULL ? NULL : token->picture != NULL ? token->picture : "", expires_s);
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
		answer(call, found, 2, NULL);
}

/* Who asks does not matter, and all is asked for. From here on, so that it holds for an answer that was read before a
 * change and given after it. */
static void let_edge_keep(struct storage_call *call)
{
	static const char *const parts[] = {"Range", "If-Range", "If-None-Match", "If-Modified-Since"};
	if (call->request.accel.len == 0 || call->route->variant != READ_FILE) return;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (storage_header_of(call, str_from(parts[i])).ptr != NULL) return;
	call->keep_until_s = given_mark(&call->storage->given, call->bucket, call->key, clock_wall_ms());
}

void flow_read_public(struct storage_call *call)
{
	let_edge_keep(call);
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
		answer(call, all, 2, NULL);
	else if (PQntuples(seen) > 0)
		answer(call, seen, 0, NULL);
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
	const struct url_token *token = call->flow;
	if (PQntuples(found) == 0 || !is_true(found, 1))
		storage_fail(call, FAULT_NO_KEY);
	else
		answer(call, found, 2, token);
}

/* An address for a picture in some size opens that, not the picture itself. */
void flow_read_signed(struct storage_call *call)
{
	struct storage_problem problem;
	struct url_token *token = arena_alloc(call->arena, sizeof *token);
	const char *text = storage_query_of(call, STR("token"));
	if (token == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	if (!url_token_check(call, text != NULL ? text : "", URL_TOKEN_DOWNLOAD, token, &problem)) {
		storage_end(call, &problem, NULL);
		return;
	}
	if (token->picture != NULL && call->route->variant != READ_PICTURE) {
		storage_fail(call, FAULT_SIGNATURE);
		return;
	}
	call->flow = token;
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, FIND, call->bucket, call->key);
	storage_run(call, on_signed);
}
