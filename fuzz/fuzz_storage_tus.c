/* SPDX-License-Identifier: Apache-2.0
 *
 * What a resumable upload says in its headers, and its address. What is read as an upload's id names what a file may be
 * named by, and is written as it was read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/tus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_id(struct arena *a, struct str text)
{
	struct tus_id id, again;
	if (!tus_id_read(a, text, &id)) return;
	if (!storage_is_bucket(str_from(id.bucket)) || !storage_is_key(str_from(id.key)) ||
	    !storage_is_uuid(str_from(id.version)))
		abort();
	const char *written = tus_id_write(a, id.bucket, id.key, id.version);
	if (written == NULL || !str_eq(str_from(written), text)) abort();
	if (!tus_id_read(a, str_from(written), &again) || strcmp(again.key, id.key) != 0) abort();
}

static void try_metadata(struct arena *a, struct str text)
{
	struct tus_metadata m;
	if (!tus_metadata_read(a, text, &m)) return;
	const char *members[] = {m.bucket, m.key, m.type, m.cache_control, m.user_metadata};
	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (members[i] != NULL && strlen(members[i]) > text.len) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct arena *a = arena_new(16 * size + 8192);
	uint64_t number = 0;
	if (tus_number_read(text, &number) && number >= (uint64_t)1 << 53) abort();
	try_id(a, text);
	try_metadata(a, text);
	arena_free(a);
	return 0;
}
