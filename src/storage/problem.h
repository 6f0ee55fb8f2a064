/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes wrong in a request, in storage-api's words. Its habit: the status is 400 for almost everything, and the one
 * that is meant stands in the body: {"statusCode":"404","error":"not_found","message":"Object not found","code":…}. */
#ifndef FREEHOLD_STORAGE_PROBLEM_H
#define FREEHOLD_STORAGE_PROBLEM_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "pg/error.h"

enum storage_fault {
	FAULT_NONE,
	FAULT_NO_BUCKET,
	FAULT_NO_KEY,
	FAULT_KEY_EXISTS,
	FAULT_BUCKET_EXISTS,
	FAULT_EXISTS,
	FAULT_BUCKET_NOT_EMPTY,
	FAULT_DENIED,
	FAULT_DENIED_403, /* the status too */
	FAULT_BUCKET_NAME,
	FAULT_KEY,
	FAULT_MIME,
	FAULT_TOO_LARGE,
	FAULT_SIZE_FORMAT,
	FAULT_INVALID, /* the request */
	FAULT_NO_CONTENT,
	FAULT_JWT,
	FAULT_SIGNATURE,
	FAULT_EXPIRED,
	FAULT_RANGE,
	FAULT_LOCKED,
	FAULT_REFERENCED,
	FAULT_RELATED,
	FAULT_SCHEMA,
	FAULT_DATABASE,
	FAULT_DATABASE_BUSY,
	FAULT_TIMEOUT,
	FAULT_DISK_FULL,
	FAULT_PLACE, /* another S3, where files lie */
	FAULT_INTERNAL,
	FAULT_FULL, /* more memory than is set aside */
	FAULT_NO_UPLOAD,
	FAULT_UPLOAD_ID,
	FAULT_IMAGE, /* it is none, or too large */
	FAULT_IMAGE_LATE,
	FAULT_IMAGES_BUSY,
	FAULT_NOT_SERVED,
	FAULT_NO_ROUTE,
	/* S3's own */
	FAULT_NO_SIGNATURE,
	FAULT_SIGNATURE_FORM,
	FAULT_SIGNATURE_DIFFERS,
	FAULT_ACCESS_KEY,
	FAULT_SESSION_TOKEN,
	FAULT_SKEWED,
	FAULT_PRESIGNED_OVER,
	FAULT_CHUNKS,
	FAULT_INCOMPLETE,
	FAULT_SHA256,
	FAULT_DIGEST,
	FAULT_XML,
	FAULT_PRECONDITION,
	FAULT_PART,
	FAULT_PART_ORDER,
	FAULT_ARGUMENT,
};

struct storage_problem {
	enum storage_fault fault;
	char message[512]; /* "": the fault's own */
};

/* Returns false, as err_set does. */
bool storage_problem_set(struct storage_problem *problem, enum storage_fault fault, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What PostgreSQL refused, as storage-api reads it. */
bool storage_problem_pg(struct storage_problem *problem, const struct pg_error *error);

int storage_problem_status(const struct storage_problem *problem); /* of the answer */
int storage_problem_meant(const struct storage_problem *problem); /* in its body */
const char *storage_problem_code(const struct storage_problem *problem);
const char *storage_problem_words(const struct storage_problem *problem);

/* NULL at the arena's limit. */
char *storage_problem_body(struct arena *a, const struct storage_problem *problem);

#endif
