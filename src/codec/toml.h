/* SPDX-License-Identifier: Apache-2.0
 *
 * TOML (toml.io, 1.0) as far as configuration files of apps use it, read into JSON values: tables, arrays of tables,
 * dotted and quoted keys, the four kinds of strings, integers, floats, booleans, arrays over several lines, inline
 * tables. Dates and times become texts as they stand. Not read: inf and nan, and the rule that a table may not be
 * reopened is not enforced. A key that is set twice is refused. */
#ifndef FREEHOLD_CODEC_TOML_H
#define FREEHOLD_CODEC_TOML_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define TOML_MAX_BYTES (1u << 20)
#define TOML_MAX_DEPTH 32 /* of nested arrays and inline tables, and of the parts of a key */

/* An object, the caller's. Errors name the line. */
bool toml_parse(struct str text, json_t **ret_value, struct err *err);

#endif
