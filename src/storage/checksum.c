/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/checksum.h"

#include <stdlib.h>
#include <string.h>

/* Reflected polynomials: IEEE 802.3, Castagnoli, and NVM Express's of 64 bits. */
static const struct {
	const char *header;
	uint64_t polynomial, start;
	int bytes;
} kinds[] = {
    [CHECKSUM_NONE] = {"", 0, 0, 0},
    [CHECKSUM_CRC32] = {"x-amz-checksum-crc32", 0xEDB88320u, 0xFFFFFFFFu, 4},
    [CHECKSUM_CRC32C] = {"x-amz-checksum-crc32c", 0x82F63B78u, 0xFFFFFFFFu, 4},
    [CHECKSUM_CRC64NVME] = {"x-amz-checksum-crc64nvme", 0x9A6C9329AC4BC9B5u, UINT64_MAX, 8},
    [CHECKSUM_SHA1] = {"x-amz-checksum-sha1", 0, 0, 20},
    [CHECKSUM_SHA256] = {"x-amz-checksum-sha256", 0, 0, 32},
};

#define SLICES 8
static uint64_t tables[CHECKSUM_KINDS][SLICES][256];

/* Eight bytes at a time: tables[k][s][b] is what byte b does to the sum with s bytes behind it. */
static void make_tables(enum checksum_kind kind)
{
	if (tables[kind][0][1] != 0) return;
	for (unsigned i = 0; i < 256; i++) {
		uint64_t v = i;
		for (int bit = 0; bit < 8; bit++) v = (v & 1) != 0 ? (v >> 1) ^ kinds[kind].polynomial : v >> 1;
		tables[kind][0][i] = v;
	}
	for (int s = 1; s < SLICES; s++)
		for (unsigned i = 0; i < 256; i++) {
			uint64_t before = tables[kind][s - 1][i];
			tables[kind][s][i] = (before >> 8) ^ tables[kind][0][before & 0xFF];
		}
}

enum checksum_kind checksum_find(struct str header)
{
	for (int i = CHECKSUM_CRC32; i < CHECKSUM_KINDS; i++)
		if (str_eq_nocase(header, str_from(kinds[i].header))) return (enum checksum_kind)i;
	return CHECKSUM_NONE;
}

const char *checksum_header(enum checksum_kind kind)
{
	return kinds[kind].header;
}

void checksum_init(struct checksum *c, enum checksum_kind kind)
{
	*c = (struct checksum){.kind = kind, .crc = kinds[kind].start};
	if (kinds[kind].polynomial != 0) make_tables(kind);
	if (kind != CHECKSUM_SHA1 && kind != CHECKSUM_SHA256) return;
	c->digest = EVP_MD_CTX_new();
	if (c->digest == NULL ||
	    EVP_DigestInit_ex(c->digest, kind == CHECKSUM_SHA1 ? EVP_sha1() : EVP_sha256(), NULL) != 1)
		abort();
}

static uint64_t crc_add(enum checksum_kind kind, uint64_t crc, const unsigned char *p, size_t len)
{
	uint64_t(*t)[256] = tables[kind];
	for (; len >= SLICES; p += SLICES, len -= SLICES) {
		uint64_t word;
		memcpy(&word, p, sizeof word); /* little-endian, as every machine we build for */
		word ^= crc;
		crc = t[7][word & 0xFF] ^ t[6][(word >> 8) & 0xFF] ^ t[5][(word >> 16) & 0xFF] ^
		      t[4][(word >> 24) & 0xFF] ^ t[3][(word >> 32) & 0xFF] ^ t[2][(word >> 40) & 0xFF] ^
		      t[1][(word >> 48) & 0xFF] ^ t[0][word >> 56];
	}
	for (; len > 0; p++, len--) crc = (crc >> 8) ^ t[0][(crc ^ *p) & 0xFF];
	return crc;
}

void checksum_add(struct checksum *c, struct str bytes)
{
	if (c->digest != NULL)
		(void)EVP_DigestUpdate(c->digest, bytes.ptr, bytes.len);
	else if (c->kind != CHECKSUM_NONE)
		c->crc = crc_add(c->kind, c->crc, (const unsigned char *)bytes.ptr, bytes.len);
}

void checksum_text(struct checksum *c, char ret_text[CHECKSUM_TEXT_SIZE])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	int bytes = kinds[c->kind].bytes;
	uint64_t crc = c->crc ^ kinds[c->kind].start;
	if (c->digest != NULL)
		(void)EVP_DigestFinal_ex(c->digest, sum, NULL);
	else
		for (int i = 0; i < bytes; i++) sum[i] = (unsigned char)(crc >> (8 * (bytes - 1 - i)));
	(void)EVP_EncodeBlock((unsigned char *)ret_text, sum, bytes);
}

void checksum_done(struct checksum *c)
{
	EVP_MD_CTX_free(c->digest);
	c->digest = NULL;
}
