/* SPDX-License-Identifier: Apache-2.0 */
#include "build/fonts.h"

#include "base/buf.h"
#include "build/box.h"
#include "codec/json.h"

#define WHY_MAX_BYTES 200

/* Any answer will do: it is there. By Node, as the build will ask. */
#define LOOK                                                                                                           \
	"fetch('https://" FONTS_HOST "/', {signal: AbortSignal.timeout(8000)}).then(() => process.exit(0), "           \
	"(e) => { console.log(String(e.cause?.code ?? e.cause?.message ?? e.message)); process.exit(1); })"

static bool reaches(const struct build_job *job, const struct build_host *host, struct buf *ret_why, bool *ret_reaches,
		    struct err *err)
{
	static const char *const argv[] = {"node", "-e", LOOK, NULL};
	struct sandbox_result result;
	struct box_call call = {
	    .job = job, .host = host, .argv = argv, .cwd = "/tmp", .has_network = true, .is_ours = true};
	if (!box_run(&call, ret_why, &result, err)) return false;
	*ret_reaches = result.end == SANDBOX_EXITED && result.exit_status == 0;
	return true;
}

static void tell_fonts(const json_t *fonts, struct buf *ret_text)
{
	size_t i;
	json_t *font;
	json_array_foreach(fonts, i, font) buf_printf(ret_text, "%s%s", i > 0 ? ", " : "", json_str(font, "name", ""));
	font = json_array_get(fonts, 0);
	buf_printf(ret_text, "; %s:%lld", json_str(font, "file", ""), (long long)json_int(font, "line", 0));
}

bool fonts_prepare(const struct build_job *job, const struct build_host *host, bool has_cache, bool *ret_needs,
		   struct err *err)
{
	const json_t *fonts = json_object_get(job->inspection, "fonts");
	bool is_there = false;
	struct buf why BUF_CLEANUP, names BUF_CLEANUP;
	buf_init(&why, (size_t)2 * BOX_TAIL_BYTES), buf_init(&names, 4096);
	*ret_needs = json_array_size(fonts) > 0;
	if (!*ret_needs) return true;
	if (!reaches(job, host, &why, &is_there, err)) return false;
	tell_fonts(fonts, &names);
	struct str said = str_sub(str_trim(buf_view(&why)), 0, WHY_MAX_BYTES);
	if (is_there) {
		build_say(job, "its fonts (%s) come from " FONTS_HOST ": this build has the network", buf_cstr(&names));
		return true;
	}
	if (has_cache) {
		build_say(job, FONTS_HOST " cannot be reached (%.*s); the fonts of the build before are tried",
			  STR_FMT(said));
		return true;
	}
	return err_set(err, ERR_UNAVAILABLE,
		       "the app's fonts (%s) are fetched from " FONTS_HOST
		       " while it is built, and this machine does not "
		       "reach that host (%.*s). Let it, or paste into the builder's chat: Put the font files into the "
		       "project and use next/font/local instead of next/font/google",
		       buf_cstr(&names), STR_FMT(said));
}
