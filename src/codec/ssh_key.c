/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/ssh_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define KIND "ssh-ed25519"
#define LINE_CHARS 70
#define BLOCK 8 /* of the cipher "none": what is private is filled up to a multiple of it with 1, 2, 3 … */

static void put_number(struct buf *b, uint32_t n)
{
	const unsigned char bytes[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
					(unsigned char)n};
	buf_append(b, bytes, sizeof bytes);
}

/* A string of RFC 4251: its length, its bytes. */
static void put_string(struct buf *b, const void *bytes, size_t len)
{
	put_number(b, (uint32_t)len);
	buf_append(b, bytes, len);
}

static void put_public(struct buf *b, const unsigned char *public_half)
{
	put_string(b, KIND, strlen(KIND));
	put_string(b, public_half, SSH_KEY_PUBLIC_BYTES);
}

static void put_base64(const struct buf *from, size_t line_chars, struct buf *to)
{
	unsigned char text[SSH_KEY_TEXT_MAX_BYTES];
	if (!buf_is_ok(from) || from->len / 3 * 4 + 8 > sizeof text) return;
	size_t len = (size_t)EVP_EncodeBlock(text, (const unsigned char *)from->ptr, (int)from->len);
	for (size_t at = 0; at < len; at += line_chars) {
		buf_append(to, text + at, len - at < line_chars ? len - at : line_chars);
		if (line_chars < len) buf_putc(to, '\n');
	}
	OPENSSL_cleanse(text, sizeof text);
}

void ssh_key_public(const unsigned char public_half[SSH_KEY_PUBLIC_BYTES], const char *comment, struct buf *ret_line)
{
	struct buf blob BUF_CLEANUP;
	buf_init(&blob, 256);
	put_public(&blob, public_half);
	buf_puts(ret_line, KIND " ");
	put_base64(&blob, SSH_KEY_TEXT_MAX_BYTES, ret_line);
	buf_printf(ret_line, " %.*s", SSH_KEY_COMMENT_MAX, comment);
}

static void put_secret(struct buf *b, const unsigned char *secret, const char *comment, uint32_t check)
{
	put_number(b, check), put_number(b, check);
	put_public(b, secret + SSH_KEY_SECRET_BYTES - SSH_KEY_PUBLIC_BYTES);
	put_string(b, secret, SSH_KEY_SECRET_BYTES);
	put_string(b, comment, strnlen(comment, SSH_KEY_COMMENT_MAX));
	for (char fill = 1; b->len % BLOCK != 0; fill++) buf_putc(b, fill);
}

void ssh_key_private(const unsigned char secret[SSH_KEY_SECRET_BYTES], const char *comment, uint32_t check,
		     struct buf *ret_text)
{
	struct buf all BUF_CLEANUP;
	struct buf part BUF_CLEANUP;
	buf_init(&all, 1024), buf_init(&part, 512);
	buf_append(&all, "openssh-key-v1", sizeof "openssh-key-v1");
	put_string(&all, "none", 4), put_string(&all, "none", 4), put_string(&all, "", 0);
	put_number(&all, 1);
	put_public(&part, secret + SSH_KEY_SECRET_BYTES - SSH_KEY_PUBLIC_BYTES);
	put_string(&all, part.ptr, part.len);
	buf_clear(&part);
	put_secret(&part, secret, comment, check);
	put_string(&all, part.ptr, part.len);
	buf_puts(ret_text, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	put_base64(&all, LINE_CHARS, ret_text);
	buf_puts(ret_text, "-----END OPENSSH PRIVATE KEY-----\n");
	OPENSSL_cleanse(all.ptr, all.len), OPENSSL_cleanse(part.ptr, part.len);
}
