/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom a database elsewhere has vouch for it: certificates of an authority that its owner hands over (RDS, Supabase and
 * one's own servers have one that no machine knows), and what is wrong with the certificate that a server shows. */
#ifndef FREEHOLD_OWNDB_AUTHORITY_H
#define FREEHOLD_OWNDB_AUTHORITY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define OWNDB_AUTHORITY_MAX_BYTES (400u * 1024) /* RDS's for all regions has 165 kB */

/* Appends the certificates of a PEM text, written anew and nothing beside them. ERR_INVALID: there is none, one cannot
 * be read, all are past their time, or a private key is with them, which nobody should hand over. */
bool owndb_authority_read(struct str pem, struct buf *ret_pem, struct err *err);

/* Why libpq would not accept the certificate of a PostgreSQL. */
enum authority_fault {
	AUTHORITY_UNKNOWN, /* nothing was found out */
	AUTHORITY_ACCEPTED,
	AUTHORITY_ISSUER, /* nobody who is trusted has signed it */
	AUTHORITY_TIME, /* expired, or not valid yet */
	AUTHORITY_NAME, /* for another host */
};

/* Goes there without a password. path: the authorities, PEM. ret_words: what is wrong with it, "it is signed by …". */
#define AUTHORITY_WORDS_SIZE 256
enum authority_fault owndb_authority_look(const char *host, const char *address, const char *port, const char *path,
					  char ret_words[AUTHORITY_WORDS_SIZE]);

#endif
