/* SPDX-License-Identifier: Apache-2.0
 *
 * bcrypt by libcrypt, on libuv's thread pool: 50 ms of computing must not stop the loop. What waits is bounded; beyond
 * that the caller hears it at once. */
#ifndef FREEHOLD_AUTH_PASSWORD_H
#define FREEHOLD_AUTH_PASSWORD_H

#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/str.h"

#define AUTH_PASSWORD_MIN_BYTES 6 /* upstream's default */
#define AUTH_PASSWORD_MAX_BYTES 72 /* bcrypt looks at no more */
#define AUTH_PASSWORD_COST 10
#define AUTH_HASH_SIZE 64

struct auth_passwords;

struct auth_passwords *auth_passwords_new(uv_loop_t *loop, unsigned queue_max);
void auth_passwords_free(struct auth_passwords *passwords); /* nothing may be under way */

/* Hashes as "$2a$10$…". False with ERR_UNAVAILABLE when too many wait; done is then not called. */
bool auth_password_hash(struct auth_passwords *passwords, struct str password,
			void (*done)(void *arg, const char *hash), void *arg, struct err *err);

/* Compares. Without a hash, or with one that is not bcrypt's, it takes as long and says no. */
bool auth_password_verify(struct auth_passwords *passwords, struct str password, const char *hash,
			  void (*done)(void *arg, bool is_right), void *arg, struct err *err);

#endif
