/* SPDX-License-Identifier: Apache-2.0
 *
 * Refresh tokens of upstream's newer kind, as they come from outside. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/moved_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct moved_token token;
	if (!moved_token_read((struct str){(const char *)data, size}, &token)) return 0;
	if (strlen(token.session_id) != 36 || token.counter < 0 || token.signed_len > MOVED_TOKEN_BYTES_MAX) abort();
	(void)moved_token_matches(&token, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
	return 0;
}
