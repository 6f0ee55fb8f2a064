/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"

#define BEGIN "-----BEGIN FREEHOLD RECOVERY KIT-----"
#define END "-----END FREEHOLD RECOVERY KIT-----"

static const char page[] =
    "FREEHOLD RECOVERY KIT, made %s\n"
    "\n"
    "Keep this away from the server: in a password manager, or printed in a drawer. With it and a place where your\n"
    "backups lie, everything comes back: apps, databases, files, releases, settings, secrets. Without it the backups\n"
    "cannot be read by anybody, you included. Whoever has it can read them all.\n"
    "\n"
    "The day the server is lost:\n"
    "  1. Get another server with Debian 12 and put Freehold on it: in its folder, ./up --no-start\n"
    "  2. Put this file there, for example as kit.txt. If a place is a disk, mount it where it was (or say where it "
    "is\n"
    "     now with --at).\n"
    "  3. freehold recover kit.txt\n"
    "  4. Start Freehold (./up, or freeholdd). Point your domain names at the new server.\n"
    "\n"
    "Make a new kit after you add or remove a place of backups: freehold backup kit\n"
    "\n"
    "Places:\n";

static json_t *place_json(const struct backup_place *p)
{
	json_t *one = json_pack("{s:I, s:s, s:s, s:b, s:O}", "id", (json_int_t)p->id, "kind", p->kind, "location",
				p->location, "is_elsewhere", p->is_elsewhere, "options", p->options);
	if (p->secret != NULL) json_object_set(one, "secret", p->secret);
	return one;
}

void kit_write(struct buf *out, const char *key, const struct backup_places *places, const char *made_at)
{
	json_t *list = json_array();
	buf_printf(out, page, made_at);
	for (int i = 0; i < places->count; i++) {
		const struct backup_place *p = &places->list[i];
		if (strcmp(p->kind, "home") == 0) continue; /* lost with the server */
		buf_printf(out, "  %s%s%s\n", strcmp(p->kind, "s3") == 0 ? "s3://" : "", p->location,
			   p->is_elsewhere ? "" : " (a disk)");
		json_array_append_new(list, place_json(p));
	}
	if (json_array_size(list) == 0)
		buf_puts(out, "  none yet: add one (freehold backup add ...) and make a new kit\n");
	json_t *whole = json_pack("{s:i, s:s, s:o}", "version", 1, "key", key, "places", list);
	char *text = json_text(whole);
	buf_printf(out, "\n" BEGIN "\n%s\n" END "\n", text);
	free(text);
	json_decref(whole);
}

static bool read_place(json_t *one, struct backup_place *ret_place, struct err *err)
{
	struct backup_place p = {.id = json_int(one, "id", 0), .is_elsewhere = json_bool(one, "is_elsewhere", false)};
	const char *kind = json_str(one, "kind", ""), *location = json_str(one, "location", "");
	json_t *options = json_object_get(one, "options"), *secret = json_object_get(one, "secret");
	if (p.id <= 0 || strlen(kind) >= sizeof p.kind || strlen(location) >= sizeof p.location ||
	    !json_is_object(options))
		return err_set(err, ERR_INVALID, "the recovery kit has a place that is none");
	(void)snprintf(p.kind, sizeof p.kind, "%s", kind);
	(void)snprintf(p.location, sizeof p.location, "%s", location);
	p.options = json_incref(options);
	p.secret = json_is_object(secret) ? json_incref(secret) : NULL;
	*ret_place = p;
	return true;
}

bool kit_read(struct str text, char ret_key[BACKUP_KEY_SIZE], struct backup_places *ret_places, struct err *err)
{
	ptrdiff_t from = str_find(text, STR(BEGIN)), to = str_find(text, STR(END));
	struct backup_places places = {.count = 0};
	json_t *whole JSON_CLEANUP = NULL;
	bool ok =
	    from >= 0 && to > from && json_parse(str_sub(text, (size_t)from + strlen(BEGIN), (size_t)to), &whole, err);
	const char *key = json_str(whole, "key", "");
	if (!ok || strlen(key) != BACKUP_KEY_SIZE - 1 || strspn(key, "0123456789abcdef") != BACKUP_KEY_SIZE - 1)
		return err_set(err, ERR_INVALID,
			       "this is no recovery kit, or not all of it: it has a block between two lines of dashes");
	json_t *list = json_object_get(whole, "places");
	for (size_t i = 0; ok && i < json_array_size(list) && places.count < BACKUP_PLACES_MAX; i++) {
		ok = read_place(json_array_get(list, i), &places.list[places.count], err);
		if (ok) places.count++;
	}
	if (!ok) {
		backup_places_done(&places);
		return false;
	}
	(void)snprintf(ret_key, BACKUP_KEY_SIZE, "%s", key);
	*ret_places = places;
	return true;
}
