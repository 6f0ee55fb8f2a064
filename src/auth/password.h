/* SPDX-License-Identifier: Apache-2.0
 *
 * Passwords are hashed and compared with what the processor has left (hasher.h): 50 ms of computing must stop neither
 * the loop nor the requests beside it. On a machine that has nothing left that would be never, so what waited for
 * AUTH_PASSWORD_LATE_MS without anything getting done is computed on a thread of ours, one at a time, at the priority
 * of everybody: then a sign-in costs the requests beside it something, and comes to an end.
 *
 *     waiting ──▶ given to the hasher ──▶ done
 *        └──── late ────▶ on our thread ────┘      (whichever comes first)
 *
 * What waits is bounded; beyond that the caller hears it at once. Hashes that need much memory (hash.h) wait for each
 * other, so that together they stay within the bound of one; one that is late takes as much once more. */
#ifndef FREEHOLD_AUTH_PASSWORD_H
#define FREEHOLD_AUTH_PASSWORD_H

#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/str.h"

#define AUTH_PASSWORD_MIN_BYTES 6 /* upstream's default */
#define AUTH_PASSWORD_MAX_BYTES 72 /* bcrypt looks at no more */
#define AUTH_PASSWORD_COST 10
#define AUTH_PASSWORD_LATE_MS 500

struct auth_passwords;

struct auth_passwords *auth_passwords_new(uv_loop_t *loop, unsigned queue_max);
void auth_passwords_free(struct auth_passwords *passwords); /* nothing may be asked; the loop must run once more */

/* Hashes as "$2a$10$…". False with ERR_UNAVAILABLE when too many wait; done is then not called. */
bool auth_password_hash(struct auth_passwords *passwords, struct str password,
			void (*done)(void *arg, const char *hash), void *arg, struct err *err);

/* Compares with a hash of hash.h. Without one (NULL), or with one that is refused there, it takes as long as bcrypt and
 * says no. */
bool auth_password_verify(struct auth_passwords *passwords, struct str password, const char *hash,
			  void (*done)(void *arg, bool is_right), void *arg, struct err *err);

#endif
