/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/totp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "codec/url.h"

#define STEP_S 30
#define SECRET_MAX_BYTES 128
#define URI_MAX_BYTES 2048
#define QR_SCALE 3 /* of a module, in pixels */
#define QR_MARGIN 4 /* in modules, as ISO 18004 wants it */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void totp_make_secret(char ret_secret[TOTP_SECRET_SIZE])
{
	unsigned char bytes[TOTP_SECRET_SIZE - 1];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) abort();
	for (size_t i = 0; i < sizeof bytes; i++) ret_secret[i] = alphabet[bytes[i] % 32];
	ret_secret[TOTP_SECRET_SIZE - 1] = '\0';
}

/* Padding and spaces are passed over, small letters taken: secrets that were moved in were written by others. */
static bool base32_decode(const char *text, unsigned char *ret_bytes, size_t *ret_len)
{
	uint32_t bits = 0;
	int count = 0;
	size_t len = 0;
	for (; *text != '\0'; text++) {
		if (*text == '=' || *text == ' ') continue;
		char upper = (char)(*text >= 'a' && *text <= 'z' ? *text - 32 : *text);
		const char *at = strchr(alphabet, upper);
		if (at == NULL || len >= SECRET_MAX_BYTES) return false;
		bits = (bits << 5 | (uint32_t)(at - alphabet)) & 0xFFFFF;
		count += 5;
		if (count < 8) continue;
		count -= 8;
		ret_bytes[len++] = (unsigned char)(bits >> count);
	}
	*ret_len = len;
	return len > 0;
}

bool totp_code(const char *secret, int64_t now_s, char ret_code[7])
{
	unsigned char key[SECRET_MAX_BYTES], digest[EVP_MAX_MD_SIZE], counter[8];
	uint64_t step = (uint64_t)(now_s / STEP_S);
	unsigned digest_len = 0;
	size_t len;
	if (!base32_decode(secret, key, &len)) return false;
	for (int i = 7; i >= 0; i--, step >>= 8) counter[i] = (unsigned char)step;
	if (HMAC(EVP_sha1(), key, (int)len, counter, sizeof counter, digest, &digest_len) == NULL) return false;
	const unsigned char *at = digest + (digest[digest_len - 1] & 15);
	uint32_t number = ((uint32_t)(at[0] & 0x7F) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
	(void)snprintf(ret_code, 7, "%06u", number % 1000000);
	OPENSSL_cleanse(key, sizeof key);
	return true;
}

bool totp_verify(const char *secret, const char *code, int64_t now_s)
{
	char wanted[7];
	bool is_right = false;
	if (strlen(code) != 6) return false;
	for (int step = -1; step <= 1; step++) {
		if (!totp_code(secret, now_s + step * STEP_S, wanted)) return false;
		is_right |= CRYPTO_memcmp(wanted, code, 6) == 0;
	}
	return is_right;
}

const char *totp_uri(struct arena *a, const char *secret, const char *issuer, const char *account)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, URI_MAX_BYTES);
	buf_puts(&b, "otpauth://totp/");
	url_encode(str_from(issuer), &b);
	buf_putc(&b, ':');
	url_encode(str_from(account), &b);
	buf_puts(&b, "?algorithm=SHA1&digits=6&issuer=");
	url_encode(str_from(issuer), &b);
	buf_printf(&b, "&period=%d&secret=%s", STEP_S, secret);
	return buf_is_ok(&b) ? arena_cstr(a, buf_view(&b)) : NULL;
}

bool totp_qr_svg(const char *text, struct buf *ret_svg)
{
	QRcode *qr = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
	if (qr == NULL) return false;
	int size = (qr->width + 2 * QR_MARGIN) * QR_SCALE;
	buf_printf(ret_svg,
		   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
		   "shape-rendering=\"crispEdges\"><rect width=\"%d\" height=\"%d\" fill=\"white\"/><path "
		   "fill=\"black\" d=\"",
		   size, size, qr->width + 2 * QR_MARGIN, qr->width + 2 * QR_MARGIN, qr->width + 2 * QR_MARGIN,
		   qr->width + 2 * QR_MARGIN);
	for (int y = 0; y < qr->width; y++)
		for (int x = 0; x < qr->width; x++)
			if (qr->data[y * qr->width + x] & 1)
				buf_printf(ret_svg, "M%d %dh1v1h-1z", x + QR_MARGIN, y + QR_MARGIN);
	buf_puts(ret_svg, "\"/></svg>");
	QRcode_free(qr);
	return buf_is_ok(ret_svg);
}
