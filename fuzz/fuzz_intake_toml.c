/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "codec/json.h"
#include "codec/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err;
	json_t *value JSON_CLEANUP = NULL;
	(void)toml_parse((struct str){(const char *)data, size}, &value, &err);
	return 0;
}
