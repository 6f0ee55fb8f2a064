/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokens of signed addresses: JWTs of this app's keys that say which object, for what, and until when:
 *
 *     {"url":"bucket/name","scope":"download","iat":…,"exp":…}
 *     {…,"transformations":"width:100,resize:cover"}      of a picture (picture.h)
 *     {"url":"bucket/name","scope":"upload","owner":"…","upsert":false,…}
 *
 * Without a scope (older ones of upstream) "upsert" tells them apart. They hold no role, so that as a bearer they are
 * nobody's. */
#ifndef FREEHOLD_STORAGE_TOKEN_H
#define FREEHOLD_STORAGE_TOKEN_H

#include "storage/call.h"

enum url_token_scope { URL_TOKEN_DOWNLOAD, URL_TOKEN_UPLOAD };

struct url_token {
	const char *owner; /* or NULL */
	const char *picture; /* the words of picture.h; NULL: the object itself */
	bool is_upsert;
	int64_t expires_s;
};

/* NULL at the arena's limit. */
const char *url_token_make(struct storage_call *call, enum url_token_scope scope, const char *url,
			   const struct url_token *token, int64_t lasts_s);

/* That it is ours, for this scope, for the object of the path, and not over. */
bool url_token_check(struct storage_call *call, const char *text, enum url_token_scope scope,
		     struct url_token *ret_token, struct storage_problem *problem);

#endif
