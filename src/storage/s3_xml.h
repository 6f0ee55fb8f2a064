/* SPDX-License-Identifier: Apache-2.0
 *
 * The XML of S3: what clients send, read by expat without a document type and with limits, and what they get. Pure. */
#ifndef FREEHOLD_STORAGE_S3_XML_H
#define FREEHOLD_STORAGE_S3_XML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define S3_XML_MAX_BYTES (4u << 20)
#define S3_XML_DEPTH_MAX 8
#define S3_XML_TEXT_MAX 4096 /* of one element */
#define S3_DELETE_MAX 1000
#define S3_PARTS_MAX 10000

/* <Delete>: which keys. */
struct s3_delete {
	struct str keys[S3_DELETE_MAX];
	size_t count;
	bool is_quiet;
};

/* <CompleteMultipartUpload>: which parts, as the client knows them. */
struct s3_part {
	uint32_t number;
	struct str etag; /* without quotes */
};

/* ERR_INVALID for what is no such document, ERR_LIMIT past the maxima. Texts are in the arena. */
bool s3_xml_read_delete(struct arena *a, struct str text, struct s3_delete *ret_delete, struct err *err);
bool s3_xml_read_parts(struct arena *a, struct str text, struct s3_part **ret_parts, size_t *ret_count,
		       struct err *err);

/* Any document is well-formed and bounded: for those whose content does not matter. Empty is allowed. */
bool s3_xml_check(struct str text, struct err *err);

/* Writing. */
void s3_xml_begin(struct buf *b, const char *name); /* the declaration, and the root with S3's namespace */
void s3_xml_text(struct buf *b, const char *name, const char *text); /* an element; NULL: none */
/* An element with a key in it, or a part of one. encodes: as an address has it (encoding-type=url). */
void s3_xml_key(struct buf *b, bool encodes, const char *name, const char *key);
void s3_xml_number(struct buf *b, const char *name, int64_t number);
void s3_xml_escape(struct buf *b, struct str text);

#endif
