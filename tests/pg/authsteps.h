/* SPDX-License-Identifier: Apache-2.0
 *
 * What people do with /auth/v1, in the one authbox of a test program. Each has the password "secret1". */
#ifndef FREEHOLD_TESTS_PG_AUTHSTEPS_H
#define FREEHOLD_TESTS_PG_AUTHSTEPS_H

#include "authbox.h"

/* Where a session begins without a confirmation; more: further members, each with a comma behind it. */
#define SETTINGS_UNCONFIRMED(more)                                                                                     \
	"{\"site_url\":\"http://shop.localhost\",\"enable_anonymous_sign_ins\":true,\"rate_limit\":{"                  \
	"\"sign_in_sign_ups\":1000,\"mfa_challenge_and_verify\":1000,\"email_sent\":1000}," more                       \
	"\"email\":{\"enable_confirmations\":false}}"

extern struct authbox box;

int box_teardown(void **state);

struct answer ask(const char *method, const char *path, const char *query, const char *bearer, const char *body);
struct answer post(const char *path, const char *body);
struct answer postf(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

json_t *sign_up(const char *email); /* the answer, the caller's */
struct answer sign_in(const char *email);
struct answer sign_in_with(const char *email, const char *password);
struct answer refresh(const json_t *session);
const char *token_of(const json_t *session); /* its access token */

/* Signed up, confirmed by the mail's code: the access token, the caller's to free. */
char *somebody(const char *email);

/* A column of the newest mail to somebody ("kind", "link", "token"), "" where there is none; until the next call. */
const char *mailed(const char *column, const char *address);

#endif
