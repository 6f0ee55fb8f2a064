/* SPDX-License-Identifier: Apache-2.0
 *
 * What anybody may know: health, settings, public keys. */
#include <stdlib.h>

#include "auth/call.h"
#include "auth/flows.h"
#include "codec/json.h"

#define HEALTH                                                                                                         \
	"{\"version\":\"freehold\",\"name\":\"GoTrue\",\"description\":\"GoTrue is a user registration and "           \
	"authentication API\"}"

/* Upstream's, all of which its answer names. */
static const char *const providers[] = {
    "apple",   "azure",  "bitbucket",  "discord",  "facebook", "snapchat", "figma",         "fly",
    "github",  "gitlab", "google",     "keycloak", "kakao",    "linkedin", "linkedin_oidc", "notion",
    "spotify", "slack",  "slack_oidc", "workos",   "twitch",   "twitter",  "zoom",
};

void flow_health(struct auth_call *call)
{
	call_reply(call, 200, HEALTH);
}

static json_t *external(const struct auth_settings *s)
{
	json_t *o = json_pack("{s:b, s:b, s:b}", "anonymous_users", s->enable_anonymous_sign_ins, "email",
			      s->email.enable_signup, "phone", s->sms.enable_signup);
	for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
		const struct auth_provider *p = auth_settings_provider(s, str_from(providers[i]));
		(void)json_object_set_new(o, providers[i], json_boolean(p != NULL && p->is_enabled));
	}
	return o;
}

void flow_settings(struct auth_call *call)
{
	const struct auth_settings *s = call->settings;
	json_t *o JSON_CLEANUP = json_pack(
	    "{s:o, s:b, s:b, s:b, s:s, s:b, s:b, s:b}", "external", external(s), "disable_signup", !s->enable_signup,
	    "mailer_autoconfirm", !s->email.enable_confirmations, "phone_autoconfirm", !s->sms.enable_confirmations,
	    "sms_provider", "", "saml_enabled", 0, "saml_private_key_next_configured", 0, "passkeys_enabled", 0);
	char *text = json_text(o);
	call_reply(call, 200, arena_strdup(call->arena, text));
	free(text);
}

/* Those with two halves; a secret is nobody's to see. */
void flow_jwks(struct auth_call *call)
{
	struct auth_reply reply = {.status = 200};
	auth_reply_add(&reply, "Cache-Control", "public, max-age=600");
	call_reply_with(call, &reply, arena_cstr(call->arena, keyring_jwks(call->auth->keys)));
}
