/* SPDX-License-Identifier: Apache-2.0
 *
 * What PostgreSQL calls for each piece of its log of changes (archive_command, restore_command), as the cluster's user
 * and in the data folder: ../archive/pgbackrest-archive push PATH | get NAME PATH | drain PLACE. backup/queue.h says
 * what happens. The name has pgBackRest's in it because pgBackRest looks for that. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/queue.h"

#define STATUS_NOT_FOUND 1
/* Above 128 PostgreSQL ends a recovery instead of taking it that there is no more. */
#define STATUS_UNKNOWN 250

static int fail(const struct err *err, int status)
{
	(void)fprintf(stderr, "archive: %s\n", err->msg);
	return status;
}

static int get(const char *archive, const char *data, const char *name, const char *to)
{
	struct err err;
	bool found = false;
	if (!queue_get(archive, data, name, to, &found, &err)) return fail(&err, STATUS_UNKNOWN);
	return found ? 0 : STATUS_NOT_FOUND;
}

int main(int argc, char **argv)
{
	char data[FILE_PATH_SIZE], archive[FILE_PATH_SIZE];
	struct err err;
	int64_t place = 0;
	(void)signal(SIGPIPE, SIG_IGN);
	if (getcwd(data, sizeof data) == NULL || realpath("../archive", archive) == NULL) {
		(void)err_set_errno(&err, "../archive");
		return fail(&err, STATUS_UNKNOWN);
	}
	if (argc == 3 && strcmp(argv[1], "push") == 0)
		return queue_push(archive, data, argv[2], &err) ? 0 : fail(&err, 1);
	if (argc == 4 && strcmp(argv[1], "get") == 0) return get(archive, data, argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "drain") == 0 && str_to_int(str_from(argv[2]), &place))
		return queue_drain(archive, data, place, true, &err) ? 0 : fail(&err, 1);
	(void)fputs("usage: pgbackrest-archive push PATH | get NAME PATH | drain PLACE\n", stderr);
	return 2;
}
