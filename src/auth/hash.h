/* SPDX-License-Identifier: Apache-2.0
 *
 * The password hashes that users bring along, as GoTrue takes them:
 *
 *     $2a$ $2b$ $2y$                                                bcrypt, by libcrypt; the first 72 bytes count
 *     $argon2i$ $argon2id$v=19$m=65536,t=3,p=4$SALT$HASH             the PHC string format; base64 without "="
 *     $fbscrypt$v=1,n=14,r=8,p=1,ss=SEPARATOR,sk=SIGNER$SALT$HASH    Firebase's scrypt; base64 with "="
 *
 * A hash says itself how much work and memory it takes, and comes from outside; what asks for more than the bounds
 * below is refused. Everything here computes for long: it belongs on a thread (password.h). Pure. */
#ifndef FREEHOLD_AUTH_HASH_H
#define FREEHOLD_AUTH_HASH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define AUTH_STORED_HASH_SIZE 1024
#define AUTH_PASSWORD_LONGEST_BYTES 1024 /* of one that is compared; what is set may have 72 */
#define AUTH_HASH_MEMORY_MAX_BYTES (256u << 20)
#define AUTH_HASH_BCRYPT_COST_MAX 16 /* 3 s */
#define AUTH_HASH_ARGON2_TIME_MAX 20 /* as upstream */
#define AUTH_HASH_LANES_MAX 16 /* as upstream */

/* ERR_INVALID when it is no such hash, ERR_LIMIT when it asks for too much. ret_memory_bytes: what comparing takes. */
bool auth_hash_check(struct str hash, size_t *ret_memory_bytes, struct err *err);

/* Whether the password made this hash. False for a hash that does not pass the check. */
bool auth_hash_matches(struct str hash, struct str password);

/* The same as a value that can be handed to a thread or to another process: compare password with hash, or make a
 * bcrypt hash with what hash says of salt and cost ("$2a$10$" and 22 characters). */
struct auth_hash_task {
	size_t password_len;
	bool is_making;
	char password[AUTH_PASSWORD_LONGEST_BYTES + 1];
	char hash[AUTH_STORED_HASH_SIZE];
};

#define AUTH_MADE_HASH_SIZE 64
struct auth_hash_result {
	bool is_same;
	char made[AUTH_MADE_HASH_SIZE]; /* "" when none could be made */
};

void auth_hash_run(const struct auth_hash_task *task, struct auth_hash_result *ret_result);

#endif
