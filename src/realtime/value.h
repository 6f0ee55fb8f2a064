/* SPDX-License-Identifier: Apache-2.0
 *
 * A value in PostgreSQL's text form as the JSON that to_jsonb makes of it, which is what Realtime shows: numbers and
 * booleans as such, json as it is, arrays as lists, times with a T, bytea as its hex digits without "\x" (wal2json's
 * form), composites and everything else as text. The text form is that of datestyle ISO, intervalstyle postgres, time
 * zone UTC. Pure. */
#ifndef FREEHOLD_REALTIME_VALUE_H
#define FREEHOLD_REALTIME_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* Oids of src/include/catalog/pg_type.dat. */
enum {
	VALUE_BOOL = 16,
	VALUE_BYTEA = 17,
	VALUE_INT8 = 20,
	VALUE_INT2 = 21,
	VALUE_INT4 = 23,
	VALUE_TEXT = 25,
	VALUE_OID = 26,
	VALUE_JSON = 114,
	VALUE_FLOAT4 = 700,
	VALUE_FLOAT8 = 701,
	VALUE_VARCHAR = 1043,
	VALUE_DATE = 1082,
	VALUE_TIMESTAMP = 1114,
	VALUE_TIMESTAMPTZ = 1184,
	VALUE_NUMERIC = 1700,
	VALUE_UUID = 2950,
	VALUE_JSONB = 3802,
};

/* A domain counts as the type below it. */
struct value_type {
	uint32_t oid;
	uint32_t element; /* of an array; 0: it is none */
	char delimiter; /* between elements; ',' but for box */
	bool is_enum;
};

void value_put(const struct value_type *type, struct str text, struct buf *ret_json);

/* Two values of the type are equal exactly when their texts are. */
bool value_is_canonical(const struct value_type *type);

/* A whole number that lt and gt compare without asking PostgreSQL. */
bool value_is_whole(const struct value_type *type);

#endif
