/* SPDX-License-Identifier: Apache-2.0
 *
 *     asking ─▶ (the first bytes, or none: the reply) ─▶ passing on ─▶ end
 *
 * The reply waits for the first bytes, so that what is missing there, or an S3 that does not answer, is still told as
 * an error. */
#include "storage/object_far.h"

#include "storage/place.h"
#include "storage/range.h"

struct storage_stream {
	struct storage_call *call; /* NULL once it has replied */
	const struct object *object;
	struct storage_reply given, reply; /* as it came; with what the part needs */
	struct remote_call *far; /* NULL once it has ended */
	uint64_t passed;
	bool is_again;
	bool (*write)(void *arg, struct str bytes);
	void (*end)(void *arg, bool is_whole);
	void *arg;
};

void storage_stream_begin(struct storage_stream *s, bool (*write)(void *arg, struct str bytes),
			  void (*end)(void *arg, bool is_whole), void *arg)
{
	s->write = write;
	s->end = end;
	s->arg = arg;
}

void storage_stream_resume(struct storage_stream *s)
{
	if (s->far != NULL) remote_resume(s->far);
}

void storage_stream_cancel(struct storage_stream *s)
{
	if (s->far != NULL) remote_cancel(s->far);
	s->far = NULL;
}

static void answer(struct storage_stream *s)
{
	struct storage_call *call = s->call;
	s->call = NULL;
	s->reply.stream = s;
	storage_answer_with(call, &s->reply);
}

static bool on_data(void *arg, const struct remote_result *head, struct str bytes)
{
	struct storage_stream *s = arg;
	(void)head;
	if (s->call != NULL) answer(s);
	if (s->far == NULL) return true; /* cancelled from inside */
	if (s->passed + bytes.len > s->reply.size) return true; /* longer than the row says: cut at the end */
	if (s->write == NULL || !s->write(s->arg, bytes)) return false;
	s->passed += bytes.len;
	return true;
}

static void fail(struct storage_stream *s, const struct err *err)
{
	struct storage_call *call = s->call;
	struct storage_problem problem = {.fault = FAULT_PLACE};
	if (err->code == ERR_NOT_FOUND && !s->is_again)
		object_send(call, s->object, &s->given, true); /* it may just have been brought here */
	else if (err->code == ERR_NOT_FOUND)
		object_send_missing(call, s->object);
	else
		storage_end(call, &problem, arena_strdup(call->arena, err->msg));
}

static void on_done(void *arg, const struct remote_result *result, const struct err *err)
{
	struct storage_stream *s = arg;
	(void)result;
	s->far = NULL;
	if (s->call != NULL && err != NULL) {
		fail(s, err);
		return;
	}
	if (s->call != NULL) answer(s); /* an empty one */
	s->end(s->arg, err == NULL && s->passed == s->reply.size);
}

void object_send_far(struct storage_call *call, const struct object *o, struct storage_reply *reply, bool is_again)
{
	struct storage_stream *s = arena_alloc(call->arena, sizeof *s);
	struct object *copy = arena_alloc(call->arena, sizeof *copy);
	int64_t size = 0;
	uint64_t from = 0, length;
	if (s == NULL || copy == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	*copy = *o;
	if (!str_to_int(str_from(o->size), &size) || size < 0) size = 0;
	length = (uint64_t)size;
	enum range_kind kind = storage_range(object_range(call, o), (uint64_t)size, &from, &length);
	if (kind == RANGE_NONE) {
		storage_fail(call, FAULT_RANGE);
		return;
	}
	*s = (struct storage_stream){
	    .call = call, .object = copy, .given = *reply, .reply = *reply, .is_again = is_again};
	s->reply.size = kind == RANGE_PART ? length : (uint64_t)size;
	s->reply.has_size = true;
	if (str_eq(call->request.method, STR("HEAD"))) {
		storage_answer_with(call, &s->reply);
		return;
	}
	struct remote_ask ask = {.method = "GET",
				 .name = o->version,
				 .fd = -1,
				 .has_range = kind == RANGE_PART,
				 .from = from,
				 .length = length,
				 .on_data = on_data,
				 .done = on_done,
				 .arg = s};
	if (kind == RANGE_PART) object_part(call, &s->reply, from, length, (uint64_t)size);
	s->far = remote_start(place_remote(call->storage->place), &ask);
}
