/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that comes in as a request's body (application/octet-stream): it goes to a file of no name yet, below the
 * home, and gets its place when it is whole. One that is not kept goes with its request. */
#ifndef FREEHOLD_API_UPLOAD_H
#define FREEHOLD_API_UPLOAD_H

#include "api/routes.h"

struct upload;

bool upload_is_file(struct http_request *req);

/* For a route's on_head: takes the body, up to max_bytes, as long as the disk has room beside a reserve of 256 MB; or
 * answers. The upload is http_stream_arg of the request. */
void upload_begin(struct route_call *c, uint64_t max_bytes);

/* On the disk, under this name of the same file system. */
bool upload_keep(struct upload *u, const char *path, struct err *err);

#endif
