/* SPDX-License-Identifier: Apache-2.0
 *
 * System users. As root each app gets three (code, api, db), so that an escape from a build does not own the data; they
 * have no password, no shell and no home. */
#ifndef FREEHOLD_OS_USER_H
#define FREEHOLD_OS_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define USER_NAME_SIZE 33

struct user {
	char name[USER_NAME_SIZE];
	uid_t uid;
	gid_t gid;
};

/* Who we are. */
bool user_self(struct user *ret_user, struct err *err);

/* The system user of that name with a group of its own, made when it is not there. Root only. */
bool user_ensure(const char *name, struct user *ret_user, struct err *err);

/* Kills what runs as it, until nothing does: a process that outlived its app would write where files are removed, and
 * belong to whom the system gives the number next. ERR_FAILED names one that does not go (10 s). A missing user is no
 * error. Root only. */
bool user_end_processes(const char *name, struct err *err);

/* Removes it; nothing may run as it. A missing one is no error. Root only. */
bool user_remove(const char *name, struct err *err);

#endif
