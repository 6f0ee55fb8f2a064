/* SPDX-License-Identifier: Apache-2.0
 *
 * What the migrations of an app are and how they can be committed: read by intake/ in its sandbox, handed over as JSON,
 * applied by owndb/. It holds no SQL: a statement is a place in its file, and the file's hash says that it is still the
 * file that was read.
 *
 * Transactions: pending migrations run in order in one transaction, each together with its row in schema_migrations,
 * except where a boundary says otherwise. A boundary names its reason in words for the owner. */
#ifndef FREEHOLD_CODEC_MIGRATION_H
#define FREEHOLD_CODEC_MIGRATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define MIGRATION_MAX_COUNT 5000
#define MIGRATION_MAX_FILE_BYTES (5u << 20)
#define MIGRATION_MAX_STATEMENTS 50000 /* in one file */
#define MIGRATION_SHA256_HEX_SIZE 65

enum migration_boundary {
	MIGRATION_TOGETHER, /* runs in one transaction with its neighbours */
	/* Runs in a transaction, which must be committed before the next file begins (it adds an enum value that a
	 * later file uses). */
	MIGRATION_COMMIT_AFTER,
	/* Runs outside of any transaction block, statement by statement: it brings its own BEGIN/COMMIT, or holds what
	 * PostgreSQL refuses inside one (CONCURRENTLY, VACUUM, CREATE DATABASE, ALTER SYSTEM), or adds an enum value
	 * and uses it. What is before is committed first. */
	MIGRATION_NO_TRANSACTION,
};

struct migration_statement {
	uint32_t offset; /* bytes from the start of the file to its first token */
	uint32_t len; /* bytes, without the semicolon */
	uint32_t line; /* of its first token, from 1 */
	const char *kind; /* "create table", "alter table", "insert", "do", "commit" …; "unknown" when not understood */
};

struct migration {
	const char *version; /* the leading digits of the file's name, as the Supabase CLI takes them */
	const char *name; /* what follows the first underscore, without ".sql" */
	const char *file; /* name within the folder */
	char sha256[MIGRATION_SHA256_HEX_SIZE]; /* of the file's bytes, lower-case hex */
	struct migration_statement *statements;
	size_t statement_count;
	enum migration_boundary boundary;
	const char *boundary_reason; /* NULL when MIGRATION_TOGETHER; ends without a full stop */
	/* The version of the migration (maybe this one) that creates the enum type, or NULL: when that one runs in the
	 * same transaction, PostgreSQL 17 and later lets the new value be used at once and the boundary need not be
	 * kept; 15 and 16 do not. */
	const char *boundary_lifted_by;
};

struct migration_skipped {
	const char *file;
	const char *reason;
};

struct migration_plan {
	const char *dir; /* relative to the unpacked source, "supabase/migrations"; "" when there are none */
	struct migration *migrations; /* in the order they are applied: by file name, byte by byte */
	size_t migration_count;
	struct migration_skipped *skipped; /* files of the folder that are no migrations */
	size_t skipped_count;
};

/* Everything in the plan lives in the arena. Versions that are not digits only, file names with a slash, hashes of
 * another length and counts past the limits above are ERR_INVALID: the JSON comes from a process that has read hostile
 * files. Two migrations with one version are allowed here; intake reports them as a finding. */
bool migration_plan_from_json(const json_t *value, struct arena *arena, struct migration_plan *ret_plan,
			      struct err *err);

/* A new reference: the caller's. */
json_t *migration_plan_to_json(const struct migration_plan *plan);

/* Cuts "20240101120000_add_votes.sql" into version and name, as the Supabase CLI does (digits, underscore, anything,
 * ".sql"). False when the name does not have that form. */
bool migration_name_cut(struct str file, struct str *ret_version, struct str *ret_name);

#endif
