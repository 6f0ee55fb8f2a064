/* SPDX-License-Identifier: Apache-2.0 */
#include "build/bind.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "build/digest.h"
#include "build/placeholder.h"
#include "codec/json.h"
#include "os/file.h"

#define TEXT_MAX_BYTES (256u << 20)
#define DEPTH_MAX 64
#define PLACEHOLDER_START STR("freehold-")

static bool is_plain(const char *text, const char *further)
{
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && strchr(further, *text) == NULL) return false;
	return true;
}

static bool check_values(const struct build_values *v, struct err *err)
{
	bool is_http = strncmp(v->origin, "http://", 7) == 0, is_https = strncmp(v->origin, "https://", 8) == 0;
	const char *host = v->origin + (is_https ? 8 : 7);
	if ((!is_http && !is_https) || *host == '\0' || !is_plain(host, ".:-[]"))
		return err_set(err, ERR_INVALID, "%s is no address to write into an app", v->origin);
	if (!is_plain(v->anon_key, "._-") || !is_plain(v->publishable_key, "._-") || !is_plain(v->project, "._-"))
		return err_set(err, ERR_INVALID, "a key or name with characters that do not belong into code");
	return true;
}

/* How a scheme may be written before the host: as it is, escaped in a string of JSON, or percent-encoded. */
static const char *const separators[] = {"://", ":\\/\\/", "%3A%2F%2F"};

/* The scheme just before text[at]: its length, or 0; whether it is a socket's. */
static size_t scheme_before(struct str text, size_t at, struct str *ret_separator, bool *ret_is_socket)
{
	struct str head = str_sub(text, 0, at);
	for (size_t i = 0; i < sizeof separators / sizeof *separators; i++) {
		struct str s = str_from(separators[i]);
		if (!str_has_suffix(head, s)) continue;
		struct str before = str_sub(head, 0, head.len - s.len);
		bool is_socket = str_has_suffix(before, STR("wss"));
		if (!is_socket && !str_has_suffix(before, STR("https"))) return 0;
		*ret_separator = s, *ret_is_socket = is_socket;
		return s.len + (is_socket ? strlen("wss") : strlen("https"));
	}
	return 0;
}

static void put_host(struct str text, size_t at, size_t *inout_kept, const struct build_values *v, struct buf *out)
{
	struct str separator;
	bool is_socket, is_secure = strncmp(v->origin, "https://", 8) == 0;
	size_t scheme = scheme_before(text, at, &separator, &is_socket);
	if (scheme > at - *inout_kept) scheme = 0;
	buf_str(out, str_sub(text, *inout_kept, at - scheme));
	if (scheme > 0) {
		buf_puts(out, is_socket ? (is_secure ? "wss" : "ws") : (is_secure ? "https" : "http"));
		buf_str(out, separator);
	}
	buf_puts(out, v->origin + strlen(is_secure ? "https://" : "http://"));
	*inout_kept = at + strlen(PLACEHOLDER_HOST);
}

int bind_text(struct str text, const struct build_values *values, struct buf *ret_text)
{
	const struct {
		struct str placeholder;
		const char *value;
	} keys[] = {{STR(PLACEHOLDER_ANON_KEY), values->anon_key},
		    {STR(PLACEHOLDER_PUBLISHABLE_KEY), values->publishable_key},
		    {STR(PLACEHOLDER_PROJECT), values->project}};
	int count = 0;
	size_t kept = 0;
	ptrdiff_t next;
	for (size_t at = 0; (next = str_find(str_sub(text, at, text.len), PLACEHOLDER_START)) >= 0;) {
		at += (size_t)next;
		struct str rest = str_sub(text, at, text.len);
		size_t was = kept;
		if (str_has_prefix(rest, STR(PLACEHOLDER_HOST))) put_host(text, at, &kept, values, ret_text);
		for (size_t k = 0; k < sizeof keys / sizeof *keys && kept == was; k++) {
			if (!str_has_prefix(rest, keys[k].placeholder)) continue;
			buf_str(ret_text, str_sub(text, kept, at));
			buf_puts(ret_text, keys[k].value);
			kept = at + keys[k].placeholder.len;
		}
		if (kept != was) count++;
		at = kept != was ? kept : at + PLACEHOLDER_START.len;
	}
	buf_str(ret_text, str_sub(text, kept, text.len));
	return count;
}

bool bind_is_needed(struct str text)
{
	static const char *const all[] = {PLACEHOLDER_HOST, PLACEHOLDER_ANON_KEY, PLACEHOLDER_PUBLISHABLE_KEY,
					  PLACEHOLDER_PROJECT};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (str_find(text, str_from(all[i])) >= 0) return true;
	return false;
}

/* Folders of ours: only we write to them, so paths are enough here. */
struct visit {
	bool (*on_file)(void *arg, const char *relative, struct err *err);
	void *arg;
};

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool visit(const char *top, const char *relative, const struct visit *v, int depth, struct err *err)
{
	char folder[FILE_PATH_SIZE];
	struct dirent **list = NULL;
	if (depth > DEPTH_MAX || !file_path(folder, err, "%s%s%s", top, *relative != '\0' ? "/" : "", relative))
		return err_set(err, ERR_LIMIT, "%s: folders lie too deep", top);
	int count = scandir(folder, &list, NULL, by_bytes);
	if (count < 0 && errno == ENOENT && depth == 0) return true;
	if (count < 0) return err_set_errno(err, "%s", folder);
	bool ok = true;
	for (int i = 0; i < count; i++) {
		char inner[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
		struct stat st;
		const char *name = list[i]->d_name;
		if (ok && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			ok = file_path(inner, err, "%s%s%s", relative, *relative != '\0' ? "/" : "", name) &&
			     file_path(path, err, "%s/%s", top, inner);
			if (ok && lstat(path, &st) != 0) ok = err_set_errno(err, "%s", path);
			if (ok && S_ISDIR(st.st_mode)) ok = visit(top, inner, v, depth + 1, err);
			if (ok && S_ISREG(st.st_mode)) ok = v->on_file(v->arg, inner, err);
		}
		free(list[i]);
	}
	free(list);
	return ok;
}

struct binding {
	const char *release_dir;
	const char *from, *to; /* folders in it */
	const struct build_values *values;
	json_t *files;
};

static bool bind_file(void *arg, const char *relative, struct err *err)
{
	const struct binding *b = arg;
	char from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	struct buf bound BUF_CLEANUP;
	buf_init(&text, TEXT_MAX_BYTES), buf_init(&bound, (size_t)2 * TEXT_MAX_BYTES);
	if (!file_path(from, err, "%s/%s/%s", b->release_dir, b->from, relative) ||
	    !file_path(to, err, "%s/%s/%s", b->release_dir, b->to, relative) || !file_read(from, &text, err))
		return false;
	(void)bind_text(buf_view(&text), b->values, &bound);
	(void)json_array_append_new(b->files, json_string(relative));
	return buf_is_ok(&bound) ? file_write(to, buf_view(&bound), 0644, err)
				 : err_set(err, ERR_LIMIT, "%s grows too large when it is bound", relative);
}

bool build_bind(const char *release_dir, const struct build_values *values, json_t **ret_outcome, struct err *err)
{
	char top[FILE_PATH_SIZE], hash[DIGEST_SIZE];
	int64_t began_ms = clock_now_ms();
	json_t *files JSON_CLEANUP = json_array();
	struct binding b = {release_dir, "unbound", "public", values, files},
		       in_server = {release_dir, "unbound-server", "server", values, files},
		       in_functions = {release_dir, "unbound-functions", "functions/src", values, files};
	if (!check_values(values, err) || !file_path(top, err, "%s/unbound", release_dir) ||
	    !visit(top, "", &(struct visit){.on_file = bind_file, .arg = &b}, 0, err) ||
	    !file_path(top, err, "%s/unbound-server", release_dir) ||
	    !visit(top, "", &(struct visit){.on_file = bind_file, .arg = &in_server}, 0, err) ||
	    !file_path(top, err, "%s/unbound-functions", release_dir) ||
	    !visit(top, "", &(struct visit){.on_file = bind_file, .arg = &in_functions}, 0, err) ||
	    !file_path(top, err, "%s/public", release_dir) || !digest_tree(top, NULL, hash, err))
		return err_wrap(err, "write the app's address and keys");
	json_t *outcome = json_pack("{s:O, s:s, s:I}", "files", files, "hash_bound", hash, "duration_ms",
				    (json_int_t)(clock_now_ms() - began_ms));
	if (outcome == NULL) return err_set(err, ERR_INTERNAL, "the outcome of binding");
	*ret_outcome = outcome;
	return true;
}
