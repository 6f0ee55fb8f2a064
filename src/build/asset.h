/* SPDX-License-Identifier: Apache-2.0
 *
 * The one rule for fingerprinted assets: files whose name changes with their content, so that a browser may keep them
 * for ever, a missing one is 404 and never the page, and those of earlier releases are kept for tabs still open. A name
 * is one when it has
 *
 *   -XXXXXXXX.   eight of [A-Za-z0-9_-], a letter among them and one of [A-Z0-9_]   (Vite, Rollup: index-B-x3_9aZ.js)
 *   .xxxxxxxx.   8 to 64 of [0-9a-f], a digit and a letter among them               (webpack: main.1f3c9a7e.js)
 *
 * with something before and behind; or when it lies in _next/static's chunks, css or media and one of its parts,
 * between dashes and dots, is such a hex hash   (Next.js: main-15f2a4c93d239fd3.js, 40009275aeda0ca3.css,
 * 491cbc05ce0e9ce7-s.p.woff2). So hero-portrait.jpg and photo-20240101.jpg are none; about 1 in 3,000 of Vite's own
 * hashes is missed and then merely asked for again. What the rule names is linked into the app's assets/ folder, and
 * only what lies there is served for ever; the edge's own pattern may be wider and must not be narrower. */
#ifndef FREEHOLD_BUILD_ASSET_H
#define FREEHOLD_BUILD_ASSET_H

#include <stdbool.h>

#include "base/str.h"

/* path is relative to what is served, or its last part alone. */
bool asset_is_fingerprinted(struct str path);

#endif
