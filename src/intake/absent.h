/* SPDX-License-Identifier: Apache-2.0
 *
 * What an export relies on and does not bring, as findings that stop nothing. In the sandbox. */
#ifndef FREEHOLD_INTAKE_ABSENT_H
#define FREEHOLD_INTAKE_ABSENT_H

#include <jansson.h>
#include <stdbool.h>

#include "intake/source.h"

/* "platform-functions:vercel" and "…:netlify": functions that only that platform runs. Vercel's count where the app has
 * no server of its own: where it has one they mostly are that server once more, wrapped. */
void absent_functions(const struct source *source, const char *root, const char *shape, json_t *findings);

/* "no-schema:supabase": tables ([{"name", "file", "line"}]) are asked for and nothing makes any. Where there is SQL
 * elsewhere, it is named. For apps without migrations and without a schema in their code. */
void absent_schema(const struct source *source, const json_t *tables, json_t *findings);

/* "left-out-files:bolt": pictures, fonts, sounds that hold the address of the builder's storage instead of themselves.
 */
void absent_files(const struct source *source, json_t *findings);

/* "php-not-run:…" stops: nothing here runs PHP, and what lies among the pages would be sent to visitors as text. */
void absent_php(const struct source *source, const char *root, const char *shape, json_t *findings);

#endif
