/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/bring.h"

#include <stdio.h>
#include <stdlib.h>

struct bring {
	struct incoming *incoming;
	struct remote_call *call; /* NULL once it has ended */
	void (*done)(void *arg, const struct err *err);
	void *arg;
};

static void end(struct bring *b, const struct err *err)
{
	b->done(b->arg, err);
	free(b);
}

static void on_room(void *arg)
{
	struct bring *b = arg;
	if (b->call != NULL) remote_resume(b->call);
}

/* incoming takes what it is given and says whether more may come; curl gives a piece that was refused again. */
static bool on_data(void *arg, const struct remote_result *head, struct str bytes)
{
	struct bring *b = arg;
	(void)head;
	if (!incoming_write(b->incoming, STR(""))) return false;
	(void)incoming_write(b->incoming, bytes);
	return true;
}

static void on_stored(void *arg, const struct stored *stored, const struct err *err)
{
	(void)stored;
	end(arg, err);
}

static void on_done(void *arg, const struct remote_result *result, const struct err *err)
{
	struct bring *b = arg;
	struct incoming *in = b->incoming;
	struct err cut;
	b->call = NULL;
	if (err == NULL && incoming_size(in) != result->size) {
		(void)err_set(&cut, ERR_UNAVAILABLE, "a file came from S3 with another length than it has there");
		err = &cut;
	}
	if (err == NULL) {
		incoming_finish(in, on_stored, b);
		return;
	}
	incoming_abandon(in);
	end(b, err);
}

void bring_start(struct files *files, struct remote *remote, const char *version,
		 void (*done)(void *arg, const struct err *err), void *arg)
{
	struct bring *b = calloc(1, sizeof *b);
	if (b == NULL) abort();
	*b = (struct bring){.done = done, .arg = arg};
	b->incoming = incoming_new(files, on_room, b);
	incoming_name(b->incoming, version);
	b->call = remote_start(
	    remote, &(struct remote_ask){
			.method = "GET", .name = version, .fd = -1, .on_data = on_data, .done = on_done, .arg = b});
}
