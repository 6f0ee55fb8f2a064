/* SPDX-License-Identifier: Apache-2.0
 *
 * Telephone numbers, and the messages that go to them: by the owner's hook (send_sms), or not at all for the test
 * numbers of the settings, whose codes are fixed. */
#ifndef FREEHOLD_AUTH_PHONE_H
#define FREEHOLD_AUTH_PHONE_H

#include "auth/call.h"
#include "auth/once.h"

/* Digits of E.164 without "+" and spaces, in the arena. 400 validation_failed. */
bool phone_check(struct arena *a, const char *phone, const char **ret_phone, struct auth_problem *problem);

/* A member of a body; an empty one counts as absent. */
bool phone_read(struct arena *a, const json_t *body, const char *key, const char **ret_phone,
		struct auth_problem *problem);

/* The fixed code of a test number; NULL where it is none. */
const char *phone_test_code(const struct auth_settings *settings, const char *phone);

/* Makes the code, adds its rows to call->sql, sends the message and then call->sql; 429 when the last one was sent too
 * recently. message_id of the answer is "test-otp" for a test number, as upstream, else "". */
void phone_run(struct auth_call *call, const struct auth_user *user, enum once_kind kind, const char *phone,
	       int64_t age_ms, const char *failure, void (*on_rows)(struct auth_call *call, const PGresult *rows));
const char *phone_message_id(const struct auth_call *call, const char *phone);

/* "sms" or "whatsapp": only the first is served. */
bool phone_channel_check(const char *channel, struct auth_problem *problem);

#endif
