/* SPDX-License-Identifier: Apache-2.0
 *
 * A certificate with its chain and its key in one text, as an owner hands it over. What is told of it can be shown and
 * sent as JSON; what is taken of it is read again as the same, and gives itself when it is taken again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "edge/certificate.h"

#define HOST "shop.example.com"
#define NOW_MS 1800000000000LL /* 2027-01-15, when those of the corpus are good */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_told(const struct certificate *c)
{
	if (c->names[strspn(c->names, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.* ")] != '\0')
		abort();
	if (strlen(c->fingerprint) != 95 || !str_is_utf8(str_from(c->issuer))) abort();
	for (const char *at = c->issuer; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7F) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct buf joined BUF_CLEANUP, again BUF_CLEANUP;
	struct certificate given, taken;
	struct err err;
	buf_init(&joined, CERTIFICATE_MAX_BYTES), buf_init(&again, CERTIFICATE_MAX_BYTES);
	bool is_there = certificate_read(text, HOST, &given, &err);
	if (is_there) check_told(&given);
	if (!certificate_join(text, text, HOST, NOW_MS, &joined, &err)) return 0;
	if (!is_there || !given.covers || !certificate_read(buf_view(&joined), HOST, &taken, &err)) abort();
	if (strcmp(given.fingerprint, taken.fingerprint) != 0) abort();
	if (!certificate_join(buf_view(&joined), buf_view(&joined), HOST, NOW_MS, &again, &err)) abort();
	if (!str_eq(buf_view(&joined), buf_view(&again))) abort();
	return 0;
}
