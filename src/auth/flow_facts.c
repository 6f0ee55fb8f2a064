/* SPDX-License-Identifier: Apache-2.0
 *
 * What anybody may know: health, settings, public keys. */
#include "auth/call.h"
#include "auth/flows.h"

#define HEALTH                                                                                                         \
	"{\"version\":\"freehold\",\"name\":\"GoTrue\",\"description\":\"GoTrue is a user registration and "           \
	"authentication API\"}"
#define SETTINGS                                                                                                       \
	"{\"external\":{\"anonymous_users\":false,\"apple\":false,\"azure\":false,\"bitbucket\":false,"                \
	"\"discord\":false,\"facebook\":false,\"snapchat\":false,\"figma\":false,\"fly\":false,\"github\":false,"      \
	"\"gitlab\":false,\"google\":false,\"keycloak\":false,\"kakao\":false,\"linkedin\":false,"                     \
	"\"linkedin_oidc\":false,\"notion\":false,\"spotify\":false,\"slack\":false,\"slack_oidc\":false,"             \
	"\"workos\":false,\"twitch\":false,\"twitter\":false,\"email\":true,\"phone\":false,\"zoom\":false},"          \
	"\"disable_signup\":false,\"mailer_autoconfirm\":true,\"phone_autoconfirm\":false,\"sms_provider\":\"\","      \
	"\"saml_enabled\":false,\"passkeys_enabled\":false}"

void flow_health(struct auth_call *call)
{
	call_reply(call, 200, HEALTH);
}

void flow_settings(struct auth_call *call)
{
	call_reply(call, 200, SETTINGS);
}

/* Those with two halves; a secret is nobody's to see. */
void flow_jwks(struct auth_call *call)
{
	struct auth_reply reply = {.status = 200};
	auth_reply_add(&reply, "Cache-Control", "public, max-age=600");
	call_reply_with(call, &reply, arena_cstr(call->arena, keyring_jwks(call->auth->keys)));
}
