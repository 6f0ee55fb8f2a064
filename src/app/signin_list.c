/* SPDX-License-Identifier: Apache-2.0
 *
 * What is set, and what holds, for whoever looks. */
#include <stdlib.h>
#include <string.h>

#include "app/signin.h"
#include "app/signin_store.h"
#include "auth/settings_member.h"
#include "base/clock.h"
#include "codec/json.h"

struct listing {
	json_t *list;
	const char *from;
};

static json_t *find_entry(json_t *list, const char *name)
{
	size_t i;
	json_t *entry;
	json_array_foreach(list, i, entry) if (strcmp(json_str(entry, "name", ""), name) == 0) return entry;
	return NULL;
}

static bool add_set(void *arg, const char *name, struct str text, int64_t set_at_ms, struct err *err)
{
	struct listing *l = arg;
	char set_at[CLOCK_ISO8601_SIZE];
	json_t *value JSON_CLEANUP = NULL, *old = find_entry(l->list, name);
	if (!signin_parse(name, text, &value, err)) return false;
	clock_iso8601(set_at_ms, set_at);
	if (old == NULL) {
		old = json_pack("{s:s}", "name", name);
		(void)json_array_append_new(l->list, old);
	}
	(void)json_object_set_new(old, "from", json_string(l->from));
	(void)json_object_set_new(old, "secret", json_boolean(signin_is_secret(name)));
	(void)json_object_set_new(old, "set_at", json_string(set_at));
	(void)json_object_del(old, "value");
	if (!signin_is_secret(name)) (void)json_object_set(old, "value", value);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(json_str(*(json_t *const *)a, "name", ""), json_str(*(json_t *const *)b, "name", ""));
}

/* The entries, sorted; takes the list. */
static json_t *sorted(json_t *list)
{
	size_t count = json_array_size(list);
	json_t **entries = calloc(count + 1, sizeof *entries), *result = json_array();
	if (entries == NULL) abort();
	for (size_t i = 0; i < count; i++) entries[i] = json_array_get(list, i);
	qsort(entries, count, sizeof *entries, by_name);
	for (size_t i = 0; i < count; i++) (void)json_array_append(result, entries[i]);
	free(entries);
	json_decref(list);
	return result;
}

bool signin_list(const struct flow *f, const char *app, json_t **ret_list, struct err *err)
{
	struct listing l = {json_array(), "export"};
	bool ok = app_secret_each(f->db, f->seal, app, SIGNIN_EXPORT, add_set, &l, err);
	l.from = "owner";
	ok = ok && app_secret_each(f->db, f->seal, app, SIGNIN_OWNER, add_set, &l, err);
	if (!ok) {
		json_decref(l.list);
		return false;
	}
	*ret_list = sorted(l.list);
	return true;
}

/* What nobody set, as it holds. */
static void add_defaults(json_t *list, const struct auth_settings *settings)
{
	const struct auth_setting *row = auth_setting_groups[AUTH_GROUP_SETTINGS].rows;
	for (; row->name != NULL; row++) {
		json_t *entry = find_entry(list, row->name);
		json_t *value = row->is_secret ? NULL : auth_setting_show(row, settings);
		if (entry == NULL) {
			entry = json_pack("{s:s, s:s, s:b}", "name", row->name, "from", "freehold", "secret",
					  row->is_secret);
			(void)json_array_append_new(list, entry);
		}
		if (value != NULL) (void)json_object_set_new(entry, "value", value);
	}
}

bool signin_list_all(const struct flow *f, const char *app, json_t **ret_list, struct err *err)
{
	json_t *document JSON_CLEANUP = NULL, *list = NULL;
	struct auth_settings *settings = NULL;
	if (!signin_document(f, app, &document, NULL, err) || !auth_settings_read(document, &settings, err) ||
	    !signin_list(f, app, &list, err)) {
		auth_settings_free(settings);
		return false;
	}
	add_defaults(list, settings);
	auth_settings_free(settings);
	*ret_list = sorted(list);
	return true;
}
