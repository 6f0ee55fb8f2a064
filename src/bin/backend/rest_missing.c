/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for src/rest until it can answer: 501 in words, so that the rest of the backend can be used and tested. */
#include <stdlib.h>

#include "rest/rest.h"

struct rest {
	int unused;
};

struct rest *rest_new(uv_loop_t *loop, struct pg_pool *pool, const struct rest_settings *settings,
		      const char *listen_conninfo)
{
	(void)loop, (void)pool, (void)settings, (void)listen_conninfo;
	return calloc(1, sizeof(struct rest));
}

void rest_free(struct rest *rest)
{
	free(rest);
}

struct rest_call *rest_handle(struct rest *rest, const struct rest_request *request, rest_reply_fn done, void *arg)
{
	static const struct rest_header json = {{"Content-Type", 12}, {"application/json", 16}};
	(void)rest, (void)request;
	struct rest_reply reply = {.status = 501, .headers = &json, .header_count = 1};
	reply.body = STR(
	    "{\"code\":\"not_implemented\",\"details\":null,\"hint\":null,\"message\":\"Tables are not served yet\"}");
	done(arg, &reply);
	return NULL;
}

void rest_cancel(struct rest_call *call)
{
	(void)call;
}

void rest_reload(struct rest *rest)
{
	(void)rest;
}

bool rest_is_ready(const struct rest *rest)
{
	(void)rest;
	return true;
}
