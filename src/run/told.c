/* SPDX-License-Identifier: Apache-2.0 */
#include "run/told.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/json.h"

#define TOLD_MAX_BYTES 16384

json_t *told_read(const char *path, pid_t pid)
{
	char text[TOLD_MAX_BYTES];
	struct stat st;
	struct err ignored;
	json_t *told = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) return NULL;
	ssize_t got = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, text, sizeof text) : -1;
	(void)close(fd);
	if (got <= 0 || !json_parse((struct str){text, (size_t)got}, &told, &ignored)) return NULL;
	if (json_is_object(told) && json_int(told, "pid", 0) == pid) return told;
	json_decref(told);
	return NULL;
}

bool told_is(const json_t *told, const char *state)
{
	return strcmp(json_str(told, "state", ""), state) == 0;
}
