/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wanted of a picture, in a query, in a body and in a token's words, and what kind of picture a file's first
 * bytes say it is. Whatever is read is within the bounds, and its words read the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "storage/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct arena *a, const struct picture *p)
{
	struct picture again;
	if (p->width < 0 || p->width > PICTURE_SIDE_MAX || p->height < 0 || p->height > PICTURE_SIDE_MAX) abort();
	if (p->quality != 0 && (p->quality < PICTURE_QUALITY_MIN || p->quality > 100)) abort();
	const char *words = picture_words(a, p);
	if (words == NULL) abort();
	picture_read_words(str_from(words), &again);
	if (again.width != p->width || again.height != p->height || again.quality != p->quality ||
	    again.format != p->format)
		abort();
	if ((p->width > 0 || p->height > 0) && again.resize != p->resize) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct arena *a = arena_new(16 * size + 8192);
	struct storage_problem problem;
	struct picture p;
	struct err err;
	json_t *body JSON_CLEANUP = NULL;
	if (picture_read_query(a, text, &p, &problem)) check(a, &p);
	picture_read_words(text, &p);
	check(a, &p);
	if (json_parse(text, &body, &err) && picture_read_json(body, &p, &problem)) check(a, &p);
	enum picture_kind kind = picture_kind(text);
	const char *suffix = picture_suffix(&p, kind, text);
	if ((suffix == NULL) != (kind == PICTURE_NONE || kind == PICTURE_SVG)) abort();
	if (suffix != NULL && strncmp(picture_type(suffix), "image/", 6) != 0) abort();
	arena_free(a);
	return 0;
}
