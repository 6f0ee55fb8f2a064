/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Web Keys: whatever stands there, reading ends and frees what it took. */
#include <stdint.h>
#include <stdlib.h>

#include "codec/jwk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
