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
	MEDIA_OTHER,
};

struct media {
	enum media_kind kind;
	struct str text; /* as it was written */
};

struct media media_parse(struct str text);
struct str media_text(struct media m); /* without charset */

/* For Content-Type: with "; charset=utf-8" where PostgREST puts it. NULL at the arena's limit. */
const char *media_content_type(struct arena *a, struct media m);

/* Sorted as the client wishes them; an absent header is "*" "/" "*". Returns how many. */
int media_accept(struct arena *a, struct str header, struct media ret[MEDIA_ACCEPT_MAX]);

#endif
