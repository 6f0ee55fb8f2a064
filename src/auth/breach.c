/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/breach.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "auth/call_fetch.h"
#include "base/log.h"

#define ANSWER_MAX_BYTES (512u << 10) /* some 40 KB, and padding */
#define DEADLINE_MS 5000

struct checking {
	char hash[BREACH_HASH_SIZE];
	const char *url;
	void (*next)(struct auth_call *call, bool is_leaked);
};

static const char *const headers[] = {"Add-Padding: true", NULL};

void breach_hash(const char *password, char ret_hash[BREACH_HASH_SIZE])
{
	unsigned char digest[SHA_DIGEST_LENGTH];
	(void)SHA1((const unsigned char *)password, strlen(password), digest);
	for (int i = 0; i < SHA_DIGEST_LENGTH; i++) (void)snprintf(ret_hash + (size_t)i * 2, 3, "%02X", digest[i]);
}

bool breach_is_in(struct str range, const char *hash)
{
	struct str line, suffix, count, wanted = str_from(hash + BREACH_PREFIX_LEN);
	int64_t times = 0;
	while (str_next(&range, '\n', &line)) {
		if (!str_cut(str_trim(line), ':', &suffix, &count) || !str_eq_nocase(suffix, wanted)) continue;
		return !str_to_int(count, &times) || times > 0;
	}
	return false;
}

static void on_range(struct auth_call *call, const struct http_fetched *fetched, const struct err *why)
{
	const struct checking *c = call->breach;
	struct auth_problem problem;
	if (fetched != NULL && fetched->status == 200) {
		c->next(call, breach_is_in(fetched->body, c->hash));
		return;
	}
	const char *cause = why != NULL ? why->msg : arena_printf(call->arena, "it answers %d", fetched->status);
	if (!call->settings->password_hibp_fail_closed) {
		log_warn("auth: whether a password leaked could not be asked, so it was taken: %s",
			 cause != NULL ? cause : "");
		c->next(call, false);
		return;
	}
	(void)auth_problem_set(&problem, 500, "unexpected_failure",
			       "Unable to perform password strength check with HaveIBeenPwned.org.");
	call_problem(call, &problem, cause != NULL ? arena_strdup(call->arena, cause) : NULL);
}

void breach_run(struct auth_call *call, const char *password, void (*next)(struct auth_call *call, bool is_leaked))
{
	struct checking *c;
	if (!call->settings->password_hibp_enabled) {
		next(call, false);
		return;
	}
	c = arena_alloc(call->arena, sizeof *c);
	if (c != NULL) {
		breach_hash(password, c->hash);
		c->next = next;
		c->url = arena_printf(call->arena, "%s/range/%.*s", call->settings->password_hibp_url,
				      BREACH_PREFIX_LEN, c->hash);
	}
	if (c == NULL || c->url == NULL) {
		call_full(call);
		return;
	}
	call->breach = c;
	call_fetch(
	    call,
	    &(struct http_fetch_spec){
		.url = c->url, .headers = headers, .deadline_ms = DEADLINE_MS, .answer_max_bytes = ANSWER_MAX_BYTES},
	    on_range);
}
