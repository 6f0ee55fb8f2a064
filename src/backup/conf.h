/* SPDX-License-Identifier: Apache-2.0
 *
 * pgBackRest's configuration of one app at one place, as text. Each place has a file, and so a repository "1", of its
 * own: what one place is slow or unable to take never keeps another from getting it. Options as of 2.45. */
#ifndef FREEHOLD_BACKUP_CONF_H
#define FREEHOLD_BACKUP_CONF_H

#include "base/buf.h"
#include "base/err.h"
#include "store/backup.h"

#define CONF_STANZA "main"
#define BACKUP_CONF_MAX_BYTES 16384

struct conf_spec {
	const struct backup_place *place;
	const char *repo_path; /* in the place */
	const char *passphrase;
	const char *data_dir, *socket_dir;
	const char *lock_dir;
	const char *superuser;
};

/* ERR_INVALID names a value that no line of such a file can hold. */
bool conf_pgbackrest(struct buf *ret_text, const struct conf_spec *spec, struct err *err);

/* What the owner typed as a place: "/mnt/disk", "s3://bucket/prefix". Fills kind and location. ERR_INVALID says what a
 * place may be, ERR_REFUSED what this pgBackRest cannot do (sftp://). Pure. */
bool conf_place_parse(const char *typed, struct backup_place *ret_place, struct err *err);

#endif
