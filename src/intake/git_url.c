/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "intake/git.h"

static bool has_only(struct str s, const char *more)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (c == '\0' || (!is_plain && strchr(more, c) == NULL)) return false;
	}
	return true;
}

/* host or host:port or [v6]:port; neither empty nor what ssh could take for an option. */
static bool is_host(struct str host)
{
	return host.len > 0 && host.len < 256 && host.ptr[0] != '-' && host.ptr[0] != '.' && has_only(host, ".-:[]_");
}

static bool is_path(struct str path)
{
	for (size_t i = 0; i < path.len; i++) {
		unsigned char c = (unsigned char)path.ptr[i];
		if (c <= 0x20 || c == 0x7F || c == '\\' || c == '"' || c == '\'') return false;
	}
	return path.len > 0 && str_is_utf8(path);
}

/* "user:password@host" without what is before the last @. */
static struct str without_user(struct str authority, struct str *ret_user)
{
	*ret_user = (struct str){"", 0};
	for (size_t i = authority.len; i > 0; i--) {
		if (authority.ptr[i - 1] != '@') continue;
		*ret_user = str_sub(authority, 0, i - 1);
		return str_sub(authority, i, authority.len);
	}
	return authority;
}

static bool is_user(struct str user)
{
	return user.len == 0 || (user.ptr[0] != '-' && is_path(user) && str_find_char(user, '/') < 0);
}

static bool refuse(struct err *err)
{
	return err_set(err, ERR_REFUSED,
		       "this is no git address Freehold fetches from; give https://host/owner/app.git or "
		       "git@host:owner/app.git");
}

static bool check_url(const char *scheme, struct str rest, char *ret_shown, struct err *err)
{
	struct str authority, path, user;
	if (!str_cut(rest, '/', &authority, &path)) return refuse(err);
	struct str host = without_user(authority, &user);
	if (!is_host(host) || !is_user(user) || !is_path(path)) return refuse(err);
	(void)snprintf(ret_shown, GIT_URL_SIZE, "%s%.*s/%.*s", scheme, STR_FMT(host), STR_FMT(path));
	return true;
}

/* user@host:path, as git hosts print it */
static bool check_scp(struct str url, char *ret_shown, struct err *err)
{
	struct str authority, path, user;
	if (!str_cut(url, ':', &authority, &path)) return refuse(err);
	struct str host = without_user(authority, &user);
	if (user.len == 0 || !is_user(user) || !is_host(host) || !is_path(path) || path.ptr[0] == ':' ||
	    path.ptr[0] == '-')
		return refuse(err);
	(void)snprintf(ret_shown, GIT_URL_SIZE, "%.*s:%.*s", STR_FMT(host), STR_FMT(path));
	return true;
}

bool git_url_check(const char *url, bool allow_file, char ret_shown[GIT_URL_SIZE], struct err *err)
{
	struct str s = str_from(url);
	if (s.len == 0 || s.len >= GIT_URL_SIZE || s.ptr[0] == '-') return refuse(err);
	if (str_has_prefix(s, STR("https://"))) return check_url("https://", str_sub(s, 8, s.len), ret_shown, err);
	if (str_has_prefix(s, STR("ssh://"))) return check_url("ssh://", str_sub(s, 6, s.len), ret_shown, err);
	if (allow_file && str_has_prefix(s, STR("file:///")) && is_path(s)) {
		(void)snprintf(ret_shown, GIT_URL_SIZE, "%s", url);
		return true;
	}
	if (str_find(s, STR("://")) >= 0 || str_find(s, STR("::")) >= 0) return refuse(err);
	return check_scp(s, ret_shown, err);
}
