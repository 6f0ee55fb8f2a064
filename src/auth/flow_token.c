/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /token: the grant type of the query leads to a flow. */
#include "auth/call.h"
#include "auth/flows.h"
#include "codec/url.h"

static const struct {
	const char *name;
	void (*begin)(struct auth_call *call);
} grants[] = {
    {"password", flow_grant_password},
    {"refresh_token", flow_grant_refresh},
    {"pkce", flow_grant_pkce},
    {"id_token", flow_grant_id_token},
};

void flow_token(struct auth_call *call)
{
	struct str grant = {NULL, 0};
	(void)query_get(call->arena, call->request.query, STR("grant_type"), &grant);
	for (size_t i = 0; i < sizeof grants / sizeof *grants; i++) {
		if (!str_eq(grant, str_from(grants[i].name))) continue;
		grants[i].begin(call);
		return;
	}
	if (str_eq(grant, STR("web3")))
		call_fail(call, 422, "web3_provider_disabled", "Web3 provider is disabled");
	else
		call_fail(call, 400, "invalid_credentials", "unsupported_grant_type");
}
