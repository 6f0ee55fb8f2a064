/* SPDX-License-Identifier: Apache-2.0
 *
 * A cluster's identity. Copies of one prepared folder would all have the same system identifier, by which PostgreSQL
 * and backup tools tell whose log of changes is whose; so each copy gets one of its own before it is first started. */
#ifndef FREEHOLD_OWNDB_IDENTITY_H
#define FREEHOLD_OWNDB_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* CRC-32C (Castagnoli), as PostgreSQL computes it. */
uint32_t identity_crc32c(const void *bytes, size_t len);

/* Puts a new identifier into the bytes of a pg_control file (its first 8 bytes), and the checksum right. Where the
 * checksum lies differs between versions: it is the first aligned word that is one of all that precede it. False when
 * there is none: not a pg_control file. */
bool identity_replace(uint8_t *control, size_t len, uint64_t identifier);

/* Gives the cluster in data_dir, which must never have been started, a fresh identifier. The caller runs pg_resetwal
 * afterwards, which writes it into the log. */
bool identity_renew(const char *data_dir, struct err *err);

#endif
