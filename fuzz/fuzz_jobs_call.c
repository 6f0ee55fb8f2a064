/* SPDX-License-Identifier: Apache-2.0
 *
 * What a function of the app asks to be called: "url\nheader". Only the app's own old project becomes the app; a
 * network is taken or refused. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/address.h"
#include "jobs/egress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct address_map map = {.projects = {"abcdefghijklmnopqrst"},
					.project_count = 1,
					.site_url = "http://shop",
					.anon_key = "A",
					.publishable_key = "P"};
	struct arena *a = arena_new(16 * size + 65536);
	struct str text = {(const char *)data, size}, first = text, rest = STR("");
	struct egress egress = {0};
	struct err err;
	bool is_own;
	(void)str_cut(text, '\n', &first, &rest);
	const char *url = arena_cstr(a, first), *header = arena_cstr(a, rest);
	if (url == NULL || header == NULL) abort();
	const char *to = address_map_url(&map, a, url, &is_own);
	if (!is_own && to != url) abort();
	if (is_own && strncmp(to, "http://shop", 11) != 0) abort();
	/* Behind the app's host comes a path, a query, or nothing: no other host, no port. */
	if (is_own && to[11] != '\0' && strchr("/?#", to[11]) == NULL) abort();
	(void)address_map_header(&map, a, header);
	(void)egress_allow(&egress, url, &err);
	arena_free(a);
	return 0;
}
