/* SPDX-License-Identifier: Apache-2.0
 *
 * An object's picture in another size, for whoever may read the object; flow_read.c decides who. */
#ifndef FREEHOLD_STORAGE_FLOW_RENDER_H
#define FREEHOLD_STORAGE_FLOW_RENDER_H

#include "storage/object.h"

/* Ends the call. words: what a signed address says is wanted; NULL: the query says it. A drawing (SVG) has no size to
 * change and is sent as it is. */
void render_reply(struct storage_call *call, const struct object *o, const char *words, int64_t expires_s);

#endif
