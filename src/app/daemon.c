/* SPDX-License-Identifier: Apache-2.0 */
#include "app/daemon.h"

#include <stdio.h>
#include <string.h>

#include "app/elsewhere.h"
#include "http/client.h"

#define DEADLINE_MS (15 * 60 * 1000) /* longer than any drain */

static bool ask(const struct flow *f, const char *app, const char *part, const char *what, struct err *err)
{
	char url[512];
	struct buf body BUF_CLEANUP;
	struct http_answer answer;
	buf_init(&body, 64 * 1024);
	(void)snprintf(url, sizeof url, "http://freehold/v1/apps/%s/parts/%s/%s", app, part, what);
	struct http_call call = {
	    .socket_path = f->control_socket, .method = "POST", .url = url, .deadline_ms = DEADLINE_MS};
	return http_call_ok(&call, &body, &answer, err) || err_wrap(err, "%s %s of %s", what, part, app);
}

/* A database elsewhere is no part of ours: it is there, or it is not. */
static bool is_ours(const struct flow *f, const char *app, const char *part, bool *ret_is, struct err *err)
{
	bool is_elsewhere = false;
	if (strcmp(part, "postgres") == 0 && !elsewhere_is(f, app, &is_elsewhere, err)) return false;
	*ret_is = !is_elsewhere;
	return true;
}

bool daemon_start_part(const struct flow *f, const char *app, const char *part, struct err *err)
{
	bool is = true;
	if (!is_ours(f, app, part, &is, err)) return false;
	return !is || ask(f, app, part, "start", err);
}

bool daemon_retire_part(const struct flow *f, const char *app, const char *part, struct err *err)
{
	return ask(f, app, part, "retire", err);
}

bool daemon_stop_part(const struct flow *f, const char *app, const char *part, struct err *err)
{
	bool is = true;
	if (!is_ours(f, app, part, &is, err)) return false;
	return !is || ask(f, app, part, "stop", err);
}
