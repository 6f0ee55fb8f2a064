/* SPDX-License-Identifier: Apache-2.0
 *
 * /auth/v1 in this process, against a throw-away app database (ownbox.h), for tests. Failures fail the test. */
#ifndef FREEHOLD_TESTS_PG_AUTHBOX_H
#define FREEHOLD_TESTS_PG_AUTHBOX_H

#include <jansson.h>

#include "auth/auth.h"
#include "codec/keyring.h"
#include "ownbox.h"

#define AUTHBOX_SECRET "a secret of the app that is at least 32 bytes long"

struct authbox {
	struct ownbox db;
	uv_loop_t loop;
	struct pg_pool *pool;
	struct auth *auth;
	struct keyring *keys;
	struct tokens *tokens; /* by these keys */
	/* Of the requests that follow. */
	const char *api_version, *address, *referer;
};

struct answer {
	bool is_done;
	int status;
	json_t *body; /* the test's; NULL when there is none */
	char version[32], location[8192], link[512], total[24];
	char cause[300];
};

/* settings is JSON; see auth/settings.h. */
void authbox_init(struct authbox *box, const char *settings);
void authbox_done(struct authbox *box);
void authbox_configure(struct authbox *box, const char *settings);

void authbox_begin(struct authbox *box, struct answer *a, struct arena *arena, const char *method, const char *path,
		   const char *query, const char *bearer, const char *body);
struct answer authbox_ask(struct authbox *box, const char *method, const char *path, const char *query,
			  const char *bearer, const char *body);

/* Lets the loop run until it is answered. */
void authbox_await(struct authbox *box, const struct answer *a);

/* Frees the body. */
void answer_expect(struct answer a, int status, const char *code);
json_t *answer_ok(struct answer a); /* 200, and its body: the caller's */

/* As a new process: nobody has asked for anything yet. */
void authbox_forget_limits(struct authbox *box);

/* A token of the app's secret; the caller frees it. */
char *authbox_token(const char *claims);
json_t *authbox_claims(const json_t *session);

/* A text of SQL, "" where there is no row; until the next call. */
const char *authbox_text(struct authbox *box, const char *sql);
void authbox_run(struct authbox *box, const char *sql);

/* Formatted, up to 4 kB; until the next call. */
const char *textf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
