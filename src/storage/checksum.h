/* SPDX-License-Identifier: Apache-2.0
 *
 * The sums that S3's clients send along with a body: x-amz-checksum-crc32, -crc32c, -crc64nvme, -sha1, -sha256, each in
 * base64 of its bytes, the highest first. */
#ifndef FREEHOLD_STORAGE_CHECKSUM_H
#define FREEHOLD_STORAGE_CHECKSUM_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum checksum_kind {
	CHECKSUM_NONE,
	CHECKSUM_CRC32,
	CHECKSUM_CRC32C,
	CHECKSUM_CRC64NVME,
	CHECKSUM_SHA1,
	CHECKSUM_SHA256,
	CHECKSUM_KINDS,
};

#define CHECKSUM_BYTES_MAX 32
#define CHECKSUM_TEXT_SIZE 48 /* in base64 */

struct checksum {
	enum checksum_kind kind;
	uint64_t crc;
	EVP_MD_CTX *digest;
};

/* "x-amz-checksum-crc32" and so on; CHECKSUM_NONE for no such header. */
enum checksum_kind checksum_find(struct str header);
const char *checksum_header(enum checksum_kind kind);

void checksum_init(struct checksum *c, enum checksum_kind kind);
void checksum_add(struct checksum *c, struct str bytes);

/* Ends it: the sum in base64. */
void checksum_text(struct checksum *c, char ret_text[CHECKSUM_TEXT_SIZE]);
void checksum_done(struct checksum *c); /* again and before init is allowed where it is zeroed */

#endif
