/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/origin.h"

#define ROWS "_postgrest_t"
#define SOURCE "with pgrst_source as ("

/* "name" with "" for a quote in it, from the first character on. The name as it stands, without the outer quotes. */
static bool take_ident(struct str *rest, struct str *ret_name)
{
	size_t i = 1;
	if (rest->len < 2 || rest->ptr[0] != '"') return false;
	for (; i < rest->len; i++) {
		if (rest->ptr[i] != '"') continue;
		if (i + 1 >= rest->len || rest->ptr[i + 1] != '"') break;
		i++;
	}
	if (i >= rest->len) return false;
	*ret_name = str_sub(*rest, 1, i);
	*rest = str_sub(*rest, i + 1, rest->len);
	return true;
}

/* "schema"."name" */
static bool take_name(struct str *rest, struct str *ret_schema, struct str *ret_name)
{
	struct str at = *rest;
	if (!take_ident(&at, ret_schema) || at.len == 0 || at.ptr[0] != '.') return false;
	at = str_sub(at, 1, at.len);
	if (!take_ident(&at, ret_name)) return false;
	*rest = at;
	return true;
}

static bool say(const char *verb, struct str schema, struct str name, struct buf *out)
{
	buf_printf(out, "%s%.*s", verb, STR_FMT(name));
	if (!str_eq(schema, STR("public"))) buf_printf(out, " (schema %.*s)", STR_FMT(schema));
	return true;
}

static bool is_begun_by(struct str *rest, struct str words)
{
	if (!str_has_prefix(*rest, words)) return false;
	*rest = str_sub(*rest, words.len, rest->len);
	return true;
}

/* The function is the first name of two parts that an open bracket follows. */
static bool find_call(struct str rest, struct buf *out)
{
	struct str schema, name;
	while (rest.len > 0) {
		struct str at = rest;
		if (rest.ptr[0] != '"') {
			rest = str_sub(rest, 1, rest.len);
		} else if (take_name(&at, &schema, &name)) {
			if (at.len > 0 && at.ptr[0] == '(') return say("POST /rest/v1/rpc/", schema, name, out);
			rest = at;
		} else if (take_ident(&rest, &name)) {
			continue;
		} else {
			return false;
		}
	}
	return false;
}

/* The FROM of the outer SELECT: what its list holds in brackets and in names is passed over. */
static bool find_read(struct str rest, struct buf *out)
{
	struct str schema, name;
	ptrdiff_t at = str_find(rest, STR(" from (select "));
	int depth = 0;
	if (at < 0) return false;
	rest = str_sub(rest, (size_t)at + 14, rest.len);
	while (rest.len > 0) {
		if (rest.ptr[0] == '"' && !take_ident(&rest, &name)) return false;
		if (depth == 0 && is_begun_by(&rest, STR(" from ")))
			return take_name(&rest, &schema, &name) && say("GET /rest/v1/", schema, name, out);
		if (rest.len == 0) return false;
		if (rest.ptr[0] == '"') continue;
		depth += (rest.ptr[0] == '(') - (rest.ptr[0] == ')');
		if (depth < 0) return false;
		rest = str_sub(rest, 1, rest.len);
	}
	return false;
}

bool rest_origin(struct str sql, struct buf *ret_text)
{
	static const struct {
		const char *words, *verb;
	} writes[] = {
	    {"insert into ", "POST /rest/v1/"}, {"update ", "PATCH /rest/v1/"}, {"delete from ", "DELETE /rest/v1/"}};
	struct str rest = sql, schema, name;
	if (str_find(sql, STR(ROWS)) < 0) return false;
	if (!is_begun_by(&rest, STR(SOURCE))) return find_read(rest, ret_text);
	for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
		if (is_begun_by(&rest, str_from(writes[i].words)))
			return take_name(&rest, &schema, &name) && say(writes[i].verb, schema, name, ret_text);
	return str_find(rest, STR("pgrst_call")) >= 0 && find_call(rest, ret_text);
}
