/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_encode(struct str bytes, struct buf *ret_text)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		uint32_t bits = 0;
		char text[4];
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		for (size_t k = 0; k < 3; k++) bits = bits << 8 | (k < n ? (unsigned char)bytes.ptr[i + k] : 0);
		for (int k = 0; k < 4; k++) text[k] = alphabet[bits >> (18 - 6 * k) & 63];
		buf_append(ret_text, text, n + 1);
	}
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

void base64_decode_any(struct str text, struct buf *ret_bytes)
{
	unsigned bits = 0;
	int count = 0;
	for (size_t i = 0; i < text.len && text.ptr[i] != '='; i++) {
		char c = text.ptr[i];
		unsigned value;
		if (c >= 'A' && c <= 'Z')
			value = (unsigned)(c - 'A');
		else if (c >= 'a' && c <= 'z')
			value = (unsigned)(c - 'a') + 26;
		else if (c >= '0' && c <= '9')
			value = (unsigned)(c - '0') + 52;
		else if (c == '+' || c == '-')
			value = 62;
		else if (c == '/' || c == '_')
			value = 63;
		else
			continue;
		bits = bits << 6 | value;
		if (++count % 4 == 1) continue;
		buf_putc(ret_bytes, (char)(unsigned char)(bits >> (count % 4 == 2 ? 4 : count % 4 == 3 ? 2 : 0)));
	}
}

void base64_encode(struct str bytes, struct buf *ret_text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		unsigned bits = (unsigned)(unsigned char)bytes.ptr[i] << 16;
		if (left > 1) bits |= (unsigned)(unsigned char)bytes.ptr[i + 1] << 8;
		if (left > 2) bits |= (unsigned char)bytes.ptr[i + 2];
		buf_putc(ret_text, letters[bits >> 18]);
		buf_putc(ret_text, letters[bits >> 12 & 63]);
		buf_putc(ret_text, left > 1 ? letters[bits >> 6 & 63] : '=');
		buf_putc(ret_text, left > 2 ? letters[bits & 63] : '=');
	}
}
