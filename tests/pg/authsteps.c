/* SPDX-License-Identifier: Apache-2.0 */
#include "authsteps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"

struct authbox box;

int box_teardown(void **state)
{
	(void)state;
	authbox_done(&box);
	return 0;
}

struct answer ask(const char *method, const char *path, const char *query, const char *bearer, const char *body)
{
	return authbox_ask(&box, method, path, query, bearer, body);
}

struct answer post(const char *path, const char *body)
{
	return ask("POST", path, "", "", body);
}

struct answer postf(const char *path, const char *fmt, ...)
{
	char body[2000];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(body, sizeof body, fmt, args);
	va_end(args);
	return post(path, body);
}

json_t *sign_up(const char *email)
{
	return answer_ok(postf("/signup", "{\"email\":\"%s\",\"password\":\"secret1\"}", email));
}

struct answer sign_in(const char *email)
{
	return sign_in_with(email, "secret1");
}

struct answer sign_in_with(const char *email, const char *password)
{
	return ask("POST", "/token", "grant_type=password", "",
		   textf("{\"email\":\"%s\",\"password\":\"%s\"}", email, password));
}

struct answer refresh(const json_t *session)
{
	return ask("POST", "/token", "grant_type=refresh_token", "",
		   textf("{\"refresh_token\":\"%s\"}", json_str(session, "refresh_token", "")));
}

const char *token_of(const json_t *session)
{
	return json_str(session, "access_token", "");
}

char *somebody(const char *email)
{
	json_decref(sign_up(email));
	json_t *session = answer_ok(
	    postf("/verify", "{\"type\":\"signup\",\"email\":\"%s\",\"token\":\"%s\"}", email, mailed("token", email)));
	char *token = strdup(token_of(session));
	json_decref(session);
	return token;
}

const char *mailed(const char *column, const char *address)
{
	return authbox_text(&box, textf("select coalesce((select %s from freehold_auth.mails where recipient = '%s' "
					"order by id desc limit 1), '')",
					column, address));
}
