/* SPDX-License-Identifier: Apache-2.0
 *
 * /admin/users: a page of them, one of them, one less. */
#include "auth/admin.h"
#include "auth/audit.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/user_columns.h"
#include "codec/url.h"

#define PER_PAGE_DEFAULT 50
#define PER_PAGE_MAX 1000
#define LIST_MAX_BYTES (16u << 20)

struct page {
	int64_t number, size;
	const char *filter;
	bool is_ascending;
};

static void on_listed(struct auth_call *call, const PGresult *rows)
{
	const char *total = PQgetvalue(call_rows(call, 0), 0, 0);
	struct auth_reply reply = {.status = 200};
	struct buf b BUF_CLEANUP;
	int64_t count = 0;
	buf_init(&b, LIST_MAX_BYTES);
	buf_puts(&b, "{\"users\":[");
	for (int row = 0; row < PQntuples(rows); row++) {
		struct auth_user user;
		auth_user_read(rows, row, &user);
		if (row > 0) buf_putc(&b, ',');
		auth_user_put(&b, &user);
	}
	buf_puts(&b, "],\"aud\":\"authenticated\"}");
	(void)str_to_int(str_from(total), &count);
	const struct page *p = call->flow;
	admin_add_page(call, &reply, "/admin/users",
		       &(struct admin_page){.number = p->number, .size = p->size, .total = count});
	if (buf_is_ok(&b))
		call_reply_with(call, &reply, arena_cstr(call->arena, buf_view(&b)));
	else
		call_fail(call, 413, "request_entity_too_large",
			  "The page is too large; ask for fewer users with per_page");
}

static bool parse_number(const struct auth_request *r, struct str name, int64_t most, int64_t *ret_number,
			 struct auth_problem *problem)
{
	struct str text;
	int64_t number;
	if (!query_get(r->arena, r->query, name, &text) || text.len == 0) return true;
	if (!str_to_int(text, &number) || number < 1 || number > most)
		return auth_problem_set(problem, 400, "validation_failed", "Bad Pagination Parameters: %.*s",
					STR_FMT(name));
	*ret_number = number;
	return true;
}

static bool parse_sort(const struct auth_request *r, struct page *p, struct auth_problem *problem)
{
	struct str text, field, direction = STR("desc");
	if (!query_get(r->arena, r->query, STR("sort"), &text) || text.len == 0) return true;
	field = text;
	(void)str_cut(text, ' ', &field, &direction);
	p->is_ascending = str_eq_nocase(direction, STR("asc"));
	if (!str_eq(field, STR("created_at")))
		return auth_problem_set(problem, 400, "validation_failed", "Bad Sort Parameters: bad field for sort");
	if (!p->is_ascending && !str_eq_nocase(direction, STR("desc")))
		return auth_problem_set(problem, 400, "validation_failed",
					"Bad Sort Parameters: bad direction for sort, only 'asc' and 'desc' allowed");
	return true;
}

static bool parse_page(const struct auth_request *r, struct page *p, struct auth_problem *problem)
{
	struct str filter = STR("");
	*p = (struct page){.number = 1, .size = PER_PAGE_DEFAULT};
	(void)query_get(r->arena, r->query, STR("filter"), &filter);
	p->filter = arena_cstr(r->arena, filter);
	if (p->filter == NULL) return auth_full(problem);
	if (!parse_number(r, STR("page"), 1000000, &p->number, problem) ||
	    !parse_number(r, STR("per_page"), INT32_MAX, &p->size, problem) || !parse_sort(r, p, problem))
		return false;
	if (p->size > PER_PAGE_MAX) p->size = PER_PAGE_MAX;
	return true;
}

#define FROM                                                                                                           \
	" from auth.users u where u.aud = 'authenticated' and ($1 = '' or u.email like '%' || $1 || '%' or "           \
	"u.raw_user_meta_data ->> 'full_name' ilike '%' || $1 || '%')"

void flow_admin_list(struct auth_call *call)
{
	struct auth_problem problem;
	struct page *p = call_flow(call, sizeof *p);
	if (p == NULL) return;
	if (!parse_page(&call->request, p, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	const char *limit = arena_printf(call->arena, "%lld", (long long)p->size);
	const char *offset = arena_printf(call->arena, "%lld", (long long)((p->number - 1) * p->size));
	PG_ADD(call_sql(call), "select count(*)" FROM, p->filter);
	if (p->is_ascending)
		PG_ADD(&call->sql,
		       "select " AUTH_USER_COLUMNS FROM " order by u.created_at, u.id limit $2::bigint offset "
		       "$3::bigint",
		       p->filter, limit, offset);
	else
		PG_ADD(&call->sql,
		       "select " AUTH_USER_COLUMNS FROM " order by u.created_at desc, u.id limit $2::bigint offset "
		       "$3::bigint",
		       p->filter, limit, offset);
	call_run(call, "Database error finding users", on_listed);
}

/* One. */
static void reply_user(struct auth_call *call)
{
	call_reply(call, 200, auth_user_json(call->arena, &call->user));
}

void flow_admin_get(struct auth_call *call)
{
	admin_load_user(call, reply_user);
}

/* One less. */
static void on_deleted(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	call_reply(call, 200, "{}");
}

static void step_delete(struct auth_call *call)
{
	const bool *is_soft = call->flow;
	const struct auth_user *u = &call->user;
	(void)call_sql(call);
	audit_add(call, "user_deleted", NULL, admin_traits(u->id, u->email, u->phone));
	if (*is_soft) {
		user_sql_soft_delete(&call->sql, u->id);
	} else {
		PG_ADD(&call->sql, "delete from auth.refresh_tokens where user_id = $1", u->id);
		PG_ADD(&call->sql, "delete from auth.users where id = $1::uuid", u->id);
	}
	call_run(call, "Database error deleting user", on_deleted);
}

void flow_admin_delete(struct auth_call *call)
{
	struct auth_problem problem;
	json_t *body = NULL;
	bool *is_soft = call_flow(call, sizeof *is_soft);
	if (is_soft == NULL) return;
	bool ok = call->request.body.len == 0 || (body_read(call->request.body, &body, &problem) &&
						  body_bool(body, "should_soft_delete", is_soft, &problem));
	json_decref(body);
	if (ok)
		admin_load_user(call, step_delete);
	else
		call_problem(call, &problem, NULL);
}
