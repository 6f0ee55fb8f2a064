/* SPDX-License-Identifier: Apache-2.0 */
#include "build/wish.h"

#include <string.h>

#include "codec/json.h"

#define OF_THE_APP "npm", "exec", "--offline", "--no", "--"

struct kind {
	const char *shape, *text, *command[12];
};

static const struct kind kinds[] = {
    {"vite-spa", "vite build", {OF_THE_APP, "vite", "build"}},
    {"tanstack-start", "vite build", {OF_THE_APP, "vite", "build"}},
    {"sveltekit", "vite build", {OF_THE_APP, "vite", "build"}},
    {"nextjs", "next build", {OF_THE_APP, "next", "build"}},
    {"nuxt", "nuxt build", {OF_THE_APP, "nuxt", "build"}},
    {"astro", "astro build", {OF_THE_APP, "astro", "build"}},
    {"react-router", "react-router build", {OF_THE_APP, "react-router", "build"}},
    {"expo", "expo export -p web", {OF_THE_APP, "expo", "export", "-p", "web"}},
};

static const struct kind own = {"", "build", {"npm", "run", "build"}};

static const struct kind *choose(const json_t *inspection)
{
	const char *shape = json_str(inspection, "shape", ""), *script = json_str(inspection, "build_script", NULL);
	bool is_for_phones = strcmp(shape, "expo") == 0 && (script == NULL || strstr(script, "export") == NULL);
	if (script != NULL && !is_for_phones) return &own;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].shape, shape) == 0) return &kinds[i];
	return NULL;
}

struct build_wish build_wish_read(const json_t *inspection)
{
	struct build_wish w = {.output = json_str(inspection, "output_dir", "")};
	const struct kind *kind = choose(inspection);
	w.is_static = strcmp(json_str(inspection, "shape", ""), "static") == 0;
	if (kind != NULL) w.command = kind->command, w.command_text = kind->text;
	return w;
}
