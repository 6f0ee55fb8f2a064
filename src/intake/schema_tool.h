/* SPDX-License-Identifier: Apache-2.0
 *
 * Apps whose database schema is in their code, and the tool that carries it over. In the sandbox. */
#ifndef FREEHOLD_INTAKE_SCHEMA_TOOL_H
#define FREEHOLD_INTAKE_SCHEMA_TOOL_H

#include <jansson.h>

#include "intake/source.h"

/* schema_push of the inspection: {"tool": "drizzle-kit", "config": a file in root}, or null: package.json asks for the
 * tool, its configuration is there and is for PostgreSQL, and there are no supabase/migrations, which would be the
 * schema then. A new reference. */
json_t *schema_tool_find(const struct source *source, const char *root);

#endif
