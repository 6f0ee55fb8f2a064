/* SPDX-License-Identifier: Apache-2.0
 *
 * Where people may be sent: a pattern up to a line break, then an address. What is allowed without a pattern leads to
 * the app as a browser reads it, parameters leave the address in front of them alone, and matching ends. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "auth/redirect.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOME "http://shop.localhost"

static struct auth_settings *settings_with(struct str pattern)
{
	json_t *wish JSON_CLEANUP = json_pack("{s:s}", "site_url", HOME);
	struct auth_settings *settings = NULL;
	struct err err;
	json_t *text = json_stringn(pattern.ptr, pattern.len);
	if (pattern.len > 0 && text != NULL)
		(void)json_object_set_new(wish, "additional_redirect_urls", json_pack("[o]", text));
	else
		json_decref(text);
	return auth_settings_read(wish, &settings, &err) ? settings : NULL;
}

/* A second opinion: scheme and host are the app's, and what follows them cannot belong to them. */
static bool leads_home(struct str url)
{
	size_t len = sizeof HOME - 1;
	if (url.len < len || strncasecmp(url.ptr, HOME, len) != 0) return false;
	if (url.len == len || strchr("/?#", url.ptr[len]) != NULL) return true;
	if (url.ptr[len] != ':') return false;
	for (size_t i = len + 1; i < url.len && strchr("/?#", url.ptr[i]) == NULL; i++)
		if (url.ptr[i] == '@' || url.ptr[i] == '\\') return false;
	return true;
}

/* A person's own machine is always allowed, as upstream has it for native apps (RFC 8252, 7.3). */
static bool leads_to_loopback(struct str url)
{
	ptrdiff_t at = str_find(url, STR("://"));
	struct str host = at >= 0 ? str_sub(url, (size_t)at + 3, url.len) : STR("");
	return str_has_prefix(host, STR("127.")) || str_has_prefix(host, STR("[")) || str_has_prefix(host, STR("::"));
}

static void check_home(struct str url)
{
	struct auth_settings *settings = settings_with(STR(""));
	if (settings == NULL) abort();
	if (redirect_is_allowed(settings, url) && !leads_home(url) && !leads_to_loopback(url)) abort();
	auth_settings_free(settings);
}

static void check_text(struct str url)
{
	struct arena *a = arena_new(1u << 20);
	struct redirect r REDIRECT_CLEANUP;
	redirect_init(&r, url);
	redirect_query(&r, "code", "a&b=c#d");
	redirect_fragment(&r, "error", "x y");
	const char *text = redirect_text(&r, a);
	size_t head = strcspn(text != NULL ? text : "", "?#");
	if (text != NULL && (head > url.len || memcmp(text, url.ptr, head) != 0)) abort();
	if (text != NULL && strstr(text + head, "code=a%26b%3Dc%23d") == NULL) abort();
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str pattern = STR(""), url = {(const char *)data, size};
	char text[512];
	(void)str_cut(url, '\n', &pattern, &url);
	if (memchr(data, 0, size) != NULL) return 0;
	check_home(url);
	check_text(url);
	struct auth_settings *settings = settings_with(pattern);
	if (settings != NULL) (void)redirect_is_allowed(settings, url);
	auth_settings_free(settings);
	if (pattern.len >= sizeof text) return 0;
	memcpy(text, pattern.ptr, pattern.len);
	text[pattern.len] = '\0';
	(void)redirect_glob_match(text, url);
	return 0;
}
