/* SPDX-License-Identifier: Apache-2.0
 *
 * Migrations: cut into statements that lie in the file, and applied to the state. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "intake/migrations.h"
#include "intake/sql_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(struct sql_state *state, struct str text, const struct migration_statement *s)
{
	struct buf copy BUF_CLEANUP;
	struct sql_place place = {"1_a.sql", s->line, 0};
	buf_init(&copy, 1 << 20);
	buf_str(&copy, str_sub(text, s->offset, (size_t)s->offset + s->len));
	(void)sql_state_apply(state, buf_cstr(&copy), place);
	sql_state_apply_block(state, buf_view(&copy), place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 16384) return 0;
	char *copy = calloc(1, size + 1);
	struct arena *arena = arena_new(16 << 20);
	struct sql_split split;
	struct sql_state state;
	struct err err;
	json_t *findings = json_array();
	memcpy(copy, data, size);
	sql_state_init(&state);
	if (sql_split((struct str){copy, size}, arena, &split, &err)) {
		for (size_t i = 0; i < split.count; i++) {
			if ((size_t)split.statements[i].offset + split.statements[i].len > size) abort();
			apply(&state, (struct str){copy, size}, &split.statements[i]);
		}
		migrations_judge(&state, findings);
	}
	sql_state_done(&state);
	json_decref(findings);
	arena_free(arena);
	free(copy);
	return 0;
}
