/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/finding.h"

#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "intake/scan.h"

bool finding_exists(const json_t *list, const char *name)
{
	size_t i;
	json_t *f;
	json_array_foreach(list, i, f) if (strcmp(json_str(f, "name", ""), name) == 0) return true;
	return false;
}

static void set_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, text != NULL ? json_string(text) : json_null());
}

void finding_add(json_t *list, const struct finding *f)
{
	static const char *const words[] = {"stop", "stop", "warn", "note"};
	char name[512];
	(void)snprintf(name, sizeof name, "%s:%s", f->kind, f->subject);
	while (name[0] != '\0' && !str_is_utf8(str_from(name))) name[strlen(name) - 1] = '\0';
	if (json_array_size(list) >= FINDING_MAX_COUNT || finding_exists(list, name)) return;
	json_t *o = json_object();
	json_object_set_new(o, "name", json_string(name));
	set_text(o, "severity", words[f->severity]);
	json_object_set_new(o, "can_accept", json_boolean(f->severity == FINDING_STOP));
	set_text(o, "title", f->title);
	set_text(o, "detail", f->detail);
	set_text(o, "file", f->file);
	json_object_set_new(o, "line", json_integer(f->line));
	set_text(o, "paste", f->paste);
	json_array_append_new(list, o);
}
