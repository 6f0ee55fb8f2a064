/* SPDX-License-Identifier: Apache-2.0
 *
 * What a provider says of a person: the first byte chooses whose, then comes JSON, of GitHub {"user", "emails"}, and of
 * Apple the name behind it. Whatever is taken fits into a token, has a subject, and its addresses are in lower case. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/oauth.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DATA_MAX_BYTES 32768 /* as JSON, escapes included */

static bool is_lower(const char *text)
{
	while (*text != '\0' && !isupper((unsigned char)*text)) text++;
	return *text == '\0';
}

static void check(const struct oauth_person *p)
{
	size_t i;
	json_t *email;
	if (p->subject[0] == '\0' || strlen(p->subject) > 255 || !is_lower(p->email)) abort();
	if (strcmp(json_str(p->data, "sub", ""), p->subject) != 0) abort();
	if (json_array_size(p->verified) > OAUTH_EMAILS_MAX) abort();
	json_array_foreach(p->verified, i, email) if (!is_lower(json_string_value(email))) abort();
	if (p->is_email_verified && p->email[0] == '\0') abort();
	if (json_dumpb(p->data, NULL, 0, JSON_COMPACT) > DATA_MAX_BYTES) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *said JSON_CLEANUP = NULL;
	struct err err;
	struct oauth_person person;
	if (size < 2) return 0;
	enum oauth_kind kind = (enum oauth_kind)(data[0] % (OAUTH_FACEBOOK + 1));
	struct str text = {(const char *)data + 1, size - 1};
	struct arena *a = arena_new(1u << 20);
	if (json_parse(text, &said, &err)) {
		const struct oauth_provider p = {.kind = kind, .api_url = "https://api.example"};
		bool is_github = kind == OAUTH_GITHUB, is_api = kind >= OAUTH_GITHUB;
		const json_t *user = is_github ? json_object_get(said, "user") : said;
		bool ok = is_api ? oauth_person_from_api(&p, user, json_object_get(said, "emails"), a, &person, &err)
				 : oauth_person_from_claims(kind, said, a, &person, &err);
		if (ok) {
			if (kind == OAUTH_APPLE) oauth_person_name(&person, text);
			check(&person);
		}
	}
	arena_free(a);
	return 0;
}
