/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/cancel.h"

#include <stdlib.h>

struct cancel_work {
	uv_work_t work;
	PGcancel *handle;
};

static void run_cancel(uv_work_t *work)
{
	char why[256];
	(void)PQcancel(((struct cancel_work *)work->data)->handle, why, sizeof why);
}

static void on_cancel_run(uv_work_t *work, int status)
{
	(void)status;
	struct cancel_work *w = work->data;
	PQfreeCancel(w->handle);
	free(w);
}

void pg_cancel(uv_loop_t *loop, PGconn *raw)
{
	struct cancel_work *w = calloc(1, sizeof *w);
	if (w == NULL) abort();
	w->work.data = w;
	w->handle = PQgetCancel(raw);
	if (w->handle != NULL && uv_queue_work(loop, &w->work, run_cancel, on_cancel_run) == 0) return;
	PQfreeCancel(w->handle);
	free(w);
}
