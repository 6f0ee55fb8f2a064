/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /: an OpenAPI 2.0 description of what is exposed in a schema, with the comments of the database. Pure: facts in,
 * JSON out. */
#ifndef FREEHOLD_REST_OPENAPI_H
#define FREEHOLD_REST_OPENAPI_H

#include "base/arena.h"
#include "pg/catalogue.h"
#include "rest/rest.h"

#define OPENAPI_MAX_BYTES (32u << 20)

/* One row, one column: what of the schema $1 this role may see, as the JSON that openapi_write reads. $2: "true" for
 * all of it, whatever the role may. */
extern const char openapi_facts_sql[];

/* The facts as PostgreSQL gave them. False at the arena's limit. */
bool openapi_write(struct arena *a, const struct rest_settings *settings, const struct catalogue *c, struct str schema,
		   struct str facts, struct str *ret_json);

#endif
