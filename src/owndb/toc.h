/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in a dump, and what of it comes along. A dump of a builder's project holds the app's own schemas, whose every
 * object is wanted, and the schemas that the project's host made (auth, storage, cron …), which are here already by the
 * prelude: of those only rows, policies and the app's triggers are wanted. Pure; lists come from pg_restore --list,
 * which reads what an archive of any origin claims, so any bytes are allowed. */
#ifndef FREEHOLD_OWNDB_TOC_H
#define FREEHOLD_OWNDB_TOC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum toc_way {
	TOC_APP, /* restored as it is */
	TOC_MANAGED, /* goes aside, into a database of its own; known tables are filled from there */
	TOC_EXTENSION, /* mapped to what exists here */
	TOC_LEFT, /* exists here already, or is of no use: nothing is lost */
	TOC_REFUSED, /* cannot be had here, and the owner is told by name */
};

struct toc_entry {
	int64_t id;
	struct str kind; /* "TABLE DATA" */
	struct str schema; /* "-" for what lies in none */
	struct str name; /* what pg_restore prints behind it: for a trigger or policy the table first */
	struct str owner;
	enum toc_way way;
	const char *why; /* of TOC_LEFT and TOC_REFUSED: half a sentence */
};

/* One line of the list. False: a comment, or not an entry. */
bool toc_parse(struct str line, struct toc_entry *ret_entry);

/* A schema that a host made, not the app. */
bool toc_is_managed(struct str schema);

/* The first bytes of a file. */
enum dump_kind {
	DUMP_UNKNOWN,
	DUMP_CUSTOM, /* pg_dump --format=custom */
	DUMP_TAR, /* pg_dump --format=tar, or another tar */
	DUMP_ZSTD,
	DUMP_GZIP,
	DUMP_ZIP,
	DUMP_TEXT, /* SQL, or CSV */
};
#define TOC_HEAD_BYTES 512
enum dump_kind dump_kind_of(struct str head);

/* Of a custom dump: the oldest major whose pg_restore reads it; 0 when it is none. */
int dump_major(struct str head);

#endif
