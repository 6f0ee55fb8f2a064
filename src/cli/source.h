/* SPDX-License-Identifier: Apache-2.0
 *
 * What is deployed: a folder, which is read as the stream of a tar; an archive, which is read as it is; or a git
 * address, which the daemon fetches.
 *
 * Of a folder everything on disk is sent (git's opinion of it does not count) but node_modules and .git. Links are sent
 * as links: the daemon refuses them by name, the same as in an archive, so that an export behaves alike however it
 * comes. Sockets and pipes hold nothing that could be sent and are passed over. A file that cannot be read ends the
 * stream with an error that names it. Owners are not sent and of permissions only whether a file can be run.
 *
 *     opened ──▶ reading ──▶ at its end: source_read gives 0
 *                  └───────▶ broken: source_read gives -1 from then on */
#ifndef FREEHOLD_CLI_SOURCE_H
#define FREEHOLD_CLI_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum source_kind { SOURCE_FOLDER, SOURCE_ARCHIVE, SOURCE_GIT };

#define SOURCE_TEXT_SIZE 4096

struct source_facts {
	enum source_kind kind;
	char from[SOURCE_TEXT_SIZE]; /* for the history: the absolute path, or the address without name and password */
	char git_url[SOURCE_TEXT_SIZE]; /* SOURCE_GIT: https:// or ssh:// */
};

/* Looks at what was typed, without reading more than the first bytes. ERR_NOT_FOUND, ERR_DENIED, and ERR_INVALID for
 * what is neither a folder, nor a zip or tar, nor a git address over https or ssh. */
bool source_identify(const char *typed, struct source_facts *ret_facts, struct err *err);

struct source;

/* SOURCE_FOLDER and SOURCE_ARCHIVE. */
bool source_open(const struct source_facts *facts, struct source **ret_source, struct err *err);
void source_close(struct source *s); /* NULL is allowed */

/* Up to size bytes; 0 at the end; -1 with err (which is kept and given again). */
ssize_t source_read(struct source *s, char *to, size_t size, struct err *err);

uint64_t source_total_bytes(const struct source *s); /* of an archive; 0 for a folder */
uint64_t source_file_count(const struct source *s); /* of a folder, so far */

/* "node_modules, .git, 2 sockets, pipes or devices" of a folder, or "" when nothing was left out so far. */
void source_left_out(const struct source *s, char ret_text[128]);

#endif
