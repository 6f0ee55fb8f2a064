/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/view.h"

#include <stdbool.h>
#include <stdlib.h>

/* Where things stand in "({QUERY … :targetList ({TARGETENTRY …} …) …})". */
#define DEPTH_QUERY 2
#define DEPTH_ENTRY 4

struct reader {
	struct str text;
	size_t at;
	int depth;
};

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* One token: a bracket, or a run up to a space or bracket; a backslash takes the next byte in. */
static bool next_token(struct reader *r, struct str *ret)
{
	struct str t = r->text;
	while (r->at < t.len && (t.ptr[r->at] == ' ' || t.ptr[r->at] == '\n')) r->at++;
	if (r->at >= t.len) return false;
	size_t from = r->at;
	char c = t.ptr[from];
	if (is_one_of(c, "(){}")) {
		r->at++;
		r->depth += c == '(' || c == '{' ? 1 : -1;
	} else {
		while (r->at < t.len && !is_one_of(t.ptr[r->at], " \n(){}"))
			r->at += t.ptr[r->at] == '\\' && r->at + 1 < t.len ? 2 : 1;
	}
	*ret = str_sub(t, from, r->at);
	return true;
}

static int64_t next_number(struct reader *r)
{
	struct str token;
	int64_t n = 0;
	if (next_token(r, &token)) (void)str_to_int(token, &n);
	return n;
}

static bool find_target_list(struct reader *r)
{
	struct str token;
	while (next_token(r, &token))
		if (r->depth == DEPTH_QUERY && str_eq(token, STR(":targetList"))) return true;
	return false;
}

int view_columns(struct str ev_action, struct view_column *ret_columns, int max)
{
	struct reader r = {.text = ev_action};
	struct view_column now = {0};
	struct str token;
	int count = 0;
	if (!find_target_list(&r)) return 0;
	while (next_token(&r, &token) && r.depth >= DEPTH_QUERY + 1) {
		if (r.depth == DEPTH_ENTRY && str_eq(token, STR("{"))) now = (struct view_column){0};
		if (r.depth == DEPTH_ENTRY - 1 && str_eq(token, STR("}")) && now.number > 0) {
			if (count < max) ret_columns[count] = now;
			count++;
		}
		if (r.depth != DEPTH_ENTRY || token.ptr[0] != ':') continue;
		if (str_eq(token, STR(":resname"))) {
			(void)next_token(&r, &token); /* whatever a column is called */
			continue;
		}
		if (str_eq(token, STR(":resno"))) now.number = (int)next_number(&r);
		if (str_eq(token, STR(":resorigtbl"))) now.table = (uint32_t)next_number(&r);
		if (str_eq(token, STR(":resorigcol"))) now.column = (int)next_number(&r);
	}
	return count < max ? count : max;
}
