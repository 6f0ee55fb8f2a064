/* SPDX-License-Identifier: Apache-2.0
 *
 * The AI gateway of an app: what its code asks of ai.gateway.lovable.dev with LOVABLE_API_KEY is answered by the
 * provider that the owner has set, which may be any with OpenAI's API. The app has a key of its own that is good for
 * this and nothing else; the provider's key never leaves this process.
 *
 *     asked ─▶ key ─▶ ai/ask.h ─▶ provider ─▶ answer, piece by piece as it comes (server-sent events and all)
 *
 * Statuses are the provider's (429, 402 …), but for two: its 401 and 403, which mean the owner's key and not the app's,
 * become 502; and 503 says that no provider is set, and how to. While a client reads nothing, the provider is not read.
 */
#ifndef FREEHOLD_AI_AI_H
#define FREEHOLD_AI_AI_H

#include <uv.h>

#include "ai/ask.h"
#include "http/server.h"

#define AI_AT_ONCE 32 /* more are refused with 429 */
#define AI_BODY_MAX_BYTES (24u << 20) /* of a request: pictures come in it */
#define AI_TOTAL_MS 600000
#define AI_SILENCE_S 110 /* without a byte from the provider; the edge waits 120 */

struct ai;

/* app: its name, for what is said. */
struct ai *ai_new(uv_loop_t *loop);

/* Checked before, copied. What is under way goes on as it began. */
void ai_set(struct ai *ai, const struct ai_settings *settings);

/* path: below the gateway's own, "/v1/chat/completions". Owes the request's completion. done is called after it. */
void ai_answer(struct ai *ai, struct http_request *req, struct str path, void (*done)(void *arg), void *arg);

/* Cuts what is under way; each is completed. */
void ai_stop(struct ai *ai);

#endif
