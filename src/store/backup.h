/* SPDX-License-Identifier: Apache-2.0
 *
 * Where backups lie, the key they are encrypted with, and what is known of them. Place 1 is the home itself; it is made
 * with the tables' first use. */
#ifndef FREEHOLD_STORE_BACKUP_H
#define FREEHOLD_STORE_BACKUP_H

#include <jansson.h>
#include <stdint.h>

#include "store/db.h"
#include "store/layout.h"
#include "store/seal.h"

#define BACKUP_PLACES_MAX 8
#define BACKUP_LOCATION_SIZE 1024
#define BACKUP_KEY_SIZE 65 /* 64 hexadecimal digits and NUL */

/* kind "home": below the home, location "". "folder": an absolute path. "s3": BUCKET[/PREFIX]. */
struct backup_place {
	int64_t id;
	char kind[16];
	char location[BACKUP_LOCATION_SIZE];
	bool is_elsewhere; /* it outlives this server */
	int64_t added_at_ms;
	json_t
	    *options; /* of s3: {"endpoint", "region", "key_id", "uri_style", "verify_tls"}; borrowed from the list */
	json_t *secret; /* of s3: {"secret"}; or NULL */
};

struct backup_places {
	struct backup_place list[BACKUP_PLACES_MAX];
	int count;
};

/* In order of id. What was read is given back with backup_places_done. */
bool backup_places_get(struct db *db, const struct seal *s, struct backup_places *ret_places, struct err *err);
void backup_places_done(struct backup_places *places);
/* ERR_CONFLICT when it is there already, ERR_LIMIT past BACKUP_PLACES_MAX. options and secret are not taken. */
bool backup_place_add(struct db *db, const struct seal *s, const struct backup_place *place, int64_t *ret_id,
		      struct err *err);
bool backup_place_remove(struct db *db, int64_t id, struct err *err); /* ERR_NOT_FOUND; ERR_CONFLICT: the last one */

/* The home's key; made when there is none. */
bool backup_key_get(struct db *db, const struct seal *s, char ret_key[BACKUP_KEY_SIZE], struct err *err);
/* Of a home that is being recovered. */
bool backup_key_set(struct db *db, const struct seal *s, const char *key, struct err *err);

/* Backups of an app at a place as last seen: [{"label", "type", "taken_at_ms", "start_ms", "stop_ms", "timeline",
 * "bytes", "repository_bytes"}], oldest first; an empty list where nothing is known. */
bool backup_info_get(struct db *db, const char *app, int64_t place, json_t **ret_list, int64_t *ret_seen_at_ms,
		     struct err *err);
bool backup_info_set(struct db *db, const char *app, int64_t place, const json_t *list, struct err *err);

/* Changes that did not reach a place. since is the true time (it is compared with backups' times). */
bool backup_gap_open(struct db *db, const char *app, int64_t place, int64_t since_ms, const char *why, struct err *err);
bool backup_gap_close(struct db *db, const char *app, int64_t place, int64_t until_ms, struct err *err);
/* [{"since_ms", "until_ms" (0: still), "why"}] */
bool backup_gaps(struct db *db, const char *app, int64_t place, json_t **ret_list, struct err *err);

/* A cluster's histories: [{"number", "began_at_ms", "parent", "forked_at_ms"}], as they became live. An app that was
 * never restored has none: it is on history 1. */
bool timeline_add(struct db *db, const char *app, int64_t number, int64_t began_at_ms, int64_t parent,
		  int64_t forked_at_ms, struct err *err);
bool timeline_list(struct db *db, const char *app, json_t **ret_list, struct err *err);

#endif
