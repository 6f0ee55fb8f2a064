/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/moved_token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/base64.h"

#define SESSION_BYTES 16
#define CHECKSUM_BYTES 4
#define COUNTER_BYTES_MAX 9 /* of a varint of 63 bits */
#define KEY_BYTES_MAX 256

/* LEB128; the bytes that it took, 0 when it is none. */
static unsigned read_varint(const unsigned char *bytes, unsigned len, int64_t *ret_value)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < len && i < COUNTER_BYTES_MAX; i++) {
		value |= (uint64_t)(bytes[i] & 0x7F) << (7 * i);
		if ((bytes[i] & 0x80) != 0) continue;
		*ret_value = (int64_t)value;
		return i + 1;
	}
	return 0;
}

static void spell_uuid(const unsigned char bytes[SESSION_BYTES], char ret_text[37])
{
	char *at = ret_text;
	for (int i = 0; i < SESSION_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
		at += snprintf(at, 3, "%02x", bytes[i]);
	}
}

static bool is_whole(const unsigned char *bytes, size_t len)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	return EVP_Digest(bytes, len - CHECKSUM_BYTES, digest, NULL, EVP_sha256(), NULL) == 1 &&
	       memcmp(digest, bytes + len - CHECKSUM_BYTES, CHECKSUM_BYTES) == 0;
}

bool moved_token_read(struct str token, struct moved_token *ret_token)
{
	struct moved_token t = {.counter = 0};
	struct buf decoded BUF_CLEANUP;
	const unsigned behind = MOVED_TOKEN_SIGNATURE_BYTES + CHECKSUM_BYTES;
	buf_init(&decoded, MOVED_TOKEN_BYTES_MAX);
	if (token.len > 2 * MOVED_TOKEN_BYTES_MAX || !base64url_decode(token, &decoded) || !buf_is_ok(&decoded) ||
	    decoded.len < 1 + SESSION_BYTES + 1 + behind)
		return false;
	memcpy(t.bytes, decoded.ptr, decoded.len);
	unsigned counter_len = (unsigned)decoded.len - 1 - SESSION_BYTES - behind;
	if (t.bytes[0] != 0 || !is_whole(t.bytes, decoded.len) ||
	    read_varint(t.bytes + 1 + SESSION_BYTES, counter_len, &t.counter) != counter_len)
		return false;
	spell_uuid(t.bytes + 1, t.session_id);
	t.signed_len = (unsigned)decoded.len - behind;
	*ret_token = t;
	return true;
}

bool moved_token_matches(const struct moved_token *token, const char *key)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct buf bytes BUF_CLEANUP;
	buf_init(&bytes, KEY_BYTES_MAX);
	if (key[0] == '\0' || !base64url_decode(str_from(key), &bytes) || !buf_is_ok(&bytes) || bytes.len == 0)
		return false;
	bool ok = HMAC(EVP_sha256(), bytes.ptr, (int)bytes.len, token->bytes, token->signed_len, mac, &len) != NULL &&
		  CRYPTO_memcmp(mac, token->bytes + token->signed_len, MOVED_TOKEN_SIGNATURE_BYTES) == 0;
	OPENSSL_cleanse(bytes.ptr, bytes.len);
	return ok;
}
