/* SPDX-License-Identifier: Apache-2.0
 *
 * https at the edge: which certificate a host has. nginx finds it by the name that the browser asks for, at each
 * handshake, so that a new one is a rename and never a reload.
 *
 *     <edge>/authority/authority.pem  authority.key     of this machine; made once (certificate.h)
 *     <edge>/made/<host>.pem                            signed by it, renewed before its end
 *     <edge>/given/<host>.pem                           the owner's
 *     <edge>/certs/<host>.pem -> ../made/<host>.pem     which of the two is served
 *     <edge>/secured/<host>                             a file: pages asked for by http are sent to https
 *
 * Keys are readable for nginx's workers only, the authority's for Freehold only. */
#ifndef FREEHOLD_EDGE_TLS_H
#define FREEHOLD_EDGE_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "edge/certificate.h"
#include "edge/edge.h"

/* The authority and the folders, made where they are missing. */
bool edge_tls_prepare(const struct edge *e, struct err *err);

/* The host has a certificate that is good for CERTIFICATE_RENEW_DAYS more; what the owner gave is left alone. */
bool edge_certificate_ensure(const struct edge *e, const char *host, int64_t now_ms, struct err *err);

/* The owner's, from now on. ERR_INVALID as certificate_join says it. */
bool edge_certificate_set(const struct edge *e, const char *host, struct str chain, struct str key, int64_t now_ms,
			  struct err *err);

/* Back to one of the local authority. */
bool edge_certificate_reset(const struct edge *e, const char *host, int64_t now_ms, struct err *err);
bool edge_certificate_unset(const struct edge *e, const char *host, struct err *err); /* the host is no more */

/* What is served. ERR_NOT_FOUND when there is none. */
bool edge_certificate_get(const struct edge *e, const char *host, struct certificate *ret_certificate,
			  bool *ret_is_given, struct err *err);

bool edge_set_secured(const struct edge *e, const char *host, bool is_secured, struct err *err);
bool edge_is_secured(const struct edge *e, const char *host);

#endif
