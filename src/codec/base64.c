/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_encode(struct str bytes, struct buf *ret_text)
{
	uint32_t bits = 0;
	unsigned count = 0;
	for (size_t i = 0; i < bytes.len; i++) {
		bits = bits << 8 | (unsigned char)bytes.ptr[i];
		for (count += 8; count >= 6; count -= 6) buf_putc(ret_text, alphabet[bits >> (count - 6) & 63]);
	}
	if (count > 0) buf_putc(ret_text, alphabet[bits << (6 - count) & 63]);
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z') return c - 'A';
	if (c >= 'a' && c <= 'z') return c - 'a' + 26;
	if (c >= '0' && c <= '9') return c - '0' + 52;
	if (c == '-') return 62;
	return c == '_' ? 63 : -1;
}

static bool is_well_formed(struct str text)
{
	if (text.len % 4 == 1) return false;
	for (size_t i = 0; i < text.len; i++)
		if (value_of(text.ptr[i]) < 0) return false;
	unsigned stray = text.len % 4 == 2 ? 15 : text.len % 4 == 3 ? 3 : 0;
	return stray == 0 || ((unsigned)value_of(text.ptr[text.len - 1]) & stray) == 0;
}

bool base64url_decode(struct str text, struct buf *ret_bytes)
{
	if (!is_well_formed(text)) return false;
	uint32_t bits = 0;
	unsigned count = 0;
	for (size_t i = 0; i < text.len; i++) {
		bits = bits << 6 | (unsigned)value_of(text.ptr[i]);
		count += 6;
		if (count < 8) continue;
		count -= 8;
		buf_putc(ret_bytes, (char)(bits >> count & 255));
	}
	return true;
}
