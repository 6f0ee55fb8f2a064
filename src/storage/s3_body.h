/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of an S3 request as it comes: plain, or in the chunks of aws-chunked, signed or not, with sums behind it or
 * not. What it holds is handed on piece by piece; that it is what was signed is known at its end. Pure.
 *
 *     [size;chunk-signature=…\r\n bytes \r\n]… 0;chunk-signature=…\r\n [name:value\r\n]… \r\n */
#ifndef FREEHOLD_STORAGE_S3_BODY_H
#define FREEHOLD_STORAGE_S3_BODY_H

#include "storage/checksum.h"
#include "storage/s3_sign.h"

#define S3_LINE_MAX 1024 /* a chunk's head, a trailer */
#define S3_TRAILERS_MAX_BYTES 4096

enum s3_body_fault {
	S3_BODY_OK,
	S3_BODY_MALFORMED, /* not aws-chunked */
	S3_BODY_INCOMPLETE, /* it ended too early, or has another length than it said */
	S3_BODY_SIGNATURE, /* a chunk's */
	S3_BODY_SHA256, /* it is not what x-amz-content-sha256 says */
	S3_BODY_CHECKSUM, /* it is not what its checksum says */
	S3_BODY_UNKNOWN, /* a way of sending that is not served */
};

struct s3_body {
	bool is_chunked, is_signed, has_trailer;
	struct s3_signature signature;
	unsigned char key[S3_KEY_BYTES];
	char previous[S3_HEX_SIZE], given[S3_HEX_SIZE];
	EVP_MD_CTX *sha256; /* of the chunk, or of all */
	struct str sum; /* wanted of all; empty: any */
	struct checksum checksum;
	char wanted[CHECKSUM_TEXT_SIZE]; /* the checksum's; "": said by a trailer */

	enum { S3_HEAD, S3_DATA, S3_DATA_END, S3_TRAILER, S3_END } state;
	char line[S3_LINE_MAX];
	size_t line_len;
	uint64_t left; /* of the chunk */
	char trailers[S3_TRAILERS_MAX_BYTES];
	size_t trailers_len;
	uint64_t taken; /* bytes of what it holds */
	int64_t declared; /* -1: not said */
	enum s3_body_fault fault;
};

struct s3_body_spec {
	const struct s3_signature *signature; /* borrowed; its texts must outlive the body */
	const unsigned char *key; /* S3_KEY_BYTES */
	enum checksum_kind checksum; /* which is sent, by header or trailer */
	struct str wanted; /* in a header; empty: a trailer says it */
	int64_t declared; /* x-amz-decoded-content-length; -1: not said */
};

/* False: S3_BODY_UNKNOWN. s3_body_done is due either way. */
bool s3_body_init(struct s3_body *b, const struct s3_body_spec *spec);
void s3_body_done(struct s3_body *b);

/* Calls on_data for what of it is the content. False: b->fault says why; no more is taken then. */
bool s3_body_feed(struct s3_body *b, struct str bytes, void (*on_data)(void *arg, struct str bytes), void *arg);

/* All has come. False: b->fault. */
bool s3_body_end(struct s3_body *b);

#endif
