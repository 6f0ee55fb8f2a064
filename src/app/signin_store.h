/* SPDX-License-Identifier: Apache-2.0
 *
 * How settings of sign-in are kept: as JSON texts, sealed, by name, once for the owner and once for the export. For
 * signin*.c. */
#ifndef FREEHOLD_APP_SIGNIN_STORE_H
#define FREEHOLD_APP_SIGNIN_STORE_H

#include <jansson.h>

#include "app/flow.h"

#define SIGNIN_OWNER "auth" /* kinds of store/app.h */
#define SIGNIN_EXPORT "auth_export"
#define SIGNIN_NAME_MAX 200

bool signin_is_secret(const char *name);

/* Into {"email": {"otp_length": …}}. Takes the value. */
void signin_put(json_t *root, const char *name, json_t *value);

/* signin_document without its promise that the whole can be taken. */
bool signin_compose(const struct flow *f, const char *app, bool with_export, json_t **ret_document,
		    json_t **ret_missing, struct err *err);

bool signin_parse(const char *name, struct str text, json_t **ret_value, struct err *err);
bool signin_keep(const struct flow *f, const char *app, const char *kind, const char *name, const json_t *value,
		 struct err *err);

#endif
