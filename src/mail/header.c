/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/header.h"

#include <time.h>

#include "codec/base64.h"

#define WORD_BYTES 42 /* of text in an encoded word: 56 in base64, 75 with all around it (RFC 2047, 2) */
#define PLAIN_MAX_BYTES 900 /* a line may have 998 (RFC 5322, 2.1.1) */

static bool is_plain(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] >= 0x7F || (unsigned char)text.ptr[i] < ' ') return false;
	return text.len <= PLAIN_MAX_BYTES && str_find(text, STR("=?")) < 0;
}

/* As much as fits into one word without cutting a character. */
static size_t word_end(struct str text)
{
	size_t end = text.len < WORD_BYTES ? text.len : WORD_BYTES;
	while (end < text.len && end > 1 && ((unsigned char)text.ptr[end] & 0xC0) == 0x80) end--;
	return end;
}

static void put_words(struct str text, struct buf *to)
{
	char word[WORD_BYTES];
	for (bool is_first = true; text.len > 0; is_first = false) {
		size_t end = word_end(text);
		for (size_t i = 0; i < end; i++) word[i] = (unsigned char)text.ptr[i] < ' ' ? ' ' : text.ptr[i];
		buf_puts(to, is_first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
		base64_encode((struct str){word, end}, to);
		buf_puts(to, "?=");
		text = str_sub(text, end, text.len);
	}
}

void mail_header_text(const char *name, struct str text, struct buf *ret_line)
{
	buf_printf(ret_line, "%s: ", name);
	if (is_plain(text))
		buf_str(ret_line, text);
	else
		put_words(text, ret_line);
}

static void put_quoted(struct str text, struct buf *to)
{
	buf_putc(to, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\') buf_putc(to, '\\');
		buf_putc(to, text.ptr[i]);
	}
	buf_putc(to, '"');
}

void mail_header_address(const char *name, struct str display, const char *address, struct buf *ret_line)
{
	buf_printf(ret_line, "%s: ", name);
	if (display.len == 0) {
		buf_puts(ret_line, address);
		return;
	}
	if (is_plain(display))
		put_quoted(display, ret_line);
	else
		put_words(display, ret_line);
	buf_printf(ret_line, " <%s>", address);
}

void mail_header_date(int64_t since_1970_s, struct buf *ret_line)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)since_1970_s;
	struct tm tm;
	if (gmtime_r(&t, &tm) == NULL) return;
	buf_printf(ret_line, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d +0000", days + (size_t)tm.tm_wday * 3, tm.tm_mday,
		   months + (size_t)tm.tm_mon * 3, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
