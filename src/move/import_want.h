/* SPDX-License-Identifier: Apache-2.0
 *
 * One file that is to be brought: what its row of storage.objects says of it, and whether bytes are those. A file lies
 * in a folder under its version, and has that name only when it is whole and was found to be the one. */
#ifndef FREEHOLD_MOVE_IMPORT_WANT_H
#define FREEHOLD_MOVE_IMPORT_WANT_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "storage/name.h"

#define WANT_ETAG_SIZE 80
#define WANT_BUCKET_SIZE 256
#define WANT_NAME_SIZE 2048

struct want {
	char bucket[WANT_BUCKET_SIZE], name[WANT_NAME_SIZE], version[STORAGE_VERSION_SIZE];
	int64_t size; /* -1: the row does not say */
	char etag[WANT_ETAG_SIZE]; /* without quotes; "": the row does not say */
};

enum want_end {
	WANT_HERE, /* it came */
	WANT_MISSING, /* the source has no such file */
	WANT_DIFFERS, /* the source has other bytes under that name than the row tells of */
	WANT_ENDS,
};

/* Bytes on their way into the folder, counted and summed. */
struct intake_file {
	int folder_fd, fd; /* -1: none is open */
	char part[STORAGE_VERSION_SIZE + 8];
	int64_t bytes;
	EVP_MD_CTX *md5;
};

bool intake_file_open(struct intake_file *f, int folder_fd, const char *version, struct err *err);
bool intake_file_write(struct intake_file *f, struct str bytes, struct err *err);
void intake_file_drop(struct intake_file *f); /* again and when none is open is allowed */

/* Judges it, and gives it its name where it is the one. etag: what the source says of it, with or without quotes, NULL:
 * nothing. An etag is a sum (MD5) mostly; where it is not, the source's own must be the row's. */
bool intake_file_keep(struct intake_file *f, const struct want *want, const char *etag, bool *ret_is_the_one,
		      struct err *err);

/* The same of a file that lies there already, from a run that was cut off: true when it can stay. A row that says
 * neither size nor sum proves nothing. */
bool want_is_there(int folder_fd, const struct want *want);

/* "name" is a path below a folder and nothing else: no empty part, no "." or "..". */
bool want_is_below(struct str name);

#endif
