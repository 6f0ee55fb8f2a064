/* SPDX-License-Identifier: Apache-2.0 */
#include "folder.h"

#include <stdlib.h>
#include <string.h>

#include "os/file.h"

int make_folder(void **state)
{
	char *path = strdup("/tmp/freehold-test-XXXXXX");
	*state = mkdtemp(path);
	return *state == NULL;
}

int remove_folder(void **state)
{
	struct err err;
	bool ok = file_remove_tree(*state, &err) && !file_exists(*state);
	free(*state);
	return !ok;
}
