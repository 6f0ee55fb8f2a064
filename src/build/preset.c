/* SPDX-License-Identifier: Apache-2.0 */
#include "build/preset.h"

#include <stdio.h>
#include <string.h>

#define SVELTE STR("@sveltejs/adapter-")

bool preset_is_config(const char *name)
{
	static const char *const names[] = {"vite.config.", "nuxt.config.", "nitro.config.", "app.config.",
					    "svelte.config."};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0) return true;
	return false;
}

/* Of Nitro's presets those that are for somewhere else, by how they begin. */
static bool is_elsewhere(struct str platform)
{
	static const char *const platforms[] = {"cloudflare", "vercel",     "netlify",  "aws",      "azure",
						"deno",       "edgio",      "firebase", "stormkit", "zeabur",
						"winterjs",   "alwaysdata", "digital"};
	for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++)
		if (str_has_prefix(platform, str_from(platforms[i]))) return true;
	return false;
}

static void tell(const struct adapt_text *a, int line, struct str platform)
{
	char what[160];
	(void)snprintf(what, sizeof what, "the server is built for Node instead of %.*s",
		       (int)(platform.len < 60 ? platform.len : 60), platform.ptr);
	a->on_change(a->arg, line, what, false);
}

/* The text between the quotes at text[0], or nothing. */
static struct str quoted(struct str text)
{
	size_t end = 1;
	if (text.len < 3 || strchr("'\"`", text.ptr[0]) == NULL) return (struct str){"", 0};
	while (end < text.len && text.ptr[end] != text.ptr[0]) end++;
	return end < text.len ? str_sub(text, 1, end) : (struct str){"", 0};
}

static void adapt_line(const struct adapt_text *a, int number, struct str line, struct buf *ret_text)
{
	ptrdiff_t preset = str_find(line, STR("preset"));
	for (size_t at = 0; at < line.len;) {
		struct str word = quoted(str_sub(line, at, line.len));
		bool is_preset = preset >= 0 && (size_t)preset < at && is_elsewhere(word);
		bool is_adapter = str_has_prefix(word, SVELTE) && is_elsewhere(str_sub(word, SVELTE.len, word.len));
		if (!is_preset && !is_adapter) {
			buf_append(ret_text, line.ptr + at, 1);
			at++;
			continue;
		}
		const char *instead = is_adapter ? "@sveltejs/adapter-node" : "node-server";
		buf_printf(ret_text, "%c%s%c", line.ptr[at], instead, line.ptr[at]);
		tell(a, number, word);
		at += word.len + 2;
	}
}

void preset_adapt(const struct adapt_text *a, struct buf *ret_text)
{
	struct str rest = a->text;
	int number = 1;
	while (rest.len > 0) {
		ptrdiff_t end = str_find_char(rest, '\n');
		struct str line = end >= 0 ? str_sub(rest, 0, (size_t)end + 1) : rest;
		adapt_line(a, number++, line, ret_text);
		rest = str_sub(rest, line.len, rest.len);
	}
}
