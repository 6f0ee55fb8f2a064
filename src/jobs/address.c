/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/address.h"

#include <string.h>

#include "codec/json.h"
#include "codec/jwt.h"

static bool take_host(struct str host, const char *project, const char *domain)
{
	struct str head = str_from(project), tail = str_from(domain);
	return host.len == head.len + tail.len && str_eq_nocase(str_sub(host, 0, head.len), head) &&
	       str_eq_nocase(str_sub(host, head.len, host.len), tail);
}

const char *address_map_url(const struct address_map *map, struct arena *a, const char *url, bool *ret_is_own)
{
	struct str text = str_from(url), scheme = STR("https://");
	*ret_is_own = false;
	if (text.len < scheme.len || !str_eq_nocase(str_sub(text, 0, scheme.len), scheme)) return url;
	struct str rest = str_sub(text, scheme.len, text.len);
	size_t len = strcspn(rest.ptr, "/?#");
	struct str host = str_sub(rest, 0, len), path = str_sub(rest, len, rest.len);
	for (int i = 0; i < map->project_count; i++) {
		bool is_functions = take_host(host, map->projects[i], ".functions.supabase.co");
		if (!is_functions && !take_host(host, map->projects[i], ".supabase.co")) continue;
		*ret_is_own = true;
		return arena_printf(a, "%s%s%.*s", map->site_url, is_functions ? "/functions/v1" : "", STR_FMT(path));
	}
	return url;
}

static bool is_old_anon(const struct address_map *map, struct str token)
{
	json_t *claims JSON_CLEANUP = NULL;
	struct err ignored;
	if (token.len > JWT_MAX_BYTES || !jwt_peek(token, &claims, &ignored)) return false;
	if (strcmp(json_str(claims, "role", ""), "anon") != 0) return false;
	const char *ref = json_str(claims, "ref", "");
	for (int i = 0; i < map->project_count; i++)
		if (strcmp(ref, map->projects[i]) == 0) return true;
	return false;
}

const char *address_map_header(const struct address_map *map, struct arena *a, const char *line)
{
	struct str name, value, word, token;
	if (!str_cut(str_from(line), ':', &name, &value)) return line;
	name = str_trim(name), value = str_trim(value);
	bool is_authorization = str_eq_nocase(name, STR("authorization"));
	if (!is_authorization && !str_eq_nocase(name, STR("apikey"))) return line;
	token = value;
	bool has_word = is_authorization && str_cut(value, ' ', &word, &token);
	token = str_trim(token);
	const char *key = is_old_anon(map, token)                         ? map->anon_key
			  : str_has_prefix(token, STR("sb_publishable_")) ? map->publishable_key
									  : NULL;
	if (key == NULL) return line;
	return has_word ? arena_printf(a, "%.*s: %.*s %s", STR_FMT(name), STR_FMT(word), key)
			: arena_printf(a, "%.*s: %s", STR_FMT(name), key);
}
