/* SPDX-License-Identifier: Apache-2.0
 *
 * Releases on disk. A release is a folder, apps/<app>/releases/<n>; live is a link; going live and going back are one
 * rename(2). A folder counts as a release when its release.json is there: it is written last.
 *
 *     releases/7/  release.json   public/  pages/  live -> .  assets -> ../../assets  backend.sock ->
 * ../../backend.sock live -> releases/7 assets/      hard links to the fingerprinted files of every release that is
 * kept */
#ifndef FREEHOLD_RELEASE_RELEASE_H
#define FREEHOLD_RELEASE_RELEASE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "os/file.h"

/* app_dir is apps/<app> throughout. */

bool release_path(const char *app_dir, int64_t number, const char *rest, char ret_path[FILE_PATH_SIZE],
		  struct err *err);

/* Puts the links and pages of a release beside its public/, which is there, and dates its files later than those of
 * every other release of the app, by a second at least. has_fallback: unknown paths get index.html. run_dir: where its
 * server's socket will be, or NULL. */
bool release_dress(const char *app_dir, int64_t number, bool has_fallback, const char *run_dir, struct err *err);

/* After files below public/ were written anew: the page for unknown paths is index.html again, and all are dated anew.
 */
bool release_redress(const char *app_dir, int64_t number, struct err *err);

/* Links fingerprinted files (paths below public/, an array of texts) into assets/, so that they are there before any
 * page that names them, and stay for tabs that are still open. A name that is there with other bytes gets these.
 */
bool release_link_assets(const char *app_dir, int64_t number, const json_t *paths, struct err *err);

/* Writes release.json: from now on the folder is a release. */
bool release_seal(const char *app_dir, int64_t number, const json_t *facts, struct err *err);
bool release_facts(const char *app_dir, int64_t number, json_t **ret_facts,
		   struct err *err); /* ERR_NOT_FOUND: no such release */

/* What `live` says; 0: nothing is live. */
bool release_live(const char *app_dir, int64_t *ret_number, struct err *err);

/* The switch. to 0 takes the app away from its visitors. */
bool release_promote(const char *app_dir, int64_t to, struct err *err);

/* Removes a release's folder and the assets nobody else has. The live one is refused. A missing one is no error. */
bool release_remove(const char *app_dir, int64_t number, struct err *err);

/* Takes away folders that were never sealed or are half removed. Not while a deployment of the app runs. */
bool release_sweep(const char *app_dir, struct err *err);

/* Numbers of the releases that are there, newest first. */
#define RELEASES_MAX 1000
bool release_list(const char *app_dir, int64_t ret_numbers[RELEASES_MAX], int *ret_count, struct err *err);

#endif
