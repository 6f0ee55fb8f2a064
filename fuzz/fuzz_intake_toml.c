/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>

#include "codec/json.h"
#include "codec/toml.h"
#include "intake/auth_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err;
	json_t *value JSON_CLEANUP = NULL;
	if (!toml_parse((struct str){(const char *)data, size}, &value, &err)) return 0;
	json_t *section JSON_CLEANUP = auth_config_bounded(value);
	if (section != NULL && !json_is_object(section)) abort();
	return 0;
}
