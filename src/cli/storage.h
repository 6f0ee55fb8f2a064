/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of freehold storage, each a word behind the app's name. */
#ifndef FREEHOLD_CLI_STORAGE_H
#define FREEHOLD_CLI_STORAGE_H

#include "cli/run.h"
#include "cli/text.h"

bool storage_key(struct cli *cli, struct err *err);
bool storage_usage(struct cli *cli, struct err *err);
bool storage_buckets(struct cli *cli, struct err *err);
bool storage_sweep(struct cli *cli, struct err *err);
bool storage_place(struct cli *cli, struct err *err);

/* Asks below the app's /storage. */
bool storage_ask(const struct cli *cli, const char *method, const char *rest, const json_t *body, json_t **ret_answer,
		 struct err *err);

#endif
