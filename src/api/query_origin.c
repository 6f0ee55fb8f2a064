/* SPDX-License-Identifier: Apache-2.0 */
#include "api/query_origin.h"

#include <stdio.h>
#include <string.h>

#include "rest/origin.h"

/* The first that fits. Words that only our own statements have; role NULL: whoever asks for a visitor. */
static const struct {
	const char *role, *words, *text;
} known[] = {
    {NULL, "set_config('storage.operation'", "each request to /storage/v1"},
    {NULL, "set_config('request.method'", "each request to /rest/v1"},
    {NULL, " storage.search", "POST /storage/v1/object/list"},
    {NULL, "storage.objects", "/storage/v1/object"},
    {NULL, "storage.buckets", "/storage/v1/bucket"},
    {NULL, "storage.s3_multipart_uploads", "/storage/v1/s3"},
    {"supabase_auth_admin", "", "/auth/v1"},
    {"freehold_realtime", "", "/realtime/v1"},
};

static bool is_visitor(const char *role)
{
	return strcmp(role, "anon") == 0 || strcmp(role, "authenticated") == 0 || strcmp(role, "service_role") == 0;
}

void query_origin(const char *role, const char *query, char ret_text[ORIGIN_SIZE])
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, ORIGIN_SIZE - 1);
	ret_text[0] = '\0';
	if (is_visitor(role) && rest_origin(str_from(query), &text)) {
		(void)snprintf(ret_text, ORIGIN_SIZE, "%s", buf_cstr(&text));
		return;
	}
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		bool is_his = known[i].role == NULL ? is_visitor(role) : strcmp(known[i].role, role) == 0;
		if (!is_his || strstr(query, known[i].words) == NULL) continue;
		(void)snprintf(ret_text, ORIGIN_SIZE, "%s", known[i].text);
		return;
	}
}
