/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates of hosts, as the edge serves them: one text of PEM with the certificate, those that lead to its
 * authority, and the private key, so that one rename changes all of it.
 *
 * Where nobody has given one, a host's certificate is signed by a local authority of this machine, which may sign names
 * below "localhost" and nothing else (name constraints, RFC 5280 4.2.1.10): who trusts it in a browser trusts it with
 * nothing beyond the apps of this machine. Keys are of the curve P-256. Pure. */
#ifndef FREEHOLD_EDGE_CERTIFICATE_H
#define FREEHOLD_EDGE_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define CERTIFICATE_MAX_BYTES (256u * 1024) /* of a text with its key and chain */
#define CERTIFICATE_NAMES_SIZE 512
#define CERTIFICATE_AUTHORITY_DAYS 3650
#define CERTIFICATE_DAYS 90
#define CERTIFICATE_RENEW_DAYS 30 /* this long before its end another one is made */
#define CERTIFICATE_FINGERPRINT_SIZE 96 /* "AB:CD:…" of SHA-256 */

/* A new authority, good from an hour before now_ms. Appends its certificate and its key, each as PEM. */
void certificate_make_authority(int64_t now_ms, struct buf *ret_certificate, struct buf *ret_key);

/* A certificate for the host with a new key, signed by the authority. Appends certificate and key. ERR_INVALID when the
 * authority cannot be read, or the host is no name below localhost. */
bool certificate_issue(struct str authority, struct str authority_key, const char *host, int64_t now_ms,
		       struct buf *ret_text, struct err *err);

struct certificate {
	char names[CERTIFICATE_NAMES_SIZE]; /* of hosts, between spaces; cut where there are more */
	char issuer[256]; /* who signed it, for people */
	char fingerprint[CERTIFICATE_FINGERPRINT_SIZE];
	int64_t from_ms, until_ms; /* when it is good */
	bool covers; /* the host that was asked for; false when none was */
};

/* What the first certificate of a text says. host may be NULL. ERR_INVALID when there is none. */
bool certificate_read(struct str text, const char *host, struct certificate *ret_certificate, struct err *err);

/* Puts a certificate with its chain and its key together, when they fit each other and the host, and now_ms is within
 * its time. ERR_INVALID says what is wrong. A key that is locked with a passphrase is refused. */
bool certificate_join(struct str chain, struct str key, const char *host, int64_t now_ms, struct buf *ret_text,
		      struct err *err);

#endif
