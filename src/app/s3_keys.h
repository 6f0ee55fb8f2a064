/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys with which an app's files are reached by S3's protocol (/storage/v1/s3). They are the owner's: they may do all,
 * whatever the policies say. A signature needs the secret itself, so that it is kept, sealed. */
#ifndef FREEHOLD_APP_S3_KEYS_H
#define FREEHOLD_APP_S3_KEYS_H

#include <jansson.h>

#include "app/flow.h"

#define S3_KEYS_MAX 50 /* of an app */
#define S3_KEY_ID_SIZE 21
#define S3_KEY_SECRET_SIZE 41
#define S3_KEY_NOTE_MAX 100

/* A new one. note may be "". The secret is told here and never again. ERR_LIMIT past S3_KEYS_MAX. */
bool s3_keys_add(const struct flow *f, const char *app, const char *note, char ret_id[S3_KEY_ID_SIZE],
		 char ret_secret[S3_KEY_SECRET_SIZE], struct err *err);
bool s3_keys_remove(const struct flow *f, const char *app, const char *id, struct err *err); /* ERR_NOT_FOUND */

/* [{"id", "note", "created_at"}] */
bool s3_keys_list(const struct flow *f, const char *app, json_t **ret_list, struct err *err);

/* For the backend: [{"id", "secret"}]. */
bool s3_keys_for_backend(const struct flow *f, const char *app, json_t **ret_list, struct err *err);

#endif
