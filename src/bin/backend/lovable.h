/* SPDX-License-Identifier: Apache-2.0
 *
 * The member "lovable" of the configuration becomes what the gateway knows. */
#ifndef FREEHOLD_BIN_BACKEND_LOVABLE_H
#define FREEHOLD_BIN_BACKEND_LOVABLE_H

#include "bin/backend/config.h"
#include "bin/backend/gateway.h"

/* What cannot be taken is logged and leaves the one before. */
void lovable_set(struct gateway *gateway, const struct backend_config *config);

#endif
