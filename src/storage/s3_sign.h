/* SPDX-License-Identifier: Apache-2.0
 *
 * Signature Version 4 as S3 has it (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html): in
 * the Authorization header or in the query (presigned). The path is signed as it came. Pure. */
#ifndef FREEHOLD_STORAGE_S3_SIGN_H
#define FREEHOLD_STORAGE_S3_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define S3_HEX_SIZE 65 /* SHA-256 in hexadecimal, and NUL */
#define S3_KEY_BYTES 32
#define S3_SKEW_S (15 * 60) /* how far a client's clock may be off */
#define S3_PRESIGNED_MAX_S (7 * 24 * 3600)
#define S3_SIGNED_HEADERS_MAX 64

/* What is signed. */
struct s3_message {
	struct str method, path, query; /* path and query as they came, the path whole */
	struct str (*header)(const void *arg,
			     struct str name); /* .ptr NULL: there is none; "host": as the client sees us */
	const void *arg;
};

/* What a request says of its signature; all borrowed from it or in the arena. */
struct s3_signature {
	struct str access_key, day, region; /* of the credential's scope */
	struct str signed_headers, signature;
	struct str time; /* "20260131T120000Z" */
	struct str token; /* X-Amz-Security-Token; empty: none */
	struct str
	    payload; /* what x-amz-content-sha256 says; UNSIGNED-PAYLOAD where a presigned address does not say it */
	bool is_presigned;
	int64_t time_s, lasts_s; /* lasts_s: of a presigned one */
};

enum s3_sign_fault {
	S3_SIGN_OK,
	S3_SIGN_NONE, /* the request has no signature */
	S3_SIGN_MALFORMED,
	S3_SIGN_SKEWED, /* its time is too far from ours */
	S3_SIGN_EXPIRED, /* a presigned address is over */
	S3_SIGN_FULL, /* the arena */
};

enum s3_sign_fault s3_sign_read(struct arena *a, const struct s3_message *m, int64_t now_s, struct s3_signature *ret);

/* Whether a header is one of those that were signed; name in small letters. */
bool s3_sign_covers(const struct s3_signature *s, struct str name);

/* The key of a day and a region. */
void s3_sign_key(struct str secret, const struct s3_signature *s, unsigned char ret_key[S3_KEY_BYTES]);

/* Whether it was signed with this secret. False at the arena's limit too. */
bool s3_sign_check(struct arena *a, const struct s3_message *m, const struct s3_signature *s, struct str secret);

/* HMAC of "ALGORITHM\nTIME\nSCOPE\nREST", in hexadecimal: what the chunks of a body are signed with. */
void s3_sign_text(const struct s3_signature *s, const unsigned char key[S3_KEY_BYTES], struct str algorithm,
		  struct str rest, char ret_hex[S3_HEX_SIZE]);

/* As "20260131T120000Z" says it. */
bool s3_time_read(struct str text, int64_t *ret_s);

void s3_hex(const unsigned char *bytes, size_t len, char *ret_text);
bool s3_same(struct str a, struct str b); /* in constant time */

/* Percent-encoding as S3 signs it: '/' stays where is_path. */
struct buf;
void s3_encode(struct str text, bool is_path, struct buf *ret_text);

#endif
