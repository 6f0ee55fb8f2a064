/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an import's data comes from, for import.c. */
#ifndef FREEHOLD_MOVE_IMPORT_SOURCE_H
#define FREEHOLD_MOVE_IMPORT_SOURCE_H

#include "app/events.h"
#include "app/parts.h"
#include "owndb/import.h"

struct import_source {
	const struct flow *f;
	struct parts *parts;
	struct events *events;
	json_t *report;
	const char *dir; /* apps/<app>/import, the cluster user's */
	const char *url; /* of a running source; NULL: a file */
	const char *snapshot; /* of the source, to be dumped; NULL: as it is */
	int wanted_major; /* 0: what the source needs */
	/* Results. */
	char file[FILE_PATH_SIZE];
	enum dump_kind kind;
	int major;
	char bin_dir[FILE_PATH_SIZE];
};

/* The file is there, its kind known, and a PostgreSQL that reads it. */
bool import_receive(struct import_source *s, struct err *err);

/* Secrets of a running source's vault, which no dump holds readable, into the new cluster. Their names are reported
 * ("secrets"); those of a dump, which stay behind, are told by owndb/import.h ("secrets_left"). */
bool import_vault(struct import_source *s, const struct owndb *to, struct err *err);

#endif
