/* SPDX-License-Identifier: Apache-2.0
 *
 * Media types, as Accept and Content-Type name them. */
#ifndef FREEHOLD_REST_MEDIA_H
#define FREEHOLD_REST_MEDIA_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

#define MEDIA_ACCEPT_MAX 32

enum media_kind {
	MEDIA_JSON,
	MEDIA_GEOJSON,
	MEDIA_CSV,
	MEDIA_TEXT,
	MEDIA_XML,
	MEDIA_OPENAPI,
	MEDIA_FORM,
	MEDIA_OCTETS,
	MEDIA_OBJECT, /* application/vnd.pgrst.object+json */
	MEDIA_OBJECT_STRIPPED, /* … without nulls */
	MEDIA_ARRAY_STRIPPED,
	MEDIA_ANY,
	MEDIA_PLAN, /* application/vnd.pgrst.plan+json or +text: how PostgreSQL would run it */
	MEDIA_OTHER,
};

/* Of a plan: what EXPLAIN is told. */
enum media_plan_option {
	PLAN_ANALYZE = 1,
	PLAN_VERBOSE = 2,
	PLAN_SETTINGS = 4,
	PLAN_BUFFERS = 8,
	PLAN_WAL = 16,
};

struct media {
	enum media_kind kind;
	struct str text; /* as PostgREST writes it, without charset; of an unknown one as it came */
	enum media_kind plan_for; /* the answer whose plan is wanted */
	struct str plan_for_text;
	bool plan_is_json;
	unsigned plan_options;
};

/* Its texts live in the arena or are literals, but for an unknown type's, which is borrowed. */
struct media media_parse(struct arena *a, struct str text);
struct media media_of(enum media_kind kind); /* of a kind that needs no parameters */

/* For Content-Type: with "; charset=utf-8" where PostgREST puts it. NULL at the arena's limit. */
const char *media_content_type(struct arena *a, struct media m);

/* Sorted as the client wishes them; an absent header (.ptr NULL) is "*" "/" "*". Returns how many. */
int media_accept(struct arena *a, struct str header, struct media ret[MEDIA_ACCEPT_MAX]);

#endif
