/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to /auth/v1: the first byte chooses the route, then comes the query up to a line break, then the body.
 * Whatever is taken has been checked: lower-case address, bounded password, metadata that is an object. */
#include <stdint.h>
#include <stdlib.h>

#include "auth/command.h"
#include "auth/password.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const targets[][2] = {
    {"POST", "/signup"},
    {"POST", "/token"},
    {"PUT", "/user"},
    {"POST", "/logout"},
    {"GET", "/admin/users"},
    {"POST", "/admin/users"},
    {"PUT", "/admin/users/10000000-0000-4000-8000-00000000000a"},
};

static void check_object(const char *text)
{
	json_t *value JSON_CLEANUP = NULL;
	struct err err;
	if (text != NULL && (!json_parse(str_from(text), &value, &err) || !json_is_object(value))) abort();
}

static void check(const struct auth_command *c)
{
	check_object(c->user_metadata);
	check_object(c->app_metadata);
	if (c->kind != AUTH_PASSWORD && c->password != NULL &&
	    (strlen(c->password) < AUTH_PASSWORD_MIN_BYTES || strlen(c->password) > AUTH_PASSWORD_MAX_BYTES))
		abort();
	for (const char *at = c->email; at != NULL && *at != '\0'; at++)
		if (*at >= 'A' && *at <= 'Z') abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) return 0;
	struct str query = STR(""), body = {(const char *)data + 1, size - 1};
	(void)str_cut(body, '\n', &query, &body);
	const char *const *target = targets[data[0] % (sizeof targets / sizeof *targets)];
	struct arena *a = arena_new(64 * 1024);
	struct auth_request r = {
	    .method = str_from(target[0]), .path = str_from(target[1]), .query = query, .body = body, .arena = a};
	struct auth_command c;
	struct auth_problem problem;
	if (auth_command_parse(&r, &c, &problem))
		check(&c);
	else if (problem.status < 400 || auth_problem_body(a, &problem, size % 2 == 0) == NULL)
		abort();
	arena_free(a);
	return 0;
}
