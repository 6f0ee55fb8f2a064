/* SPDX-License-Identifier: Apache-2.0
 *
 * What an app asks of an AI: path, query and body ("path\nquery\nbody"). The provider's address stays its beginning, a
 * body that is no JSON object stays as it is, and a model becomes what is set for it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ai/ask.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_body(const struct ai_settings *s, struct arena *a, struct str body)
{
	json_t *before JSON_CLEANUP = NULL, *after JSON_CLEANUP = NULL;
	struct err ignored;
	struct str changed = ai_body_for(s, a, body);
	bool is_object = json_parse(body, &before, &ignored) && json_is_object(before);
	if (!is_object && changed.ptr != body.ptr) abort();
	if (!is_object || changed.ptr == body.ptr) return;
	if (!json_parse(changed, &after, &ignored)) abort();
	if (strcmp(json_str(after, "model", ""), ai_model_for(s, a, json_str(before, "model", ""))) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char base[] = "https://api.example/v1/";
	const struct ai_settings s = {
	    .url = base, .models = {{"google/*", "*"}, {"a", "b"}, {"c*", "d"}}, .model_count = 3};
	struct str text = {(const char *)data, size}, path = text, rest = STR(""), query = STR(""), body = STR("");
	struct arena *a = arena_new(8 * size + 65536);
	if (str_cut(text, '\n', &path, &rest)) query = rest;
	if (str_cut(rest, '\n', &query, &body)) try_body(&s, a, body);
	const char *url = ai_url_for(&s, a, path, query);
	if (url != NULL && (strncmp(url, base, sizeof base - 1) != 0 || strstr(url, "/../") != NULL)) {
		/* What follows a question mark is the query. */
		const char *mark = strchr(url, '?'), *dots = strstr(url, "/../");
		if (mark == NULL || dots == NULL || dots < mark) abort();
	}
	arena_free(a);
	return 0;
}
