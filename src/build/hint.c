/* SPDX-License-Identifier: Apache-2.0 */
#include "build/hint.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 120

/* What stands between `before` and the next character of `ends`. */
static bool text_after(struct str said, const char *before, const char *ends, struct str *ret_text)
{
	ptrdiff_t found = str_find(said, str_from(before));
	if (found < 0) return false;
	size_t from = (size_t)found + strlen(before), to = from;
	while (to < said.len && to - from <= NAME_MAX_BYTES && strchr(ends, said.ptr[to]) == NULL) to++;
	*ret_text = str_sub(said, from, to);
	return to > from && to < said.len && to - from <= NAME_MAX_BYTES;
}

static bool is_file(struct str name)
{
	static const char *const begins[] = {".", "/", "@/", "~", "#", "$"};
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (str_has_prefix(name, str_from(begins[i]))) return true;
	return false;
}

/* @scope/name of @scope/name/deep */
static struct str package_of(struct str name)
{
	ptrdiff_t slash = str_find_char(name, '/');
	if (slash >= 0 && name.ptr[0] == '@') {
		ptrdiff_t next = str_find_char(str_sub(name, (size_t)slash + 1, name.len), '/');
		slash = next < 0 ? -1 : slash + 1 + next;
	}
	return slash < 0 ? name : str_sub(name, 0, (size_t)slash);
}

bool hint_missing_module(struct str said, char ret_hint[HINT_SIZE])
{
	static const char *const forms[][2] = {{"Cannot find package '", "'"},
					       {"failed to resolve import \"", "\""},
					       {"Failed to resolve import \"", "\""},
					       {"Can't resolve '", "'"},
					       {"Cannot find module '", "'"}};
	struct str name;
	ret_hint[0] = '\0';
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (!text_after(said, forms[i][0], forms[i][1], &name)) continue;
		struct str package = package_of(name);
		if (is_file(name))
			(void)snprintf(
			    ret_hint, HINT_SIZE,
			    "the code imports %.*s, and the export has no such file; export the project again as "
			    "a whole, or paste into the builder's chat: The build does not find %.*s. ",
			    STR_FMT(name), STR_FMT(name));
		else
			(void)snprintf(ret_hint, HINT_SIZE,
				       "the code imports the package %.*s, which is not installed: most likely "
				       "package.json does not list it; paste into the builder's chat: Add %.*s to the "
				       "dependencies in package.json. ",
				       STR_FMT(package), STR_FMT(package));
		return true;
	}
	return false;
}

bool hint_missing_version(struct str said, char ret_hint[HINT_SIZE])
{
	struct str wanted;
	ret_hint[0] = '\0';
	if (!text_after(said, "No matching version found for ", " \n", &wanted) &&
	    !text_after(said, " 404  '", "'", &wanted))
		return false;
	while (wanted.len > 0 && wanted.ptr[wanted.len - 1] == '.') wanted.len--;
	(void)snprintf(
	    ret_hint, HINT_SIZE,
	    "the app asks for %.*s, and the npm registry has no such package or version (any more); paste into "
	    "the builder's chat: %.*s is not on npm. Use a version that is, or do without the package. ",
	    STR_FMT(wanted), STR_FMT(wanted));
	return true;
}

bool hint_unreached(struct str said, char ret_hint[HINT_SIZE])
{
	static const char *const codes[] = {"EHOSTUNREACH", "ENETUNREACH",  "ENOTFOUND",  "EAI_AGAIN",
					    "ETIMEDOUT",    "ECONNREFUSED", "ECONNRESET", "ConnectionRefused"};
	ret_hint[0] = '\0';
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		if (str_find(said, str_from(codes[i])) < 0) continue;
		(void)snprintf(
		    ret_hint, HINT_SIZE,
		    "the npm registry was not reached from this machine (%s); nothing is wrong with the app for "
		    "all that is known, so deploy again once it is. ",
		    codes[i]);
		return true;
	}
	return false;
}
