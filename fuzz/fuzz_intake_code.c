/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that looks into texts: code, secrets, .env files, generated types. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "intake/code.h"
#include "intake/keeps.h"
#include "intake/secret.h"
#include "intake/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct code_facts code;
	struct secret_facts secrets = {NULL, json_array(), json_array(), json_object()};
	json_t *names = json_array(), *keeps = json_array();
	char *copy = malloc(size + 1);
	struct str text = {copy, size};
	if (size > 65536) size = 65536;
	memcpy(copy, data, size);
	code_facts_init(&code);
	secret_scan(&secrets, "a.ts", text, true);
	secret_scan_env(&secrets, ".env", text);
	types_tables(text, names);
	code_scan_addresses(&code, "a.ts", text);
	code_scan(&code, "a.ts", CODE_BROWSER, copy, size);
	keeps_scan(keeps, "a.ts", (struct str){copy, size});
	json_decref(keeps);
	code_facts_done(&code);
	json_decref(secrets.findings), json_decref(secrets.keys), json_decref(secrets.env_set), json_decref(names);
	free(copy);
	return 0;
}
