/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens from outside. Whatever verifies must be what the key signed, so a fuzzer that has no key must never get one
 * through. */
#include <stdint.h>
#include <stdlib.h>

#include "codec/json.h"
#include "codec/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct jwt_key key = {.algorithm = JWT_HS256, .secret = STR("nobody knows it")};
	const struct jwt_keys keys = {&key, 1};
	const struct jwt_expect expect = {.now_s = 1700000000};
	struct str token = {(const char *)data, size};
	json_t *claims JSON_CLEANUP = NULL, *seen JSON_CLEANUP = NULL;
	enum jwt_fault fault;
	struct err err;
	if (jwt_verify(token, &keys, &expect, &claims, &fault, &err) || fault == JWT_OK) abort();
	if (jwt_peek(token, &seen, &err) && !json_is_object(seen)) abort();
	return 0;
}
