/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of an object that is not here as a reply: it comes from its other place while it is sent. */
#ifndef FREEHOLD_STORAGE_OBJECT_FAR_H
#define FREEHOLD_STORAGE_OBJECT_FAR_H

#include "storage/object.h"

/* reply has all headers but Content-Range. is_again: it was looked for here twice. */
void object_send_far(struct storage_call *call, const struct object *o, struct storage_reply *reply, bool is_again);

#endif
