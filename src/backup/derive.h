/* SPDX-License-Identifier: Apache-2.0
 *
 * The passphrases of repositories, made from the home's one key: whoever holds the key (the recovery kit) can open all
 * of them, and a repository's passphrase, which its app's database user can read, tells nothing of the key. Keyed
 * BLAKE2b of a label. */
#ifndef FREEHOLD_BACKUP_DERIVE_H
#define FREEHOLD_BACKUP_DERIVE_H

#include <stdint.h>

#include "base/err.h"

#define DERIVE_SIZE 65 /* 64 hexadecimal digits and NUL */

/* ERR_INVALID when the key is not 64 hexadecimal digits. */
bool derive_passphrase(const char *key, const char *label, char ret_passphrase[DERIVE_SIZE], struct err *err);

/* "db/shop-3": of an app's cluster. A name that is used again is another app, with another number. */
void derive_repo_name(const char *app, int64_t app_id, char ret_name[64]);

#endif
