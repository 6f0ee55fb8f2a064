/* SPDX-License-Identifier: Apache-2.0
 *
 * What an export says to whoever runs it without Freehold: README, nginx, compose. Pure. */
#ifndef FREEHOLD_CLI_EXPORT_TEXT_H
#define FREEHOLD_CLI_EXPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct export_facts {
	const char *app, *url;
	int major; /* of PostgreSQL */
	int64_t live; /* 0: nothing is live */
	bool has_server; /* the release brings a program of its own */
	bool has_fallback; /* a page that all unknown paths get */
	size_t object_count;
};

void export_readme(const struct export_facts *f, struct buf *out);
void export_nginx(const struct export_facts *f, struct buf *out);
void export_compose(const struct export_facts *f, struct buf *out);

#endif
