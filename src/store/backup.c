/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"

#define SECRET_MAX 4096
#define GAPS_MAX 1000

static const char key_label[] = "backup/key";

static const char *place_label(char label[64], int64_t id)
{
	(void)snprintf(label, 64, "backup/place/%lld", (long long)id);
	return label;
}

/* Looked at first: to insert nothing takes the lock of a writer too. */
static bool ensure_home(struct db *db, struct err *err)
{
	struct db_query q;
	db_query(db, &q, "select 1 from sqlite_sequence where name = 'backup_place'", "");
	bool is_there = db_row(&q);
	if (!db_end(&q, err)) return false;
	if (is_there) return true;
	return db_run(db, NULL, err,
		      "insert into backup_place (id, kind, location, options, is_elsewhere, added_at)"
		      " select 1, 'home', '', '{}', 0, ? where not exists (select 1 from backup_place)"
		      " and not exists (select 1 from sqlite_sequence where name = 'backup_place')",
		      "i", clock_wall_ms());
}

static bool read_place(const struct seal *s, struct db_query *q, struct backup_place *ret_place, struct err *err)
{
	struct backup_place p = {.id = sqlite3_column_int64(q->stmt, 0),
				 .is_elsewhere = sqlite3_column_int64(q->stmt, 5) != 0,
				 .added_at_ms = sqlite3_column_int64(q->stmt, 6)};
	(void)snprintf(p.kind, sizeof p.kind, "%s", db_text(q, 1));
	(void)snprintf(p.location, sizeof p.location, "%s", db_text(q, 2));
	if (!json_parse(str_from(db_text(q, 3)), &p.options, err)) return false;
	if (sqlite3_column_type(q->stmt, 4) != SQLITE_NULL) {
		char label[64];
		struct buf value BUF_CLEANUP;
		buf_init(&value, SECRET_MAX);
		struct str sealed = {sqlite3_column_blob(q->stmt, 4), (size_t)sqlite3_column_bytes(q->stmt, 4)};
		if (!seal_open_value(s, str_from(place_label(label, p.id)), sealed, &value, err) ||
		    !json_parse(buf_view(&value), &p.secret, err)) {
			json_decref(p.options);
			return false;
		}
	}
	*ret_place = p;
	return true;
}

bool backup_places_get(struct db *db, const struct seal *s, struct backup_places *ret_places, struct err *err)
{
	struct db_query q;
	struct backup_places places = {.count = 0};
	bool ok = ensure_home(db, err);
	if (!ok) return false;
	db_query(db, &q,
		 "select id, kind, location, options, sealed, is_elsewhere, added_at from backup_place order by id",
		 "");
	while (ok && places.count < BACKUP_PLACES_MAX && db_row(&q)) {
		ok = read_place(s, &q, &places.list[places.count], err);
		if (ok) places.count++;
	}
	struct err end;
	if (!db_end(&q, &end) && ok) {
		*err = end;
		ok = false;
	}
	if (ok)
		*ret_places = places;
	else
		backup_places_done(&places);
	return ok;
}

void backup_places_done(struct backup_places *places)
{
	for (int i = 0; i < places->count; i++) {
		json_decref(places->list[i].options);
		json_decref(places->list[i].secret);
	}
	places->count = 0;
}

static bool put_place(struct db *db, const struct seal *s, const struct backup_place *place, int64_t id,
		      struct err *err)
{
	char label[64];
	char *options = json_text(place->options), *secret = place->secret != NULL ? json_text(place->secret) : NULL;
	struct buf sealed BUF_CLEANUP;
	buf_init(&sealed, SECRET_MAX + 256);
	if (secret != NULL) seal_close_value(s, str_from(place_label(label, id)), str_from(secret), &sealed);
	bool ok = db_run(db, NULL, err,
			 "insert into backup_place (id, kind, location, options, sealed, is_elsewhere, added_at)"
			 " values (?, ?, ?, ?, nullif(?, x''), ?, ?)",
			 "isssbii", id, place->kind, place->location, options, buf_view(&sealed),
			 (int64_t)place->is_elsewhere, clock_wall_ms());
	free(options);
	free(secret);
	return ok;
}

bool backup_place_add(struct db *db, const struct seal *s, const struct backup_place *place, int64_t *ret_id,
		      struct err *err)
{
	struct db_query q;
	int64_t next = 2, count = 0, same = 0;
	if (!ensure_home(db, err) || !db_begin(db, err)) return false;
	db_query(db, &q,
		 "select (select max(seq) + 1 from sqlite_sequence where name = 'backup_place'), count(*),"
		 " coalesce(sum(kind = ? and location = ?), 0) from backup_place",
		 "ss", place->kind, place->location);
	if (db_row(&q)) {
		next = sqlite3_column_int64(q.stmt, 0);
		count = sqlite3_column_int64(q.stmt, 1);
		same = sqlite3_column_int64(q.stmt, 2);
	}
	bool ok = db_end(&q, err);
	if (ok && same > 0)
		ok = err_set(err, ERR_CONFLICT, "%s is a place of backups already; freehold backup lists them",
			     place->location);
	if (ok && count >= BACKUP_PLACES_MAX)
		ok =
		    err_set(err, ERR_LIMIT, "%d places are the most there can be; remove one first", BACKUP_PLACES_MAX);
	if (ok && next < 2) next = 2;
	ok = ok && put_place(db, s, place, next, err);
	if (!ok) {
		db_rollback(db);
		return false;
	}
	if (!db_commit(db, err)) return false;
	*ret_id = next;
	return true;
}

bool backup_place_remove(struct db *db, int64_t id, struct err *err)
{
	int changes = 0;
	struct db_query q;
	int64_t others = 0;
	db_query(db, &q, "select count(*) from backup_place where id <> ?", "i", id);
	if (db_row(&q)) others = sqlite3_column_int64(q.stmt, 0);
	if (!db_end(&q, err)) return false;
	if (others == 0) return err_set(err, ERR_CONFLICT, "this is the only place of backups; add another one first");
	return db_run(db, &changes, err, "delete from backup_place where id = ?", "i", id) &&
	       (changes > 0 || err_set(err, ERR_NOT_FOUND,
				       "there is no place %lld; freehold backup lists those there are", (long long)id));
}

bool backup_key_set(struct db *db, const struct seal *s, const char *key, struct err *err)
{
	struct buf sealed BUF_CLEANUP;
	buf_init(&sealed, 1024);
	seal_close_value(s, str_from(key_label), str_from(key), &sealed);
	return db_run(db, NULL, err,
		      "insert into backup_key (id, sealed, made_at) values (1, ?, ?) on conflict do nothing", "bi",
		      buf_view(&sealed), clock_wall_ms());
}

static bool read_key(struct db *db, const struct seal *s, char ret_key[BACKUP_KEY_SIZE], bool *ret_found,
		     struct err *err)
{
	struct db_query q;
	struct buf value BUF_CLEANUP;
	struct err why;
	buf_init(&value, BACKUP_KEY_SIZE - 1);
	db_query(db, &q, "select sealed from backup_key where id = 1", "");
	bool found = db_row(&q), opened = true;
	if (found) {
		struct str sealed = {sqlite3_column_blob(q.stmt, 0), (size_t)sqlite3_column_bytes(q.stmt, 0)};
		opened = seal_open_value(s, str_from(key_label), sealed, &value, &why);
	}
	if (!db_end(&q, err)) return false;
	if (!opened) {
		*err = why;
		return err_wrap(err, "the key of the backups");
	}
	*ret_found = found;
	if (found) (void)snprintf(ret_key, BACKUP_KEY_SIZE, "%s", buf_cstr(&value));
	return true;
}

bool backup_key_get(struct db *db, const struct seal *s, char ret_key[BACKUP_KEY_SIZE], struct err *err)
{
	unsigned char bytes[(BACKUP_KEY_SIZE - 1) / 2];
	char key[BACKUP_KEY_SIZE];
	bool found = false;
	if (!read_key(db, s, ret_key, &found, err)) return false;
	if (found) return true;
	randombytes_buf(bytes, sizeof bytes);
	sodium_bin2hex(key, sizeof key, bytes, sizeof bytes);
	bool ok = backup_key_set(db, s, key, err) && read_key(db, s, ret_key, &found, err); /* another may be first */
	sodium_memzero(bytes, sizeof bytes);
	sodium_memzero(key, sizeof key);
	return ok && (found || err_set(err, ERR_INTERNAL, "the key of the backups was not kept"));
}

bool backup_info_get(struct db *db, const char *app, int64_t place, json_t **ret_list, int64_t *ret_seen_at_ms,
		     struct err *err)
{
	struct db_query q;
	json_t *list = NULL;
	int64_t seen_at_ms = 0;
	bool ok = true;
	db_query(db, &q, "select info, seen_at from backup_info where app = ? and place = ?", "si", app, place);
	if (db_row(&q)) {
		ok = json_parse(str_from(db_text(&q, 0)), &list, err);
		seen_at_ms = sqlite3_column_int64(q.stmt, 1);
	}
	struct err end;
	if (!db_end(&q, &end)) {
		*err = end;
		json_decref(list);
		return false;
	}
	if (!ok) return false;
	*ret_list = list != NULL ? list : json_array();
	if (ret_seen_at_ms != NULL) *ret_seen_at_ms = seen_at_ms;
	return true;
}

bool backup_info_set(struct db *db, const char *app, int64_t place, const json_t *list, struct err *err)
{
	char *text = json_text(list);
	bool ok = db_run(db, NULL, err,
			 "insert into backup_info (app, place, info, seen_at) values (?, ?, ?, ?)"
			 " on conflict (app, place) do update set info = excluded.info, seen_at = excluded.seen_at",
			 "sisi", app, place, text, clock_wall_ms());
	free(text);
	return ok;
}

bool backup_gap_open(struct db *db, const char *app, int64_t place, int64_t since_ms, const char *why, struct err *err)
{
	return db_run(db, NULL, err,
		      "insert into backup_gap (app, place, since, why) select ?, ?, ?, ?"
		      " where not exists (select 1 from backup_gap where app = ? and place = ? and until is null)"
		      " on conflict do nothing",
		      "siissi", app, place, since_ms, why, app, place);
}

bool backup_gap_close(struct db *db, const char *app, int64_t place, int64_t until_ms, struct err *err)
{
	return db_run(db, NULL, err, "update backup_gap set until = ? where app = ? and place = ? and until is null",
		      "isi", until_ms, app, place);
}

bool backup_gaps(struct db *db, const char *app, int64_t place, json_t **ret_list, struct err *err)
{
	struct db_query q;
	json_t *list = json_array();
	db_query(db, &q,
		 "select since, coalesce(until, 0), why from backup_gap where app = ? and place = ? order by since"
		 " limit ?",
		 "sii", app, place, (int64_t)GAPS_MAX);
	while (db_row(&q))
		json_array_append_new(
		    list, json_pack("{s:I, s:I, s:s}", "since_ms", (json_int_t)sqlite3_column_int64(q.stmt, 0),
				    "until_ms", (json_int_t)sqlite3_column_int64(q.stmt, 1), "why", db_text(&q, 2)));
	if (!db_end(&q, err)) {
		json_decref(list);
		return false;
	}
	*ret_list = list;
	return true;
}

bool timeline_add(struct db *db, const char *app, int64_t number, int64_t began_at_ms, int64_t parent,
		  int64_t forked_at_ms, struct err *err)
{
	return db_run(db, NULL, err,
		      "insert into timeline (app, number, began_at, parent, forked_at) values (?, ?, ?, ?, ?)", "siiii",
		      app, number, began_at_ms, parent, forked_at_ms);
}

bool timeline_list(struct db *db, const char *app, json_t **ret_list, struct err *err)
{
	struct db_query q;
	json_t *list = json_array();
	db_query(db, &q,
		 "select number, began_at, coalesce(parent, 0), coalesce(forked_at, 0) from timeline where app = ?"
		 " order by id",
		 "s", app);
	while (db_row(&q))
		json_array_append_new(list, json_pack("{s:I, s:I, s:I, s:I}", "number",
						      (json_int_t)sqlite3_column_int64(q.stmt, 0), "began_at_ms",
						      (json_int_t)sqlite3_column_int64(q.stmt, 1), "parent",
						      (json_int_t)sqlite3_column_int64(q.stmt, 2), "forked_at_ms",
						      (json_int_t)sqlite3_column_int64(q.stmt, 3)));
	if (!db_end(&q, err)) {
		json_decref(list);
		return false;
	}
	*ret_list = list;
	return true;
}
