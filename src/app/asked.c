/* SPDX-License-Identifier: Apache-2.0 */
#include "app/asked.h"

#include <stdlib.h>
#include <string.h>

#include "app/signin.h"
#include "codec/json.h"
#include "jobs/address.h"
#include "jobs/egress.h"
#include "store/app.h"

#define KIND "key"
#define NAME "jobs"

bool asked_document(const struct flow *f, const char *app, json_t **ret_document, struct err *err)
{
	struct buf text BUF_CLEANUP;
	json_t *o = NULL;
	buf_init(&text, SEAL_VALUE_MAX_BYTES);
	if (app_secret_get(f->db, f->seal, app, KIND, NAME, &text, err)) {
		if (!json_parse(buf_view(&text), &o, err)) return err_wrap(err, "what is kept of the jobs of %s", app);
	} else if (err->code == ERR_NOT_FOUND) {
		o = json_pack("{s:[], s:[]}", "projects", "allow");
	} else {
		return false;
	}
	*ret_document = o;
	return true;
}

static bool keep(const struct flow *f, const char *app, const json_t *document, struct err *err)
{
	char *text = json_text(document);
	bool ok = app_secret_set(f->db, f->seal, app, KIND, NAME, str_from(text), err);
	free(text);
	return ok;
}

static bool find(const json_t *list, const char *text, size_t *ret_at)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *one = json_string_value(json_array_get(list, i));
		if (one == NULL || strcmp(one, text) != 0) continue;
		*ret_at = i;
		return true;
	}
	return false;
}

bool asked_keep_project(const struct flow *f, const char *app, const char *project, struct err *err)
{
	json_t *o JSON_CLEANUP = NULL;
	size_t at;
	if (project[0] == '\0') return true;
	if (!asked_document(f, app, &o, err)) return false;
	json_t *list = json_object_get(o, "projects");
	bool is_there = find(list, project, &at);
	if (is_there && at == 0) return true;
	if (is_there) (void)json_array_remove(list, at);
	(void)json_array_insert_new(list, 0, json_string(project));
	while (json_array_size(list) > NET_PROJECTS_MAX) (void)json_array_remove(list, NET_PROJECTS_MAX);
	return keep(f, app, o, err);
}

bool asked_allow(const struct flow *f, const char *app, const char *network, bool is_allowed, struct err *err)
{
	json_t *o JSON_CLEANUP = NULL;
	struct egress tried = {0};
	size_t at;
	if (!egress_allow(&tried, network, err) || !asked_document(f, app, &o, err)) return false;
	json_t *list = json_object_get(o, "allow");
	bool is_there = find(list, network, &at);
	if (!is_allowed && !is_there)
		return err_set(err, ERR_NOT_FOUND, "%.60s is not among what the database of %s may call", network, app);
	if (is_allowed && !is_there && json_array_size(list) >= EGRESS_ALLOWED_MAX)
		return err_set(err, ERR_LIMIT, "no more than %d networks can be allowed", EGRESS_ALLOWED_MAX);
	if (is_allowed && !is_there) (void)json_array_append_new(list, json_string(network));
	if (!is_allowed) (void)json_array_remove(list, at);
	return keep(f, app, o, err) && signin_apply(f, app, err);
}
