/* SPDX-License-Identifier: Apache-2.0
 *
 * Who sends a statement: which request to the app's backend, as far as its text and the role that it ran as tell. */
#ifndef FREEHOLD_API_QUERY_ORIGIN_H
#define FREEHOLD_API_QUERY_ORIGIN_H

#define ORIGIN_SIZE 300

/* "GET /rest/v1/notes", "each request to /storage/v1"; "" where it is not known. */
void query_origin(const char *role, const char *query, char ret_text[ORIGIN_SIZE]);

#endif
