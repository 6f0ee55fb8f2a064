/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue as JSON, for people who look for what is wrong: tables with columns and relationships, functions,
 * representations, handlers. */
#ifndef FREEHOLD_REST_INSPECT_H
#define FREEHOLD_REST_INSPECT_H

#include "base/buf.h"
#include "pg/catalogue.h"

void inspect_catalogue(const struct catalogue *c, struct buf *ret_json);

#endif
