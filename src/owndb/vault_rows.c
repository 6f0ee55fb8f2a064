/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/vault_rows.h"

#include <stddef.h>

#define WITHOUT_NAME "(without a name)"

/* Which column the name is, of "COPY vault.secrets (id, name, …) FROM stdin;". -1: it is not that line, or has none. */
static int find_name(struct str line)
{
	struct str before, columns, column, after;
	if (!str_has_prefix(line, STR("COPY vault.secrets ("))) return -1;
	if (!str_cut(line, '(', &before, &columns) || !str_cut(columns, ')', &columns, &after)) return -1;
	for (int i = 0; str_next(&columns, ',', &column); i++)
		if (str_eq(str_trim(column), STR("name"))) return i;
	return -1;
}

static void add(struct str row, int at, json_t *names)
{
	struct str value = {"", 0};
	for (int i = 0; i <= at && str_next(&row, '\t', &value); i++) continue;
	json_t *name = str_eq(value, STR("\\N")) ? NULL : json_stringn(value.ptr, value.len);
	json_array_append_new(names, name != NULL ? name : json_string(WITHOUT_NAME));
}

void vault_names(struct str sql, json_t *names)
{
	struct str line;
	int at = -1;
	while (str_next(&sql, '\n', &line) && json_array_size(names) < VAULT_NAMES_MAX) {
		if (at < 0)
			at = find_name(line);
		else if (str_eq(line, STR("\\.")))
			at = -1;
		else
			add(line, at, names);
	}
}
