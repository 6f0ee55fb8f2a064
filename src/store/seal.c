/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "os/file.h"

struct seal {
	unsigned char key[crypto_secretbox_KEYBYTES];
};

static bool read_key(const char *path, struct seal *s, struct err *err)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, sizeof s->key);
	if (!file_read(path, &b, err)) return false;
	if (b.len != sizeof s->key)
		return err_set(
		    err, ERR_INVALID,
		    "%s has %zu bytes instead of %zu; put the right key back, nothing can be decrypted without it",
		    path, b.len, sizeof s->key);
	memcpy(s->key, b.ptr, sizeof s->key);
	sodium_memzero(b.ptr, b.len);
	return true;
}

bool seal_open(const char *key_path, struct seal **ret_seal, struct err *err)
{
	if (sodium_init() < 0) return err_set(err, ERR_INTERNAL, "libsodium does not start");
	struct seal *s = calloc(1, sizeof *s);
	if (s == NULL) abort();
	bool ok;
	if (file_exists(key_path)) {
		ok = read_key(key_path, s, err);
	} else {
		crypto_secretbox_keygen(s->key);
		ok = file_write(key_path, (struct str){(const char *)s->key, sizeof s->key}, 0600, err);
	}
	if (!ok) {
		seal_close(s);
		return false;
	}
	*ret_seal = s;
	return true;
}

void seal_close(struct seal *s)
{
	if (s == NULL) return;
	sodium_memzero(s, sizeof *s);
	free(s);
}

void seal_close_value(const struct seal *s, struct str label, struct str value, struct buf *ret_sealed)
{
	struct buf plain BUF_CLEANUP;
	buf_init(&plain, label.len + 1 + value.len);
	buf_str(&plain, label);
	buf_putc(&plain, '\0');
	buf_str(&plain, value);
	size_t box_len = crypto_secretbox_MACBYTES + plain.len;
	unsigned char *box = malloc(crypto_secretbox_NONCEBYTES + box_len);
	if (box == NULL) abort();
	randombytes_buf(box, crypto_secretbox_NONCEBYTES);
	(void)crypto_secretbox_easy(box + crypto_secretbox_NONCEBYTES, (const unsigned char *)plain.ptr, plain.len, box,
				    s->key);
	buf_append(ret_sealed, box, crypto_secretbox_NONCEBYTES + box_len);
	free(box);
	sodium_memzero(plain.ptr, plain.len);
}

bool seal_open_value(const struct seal *s, struct str label, struct str sealed, struct buf *ret_value, struct err *err)
{
	if (sealed.len < crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)
		return err_set(err, ERR_INVALID, "%.*s: the sealed value is cut off", STR_FMT(label));
	const unsigned char *nonce = (const unsigned char *)sealed.ptr;
	size_t len = sealed.len - crypto_secretbox_NONCEBYTES - crypto_secretbox_MACBYTES;
	unsigned char *plain = malloc(len + 1);
	if (plain == NULL) abort();
	bool ok = crypto_secretbox_open_easy(plain, nonce + crypto_secretbox_NONCEBYTES,
					     sealed.len - crypto_secretbox_NONCEBYTES, nonce, s->key) == 0 &&
		  len > label.len && memcmp(plain, label.ptr, label.len) == 0 && plain[label.len] == '\0';
	if (ok) buf_append(ret_value, plain + label.len + 1, len - label.len - 1);
	sodium_memzero(plain, len);
	free(plain);
	return ok ||
	       err_set(err, ERR_INVALID, "%.*s cannot be decrypted: secret.key is not the one it was encrypted with",
		       STR_FMT(label));
}

void seal_random_text(char *ret_text, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	for (size_t i = 0; i < len; i++) ret_text[i] = alphabet[randombytes_uniform(sizeof alphabet - 1)];
	ret_text[len] = '\0';
}
