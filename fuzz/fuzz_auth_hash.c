/* SPDX-License-Identifier: Apache-2.0
 *
 * Password hashes that users were moved in with. What passes stays within the bounds of memory; what is cheap enough to
 * compute here is compared. */
#include <stdint.h>
#include <stdlib.h>

#include "auth/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str hash = {(const char *)data, size};
	struct err err;
	size_t memory = 0;
	if (!auth_hash_check(hash, &memory, &err)) return 0;
	if (memory == 0 || memory > AUTH_HASH_MEMORY_MAX_BYTES) abort();
	if (memory < (64u << 10) && !str_has_prefix(hash, STR("$2"))) (void)auth_hash_matches(hash, STR("password"));
	return 0;
}
