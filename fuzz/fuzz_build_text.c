/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything in build/ that reads an app's text: the first byte chooses which. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "build/adapt.h"
#include "build/asset.h"
#include "build/bind.h"
#include "build/box.h"
#include "build/literal.h"
#include "build/manifest.h"
#include "build/preset.h"
#include "build/tools.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_change(void *arg, int line, const char *what, bool is_left)
{
	(void)what, (void)is_left;
	int *last = arg;
	if (line < *last) abort(); /* changes come in order */
	*last = line;
}

static void try_adapt(struct str text)
{
	struct buf out BUF_CLEANUP;
	char ref[ADAPT_REF_SIZE] = "abcdefghijklmnopqrst";
	int line = 0;
	buf_init(&out, 8 << 20);
	for (size_t i = 0; i < text.len; i++) (void)adapt_ref_at(text, i, ref);
	adapt_text(&(struct adapt_text){text, str_from(ref), on_change, &line}, &out);
	line = 0;
	preset_adapt(&(struct adapt_text){text, STR(""), on_change, &line}, &out);
}

static void try_bind(struct str text)
{
	const struct build_values values = {"http://shop.localhost:8080", "anon", "pub", "shop"};
	struct buf out BUF_CLEANUP;
	buf_init(&out, 8 << 20);
	int count = bind_text(text, &values, &out);
	if (count == 0 && !str_eq(buf_view(&out), text)) abort();
	if (count > 0 && !bind_is_needed(text)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 65536) return 0;
	struct str text = {(const char *)data + 1, size - 1};
	struct buf out BUF_CLEANUP;
	enum literal_kind kind;
	int line;
	buf_init(&out, 8 << 20);
	switch (data[0] % 6) {
	case 0: try_adapt(text); break;
	case 1: try_bind(text); break;
	case 2: (void)literal_find_secret(text, &kind, &line); break;
	case 3: (void)manifest_rewrite(text, STR("https://registry.example/"), &out); break;
	case 4:
		(void)asset_is_fingerprinted(text);
		(void)box_reason(text, 100);
		break;
	default: buf_str(&out, text); (void)tool_wanted_node(buf_cstr(&out), 22, 20, 20);
	}
	return 0;
}
