/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of pictures.mjs (build/pictures.h). */
#ifndef FREEHOLD_BUILD_PICTURES_TEXT_H
#define FREEHOLD_BUILD_PICTURES_TEXT_H

#include <stddef.h>

struct pictures_text {
	const char *name, *text;
};
extern const struct pictures_text pictures_texts[];

#endif
