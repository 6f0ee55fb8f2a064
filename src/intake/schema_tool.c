/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/schema_tool.h"

#include "codec/json.h"
#include "intake/package.h"

static const char *const configs[] = {"drizzle.config.ts",  "drizzle.config.js",  "drizzle.config.mjs",
				      "drizzle.config.cjs", "drizzle.config.mts", "drizzle.config.json"};

static bool wants_tool(const struct source *source, const char *root)
{
	const struct source_file *file = source_find_in(source, root, "package.json");
	json_t *package JSON_CLEANUP = NULL;
	struct err ignored;
	return file != NULL && package_read(source, file, &package, &ignored) &&
	       package_dependency(package, "drizzle-kit") != NULL;
}

/* "dialect": "postgresql", or "driver": "pg" of older versions; both quotes. */
static bool is_for_postgres(const struct source *source, const struct source_file *file)
{
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, SOURCE_MAX_TEXT_BYTES + 1);
	if (!source_read(source, file, SOURCE_MAX_TEXT_BYTES, &text, &ignored)) return false;
	struct str t = buf_view(&text);
	return str_find(t, STR("postgresql")) >= 0 || str_find(t, STR("'pg'")) >= 0 || str_find(t, STR("\"pg\"")) >= 0;
}

json_t *schema_tool_find(const struct source *source, const char *root)
{
	bool has_migrations =
	    source_has_dir(source, root, "supabase/migrations") || source_has_dir(source, "", "supabase/migrations");
	if (has_migrations || !wants_tool(source, root)) return json_null();
	for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
		const struct source_file *file = source_find_in(source, root, configs[i]);
		if (file != NULL && is_for_postgres(source, file))
			return json_pack("{s:s, s:s}", "tool", "drizzle-kit", "config", configs[i]);
	}
	return json_null();
}
