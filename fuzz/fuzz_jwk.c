/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Web Keys, and the same text as an app's signing keys: whatever stands there, reading ends and frees what it
 * took. What was taken as a keyring signs. */
#include <stdint.h>
#include <stdlib.h>

#include "codec/json.h"
#include "codec/jwk.h"
#include "codec/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_keyring(struct str text)
{
	json_t *list JSON_CLEANUP = NULL;
	struct keyring *k = NULL;
	struct err err;
	BUF_CLEANUP struct buf token;
	buf_init(&token, 4096);
	if (!json_parse(text, &list, &err) || !keyring_read(list, &k, &err)) return;
	jwt_sign_text(keyring_signing(k), STR("{}"), &token);
	if (token.len == 0 || keyring_jwks(k).len == 0) abort();
	keyring_free(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_keyring((struct str){(const char *)data, size});
	struct jwk_set *set = NULL;
	struct err err;
	if (!jwk_read((struct str){(const char *)data, size}, &set, &err)) {
		if (set != NULL) abort();
		return 0;
	}
	if (jwk_keys(set).count > JWK_KEYS_MAX) abort();
	jwk_free(set);
	return 0;
}
