/* SPDX-License-Identifier: Apache-2.0
 *
 * A hook at an address: a POST signed as Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature;
 * one signature for each secret), with upstream's limits: five seconds for everything, three attempts where nobody
 * answered or the answer was 429 or 503 with Retry-After, 200 KB. */
#ifndef FREEHOLD_AUTH_HOOK_HTTP_H
#define FREEHOLD_AUTH_HOOK_HTTP_H

#include "auth/hook.h"

#define HOOK_HTTP_MS 5000
#define HOOK_HTTP_ATTEMPTS 3
#define HOOK_HTTP_PAUSE_MS 1000
#define HOOK_HTTP_ANSWER_BYTES (200u << 10)

/* Ends in hook_answer, hook_failed or hook_refuse. input lives as long as the request. */
void hook_http_ask(struct auth_call *call, const struct auth_hook *hook, const char *input, struct hook_asked *asked);

/* "v1,BASE64 …" of id, time and body for all secrets ("v1,whsec_BASE64") that can sign; NULL at the arena's limit, or
 * when none can. Pure. */
const char *hook_http_sign(struct arena *a, const struct auth_texts *secrets, const char *id, const char *time,
			   const char *body);

#endif
