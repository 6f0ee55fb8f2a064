/* SPDX-License-Identifier: Apache-2.0
 *
 * A message of the log of changes, and its values as JSON of each kind. */
#include <stdint.h>
#include <stdlib.h>

#include "codec/json.h"
#include "realtime/pgoutput.h"
#include "realtime/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct value_type types[] = {
    {.oid = VALUE_TEXT},
    {.oid = VALUE_BOOL},
    {.oid = VALUE_JSONB},
    {.oid = VALUE_TIMESTAMPTZ},
    {.oid = VALUE_BYTEA},
    {.oid = 1009, .element = VALUE_TEXT, .delimiter = ','},
    {.oid = 1185, .element = VALUE_TIMESTAMP, .delimiter = ','},
};

static void check_values(struct pgoutput_list list)
{
	struct pgoutput_value value;
	int count = list.count;
	while (pgoutput_value(&list, &value)) {
		count--;
		if (value.kind != PGOUTPUT_TEXT || memchr(value.text.ptr, 0, value.text.len) != NULL) continue;
		for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
			struct buf b BUF_CLEANUP;
			json_t *json JSON_CLEANUP = NULL;
			buf_init(&b, 1 << 22);
			value_put(&types[i], value.text, &b);
			json = json_loadb(buf_cstr(&b), b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
			if (json == NULL) abort();
		}
	}
	if (count != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pgoutput_message m;
	struct pgoutput_column column;
	struct err err;
	if (!pgoutput_read((struct str){(const char *)data, size}, &m, &err)) return 0;
	int columns = m.columns.count;
	while (pgoutput_column(&m.columns, &column)) columns--;
	if (columns != 0) abort();
	check_values(m.old_values);
	check_values(m.new_values);
	return 0;
}
