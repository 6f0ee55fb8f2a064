/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/disks.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app/archive.h"
#include "codec/json.h"
#include "os/file.h"
#include "store/backup.h"

#define WORDS_MAX_BYTES 4096
#define NAMES_SHOWN 5

static bool add_name(void *arg, const struct app *app, struct err *err)
{
	(void)err;
	json_array_append_new(arg, json_string(app->name));
	return true;
}

static bool is_same_disk(const char *a, const char *b)
{
	struct stat x, y;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev;
}

static json_t *new_disk(const char *at)
{
	return json_pack("{s:s, s:[], s:[]}", "at", at, "apps", "places");
}

/* A place on a disk that is listed belongs to that; one that is not there is not asked how full it is. */
static void add_place(json_t *disks, const struct backup_place *place)
{
	char name[BACKUP_LOCATION_SIZE + 8];
	json_t *disk, *found = NULL;
	size_t i;
	archive_place_name(place, name);
	bool is_folder = strcmp(place->kind, "folder") == 0;
	if (strcmp(place->kind, "home") == 0) found = json_array_get(disks, 0);
	if (found == NULL && (!is_folder || place->is_elsewhere || !file_exists(place->location))) return;
	json_array_foreach(disks, i, disk)
	{
		if (found == NULL && is_same_disk(json_str(disk, "at", ""), place->location)) found = disk;
	}
	if (found == NULL) {
		found = new_disk(place->location);
		json_array_append_new(disks, found);
	}
	json_array_append_new(json_object_get(found, "places"), json_string(name));
}

/* "0.6 GB are free at /var/lib/freehold, where shop, blog and backups are" */
static void put_what(const json_t *disk, uint64_t room, struct buf *out)
{
	const json_t *apps = json_object_get(disk, "apps");
	size_t count = json_array_size(apps), shown = count > NAMES_SHOWN ? NAMES_SHOWN : count;
	bool has_places = json_array_size(json_object_get(disk, "places")) > 0;
	buf_printf(out, "%.1f GB are free at %s, where ", (double)room / 1e9, json_str(disk, "at", ""));
	for (size_t i = 0; i < shown; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(apps, i)));
	if (count > shown) buf_printf(out, ", %zu more apps", count - shown);
	if (has_places) buf_puts(out, count > 0 ? " and backups" : "backups");
	buf_puts(out, count + has_places > 0 ? " are" : "everything is kept");
}

static void look(json_t *disk, bool is_home)
{
	struct err err;
	uint64_t room = 0;
	struct buf what BUF_CLEANUP;
	buf_init(&what, WORDS_MAX_BYTES);
	bool ok = file_disk_free(json_str(disk, "at", ""), &room, &err);
	if (ok) {
		put_what(disk, room, &what);
		json_object_set_new(disk, "free_bytes", json_integer((json_int_t)room));
	}
	bool is_low = ok && room < DISKS_LOW_BYTES;
	json_object_set_new(disk, "is_low", json_boolean(is_low));
	json_object_set_new(disk, "what", json_string(ok ? buf_cstr(&what) : err.msg));
	json_object_set_new(
	    disk, "next",
	    !is_low   ? json_null()
	    : is_home ? json_string("make room: a build needs up to 2 GB, and without any the databases stop (freehold "
				    "db APP size shows what one takes)")
		      : json_string("make room there, or keep fewer days: freehold backup set days=7"));
}

bool disks_look(const struct flow *f, json_t **ret_disks, struct err *err)
{
	struct backup_places places;
	json_t *disks = json_array(), *home = new_disk(f->layout.home);
	json_array_append_new(disks, home);
	bool ok = app_each(f->db, add_name, json_object_get(home, "apps"), err) &&
		  backup_places_get(f->db, f->seal, &places, err);
	if (!ok) {
		json_decref(disks);
		return false;
	}
	for (int i = 0; i < places.count; i++) add_place(disks, &places.list[i]);
	backup_places_done(&places);
	for (size_t i = 0; i < json_array_size(disks); i++) look(json_array_get(disks, i), i == 0);
	*ret_disks = disks;
	return true;
}

void disks_warnings(const json_t *disks, json_t *warnings)
{
	const json_t *disk;
	size_t i;
	json_array_foreach(disks, i, disk)
	{
		if (json_bool(disk, "is_low", false))
			json_array_append_new(warnings, json_sprintf("Only %s; %s.", json_str(disk, "what", ""),
								     json_str(disk, "next", "")));
	}
}
