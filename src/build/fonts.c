/* SPDX-License-Identifier: Apache-2.0 */
#include "build/fonts.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "build/fonts_text.h"
#include "build/tools.h"
#include "codec/json.h"

#define WHY_MAX_BYTES 100
#define NAMES_MAX_BYTES 160
#define NAME_SIZE 128
#define CANDIDATES_MAX 2

static bool reaches(const struct box_call *as_build, struct buf *ret_why, bool *ret_reaches, struct err *err)
{
	const char *const argv[] = {"node", "--input-type=module", "-e", fonts_texts[0].text, "--", "reach", NULL};
	struct sandbox_result result;
	struct box_call call = {.job = as_build->job,
				.host = as_build->host,
				.argv = argv,
				.cwd = "/tmp",
				.has_network = true,
				.is_ours = true};
	if (!box_run(&call, ret_why, &result, err)) return false;
	*ret_reaches = result.end == SANDBOX_EXITED && result.exit_status == 0;
	return true;
}

/* "Inter, Geist; app/layout.tsx:3", cut where they are many. */
static void tell_fonts(const json_t *fonts, struct buf *ret_text)
{
	size_t i;
	json_t *font;
	json_array_foreach(fonts, i, font)
	{
		if (ret_text->len > NAMES_MAX_BYTES / 2) {
			buf_puts(ret_text, " ...");
			break;
		}
		buf_printf(ret_text, "%s%.40s", i > 0 ? ", " : "", json_str(font, "name", ""));
	}
	font = json_array_get(fonts, 0);
	buf_printf(ret_text, "; %.*s:%lld", NAMES_MAX_BYTES / 3, json_str(font, "file", ""),
		   (long long)json_int(font, "line", 0));
}

static bool has_package(const struct fonts *f, const char *tool)
{
	for (int i = 0; i < f->count; i++)
		if (strcmp(f->packages[i].name, tool) == 0) return true;
	return false;
}

static bool add_package(const struct build_job *job, const struct box_tool *tool, struct fonts *f, struct err *err)
{
	int i = f->count;
	if (has_package(f, tool->name)) return true;
	if (i == FONTS_MAX) return err_set(err, ERR_LIMIT, "they are more than %d packages", FONTS_MAX);
	if (!file_path(f->from[i], err, "%s/tools/%s/%s", job->cache_dir, tool->name, tool->bin)) return false;
	(void)snprintf(f->to[i], sizeof f->to[i], "/fonts/%s", tool->name);
	f->packages[f->count++] = *tool;
	return true;
}

/* One line of fonts.mjs: family, file, line, packages, with tabs between them. */
static bool take_font(const struct box_call *as_build, struct str line, struct fonts *f, struct err *err)
{
	struct str rest = line, family, file, at, name;
	struct box_tool tool;
	char package[NAME_SIZE], version[32];
	int64_t number = 0;
	if (!str_next(&rest, '\t', &family) || !str_next(&rest, '\t', &file) || !str_next(&rest, '\t', &at) ||
	    !str_to_int(at, &number))
		return true;
	bool is_there = false;
	for (int i = 0; !is_there && i < CANDIDATES_MAX && str_next(&rest, '\t', &name); i++) {
		(void)snprintf(package, sizeof package, "%.*s", STR_FMT(name));
		is_there = tool_font(as_build->job, as_build->host, package, &tool, err);
		if (!is_there && err->code != ERR_NOT_FOUND) return false;
	}
	if (!is_there)
		return err_set(err, ERR_UNAVAILABLE, "%.*s (%.*s:%lld) is not there, it has no %s", STR_FMT(family),
			       STR_FMT(file), (long long)number, package);
	tool_version(as_build->job, &tool, version);
	json_array_append_new(f->adaptations,
			      json_pack("{s:s%, s:I, s:o}", "file", file.ptr, file.len, "line", (json_int_t)number,
					"what",
					json_sprintf("%.*s comes from %s %s of the npm registry: %s", STR_FMT(family),
						     package, version, f->why_not_google)));
	build_say(as_build->job, "%.*s comes from %s %s", STR_FMT(family), package, version);
	return add_package(as_build->job, &tool, f, err);
}

/* Which of the app's fonts come from which packages. Our own text reads the app's, without the network. */
static bool look(const struct box_call *as_build, struct buf *ret_lines, struct err *err)
{
	const char *const argv[] = {"node", "--input-type=module", "-e", fonts_texts[0].text, "--", "look", NULL};
	struct box_call call = *as_build;
	struct sandbox_result result;
	call.argv = argv, call.is_quiet = true, call.has_network = false;
	if (!box_run(&call, ret_lines, &result, err)) return false;
	if (result.end == SANDBOX_EXITED && result.exit_status == 0) return true;
	return err_set(err, ERR_FAILED, "%.*s", STR_FMT(box_reason(buf_view(ret_lines), (size_t)2 * WHY_MAX_BYTES)));
}

static bool from_registry(const struct box_call *as_build, struct fonts *f, struct err *err)
{
	struct buf lines BUF_CLEANUP;
	buf_init(&lines, (size_t)2 * BOX_TAIL_BYTES);
	if (!look(as_build, &lines, err)) return false;
	f->adaptations = json_array();
	struct str rest = str_trim(buf_view(&lines)), line;
	while (str_next(&rest, '\n', &line))
		if (!take_font(as_build, line, f, err)) return false;
	return f->count > 0 || err_set(err, ERR_FAILED, "how the code calls them is not understood");
}

/* The owner's word that Google is not to be asked. */
static bool is_registry_wanted(const struct build_job *job)
{
	for (const char *const *p = job->env; p != NULL && *p != NULL; p++)
		if (strcmp(*p, FONTS_VARIABLE "=npm") == 0) return true;
	return false;
}

/* ret_why_not, of FONTS_WHY_SIZE: why not from Google; "" where they come from there. */
static bool ask_google(const struct box_call *as_build, char *ret_why_not, struct err *err)
{
	bool is_reached = false;
	struct buf why BUF_CLEANUP;
	buf_init(&why, (size_t)2 * BOX_TAIL_BYTES);
	if (is_registry_wanted(as_build->job)) {
		(void)snprintf(ret_why_not, FONTS_WHY_SIZE, FONTS_VARIABLE "=npm is set");
		return true;
	}
	if (!reaches(as_build, &why, &is_reached, err)) return false;
	struct str said = str_sub(str_trim(buf_view(&why)), 0, WHY_MAX_BYTES);
	if (!is_reached)
		(void)snprintf(ret_why_not, FONTS_WHY_SIZE, "this machine does not reach " FONTS_HOST " (%.*s)",
			       STR_FMT(said));
	return true;
}

static bool refuse(const char *names, const char *why_not_google, const struct err *why_not, struct err *err)
{
	return err_set(err, ERR_UNAVAILABLE,
		       "the app's fonts (%s) cannot be had: %s, and of the npm registry: %s. Let this machine reach "
		       "Google's fonts, or paste into the builder's chat: Put the font files into the project and use "
		       "next/font/local instead of next/font/google",
		       names, why_not_google, why_not->msg);
}

bool fonts_prepare(const struct box_call *as_build, bool has_cache, struct fonts *ret_fonts, struct err *err)
{
	const struct build_job *job = as_build->job;
	const json_t *fonts = json_object_get(job->inspection, "fonts");
	struct fonts *f = ret_fonts;
	struct err why_not;
	struct buf names BUF_CLEANUP;
	buf_init(&names, NAMES_MAX_BYTES);
	if (json_array_size(fonts) == 0) return true;
	if (!ask_google(as_build, f->why_not_google, err)) return false;
	tell_fonts(fonts, &names);
	f->needs_network = f->why_not_google[0] == '\0';
	if (f->needs_network)
		build_say(job, "its fonts (%s) come from " FONTS_HOST ": this build has the network", buf_cstr(&names));
	else
		build_say(job, "its fonts come from the npm registry: %s", f->why_not_google);
	if (f->needs_network || from_registry(as_build, f, &why_not)) return true;
	f->count = 0;
	json_decref(f->adaptations), f->adaptations = NULL;
	if (!has_cache) return refuse(buf_cstr(&names), f->why_not_google, &why_not, err);
	build_say(job, "%s; the fonts of the build before are tried", why_not.msg);
	return true;
}

int fonts_mount(const struct fonts *f, struct sandbox_mount *mounts)
{
	for (int i = 0; i < f->count; i++) mounts[i] = (struct sandbox_mount){SANDBOX_READ, f->from[i], f->to[i]};
	return f->count;
}

void fonts_wrap(const struct fonts *f, const char *const *command, const char *ret_command[FONTS_COMMAND_MAX])
{
	const char *const around[] = {"node", "--input-type=module", "-e", fonts_texts[0].text, "--", "build", NULL};
	int n = 0;
	for (const char *const *p = around; f->count > 0 && *p != NULL; p++) ret_command[n++] = *p;
	for (const char *const *p = command; *p != NULL; p++) {
		assert(n < FONTS_COMMAND_MAX - 1);
		ret_command[n++] = *p;
	}
	ret_command[n] = NULL;
}
