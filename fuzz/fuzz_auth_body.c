/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to /auth/v1: the first byte chooses the method, then comes the path up to a line break, then the body.
 * Whatever is taken has been checked: identifiers of the path are UUIDs, addresses lower case, metadata is an object.
 */
#include <stdint.h>
#include <stdlib.h>

#include "auth/body.h"
#include "auth/phone.h"
#include "auth/route.h"
#include "auth/totp.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};

static void check_problem(struct arena *a, const struct auth_problem *problem)
{
	if (problem->status < 400 || auth_problem_body(a, problem, true) == NULL ||
	    auth_problem_body(a, problem, false) == NULL)
		abort();
}

static void check_route(struct arena *a, const struct auth_request *r)
{
	const char *ids[AUTH_ROUTE_IDS_MAX] = {NULL};
	struct auth_problem problem;
	const struct auth_route *route = auth_route_find(r, ids, &problem);
	if (route == NULL || !auth_route_check_ids(route, ids, &problem)) {
		check_problem(a, &problem);
		return;
	}
	for (int i = 0; i < AUTH_ROUTE_IDS_MAX; i++)
		if (ids[i] != NULL && !auth_is_uuid(ids[i])) abort();
}

static void check_members(struct arena *a, const json_t *body)
{
	struct auth_problem problem;
	const char *email = NULL, *text = NULL, *object = NULL;
	bool flag = false;
	json_t *value JSON_CLEANUP = NULL;
	struct err err;
	if (!body_email(a, body, "email", &email, &problem)) check_problem(a, &problem);
	for (const char *at = email; at != NULL && *at != '\0'; at++)
		if ((*at >= 'A' && *at <= 'Z') || (unsigned char)*at < 0x21) abort();
	if (!body_text(a, body, "password", &text, &problem)) check_problem(a, &problem);
	if (!body_lower(a, body, "token", &text, &problem)) check_problem(a, &problem);
	if (!body_bool(body, "create_user", &flag, &problem)) check_problem(a, &problem);
	if (!body_object(a, body, "data", &object, &problem)) check_problem(a, &problem);
	const char *phone = NULL;
	char code[7];
	if (!phone_read(a, body, "phone", &phone, &problem)) check_problem(a, &problem);
	if (phone != NULL && (strlen(phone) < 2 || strspn(phone, "0123456789") != strlen(phone))) abort();
	if (text != NULL) (void)totp_code(text, 1234567890, code);
	if (object != NULL && (!json_parse(str_from(object), &value, &err) || !json_is_object(value))) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) return 0;
	struct str path = STR(""), text = {(const char *)data + 1, size - 1};
	(void)str_cut(text, '\n', &path, &text);
	struct arena *a = arena_new(64 * 1024);
	const struct auth_request r = {.method = str_from(methods[data[0] % 4]), .path = path, .arena = a};
	struct auth_problem problem;
	json_t *body JSON_CLEANUP = NULL;
	check_route(a, &r);
	if (body_read(text, &body, &problem))
		check_members(a, body);
	else
		check_problem(a, &problem);
	arena_free(a);
	return 0;
}
