/* SPDX-License-Identifier: Apache-2.0
 *
 * A mail server on loopback that answers what a test wants, on the test's own loop. */
#ifndef FREEHOLD_TESTS_PG_SMTPBOX_H
#define FREEHOLD_TESTS_PG_SMTPBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define SMTPBOX_TEXT_SIZE 65536

struct smtpbox {
	uv_loop_t *loop;
	uv_tcp_t listener;
	uint16_t port;
	/* What it answers; NULL: what a willing server says. "" : nothing at all, for ever. */
	const char *greeting, *mail, *rcpt, *text, *auth;
	const char *extensions; /* more lines of EHLO's answer, each "250-…\r\n" */
	/* What it got. */
	int connections, mails;
	char last[SMTPBOX_TEXT_SIZE]; /* the last mail's text */
	char from[256], to[256]; /* the last envelope, as it stood in the command */
};

void smtpbox_start(struct smtpbox *box, uv_loop_t *loop, uint16_t port); /* 0: any */
void smtpbox_stop(struct smtpbox *box); /* the loop must run on for a moment */

#endif
