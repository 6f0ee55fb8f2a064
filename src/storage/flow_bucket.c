/* SPDX-License-Identifier: Apache-2.0
 *
 * Buckets: what storage-js's createBucket, getBucket, listBuckets, updateBucket, emptyBucket, deleteBucket ask. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "storage/call.h"
#include "storage/flows.h"

#define EMPTY_AT_ONCE 1000
#define EMPTY_AT_ONCE_TEXT "1000"
#define CREATED_AT SQL_TIME("created_at")
#define UPDATED_AT SQL_TIME("updated_at")
#define COLUMNS                                                                                                        \
	"'id', id, 'name', name, 'owner', coalesce(owner::text, ''), 'public', public, 'created_at', " CREATED_AT      \
	", 'updated_at', " UPDATED_AT ", 'file_size_limit', file_size_limit, "                                         \
	"'allowed_mime_types', allowed_mime_types"

/* The members that a bucket is made from or changed by; each NULL where it was not given. */
struct bucket_facts {
	const char *is_public, *limit, *types;
	bool has_limit, has_types; /* given, be it as null */
};

/* An array of PostgreSQL, each entry quoted. */
static bool put_types(struct storage_call *call, const json_t *list, struct bucket_facts *facts,
		      struct storage_problem *problem)
{
	struct buf text BUF_CLEANUP;
	size_t i;
	const json_t *o;
	bool is_first = true;
	buf_init(&text, 64u << 10);
	buf_putc(&text, '{');
	json_array_foreach(list, i, o)
	{
		const char *rule = json_string_value(o);
		if (rule == NULL)
			return storage_problem_set(problem, FAULT_INVALID, "body/allowed_mime_types/%zu must be string",
						   i);
		if (*rule == '\0') continue;
		if (!storage_is_mime_rule(str_from(rule)))
			return storage_problem_set(problem, FAULT_MIME, "mime type %.200s is not supported", rule);
		buf_puts(&text, is_first ? "\"" : ",\"");
		for (const char *c = rule; *c != '\0'; c++) {
			if (*c == '"' || *c == '\\') buf_putc(&text, '\\');
			buf_putc(&text, *c);
		}
		buf_putc(&text, '"');
		is_first = false;
	}
	buf_putc(&text, '}');
	facts->types = buf_is_ok(&text) ? arena_strdup(call->arena, buf_cstr(&text)) : NULL;
	return facts->types != NULL || storage_problem_set(problem, FAULT_FULL, "%s", "");
}

static bool put_limit(struct storage_call *call, const json_t *given, struct bucket_facts *facts,
		      struct storage_problem *problem)
{
	int64_t bytes;
	if (json_is_integer(given))
		bytes = (int64_t)json_integer_value(given);
	else if (!json_is_string(given) || !storage_read_size(str_from(json_string_value(given)), &bytes))
		return storage_problem_set(problem, FAULT_SIZE_FORMAT, "%s", "");
	if (bytes < 0) return storage_problem_set(problem, FAULT_SIZE_FORMAT, "%s", "");
	if ((uint64_t)bytes > call->storage->file_max) return storage_problem_set(problem, FAULT_TOO_LARGE, "%s", "");
	facts->limit = arena_printf(call->arena, "%lld", (long long)bytes);
	return facts->limit != NULL || storage_problem_set(problem, FAULT_FULL, "%s", "");
}

static bool read_facts(struct storage_call *call, struct bucket_facts *facts, struct storage_problem *problem)
{
	const json_t *is_public = json_object_get(call->body, "public");
	const json_t *limit = json_object_get(call->body, "file_size_limit");
	const json_t *types = json_object_get(call->body, "allowed_mime_types");
	*facts = (struct bucket_facts){.has_limit = limit != NULL, .has_types = types != NULL};
	if (is_public != NULL && !json_is_boolean(is_public) && !json_is_null(is_public))
		return storage_problem_set(problem, FAULT_INVALID, "body/public must be boolean");
	if (json_is_boolean(is_public)) facts->is_public = json_is_true(is_public) ? "true" : "false";
	if (types != NULL && !json_is_array(types) && !json_is_null(types))
		return storage_problem_set(problem, FAULT_INVALID, "body/allowed_mime_types must be array");
	if (limit != NULL && !json_is_null(limit) && !put_limit(call, limit, facts, problem)) return false;
	return !json_is_array(types) || put_types(call, types, facts, problem);
}

static void on_created(struct storage_call *call)
{
	json_t *o JSON_CLEANUP = json_pack("{s:s}", "name", json_str(call->body, "name", ""));
	storage_answer_json(call, 200, o);
}

bool bucket_create_refused(struct storage_call *call, int failed, const struct pg_error *why)
{
	(void)failed;
	if (strcmp(why->sqlstate, "23505") != 0) return false;
	storage_fail(call, FAULT_BUCKET_EXISTS);
	return true;
}

void flow_bucket_create(struct storage_call *call)
{
	struct bucket_facts facts;
	struct storage_problem problem;
	const char *name = json_str(call->body, "name", NULL);
	const char *id = json_str(call->body, "id", name);
	const char *type = json_str(call->body, "type", "STANDARD");
	if (name == NULL) {
		(void)storage_problem_set(&problem, FAULT_INVALID, "body must have required property 'name'");
	} else if (strcmp(type, "STANDARD") != 0) {
		(void)storage_problem_set(&problem, FAULT_NOT_SERVED,
					  "Freehold does not serve this yet: buckets of type %.20s", type);
	} else if (str_trim(str_from(name)).len != strlen(name) || !storage_is_bucket(str_from(name)) || *id == '\0' ||
		   !storage_is_bucket(str_from(id))) {
		(void)storage_problem_set(&problem, FAULT_BUCKET_NAME, "%s", "");
	} else if (read_facts(call, &facts, &problem)) {
		(void)storage_batch(call);
		storage_as_caller(call);
		(void)PG_ADD(
		    &call->batch,
		    "insert into storage.buckets (id, name, owner, owner_id, public, file_size_limit, "
		    "allowed_mime_types) values ($1, $2, storage.freehold_uuid($3), $3, coalesce($4::boolean, false), "
		    "$5::bigint, $6::text[])",
		    id, name, call->owner, facts.is_public, facts.limit, facts.types);
		call->on_refused = bucket_create_refused;
		storage_run(call, on_created);
		return;
	}
	storage_end(call, &problem, NULL);
}

static void on_got(struct storage_call *call)
{
	const PGresult *rows = storage_rows(call, 1);
	if (PQntuples(rows) == 0)
		storage_fail(call, FAULT_NO_BUCKET);
	else
		storage_answer(call, 200, storage_value(rows, 0, 0));
}

void flow_bucket_get(struct storage_call *call)
{
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch, "select json_build_object(" COLUMNS ") from storage.buckets where id = $1",
		     call->bucket);
	storage_run(call, on_got);
}

static void on_listed(struct storage_call *call)
{
	storage_answer(call, 200, storage_value(storage_rows(call, 1), 0, 0));
}

static bool read_page(struct storage_call *call, const char **limit, const char **offset,
		      struct storage_problem *problem)
{
	int64_t n;
	*limit = storage_query_of(call, STR("limit"));
	*offset = storage_query_of(call, STR("offset"));
	if (*limit != NULL && (!str_to_int(str_from(*limit), &n) || n < 1))
		return storage_problem_set(problem, FAULT_INVALID, "querystring/limit must be integer");
	if (*offset != NULL && (!str_to_int(str_from(*offset), &n) || n < 0))
		return storage_problem_set(problem, FAULT_INVALID, "querystring/offset must be integer");
	return true;
}

void flow_bucket_list(struct storage_call *call)
{
	struct storage_problem problem;
	const char *limit, *offset, *search = storage_query_of(call, STR("search"));
	const char *column = storage_query_of(call, STR("sortColumn")),
		   *order = storage_query_of(call, STR("sortOrder"));
	if (!read_page(call, &limit, &offset, &problem)) {
		storage_end(call, &problem, NULL);
		return;
	}
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(
	    &call->batch,
	    "select coalesce(json_agg(json_build_object(" COLUMNS ", 'type', type)), '[]') "
	    "from (select * from storage.buckets where coalesce($1, '') = '' or strpos(lower(name), lower($1)) > 0 "
	    "order by case when $3 = 'desc' then case $2 when 'id' then id when 'name' then name when "
	    "'created_at' then " CREATED_AT " when 'updated_at' then " UPDATED_AT " end end desc, "
	    "case when $3 <> 'desc' then case $2 when 'id' then id when 'name' then name when 'created_at' "
	    "then " CREATED_AT " when 'updated_at' then " UPDATED_AT " end end, id "
	    "limit $4::bigint offset $5::bigint) b",
	    search, column != NULL ? column : "", order != NULL ? order : "asc", limit, offset);
	storage_run(call, on_listed);
}

static void on_updated(struct storage_call *call)
{
	if (PQntuples(storage_rows(call, 1)) == 0)
		storage_fail(call, FAULT_NO_BUCKET);
	else
		storage_answer(call, 200, "{\"message\":\"Successfully updated\"}");
}

void flow_bucket_update(struct storage_call *call)
{
	struct bucket_facts facts;
	struct storage_problem problem;
	if (!read_facts(call, &facts, &problem)) {
		storage_end(call, &problem, NULL);
		return;
	}
	if (facts.is_public == NULL && !facts.has_limit && !facts.has_types) {
		(void)storage_problem_set(&problem, FAULT_INVALID, "body must have required property 'public'");
		storage_end(call, &problem, NULL);
		return;
	}
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch,
		     "update storage.buckets set public = coalesce($2::boolean, public), "
		     "file_size_limit = case when $3 = 'yes' then $4::bigint else file_size_limit end, "
		     "allowed_mime_types = case when $5 = 'yes' then $6::text[] else allowed_mime_types end "
		     "where id = $1 returning id",
		     call->bucket, facts.is_public, facts.has_limit ? "yes" : "no", facts.limit,
		     facts.has_types ? "yes" : "no", facts.types);
	storage_changes(call, call->bucket, NULL);
	storage_run(call, on_updated);
}

static void on_deleted(struct storage_call *call)
{
	/* Whether it is there is asked of all rows, not of those that the caller sees. */
	if (PQntuples(storage_rows(call, 1)) == 0 || PQntuples(storage_rows(call, 3)) == 0)
		storage_fail(call, FAULT_NO_BUCKET);
	else
		storage_answer(call, 200, "{\"message\":\"Successfully deleted\"}");
}

/* The foreign keys of what is in it say so, whoever sees it: objects, and uploads in parts that are under way. */
static bool on_delete_refused(struct storage_call *call, int failed, const struct pg_error *why)
{
	(void)failed;
	if (strcmp(why->constraint, "objects_bucketId_fkey") != 0 &&
	    strncmp(why->constraint, "s3_multipart_uploads_", strlen("s3_multipart_uploads_")) != 0)
		return false;
	storage_fail(call, FAULT_BUCKET_NOT_EMPTY);
	return true;
}

void bucket_delete(struct storage_call *call, void (*done)(struct storage_call *call))
{
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, "select id from storage.buckets where id = $1 for update", call->bucket);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch, "delete from storage.buckets where id = $1 returning id", call->bucket);
	call->on_refused = on_delete_refused;
	storage_changes(call, call->bucket, NULL);
	storage_run(call, done);
}

void flow_bucket_delete(struct storage_call *call)
{
	bucket_delete(call, on_deleted);
}

/* Upstream puts it into a queue; here it is done when the answer comes, and the words stay. */
static void step_empty(struct storage_call *call);

static void on_emptied(struct storage_call *call)
{
	const PGresult *buckets = storage_rows(call, 1), *gone = storage_rows(call, 2);
	const char *versions[EMPTY_AT_ONCE];
	int count = PQntuples(gone) < EMPTY_AT_ONCE ? PQntuples(gone) : EMPTY_AT_ONCE;
	if (PQntuples(buckets) == 0) {
		storage_fail(call, FAULT_NO_BUCKET);
		return;
	}
	for (int i = 0; i < count; i++) versions[i] = storage_value(gone, i, 0);
	files_remove(call->storage->files, versions, count);
	if (count == EMPTY_AT_ONCE)
		step_empty(call);
	else
		storage_answer(call, 200,
			       "{\"message\":\"Empty bucket has been queued. Completion may take up to an hour.\"}");
}

static void step_empty(struct storage_call *call)
{
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch, "select id from storage.buckets where id = $1", call->bucket);
	(void)PG_ADD(&call->batch,
		     "delete from storage.objects where id in (select id from storage.objects where bucket_id = $1 and "
		     "created_at <= to_timestamp($2::bigint) limit $3::int) returning version",
		     call->bucket, call->flow, EMPTY_AT_ONCE_TEXT);
	storage_run(call, on_emptied);
}

/* What is uploaded meanwhile stays. */
void flow_bucket_empty(struct storage_call *call)
{
	call->flow = arena_printf(call->arena, "%lld", (long long)(clock_wall_ms() / 1000 + 1));
	storage_changes(call, call->bucket, NULL);
	if (call->flow != NULL)
		step_empty(call);
	else
		storage_fail(call, FAULT_FULL);
}
