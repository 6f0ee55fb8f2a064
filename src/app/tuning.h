/* SPDX-License-Identifier: Apache-2.0
 *
 * What an app's PostgreSQL is set to: sized to the machine and its apps (owndb/tune.h), with the owner's own values on
 * top (owndb/override.h). They are kept by name and written into the cluster's settings at each start and reload. */
#ifndef FREEHOLD_APP_TUNING_H
#define FREEHOLD_APP_TUNING_H

#include <jansson.h>

#include "app/parts.h"
#include "owndb/conf.h"
#include "owndb/tune.h"

#define TUNING_PREFIX "postgres." /* before a setting's name in `freehold set` */
#define TUNING_OVERRIDES_MAX 32

struct tuning {
	struct tune_facts facts;
	bool is_limited; /* by a control group, below what the machine has */
	struct tune tune;
	char overrides[CONF_MAX_BYTES / 2]; /* lines; what fits the tune (max_connections) is in it as well */
};

/* Reads the machine, the store and, up to a few thousand files, the size of the cluster: some milliseconds. */
bool tuning_find(const struct flow *f, const struct parts *p, struct tuning *ret_tuning, struct err *err);

/* {"facts": {"memory_bytes", "cores", "apps", "database_bytes", "is_limited"}, "owners": {NAME: VALUE}} */
bool tuning_json(const struct flow *f, const struct parts *p, json_t **ret_json, struct err *err);

/* For a worker: {NAME: VALUE}, "" or "default" takes one back. All or none; what was set before stays when PostgreSQL
 * does not take one. A server that runs is told to read them. ret_outcome: {"set": {NAME: VALUE}, "at_start": [NAME]},
 * those that hold only from its next start on. */
bool tuning_set(const struct flow *f, const char *app, const json_t *values, json_t **ret_outcome, struct err *err);

#endif
