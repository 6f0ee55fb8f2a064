/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgREST's settings as texts by their names, before anybody knows what they mean: from its configuration file
 * (name = "value", # comments), from the environment (PGRST_DB_URI …), with the older names it understands. For
 * pgrst.c and its siblings. */
#ifndef FREEHOLD_BIN_BACKEND_PGRST_VALUES_H
#define FREEHOLD_BIN_BACKEND_PGRST_VALUES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

bool pgrst_read_file(const char *path, json_t *values, struct err *err);
void pgrst_read_environment(const char *const *environment, json_t *values);

/* "@path" means what stands in that file. */
bool pgrst_read_at_file(json_t *values, const char *name, struct err *err);

/* One line of a configuration file: false when it cannot be read. An empty line or a comment leaves .ptr NULL. The
 * value is written to ret_value. */
bool pgrst_line(struct str line, struct str *ret_name, struct buf *ret_value);

void pgrst_put_value(json_t *values, const char *name, struct str value);
const char *pgrst_text_or_empty(const json_t *values, const char *name); /* NULL: not set */
const char *pgrst_text(const json_t *values, const char *name, const char *otherwise); /* an empty one is not set */
bool pgrst_flag(const json_t *values, const char *name, bool otherwise);
int64_t pgrst_number(const json_t *values, const char *name, int64_t otherwise);

/* Parts between commas, trimmed; the texts are kept in the values. Returns how many. */
int pgrst_list(json_t *values, const char *name, const char *otherwise, const char **ret, int max);

#endif
