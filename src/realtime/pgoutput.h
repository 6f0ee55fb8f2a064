/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of PostgreSQL's logical replication, protocol version 1, values as text. Source: PostgreSQL's manual,
 * "Logical Replication Message Formats". Pure; everything is borrowed from the bytes. */
#ifndef FREEHOLD_REALTIME_PGOUTPUT_H
#define FREEHOLD_REALTIME_PGOUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define PGOUTPUT_COLUMNS_MAX 1600 /* PostgreSQL's own limit */

enum pgoutput_kind {
	PGOUTPUT_BEGIN,
	PGOUTPUT_COMMIT,
	PGOUTPUT_RELATION,
	PGOUTPUT_INSERT,
	PGOUTPUT_UPDATE,
	PGOUTPUT_DELETE,
	PGOUTPUT_OTHER, /* truncations, types, origins, messages */
};

/* Columns and values one after the other, to be walked by pgoutput_column and pgoutput_value. */
struct pgoutput_list {
	int count;
	struct str bytes;
};

struct pgoutput_message {
	enum pgoutput_kind kind;
	int64_t commit_us; /* of BEGIN: since 1970-01-01 UTC */
	uint32_t xid; /* of BEGIN */
	uint64_t end_lsn; /* of COMMIT */
	uint32_t relation; /* its oid */
	struct str schema, table; /* of RELATION */
	char identity; /* of RELATION: d default, n nothing, f full, i index */
	struct pgoutput_list columns; /* of RELATION */
	bool has_old; /* UPDATE: the key changed, or the identity is full */
	bool is_key_only; /* old holds the identity's columns only; the others are null there */
	struct pgoutput_list old_values, new_values;
};

struct pgoutput_column {
	bool is_key; /* of the replica identity */
	struct str name;
	uint32_t type;
};

enum pgoutput_value_kind { PGOUTPUT_NULL, PGOUTPUT_UNCHANGED, PGOUTPUT_TEXT };

struct pgoutput_value {
	enum pgoutput_value_kind kind; /* UNCHANGED: large, stored elsewhere, and not sent again */
	struct str text;
};

bool pgoutput_read(struct str bytes, struct pgoutput_message *ret, struct err *err);

/* The next of a list that pgoutput_read gave; false at its end. */
bool pgoutput_column(struct pgoutput_list *rest, struct pgoutput_column *ret);
bool pgoutput_value(struct pgoutput_list *rest, struct pgoutput_value *ret);

#endif
