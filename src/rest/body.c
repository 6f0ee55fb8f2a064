/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/body.h"

#include "base/buf.h"
#include "codec/json.h"
#include "rest/problem.h"
#include "rest/rest.h"
#include "rest/target.h"

bool body_form(struct arena *a, struct str form, struct body_pair **ret_pairs, int *ret_count)
{
	size_t room = 1;
	int n = 0;
	for (size_t i = 0; i < form.len; i++) room += form.ptr[i] == '&';
	struct body_pair *pairs = arena_array(a, room, sizeof *pairs);
	struct str part;
	if (pairs == NULL || room > BODY_KEYS_MAX) return false;
	while (str_next(&form, '&', &part)) {
		struct str name = part, value = {"", 0};
		if (part.len == 0) continue;
		(void)str_cut(part, '=', &name, &value);
		pairs[n] = (struct body_pair){target_decode(a, name, true), target_decode(a, value, true)};
		if (pairs[n].name.ptr == NULL || pairs[n].value.ptr == NULL) return false;
		n++;
	}
	*ret_pairs = pairs;
	*ret_count = n;
	return true;
}

bool body_pairs_to_json(struct arena *a, const struct body_pair *pairs, int count, struct str *ret_json)
{
	BUF_CLEANUP struct buf json;
	buf_init(&json, REST_BODY_MAX_BYTES);
	buf_putc(&json, '{');
	for (int i = 0; i < count; i++) {
		if (i > 0) buf_putc(&json, ',');
		json_put_string(&json, pairs[i].name);
		buf_putc(&json, ':');
		json_put_string(&json, pairs[i].value);
	}
	buf_putc(&json, '}');
	struct str copy = buf_is_ok(&json) ? arena_str(a, buf_view(&json)) : (struct str){0};
	if (copy.ptr != NULL) *ret_json = copy;
	return copy.ptr != NULL;
}
