/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of archive entries: what is taken is relative, has no "..", and fits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "intake/extract.h"
#include "intake/git.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct intake_limits limits = INTAKE_LIMITS_DEFAULT;
	char path[4096], *url = calloc(1, size + 1), shown[GIT_URL_SIZE];
	const char *reason = NULL;
	struct err err;
	enum extract_verdict verdict =
	    extract_judge_name((struct str){(const char *)data, size}, &limits, path, sizeof path, &reason);
	if (verdict == EXTRACT_TAKE && (path[0] == '/' || strstr(path, "//") != NULL || strncmp(path, "../", 3) == 0 ||
					strstr(path, "/../") != NULL || strcmp(path, "..") == 0))
		abort();
	if (verdict == EXTRACT_REFUSE && reason == NULL) abort();
	memcpy(url, data, size);
	if (git_url_check(url, false, shown, &err) && url[0] == '-') abort();
	free(url);
	return 0;
}
