/* SPDX-License-Identifier: Apache-2.0
 *
 * The first step of each flow, as route.c's table names it. */
#ifndef FREEHOLD_AUTH_FLOWS_H
#define FREEHOLD_AUTH_FLOWS_H

struct auth_call;

/* flow_facts.c */
void flow_health(struct auth_call *call);
void flow_settings(struct auth_call *call);
void flow_jwks(struct auth_call *call);

/* flow_signup.c, flow_token.c (which leads to one of the grants below) */
void flow_signup(struct auth_call *call);
void flow_token(struct auth_call *call);
void flow_grant_password(struct auth_call *call); /* flow_password.c */
void flow_grant_refresh(struct auth_call *call); /* flow_refresh.c */
void flow_grant_pkce(struct auth_call *call); /* flow_pkce.c */
void flow_grant_id_token(struct auth_call *call); /* flow_id_token.c */

/* flow_issuer_authorize.c, flow_issuer_token.c: the app as an issuer (issuer.h) */
void flow_issuer_discovery(struct auth_call *call);
void flow_issuer_jwks(struct auth_call *call);
void flow_issuer_authorize(struct auth_call *call);
void flow_issuer_token(struct auth_call *call);
void flow_issuer_userinfo(struct auth_call *call);
void flow_issuer_end_session(struct auth_call *call);

/* flow_authorize.c, flow_callback.c, flow_identities.c: providers */
void flow_authorize(struct auth_call *call);
void flow_identity_authorize(struct auth_call *call);
void flow_callback(struct auth_call *call);
void flow_identity_delete(struct auth_call *call);

/* flow_otp.c, flow_recover.c, flow_resend.c, flow_verify.c, flow_invite.c */
void flow_otp(struct auth_call *call);
void flow_magiclink(struct auth_call *call);
void flow_recover(struct auth_call *call);
void flow_resend(struct auth_call *call);
void flow_verify(struct auth_call *call);
void flow_invite(struct auth_call *call);

/* flow_user.c, flow_reauthenticate.c, flow_logout.c */
void flow_user_get(struct auth_call *call);
void flow_user_update(struct auth_call *call);
void flow_reauthenticate(struct auth_call *call);
void flow_logout(struct auth_call *call);

/* flow_factors.c, flow_factor_verify.c */
void flow_factor_enroll(struct auth_call *call);
void flow_factor_challenge(struct auth_call *call);
void flow_factor_verify(struct auth_call *call);
void flow_factor_unenroll(struct auth_call *call);

/* flow_admin_list.c, flow_admin_users.c, flow_admin_factors.c, flow_admin_link.c, flow_admin_audit.c */
void flow_admin_list(struct auth_call *call);
void flow_admin_get(struct auth_call *call);
void flow_admin_delete(struct auth_call *call);
void flow_admin_create(struct auth_call *call);
void flow_admin_update(struct auth_call *call);
void flow_admin_factors(struct auth_call *call);
void flow_admin_factor_update(struct auth_call *call);
void flow_admin_factor_delete(struct auth_call *call);
void flow_admin_link(struct auth_call *call);
void flow_admin_audit(struct auth_call *call);

#endif
