/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/daemon.h"

#include <stdio.h>

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

bool daemon_start_part(const struct flow *f, const char *app, const char *part, struct err *err)
{
	return ask(f, app, part, "start", err);
}

bool daemon_retire_part(const struct flow *f, const char *app, const char *part, struct err *err)
{
	return ask(f, app, part, "retire", err);
}

bool daemon_stop_part(const struct flow *f, const char *app, const char *part, struct err *err)
{
	return ask(f, app, part, "stop", err);
}
