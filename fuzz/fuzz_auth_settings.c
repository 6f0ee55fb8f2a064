/* SPDX-License-Identifier: Apache-2.0
 *
 * An app's settings of auth as JSON. Whatever is taken is whole: addresses, lists within their limits, hooks that name
 * either a function or an address. */
#include <stdint.h>
#include <stdlib.h>

#include "auth/settings.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct auth_settings *s)
{
	if (strncmp(s->site_url, "http", 4) != 0 || s->external_url[0] == '\0' || s->jwt_issuer[0] == '\0') abort();
	if (s->redirect_urls.count > AUTH_SETTING_LIST_MAX || s->provider_count > AUTH_PROVIDERS_MAX) abort();
	if (s->jwt_expiry_s < 60 || s->email.otp_length < 6 || s->email.otp_length > 10) abort();
	if (s->email.smtp.is_enabled && strpbrk(s->email.smtp.admin_email, "\r\n ") != NULL) abort();
	for (size_t i = 0; i < s->provider_count; i++)
		if (s->providers[i].is_enabled && s->providers[i].client_ids.count == 0) abort();
	for (int i = 0; i < AUTH_HOOK_KINDS; i++) {
		const struct auth_hook *h = &s->hooks[i];
		if (h->is_enabled && (h->url == NULL) == (h->function == NULL)) abort();
		if (h->url != NULL && h->secrets.count == 0) abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *object JSON_CLEANUP = NULL;
	struct auth_settings *settings = NULL;
	struct err err = {0};
	if (!json_parse((struct str){(const char *)data, size}, &object, &err)) return 0;
	if (auth_settings_read(object, &settings, &err))
		check(settings);
	else if (err.msg[0] == '\0')
		abort();
	auth_settings_free(settings);
	return 0;
}
