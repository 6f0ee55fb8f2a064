/* SPDX-License-Identifier: Apache-2.0
 *
 * What a transformed picture is to be: the wish in a query, in a body's "transform" or in a signed address, and the
 * format it gets. Rules and bounds are storage-api's. Pure. */
#ifndef FREEHOLD_STORAGE_PICTURE_H
#define FREEHOLD_STORAGE_PICTURE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "storage/problem.h"

#define PICTURE_SIDE_MAX 2500 /* more is taken for that */
#define PICTURE_QUALITY_MIN 20
#define PICTURE_QUALITY 80

enum picture_kind {
	PICTURE_NONE,
	PICTURE_JPEG,
	PICTURE_PNG,
	PICTURE_GIF,
	PICTURE_WEBP,
	PICTURE_AVIF,
	PICTURE_HEIC,
	PICTURE_SVG
};
enum picture_resize { RESIZE_COVER, RESIZE_CONTAIN, RESIZE_FILL };
enum picture_format { FORMAT_NEGOTIATED, FORMAT_ORIGIN, FORMAT_WEBP, FORMAT_AVIF };

struct picture {
	int width, height; /* 0: none given */
	int quality; /* 0: none given */
	enum picture_resize resize;
	enum picture_format format;
};

/* The query's parameters; FAULT_INVALID names the one that is wrong. */
bool picture_read_query(struct arena *a, struct str query, struct picture *ret_picture,
			struct storage_problem *problem);

/* The member "transform" of a body; NULL is none. */
bool picture_read_json(const json_t *transform, struct picture *ret_picture, struct storage_problem *problem);

/* "height:50,width:100,resize:cover,quality:80,format:webp", as a token holds it; what is unknown is passed over. */
void picture_read_words(struct str words, struct picture *ret_picture);

/* The other way; "" where nothing was asked for. NULL at the arena's limit. */
const char *picture_words(struct arena *a, const struct picture *picture);

/* The same for X-Transformations, in imgproxy's words. */
const char *picture_shown(struct arena *a, const struct picture *picture);

/* By the file's first bytes, whatever anybody says of it. */
#define PICTURE_HEAD_BYTES 512
enum picture_kind picture_kind(struct str head);

/* What it is sent as: ".webp" …, given the request's Accept (.ptr NULL: none). PICTURE_SVG and PICTURE_NONE have none.
 */
const char *picture_suffix(const struct picture *picture, enum picture_kind kind, struct str accept);
const char *picture_type(const char *suffix); /* "image/webp" */

#endif
