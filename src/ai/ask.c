/* SPDX-License-Identifier: Apache-2.0 */
#include "ai/ask.h"

#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "http/fetch.h"

#define NAME_MAX_BYTES 200

static bool check_name(const char *name, struct err *err)
{
	size_t len = strlen(name), star = strcspn(name, "*");
	bool is_sound = len > 0 && len <= NAME_MAX_BYTES && (star == len || star == len - 1);
	for (const char *c = name; is_sound && *c != '\0'; c++) is_sound = (unsigned char)*c > ' ' && *c != 0x7F;
	return is_sound || err_set(err, ERR_INVALID,
				   "\"%.60s\" is no name of a model: no spaces, and a star only at its end", name);
}

bool ai_settings_check(const struct ai_settings *s, struct err *err)
{
	if (s->url == NULL) return true;
	if (!http_fetch_check(s->url, err)) return err_wrap(err, "%.200s", s->url);
	if (strpbrk(s->url, "?#") != NULL)
		return err_set(err, ERR_INVALID,
			       "%.200s: the address ends with its version, as in https://api.openai.com/v1", s->url);
	for (int i = 0; i < s->model_count; i++) {
		const struct ai_model *m = &s->models[i];
		if (!check_name(m->from, err) || !check_name(m->to, err)) return false;
		if (strchr(m->to, '*') != NULL && strchr(m->from, '*') == NULL)
			return err_set(err, ERR_INVALID,
				       "%.60s=%.60s: the star at the right stands for one at the left", m->from, m->to);
	}
	return true;
}

const char *ai_model_for(const struct ai_settings *s, struct arena *a, const char *model)
{
	for (int i = 0; i < s->model_count; i++) {
		const struct ai_model *m = &s->models[i];
		size_t head = strcspn(m->from, "*");
		bool is_star = m->from[head] == '*';
		if (is_star ? strncmp(model, m->from, head) != 0 : strcmp(model, m->from) != 0) continue;
		size_t to = strcspn(m->to, "*");
		return m->to[to] == '*' ? arena_printf(a, "%.*s%s", (int)to, m->to, model + head) : m->to;
	}
	return model;
}

static bool is_api_path(struct str path)
{
	for (size_t i = 0; i < path.len; i++) {
		char c = path.ptr[i];
		bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
			       c == '_' || c == '/' ||
			       (c == '.' && i > 0 && path.ptr[i - 1] != '.' && path.ptr[i - 1] != '/');
		if (!is_fine) return false;
	}
	return path.len > 1 && path.len < 200;
}

const char *ai_url_for(const struct ai_settings *s, struct arena *a, struct str path, struct str query)
{
	struct str head = STR("/v1/"), base = str_from(s->url);
	if (!str_has_prefix(path, head) || !is_api_path(path)) return NULL;
	while (base.len > 0 && base.ptr[base.len - 1] == '/') base.len--;
	path = str_sub(path, head.len - 1, path.len);
	return arena_printf(a, "%.*s%.*s%s%.*s", STR_FMT(base), STR_FMT(path), query.len > 0 ? "?" : "", (int)query.len,
			    query.len > 0 ? query.ptr : "");
}

struct str ai_body_for(const struct ai_settings *s, struct arena *a, struct str body)
{
	json_t *o JSON_CLEANUP = NULL;
	struct err ignored;
	if (s->model_count == 0 || !json_parse(body, &o, &ignored) || !json_is_object(o)) return body;
	const char *model = json_str(o, "model", NULL), *to = model != NULL ? ai_model_for(s, a, model) : NULL;
	if (to == NULL || strcmp(to, model) == 0) return body;
	(void)json_object_set_new(o, "model", json_string(to));
	char *text = json_text(o);
	struct str changed = arena_str(a, str_from(text));
	free(text);
	return changed.ptr != NULL ? changed : body;
}
