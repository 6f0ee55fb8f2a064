/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the app's processes listen: the kernel tells nobody, so we look again and again, often while they boot. The
 * outer half is told (READY), and visitors who waited are led there. */
#ifndef FREEHOLD_SERVE_LOOK_H
#define FREEHOLD_SERVE_LOOK_H

#define LOOK_MS 1000 /* once they listen; before, LOOK_BOOT_MS of room.h */

void look_on_timer(void *arg); /* in->look */

#endif
