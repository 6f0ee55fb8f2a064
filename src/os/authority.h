/* SPDX-License-Identifier: Apache-2.0
 *
 * Authorities that the owner had this machine trust beside the public ones, as Debian does it
 * (update-ca-certificates(8)): a proxy of a company's that opens what passes through it, a service with a certificate
 * of its own authority. Programs that bring a list of their own (Node, Deno) do not know of them unless they are told.
 */
#ifndef FREEHOLD_OS_AUTHORITY_H
#define FREEHOLD_OS_AUTHORITY_H

#include "base/buf.h"

#define AUTHORITY_FOLDER "/usr/local/share/ca-certificates" /* NAME.crt, PEM, also in folders of it */
#define AUTHORITY_BUNDLE "/etc/ssl/certs/ca-certificates.crt" /* all that the machine trusts, these too */

#define AUTHORITY_MAX_BYTES (1u << 20)

/* Appends their certificates to ret_pem, which declares the limit; nothing where there are none. What cannot be read or
 * is no PEM is left out, as update-ca-certificates leaves it out. */
void authority_added(const char *folder, struct buf *ret_pem);

#endif
