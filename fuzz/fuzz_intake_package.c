/* SPDX-License-Identifier: Apache-2.0
 *
 * package.json, and the text of a Vite configuration. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "intake/package.h"
#include "intake/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, dir;
	struct err err;
	json_t *package JSON_CLEANUP = NULL;
	if (package_parse(text, &package, &err)) {
		(void)package_dependency(package, "vite");
		(void)package_script(package, "build");
	}
	char *copy = malloc(size + 1);
	memcpy(copy, data, size);
	scan_blank_comments(copy, size);
	scan_blank_trailing_commas(copy, size);
	if (package_vite_out_dir((struct str){copy, size}, &dir) && dir.ptr != NULL) json_decref(scan_json(dir));
	free(copy);
	return 0;
}
