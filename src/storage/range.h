/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of files, and whether a client has them already (RFC 9110, sections 13 and 14). Pure. */
#ifndef FREEHOLD_STORAGE_RANGE_H
#define FREEHOLD_STORAGE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum range_kind {
	RANGE_ALL, /* none was asked for, or one that is not understood: all of it */
	RANGE_PART,
	RANGE_NONE, /* 416 */
};

/* One range of bytes; of several the whole file is sent, which is allowed. */
enum range_kind storage_range(struct str header, uint64_t size, uint64_t *ret_from, uint64_t *ret_length);

/* If-None-Match: the etag (with its quotes) is in the list, or the list is "*". Weak ones count. */
bool storage_etag_listed(struct str list, struct str etag);

/* An HTTP date, in its usual form only ("Sun, 06 Nov 1994 08:49:37 GMT"). */
bool storage_date_read(struct str text, int64_t *ret_s);
#define STORAGE_DATE_SIZE 30
void storage_date_write(int64_t s, char ret_text[STORAGE_DATE_SIZE]);

/* "2021-02-17T04:43:32.770Z", as it stands in an object's metadata; whole seconds. */
bool storage_time_read(struct str text, int64_t *ret_s);

#endif
