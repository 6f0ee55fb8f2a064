/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/auth_config.h"

#include <stdio.h>
#include <string.h>

#include "codec/json.h"

static json_t *bounded(const json_t *value, int depth, int *members);

static json_t *bounded_list(const json_t *list, int *members)
{
	json_t *copy = json_array();
	for (size_t i = 0; i < json_array_size(list) && *members > 0; i++) {
		json_t *one = json_array_get(list, i);
		if (json_is_object(one) || json_is_array(one)) continue;
		json_t *kept = bounded(one, 0, members);
		if (kept != NULL) (void)json_array_append_new(copy, kept);
	}
	return copy;
}

static json_t *bounded_object(json_t *object, int depth, int *members)
{
	const char *key;
	json_t *value, *copy = json_object();
	json_object_foreach(object, key, value)
	{
		json_t *kept = strlen(key) < 100 ? bounded(value, depth - 1, members) : NULL;
		if (kept != NULL) (void)json_object_set_new(copy, key, kept);
	}
	return copy;
}

static json_t *bounded(const json_t *value, int depth, int *members)
{
	if ((*members)-- <= 0) return NULL;
	if (json_is_object(value)) return depth > 0 ? bounded_object((json_t *)(uintptr_t)value, depth, members) : NULL;
	if (json_is_array(value)) return bounded_list(value, members);
	if (json_is_string(value) && json_string_length(value) > AUTH_CONFIG_MAX_TEXT) return NULL;
	return json_deep_copy(value);
}

json_t *auth_config_bounded(const json_t *config)
{
	json_t *section = json_object_get(config, "auth");
	int members = AUTH_CONFIG_MAX_MEMBERS;
	return json_is_object(section) ? bounded(section, AUTH_CONFIG_MAX_DEPTH, &members) : NULL;
}

/* "./supabase/templates/invite.html" is meant from the project's folder, or from supabase/ itself. */
static const struct source_file *find_content(const struct source *source, const char *root, const char *path)
{
	char name[600];
	while (strncmp(path, "./", 2) == 0) path += 2;
	const struct source_file *file = source_find_in(source, root, path);
	if (file == NULL) file = source_find(source, path);
	(void)snprintf(name, sizeof name, "supabase/%.500s", path);
	if (file == NULL) file = source_find_in(source, root, name);
	return file != NULL ? file : source_find(source, name);
}

static void read_contents(const struct source *source, const char *root, json_t *mails)
{
	const char *kind;
	json_t *mail;
	json_object_foreach(mails, kind, mail)
	{
		const char *path = json_str(mail, "content_path", NULL);
		const struct source_file *file = path != NULL ? find_content(source, root, path) : NULL;
		struct buf text BUF_CLEANUP;
		struct err ignored;
		buf_init(&text, AUTH_CONFIG_MAX_TEMPLATE + 1);
		if (file == NULL) continue;
		source_mark(file);
		if (source_read(source, file, AUTH_CONFIG_MAX_TEMPLATE, &text, &ignored) &&
		    str_is_utf8(buf_view(&text)) && str_find_char(buf_view(&text), '\0') < 0)
			(void)json_object_set_new(mail, "content", json_stringn(buf_cstr(&text), text.len));
	}
}

json_t *auth_config_read(const struct source *source, const char *root, const json_t *config)
{
	json_t *section = auth_config_bounded(config);
	const json_t *email = json_object_get(section, "email");
	read_contents(source, root, json_object_get(email, "template"));
	read_contents(source, root, json_object_get(email, "notification"));
	return section;
}
