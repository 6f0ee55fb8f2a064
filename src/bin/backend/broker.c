/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/broker.h"

#include "base/buf.h"
#include "codec/url.h"

#define QUERY_MAX_BYTES 8192

static void put(struct buf *b, struct str name, struct str value)
{
	if (b->len > 0) buf_putc(b, '&');
	buf_str(b, name);
	buf_putc(b, '=');
	url_encode(value, b);
}

/* The builder's names of providers. */
static struct str provider_of(struct str name)
{
	return str_eq(name, STR("microsoft")) ? STR("azure") : name;
}

static bool is_taken(struct str name)
{
	return str_eq(name, STR("provider")) || str_eq(name, STR("redirect_uri")) || str_eq(name, STR("redirect_to")) ||
	       str_eq(name, STR("state")) || str_eq(name, STR("response_mode")) || str_eq(name, STR("apikey"));
}

bool broker_query(struct arena *a, struct str query, struct str *ret_query, struct err *err)
{
	struct str provider, redirect, mode, name, value, rest = query;
	BUF_CLEANUP struct buf b;
	buf_init(&b, QUERY_MAX_BYTES);
	if (!query_get(a, query, STR("provider"), &provider) || provider.len == 0)
		return err_set(err, ERR_INVALID, "The request names no provider");
	if (query_get(a, query, STR("response_mode"), &mode) && str_eq(mode, STR("web_message")))
		return err_set(
		    err, ERR_INVALID,
		    "Signing in within the builder's preview is not possible here; open the app in a tab of its own");
	put(&b, STR("provider"), provider_of(provider));
	if (query_get(a, query, STR("redirect_uri"), &redirect)) put(&b, STR("redirect_to"), redirect);
	while (query_next(&rest, &name, &value)) {
		if (is_taken(name)) continue;
		buf_putc(&b, '&');
		buf_str(&b, name);
		buf_putc(&b, '=');
		buf_str(&b, value);
	}
	char *text = buf_is_ok(&b) ? arena_cstr(a, buf_view(&b)) : NULL;
	if (text == NULL) return err_set(err, ERR_LIMIT, "The request is too long");
	*ret_query = str_from(text);
	return true;
}
