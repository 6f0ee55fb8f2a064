/* SPDX-License-Identifier: Apache-2.0
 *
 * What an app's cluster must have once it runs, whether it is new, was restored or was moved in. */
#ifndef FREEHOLD_APP_CLUSTER_H
#define FREEHOLD_APP_CLUSTER_H

#include "app/parts.h"

/* This edition's prelude, the app's key for its policies, the server's role with its password. */
bool cluster_settle(const struct flow *f, const struct parts *p, struct err *err);

/* Stops the app's server, backend and PostgreSQL; starts them again, PostgreSQL settled before the others come. For
 * workers that have the app for themselves. Visitors get 503 between. */
bool cluster_stop_app(const struct flow *f, const struct parts *p, struct err *err);
bool cluster_start_app(const struct flow *f, const struct parts *p, struct err *err);

#endif
