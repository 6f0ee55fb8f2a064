/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/admin.h"

#include <stdio.h>

#include "base/buf.h"
#include "codec/url.h"

#define LINK_QUERY_MAX_BYTES 4096

struct loading {
	void (*next)(struct auth_call *call);
};

static void on_loaded(struct auth_call *call, const PGresult *rows)
{
	const struct loading *l = call->loading;
	if (PQntuples(rows) == 0) {
		call_fail(call, 404, "user_not_found", "User not found");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	l->next(call);
}

static void load(struct auth_call *call, const char *user_id, void (*next)(struct auth_call *call))
{
	struct loading *l = arena_alloc(call->arena, sizeof *l);
	if (l == NULL) {
		call_full(call);
		return;
	}
	l->next = next;
	call->loading = l;
	user_sql_by_id(call_sql(call), user_id);
	call_run(call, "Database error loading user", on_loaded);
}

void admin_load_user(struct auth_call *call, void (*next)(struct auth_call *call))
{
	load(call, call->ids[0], next);
}

static void reply(struct auth_call *call)
{
	call_reply(call, 200, auth_user_json(call->arena, &call->user));
}

void admin_reply_user(struct auth_call *call, const char *user_id)
{
	load(call, user_id, reply);
}

json_t *admin_traits(const char *user_id, const char *email, const char *phone)
{
	return json_pack("{s:s, s:s, s:s}", "user_id", user_id, "user_email", email != NULL ? email : "", "user_phone",
			 phone != NULL ? phone : "");
}

bool admin_on_taken(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->constraint, "users_email_partial_key") == 0)
		call_fail(call, 422, "email_exists", "A user with this email address has already been registered");
	else if (strcmp(why->constraint, "users_phone_key") == 0)
		call_fail(call, 422, "phone_exists", "Phone number already registered by another user");
	else
		return false;
	return true;
}

static void put_pair(struct buf *b, struct str name, struct str value)
{
	buf_putc(b, '&');
	url_encode(name, b);
	buf_putc(b, '=');
	url_encode(value, b);
}

/* All of the request's query but the page, encoded again, so that nothing in it can end the address. */
static const char *rest_of_query(struct auth_call *call, const struct admin_page *page)
{
	struct str query = call->request.query, name, value, plain_name, plain_value;
	struct buf b BUF_CLEANUP;
	struct err err;
	char number[24];
	buf_init(&b, LINK_QUERY_MAX_BYTES);
	(void)snprintf(number, sizeof number, "%lld", (long long)page->size);
	put_pair(&b, STR("per_page"), str_from(number));
	while (query_next(&query, &name, &value)) {
		if (!url_decode_plus(call->arena, name, &plain_name, &err) ||
		    !url_decode_plus(call->arena, value, &plain_value, &err))
			continue;
		if (!str_eq(plain_name, STR("page")) && !str_eq(plain_name, STR("per_page")))
			put_pair(&b, plain_name, plain_value);
	}
	return buf_is_ok(&b) ? arena_cstr(call->arena, buf_view(&b)) : NULL;
}

void admin_add_page(struct auth_call *call, struct auth_reply *reply, const char *path, const struct admin_page *page)
{
	struct arena *a = call->arena;
	const char *rest = rest_of_query(call, page), *next = "", *all;
	long long pages = (page->total + page->size - 1) / page->size;
	if (rest == NULL) rest = "";
	if (pages > page->number)
		next = arena_printf(a, "<%s?page=%lld%s>; rel=\"next\", ", path, (long long)page->number + 1, rest);
	all = next != NULL ? arena_printf(a, "%s<%s?page=%lld%s>; rel=\"last\"", next, path, pages, rest) : NULL;
	const char *total = arena_printf(a, "%lld", (long long)page->total);
	if (all != NULL) auth_reply_add(reply, "Link", all);
	if (total != NULL) auth_reply_add(reply, "X-Total-Count", total);
}
