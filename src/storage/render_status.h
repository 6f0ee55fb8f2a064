/* SPDX-License-Identifier: Apache-2.0
 *
 * What storage and the program freehold-image agree on. */
#ifndef FREEHOLD_STORAGE_RENDER_STATUS_H
#define FREEHOLD_STORAGE_RENDER_STATUS_H

#define RENDER_PIXELS_MAX 50000000u /* of the source; upstream's 50 megapixels */

/* How freehold-image ends; anything else is a failure of ours. */
enum render_status { RENDER_DONE, RENDER_FAILED, RENDER_BAD_IMAGE = 3, RENDER_TOO_LARGE, RENDER_NO_LIBRARY };

#endif
