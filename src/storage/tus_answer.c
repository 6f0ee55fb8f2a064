/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/flow_tus.h"

#include "storage/range.h"
#include "storage/tus.h"

void tus_done(void *arg)
{
	struct tus *t = arg;
	resumable_close(t->r);
	t->r = NULL;
}

void tus_reply(struct storage_call *call, const struct storage_reply *reply)
{
	if (call->flow != NULL) tus_done(call->flow);
	storage_answer_with(call, reply);
}

void tus_reply_begin(struct storage_reply *reply, int status)
{
	*reply = (struct storage_reply){.status = status};
	storage_reply_add(reply, "Tus-Resumable", TUS_VERSION);
	storage_reply_add(reply, "Access-Control-Expose-Headers", TUS_EXPOSED_HEADERS);
	storage_reply_add(reply, "Cache-Control", "no-store");
}

static void refuse_with(struct storage_call *call, int status, const char *words, const char *cause)
{
	struct storage_reply reply;
	tus_reply_begin(&reply, status);
	if (status == 412) storage_reply_add(&reply, "Tus-Version", TUS_VERSION);
	storage_reply_add(&reply, "Content-Type", "text/plain; charset=utf-8");
	reply.body = words != NULL ? str_from(words) : STR("");
	reply.cause = cause;
	tus_reply(call, &reply);
}

void tus_refuse(struct storage_call *call, int status, const char *words)
{
	refuse_with(call, status, words, NULL);
}

void tus_refuse_problem(struct storage_call *call, const struct storage_problem *problem, const char *cause)
{
	const char *words = problem->fault == FAULT_TOO_LARGE
				? "Maximum size exceeded\n"
				: arena_strdup(call->arena, storage_problem_words(problem));
	refuse_with(call, storage_problem_meant(problem), words, cause);
}

void tus_fail_disk(struct storage_call *call, const struct err *err)
{
	struct storage_problem problem = {.fault = err->code == ERR_UNAVAILABLE ? FAULT_DISK_FULL : FAULT_INTERNAL};
	storage_end(call, &problem, arena_strdup(call->arena, err->msg));
}

void tus_add_number(struct storage_call *call, struct storage_reply *reply, const char *name, uint64_t number)
{
	storage_reply_add(reply, name, arena_printf(call->arena, "%llu", (unsigned long long)number));
}

static void add_expires(struct storage_call *call, struct storage_reply *reply, const struct tus *t)
{
	char text[STORAGE_DATE_SIZE];
	storage_date_write(t->created_s + KEPT_LASTS_S, text);
	storage_reply_add(reply, "Upload-Expires", arena_strdup(call->arena, text));
}

static const char *location(struct storage_call *call, const struct tus *t)
{
	const char *id = tus_id_write(call->arena, t->up.bucket, t->up.key, t->id);
	return arena_printf(call->arena, "%.*s/storage/v1/upload/resumable/%s%s", STR_FMT(call->request.origin),
			    call->route->variant == TUS_SIGNED ? "sign/" : "", id != NULL ? id : "");
}

void tus_answer(struct storage_call *call, uint64_t offset)
{
	const struct tus *t = call->flow;
	static const int statuses[] = {[TUS_CREATE] = 201, [TUS_PATCH] = 204, [TUS_HEAD] = 200, [TUS_DELETE] = 204};
	struct storage_reply reply;
	tus_reply_begin(&reply, statuses[t->kind]);
	if (t->kind == TUS_CREATE) storage_reply_add(&reply, "Location", location(call, t));
	if (t->kind == TUS_HEAD) tus_add_number(call, &reply, "Upload-Length", t->size);
	if (t->kind == TUS_HEAD && t->metadata != NULL && *t->metadata != '\0')
		storage_reply_add(&reply, "Upload-Metadata", t->metadata);
	if (t->kind != TUS_DELETE && (t->kind != TUS_CREATE || t->has_body))
		tus_add_number(call, &reply, "Upload-Offset", offset);
	if (t->kind != TUS_DELETE && offset < t->size) add_expires(call, &reply, t);
	if ((t->kind == TUS_CREATE || t->kind == TUS_PATCH) && offset == t->size)
		storage_reply_add(&reply, "Tus-Complete", "1");
	tus_reply(call, &reply);
}
