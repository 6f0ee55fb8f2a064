/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of an app: its address first, then a last dump of its database, then everything else. Runs in a process of
 * its own (freeholdd --destroy APP); run again after a crash it goes on where it was. */
#ifndef FREEHOLD_FLOW_DESTROY_H
#define FREEHOLD_FLOW_DESTROY_H

#include "flow/flow.h"

/* ret_dump: path of the dump, "" when the app never had a database. Nothing is removed before the dump is on disk. */
bool destroy_app(const struct flow *f, const char *app, char ret_dump[FILE_PATH_SIZE], struct err *err);

#endif
