/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /admin/audit: what happened, newest first; query=author:… action:… type:… */
#include "auth/admin.h"
#include "auth/body.h"
#include "auth/call.h"
#include "auth/flows.h"
#include "codec/url.h"

#define PER_PAGE_DEFAULT 50
#define PER_PAGE_MAX 1000

static void on_found(struct auth_call *call, const PGresult *rows)
{
	const char *total = PQgetvalue(call_rows(call, 0), 0, 0);
	struct auth_reply reply = {.status = 200};
	struct admin_page *page = call->flow;
	(void)str_to_int(str_from(total), &page->total);
	admin_add_page(call, &reply, "/admin/audit", page);
	call_reply_with(call, &reply, PQgetvalue(rows, 0, 0));
}

static bool parse(struct auth_call *call, const char **ret_scope, const char **ret_value, int64_t *ret_page,
		  int64_t *ret_size, struct auth_problem *problem)
{
	const struct auth_request *r = &call->request;
	struct str text, scope, value;
	if (query_get(r->arena, r->query, STR("query"), &text) && text.len > 0) {
		bool is_known =
		    str_cut(text, ':', &scope, &value) &&
		    (str_eq(scope, STR("author")) || str_eq(scope, STR("action")) || str_eq(scope, STR("type")));
		if (!is_known)
			return auth_problem_set(problem, 400, "validation_failed", "Invalid query scope: %.*s",
						STR_FMT(str_sub(text, 0, 100)));
		*ret_scope = arena_cstr(call->arena, scope);
		*ret_value = arena_cstr(call->arena, value);
		if (*ret_scope == NULL || *ret_value == NULL) return auth_full(problem);
	}
	if (query_get(r->arena, r->query, STR("page"), &text) && text.len > 0 &&
	    (!str_to_int(text, ret_page) || *ret_page < 1 || *ret_page > 1000000))
		return auth_invalid(problem, "Bad Pagination Parameters: page");
	if (query_get(r->arena, r->query, STR("per_page"), &text) && text.len > 0 &&
	    (!str_to_int(text, ret_size) || *ret_size < 1))
		return auth_invalid(problem, "Bad Pagination Parameters: per_page");
	if (*ret_size > PER_PAGE_MAX) *ret_size = PER_PAGE_MAX;
	return true;
}

#define FROM                                                                                                           \
	" from auth.audit_log_entries a where $1 = '' or case $1 when 'author' then a.payload ->> 'actor_username' "   \
	"ilike '%' || $2 || '%' or a.payload ->> 'actor_name' ilike '%' || $2 || '%' when 'action' then "              \
	"a.payload ->> 'action' ilike '%' || $2 || '%' else a.payload ->> 'log_type' ilike '%' || $2 || '%' end"

void flow_admin_audit(struct auth_call *call)
{
	struct auth_problem problem;
	const char *scope = "", *value = "";
	struct admin_page *page = call_flow(call, sizeof *page);
	if (page == NULL) return;
	*page = (struct admin_page){.number = 1, .size = PER_PAGE_DEFAULT};
	if (!parse(call, &scope, &value, &page->number, &page->size, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	PG_ADD(call_sql(call), "select count(*)" FROM, scope, value);
	PG_ADD(&call->sql,
	       "select coalesce(json_agg(json_build_object('id', p.id, 'payload', p.payload, 'created_at', " SQL_TIME(
		   "p.created_at") ", 'ip_address', p.ip_address) order by p.created_at desc, p.id), '[]') from "
				   "(select a.*" FROM " order by a.created_at desc, a.id limit $3::bigint offset "
				   "$4::bigint) p",
	       scope, value, arena_printf(call->arena, "%lld", (long long)page->size),
	       arena_printf(call->arena, "%lld", (long long)((page->number - 1) * page->size)));
	call_run(call, "Error searching for audit logs", on_found);
}
