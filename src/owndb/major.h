/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL majors that this Debian does not have. Supabase's projects are of 17, whose dumps 15's programs cannot
 * read; so the packages of Debian 13 are unpacked into a folder of their own, beside what is installed:
 *
 *     <majors>/17/usr/lib/postgresql/17/bin, usr/lib/…-linux-gnu, …       PostgreSQL 17, pgvector, hypopg
 *                 usr/sbin/pgbouncer, usr/bin/pgbackrest                  the ones that go with it
 *
 * 17 is a link to one of several that may lie there (owndb/major_kept.h).
 *
 * apt fetches and checks them, with a configuration and lists of its own, through the mirror that this machine uses;
 * the machine's own packages stay untouched. The programs are pointed at their own C library and at the libraries
 * beside them (patchelf), so that they run like any other, as any user, without a container.
 *
 * Security updates do not come by themselves: they are looked for, and fetched where the owner says so
 * (upkeep/fetched.h). */
#ifndef FREEHOLD_OWNDB_MAJOR_H
#define FREEHOLD_OWNDB_MAJOR_H

#include <stdbool.h>

#include "base/err.h"

#define MAJOR_FETCHED 17 /* the one that can be had so */

/* Makes <majors>/<major>; one that is there is left alone. Takes 10 to 60 s and 160 MB; majors must be
 * reachable for the users that clusters run as. on_step (may be NULL) is told what is being done. ERR_UNAVAILABLE names
 * what is missing: patchelf, a way to the mirror. */
bool major_install(const char *majors, int major, void (*on_step)(void *arg, const char *text), void *arg,
		   struct err *err);

/* PgBouncer alone, into <majors>/pgbouncer, for machines whose own breaks named prepared statements in transaction
 * pooling (owndb/pooler.h). As above. */
#define MAJOR_PGBOUNCER "pgbouncer"
bool major_install_pgbouncer(const char *majors, void (*on_step)(void *arg, const char *text), void *arg,
			     struct err *err);

/* Another one beside what is there, of what Debian has today; nothing is started from it before major_switch. Where
 * there is none it is the first, and current. */
bool major_fetch_newer(const char *majors, const char *name, void (*on_step)(void *arg, const char *text), void *arg,
		       int *ret_number, struct err *err);

/* Asks what Debian has today, for major_json. */
bool major_look(const char *majors, const char *name, void (*on_step)(void *arg, const char *text), void *arg,
		struct err *err);

#endif
