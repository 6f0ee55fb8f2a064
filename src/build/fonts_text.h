/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of fonts.mjs (build/fonts.h). */
#ifndef FREEHOLD_BUILD_FONTS_TEXT_H
#define FREEHOLD_BUILD_FONTS_TEXT_H

#include <stddef.h>

struct fonts_text {
	const char *name, *text;
};
extern const struct fonts_text fonts_texts[];

#endif
