/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/drill.h"

#include <stdio.h>
#include <string.h>

#include "app/archive.h"
#include "backup/queue.h"
#include "base/clock.h"
#include "codec/json.h"
#include "owndb/check.h"
#include "owndb/recover.h"
#include "owndb/rows.h"
#include "upkeep/backup.h"
#include "upkeep/restore.h"

#define HAND_OVER_MS 60000

static bool spell(const struct job_run *r, char ret_dir[FILE_PATH_SIZE], struct err *err)
{
	return file_path(ret_dir, err, "%s/postgres/drill-%lld", r->parts.dir, (long long)r->job.id);
}

/* The place asked for; else of those that have a backup one that outlives this server, else the last. */
static bool choose_place(struct job_run *r, const struct backup_places *places, struct backup_place *ret_place,
			 struct err *err)
{
	int64_t only = json_int(r->options, "place", 0);
	bool has_any = false;
	for (int i = 0; i < places->count; i++) {
		const struct backup_place *p = &places->list[i];
		json_t *list JSON_CLEANUP = NULL;
		if (only != 0 && p->id != only) continue;
		if (!backup_info_get(r->f->db, r->job.app, p->id, &list, NULL, err)) return false;
		if (json_array_size(list) == 0 || (has_any && ret_place->is_elsewhere && !p->is_elsewhere)) continue;
		has_any = true;
		*ret_place = *p;
	}
	return has_any || err_set(err, ERR_NOT_FOUND, "%s has no backup yet; take one: freehold db %s backup",
				  r->job.app, r->job.app);
}

/* A moment of the live cluster with a count before and a count after it, that has arrived at the place. */
static bool mark(struct job_run *r, const struct backup_place *place, struct restore_source *s, json_t **ret_before,
		 json_t **ret_after, struct err *err)
{
	struct pg_conn *conn = NULL;
	(void)snprintf(s->point, sizeof s->point, "drill-%lld", (long long)r->job.id);
	const char *const params[] = {s->point};
	if (!owndb_rows(&r->parts.owndb, ret_before, err) ||
	    !owndb_connect(&r->parts.owndb, OWNDB_SUPERUSER, &conn, err))
		return false;
	bool ok = pg_conn_exec(conn, "select pg_create_restore_point($1)", 1, params, NULL, NULL, err);
	pg_conn_close(conn);
	return ok && owndb_rows(&r->parts.owndb, ret_after, err) &&
	       owndb_hand_over(&r->parts.owndb, HAND_OVER_MS, err) && archive_drain(r->f, &r->parts, place->id, err);
}

static json_int_t count_rows(json_t *tables)
{
	const char *name;
	json_t *table;
	json_int_t rows = 0;
	json_object_foreach(tables, name, table) rows += json_int(table, "rows", 0);
	return rows;
}

static bool look(struct job_run *r, struct clone *c, json_t *before, json_t *after, struct err *err)
{
	json_t *copy JSON_CLEANUP = NULL;
	if (!job_begin_step(r, "checksums", err) || !owndb_check_pages(&c->db, err) ||
	    !job_begin_step(r, "structure", err) || !clone_start(c, err) || !owndb_rows(&c->db, &copy, err) ||
	    !owndb_check_structure(&c->db, err) || !job_begin_step(r, "count", err) ||
	    !rows_check(copy, before, after, err))
		return false;
	json_object_set_new(r->result, "tables", json_integer((json_int_t)json_object_size(copy)));
	json_object_set_new(r->result, "rows", json_integer(count_rows(copy)));
	return true;
}

static bool drill_at(struct job_run *r, const struct backup_place *place, struct clone *c, struct err *err)
{
	char dir[FILE_PATH_SIZE], name[BACKUP_LOCATION_SIZE + 8];
	struct restore_source s;
	json_t *before JSON_CLEANUP = NULL, *after JSON_CLEANUP = NULL;
	json_t *newest JSON_CLEANUP = json_pack("{s:I}", "place", (json_int_t)place->id);
	archive_place_name(place, name);
	json_object_set_new(r->result, "place", json_integer(place->id));
	json_object_set_new(r->result, "name", json_string(name));
	json_object_set_new(r->result, "is_elsewhere", json_boolean(place->is_elsewhere));
	if (!spell(r, dir, err) || !archive_place_check(place, err) ||
	    !backup_look(r->f, &r->parts, place->id, NULL, err) || !restore_choose(r->f, &r->parts, newest, &s, err) ||
	    !job_begin_step(r, "mark", err) || !mark(r, place, &s, &before, &after, err))
		return false;
	json_object_set_new(r->result, "backup", json_string(s.label));
	json_object_set_new(r->result, "bytes", json_integer((json_int_t)s.bytes));
	int64_t began_ms = clock_now_ms();
	if (!restore_into(r, &s, dir, true, c, err)) return false;
	/* How long it would take to be back: fetched and recovered, without the looking. */
	json_object_set_new(r->result, "ms", json_integer(clock_now_ms() - began_ms));
	return look(r, c, before, after, err);
}

bool drill_recover(struct job_run *r, bool *ret_is_done, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	*ret_is_done = false;
	return spell(r, dir, err) && file_remove_tree(dir, err);
}

bool drill_run(struct job_run *r, struct err *err)
{
	struct backup_places places;
	struct backup_place place = {.id = 0};
	struct clone c = {.lock = -1};
	struct err ignored;
	bool is_done;
	if (!backup_places_get(r->f->db, r->f->seal, &places, err)) return false;
	bool ok = choose_place(r, &places, &place, err) && drill_at(r, &place, &c, err);
	clone_stop(&c);
	(void)drill_recover(r, &is_done, &ignored);
	backup_places_done(&places);
	return ok;
}
