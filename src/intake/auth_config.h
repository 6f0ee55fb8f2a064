/* SPDX-License-Identifier: Apache-2.0
 *
 * The section [auth] of supabase/config.toml, as a fact: bounded, with the files that its mails' content_path name read
 * into content. What of it is taken is decided by app/signin.h. */
#ifndef FREEHOLD_INTAKE_AUTH_CONFIG_H
#define FREEHOLD_INTAKE_AUTH_CONFIG_H

#include <jansson.h>

#include "intake/source.h"

#define AUTH_CONFIG_MAX_DEPTH 6
#define AUTH_CONFIG_MAX_MEMBERS 400
#define AUTH_CONFIG_MAX_TEXT 2048
#define AUTH_CONFIG_MAX_TEMPLATE 60000

/* A copy of the section with what is too deep, too long or too much left out; NULL where there is none. Pure. */
json_t *auth_config_bounded(const json_t *config);

/* The same, with the mails. */
json_t *auth_config_read(const struct source *source, const char *root, const json_t *config);

#endif
