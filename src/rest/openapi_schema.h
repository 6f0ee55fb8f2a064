/* SPDX-License-Identifier: Apache-2.0
 *
 * The half of the OpenAPI document that describes data: types, columns, tables. For openapi.c. */
#ifndef FREEHOLD_REST_OPENAPI_SCHEMA_H
#define FREEHOLD_REST_OPENAPI_SCHEMA_H

#include <jansson.h>

#include "pg/catalogue.h"
#include "rest/rest.h"

/* What is being written: which schema, and what the database said of it (openapi_facts_sql). */
struct openapi_writing {
	const struct rest_settings *settings;
	const struct catalogue *c;
	struct str schema;
	const json_t *facts;
};

json_t *openapi_text(struct str s);
void openapi_set_text(json_t *o, const char *key, struct str value); /* not an empty one */
void openapi_set_named(json_t *o, struct str key, json_t *value);

const char *openapi_type(struct str type); /* "string", "integer" …; NULL: any */
struct str openapi_format(struct str type);
struct str openapi_element(struct str type); /* of an array */
void openapi_set_type(json_t *o, struct str type); /* format, type, items */

json_t *openapi_definition(const struct openapi_writing *w, const struct catalogue_table *t);

#endif
